"""`ndb.Model`: models that read and write themselves (spec/ndb.md 1.4).

Every method with I/O has a twin with an underscore in front (``_put``), which stays when a property takes the
public name.

``from kindstore.ndb import model`` finds here what ``google.cloud.ndb.model`` has.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, Unpack, cast

from kindstore.mapper import expando, operations
from kindstore.mapper import model as models
from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import (
    BlobKeyProperty,
    BlobProperty,
    CompressedTextProperty,
    JsonProperty,
    PickleProperty,
)
from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.context import UNSET, Context, current
from kindstore.mapper.errors import (
    BadProjectionError,
    ComputedPropertyError,
    InvalidPropertyError,
    KindError,
    ReadonlyPropertyError,
    UnprojectedPropertyError,
)
from kindstore.mapper.filters import AND, Node
from kindstore.mapper.future import Future
from kindstore.mapper.local_structured import LocalStructuredProperty
from kindstore.mapper.model import MetaModel
from kindstore.mapper.property import ModelAttribute, Property
from kindstore.mapper.references import UserProperty, validate_key
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, GeoPtProperty, IntegerProperty
from kindstore.mapper.structured import StructuredProperty
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.mapper.transaction import Rollback
from kindstore.ndb.asking import Ordering
from kindstore.ndb.gone import ModelAdapter, get_indexes, get_indexes_async, make_connection
from kindstore.ndb.indexes import Index, IndexProperty, IndexState
from kindstore.ndb.key import Key, one_project
from kindstore.ndb.options import ReadOptions, WriteOptions, consistency, told, use_cache
from kindstore.ndb.properties import GenericProperty, KeyProperty, ModelKey
from kindstore.ndb.query import Query, gql_of
from kindstore.store.messages import Consistency
from kindstore.values.errors import UserNotFoundError
from kindstore.values.key import Id
from kindstore.values.key import Key as PlainKey
from kindstore.values.types import GeoPt, User

__all__ = [
    "BadProjectionError",
    "BlobKey",
    "BlobKeyProperty",
    "BlobProperty",
    "BooleanProperty",
    "CompressedTextProperty",
    "ComputedProperty",
    "ComputedPropertyError",
    "DateProperty",
    "DateTimeProperty",
    "Expando",
    "FloatProperty",
    "GenericProperty",
    "GeoPt",
    "GeoPtProperty",
    "Index",
    "IndexProperty",
    "IndexState",
    "IntegerProperty",
    "InvalidPropertyError",
    "JsonProperty",
    "Key",
    "KeyProperty",
    "KindError",
    "LocalStructuredProperty",
    "MetaModel",
    "Model",
    "ModelAdapter",
    "ModelAttribute",
    "ModelKey",
    "PickleProperty",
    "Property",
    "ReadonlyPropertyError",
    "Rollback",
    "StringProperty",
    "StructuredProperty",
    "TextProperty",
    "TimeProperty",
    "UnprojectedPropertyError",
    "User",
    "UserNotFoundError",
    "UserProperty",
    "delete_multi",
    "delete_multi_async",
    "get_indexes",
    "get_indexes_async",
    "get_multi",
    "get_multi_async",
    "make_connection",
    "put_multi",
    "put_multi_async",
]


def __dir__() -> list[str]:
    return __all__


M = TypeVar("M", bound="Model")

_validate_key = validate_key
"""NDB's name, which classes call that override `Model._validate_key`."""


class Model(models.Model):
    """A kind of entity: a class of properties, whose instances are put into a store and read from it."""

    _key_class: ClassVar[type[PlainKey]] = Key
    key = ModelKey()

    @classmethod
    def _make_key(
        cls,
        id: Any = None,  # noqa: A002 - ndb's name
        parent: PlainKey | None = None,
        namespace: str | None = None,
        project: str | None = None,
        database: str | None = None,
    ) -> Key:
        """The key of a new instance; what is not given is the parent's, else the context's."""
        plain = id is None or type(id) in (int, str)
        if plain and parent is None and namespace is None and project is None and database is None:
            return Key.of(current().partition, (cls._get_kind(), id))
        return Key(
            cls._get_kind(),
            id,
            parent=parent,
            namespace=UNSET if namespace is None else namespace,
            project=project,
            database=UNSET if database is None else database,
        )

    # Writing.

    def put(self, **options: Unpack[WriteOptions]) -> Key:
        """Write this entity; the result is its key, complete from now on.

        In a transaction it is written when that is committed.  `BadValueError` with the path of a value that can't
        be stored, before anything is written; the errors of `Store.commit`.
        """
        context = current()
        if context.writing:
            context.catch_up((self._key,))
        use = None
        if options:
            use, context = use_cache(options), told(context, options)
        program: Any = operations.put_one(context, self, use)
        key: Key = context.store.run(program)
        return key

    def put_async(self, **options: Unpack[WriteOptions]) -> Future[Key]:
        """`put`, as a future."""
        use = use_cache(options)

        def program(context: Context) -> Any:
            return operations.put_one(context, self, use)

        return told(current(), options).write(program, "put", (self._key,))

    # Reading.

    @classmethod
    def get_by_id(
        cls,
        id: Id,  # noqa: A002 - ndb's name
        parent: PlainKey | None = None,
        namespace: str | None = None,
        project: str | None = None,
        app: str | None = None,
        database: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> Self | None:
        """The entity with this id or name, below *parent* if given; None if there is none."""
        context = current()
        if context.writing:
            context.catch_up()
        if parent is None and namespace is None and project is None and app is None and database is None:
            key = Key.of(context.partition, (cls._get_kind(), id))
        else:
            key = cls._make_key(id, parent, namespace, one_project(project, app), database)
        use, wanted = None, Consistency.STRONG
        if options:
            use, wanted, context = use_cache(options), consistency(options), told(context, options)
        found: Self | None = context.store.run(operations.get_one(context, key, use, cls, wanted))
        return found

    @classmethod
    def get_by_id_async(
        cls,
        id: Id,  # noqa: A002 - ndb's name
        parent: PlainKey | None = None,
        namespace: str | None = None,
        project: str | None = None,
        app: str | None = None,
        database: str | None = None,
        **options: Unpack[ReadOptions],
    ) -> Future[Self | None]:
        """`get_by_id`, as a future."""
        key = cls._make_key(id, parent, namespace, one_project(project, app), database)
        use, wanted = use_cache(options), consistency(options)
        return told(current(), options).gather(
            lambda context: operations.get_one(context, key, use, cls, wanted), "get_by_id"
        )

    @classmethod
    def _inserting(
        cls,
        name: str,
        parent: PlainKey | None,
        namespace: str | None,
        project: str | None,
        app: str | None,
        database: str | None,
        values: dict[str, Any],
    ) -> tuple[Any, Any]:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            raise TypeError(f"name must be a string; received {name!r}")
        if not name:
            raise TypeError("name cannot be an empty string.")
        known = cls._code_names()
        options: Any = {
            option: values.pop(option)
            for option in list(values)
            if option in ReadOptions.__annotations__ and option not in known
        }
        key = cls._make_key(name, parent, namespace, one_project(project, app), database)
        context = told(current(), options)

        def make() -> Any:
            instance: Any = cls(**values)
            vars(instance)["_key"] = key
            return instance

        return context, operations.get_or_insert(context, key, cls, make, use_cache(options))

    @classmethod
    def get_or_insert(
        cls,
        name: str,
        /,
        parent: PlainKey | None = None,
        namespace: str | None = None,
        project: str | None = None,
        app: str | None = None,
        database: str | None = None,
        **values: Any,
    ) -> Self:
        """The entity called *name*; if there is none, a new one of these *values*, once it is written.

        Atomic: of many that do it at once, one writes and all get the same entity.  Options of reading may stand
        among the values; a property of the same name goes first.  TypeError for an empty name.
        """
        context, program = cls._inserting(name, parent, namespace, project, app, database, values)
        context.catch_up()
        return cast("Self", context.store.run(program))

    @classmethod
    def get_or_insert_async(
        cls,
        name: str,
        /,
        parent: PlainKey | None = None,
        namespace: str | None = None,
        project: str | None = None,
        app: str | None = None,
        database: str | None = None,
        **values: Any,
    ) -> Future[Self]:
        """`get_or_insert`, as a future."""
        context, program = cls._inserting(name, parent, namespace, project, app, database, values)
        return cast("Future[Self]", context.begin(program, "get_or_insert"))

    @classmethod
    def query(
        cls,
        *filters: Node,
        distinct: bool = False,
        ancestor: PlainKey | None = None,
        order_by: Sequence[Ordering] | None = None,
        orders: Sequence[Ordering] | None = None,
        project: str | None = None,
        app: str | None = None,
        namespace: str | None = None,
        projection: Sequence[Any] | None = None,
        distinct_on: Sequence[Any] | None = None,
        group_by: Sequence[Any] | None = None,
        default_options: None = None,
    ) -> Query[Self]:
        """A query for the entities of this class that fulfil all *filters*; see `Query`.

        *distinct* leaves out results that are alike; it needs a *projection* (TypeError).
        """
        if distinct:
            if projection is None:
                raise TypeError("Cannot use 'distinct' without 'projection'")
            if distinct_on is not None or group_by is not None:
                raise TypeError("Cannot use 'distinct' with 'distinct_on' or 'group_by'")
            distinct_on = projection
        nodes = (*cls._default_filters(), *filters)
        for node in nodes:
            if not isinstance(node, Node):
                raise TypeError(f"Cannot filter a non-Node argument; received {node!r}")
        # By position: CPython gathers keywords for a class in a dict first, which takes a third of the whole call.
        return Query(
            cls,
            None if not nodes else nodes[0] if len(nodes) == 1 else AND(*nodes),
            ancestor,
            order_by,
            orders,
            project,
            app,
            namespace,
            projection,
            distinct_on,
            group_by,
            None,  # limit, offset and keys_only are for the calls that read
            None,
            None,
            default_options,
        )

    @classmethod
    def gql(cls, query_string: str, *args: Any, **kwds: Any) -> Query[Self]:
        """A query for the entities of this class: ``Author.gql("WHERE age > :1 ORDER BY age", 3)``; see `ndb.gql`."""
        return gql_of(cls, query_string, args, kwds)

    # Ids.

    @classmethod
    def _allocating(cls, size: int | None, max: int | None, parent: PlainKey | None) -> tuple[Any, Any]:  # noqa: A002 - ndb's name
        if max is not None:
            raise NotImplementedError("allocate_ids(max=…) is not supported")
        if not size:
            raise TypeError("Must pass non-zero 'size' to 'allocate_ids'")
        context = current()
        return context, operations.allocate_ids(context, cls, cls._make_key(None, parent), size)

    @classmethod
    def allocate_ids(
        cls,
        size: int | None = None,
        max: int | None = None,  # noqa: A002 - ndb's name
        parent: PlainKey | None = None,
        **options: Unpack[WriteOptions],
    ) -> tuple[Key, ...]:
        """*size* keys below *parent* that are never given to another entity.  TypeError without a size."""
        use_cache(options)
        context, program = cls._allocating(size, max, parent)
        return cast("tuple[Key, ...]", context.store.run(program))

    @classmethod
    def allocate_ids_async(
        cls,
        size: int | None = None,
        max: int | None = None,  # noqa: A002 - ndb's name
        parent: PlainKey | None = None,
        **options: Unpack[WriteOptions],
    ) -> Future[tuple[Key, ...]]:
        """`allocate_ids`, as a future."""
        use_cache(options)
        context, program = cls._allocating(size, max, parent)
        return cast("Future[tuple[Key, ...]]", context.begin(program, "allocate_ids"))

    # The twins, for models with a property of that name.  Checkers take an alias of a method that says Self amiss.
    if not TYPE_CHECKING:
        _put = put
        _put_async = put_async
        _get_by_id = get_by_id
        _get_by_id_async = get_by_id_async
        _get_or_insert = get_or_insert
        _get_or_insert_async = get_or_insert_async
        _query = query
        _gql = gql
        _allocate_ids = allocate_ids
        _allocate_ids_async = allocate_ids_async


class Expando(expando.Expando, Model):
    """A model whose instances may have further properties, set like attributes."""


# What a dict in one becomes.
Expando._nested_class = Expando


# Many at once.


def put_multi(entities: Iterable[Model], **options: Unpack[WriteOptions]) -> list[Key]:
    """Write *entities*, all or none; the result is their keys, in order."""
    entities = operations.all_of(entities, models.Model, "put_multi")
    context = current()
    if context.writing:
        context.catch_up(entity._key for entity in entities)
    use = None
    if options:
        use, context = use_cache(options), told(context, options)
    program: Any = operations.put_multi(context, entities, use)
    return cast("list[Key]", context.store.run(program))


def put_multi_async(entities: Iterable[Model], **options: Unpack[WriteOptions]) -> list[Future[Key]]:
    """`put_multi`, as a future for each entity; it is one commit all the same."""
    listed, use = operations.all_of(entities, models.Model, "put_multi_async"), use_cache(options)

    def program(context: Context) -> Any:
        return operations.put_multi(context, listed, use)

    keys = [entity._key for entity in listed]
    return _each(told(current(), options).write(program, "put_multi", keys), len(listed))


def get_multi(keys: Iterable[PlainKey], **options: Unpack[ReadOptions]) -> list[Any]:
    """The entity of each of *keys*, None where there is none; one look into the store for all."""
    keys = operations.all_of(keys, PlainKey, "get_multi")
    context = current()
    if context.writing:
        context.catch_up()
    use, wanted, context = use_cache(options), consistency(options), told(context, options)
    return context.store.run(operations.get_multi(context, keys, use, wanted))


def get_multi_async(keys: Iterable[PlainKey], **options: Unpack[ReadOptions]) -> list[Future[Any]]:
    """`get_multi`, as a future for each key."""
    listed = operations.all_of(keys, PlainKey, "get_multi_async")
    use, wanted = use_cache(options), consistency(options)
    future = told(current(), options).gather(
        lambda context: operations.get_multi(context, listed, use, wanted), "get_multi"
    )
    return _each(future, len(listed))


def delete_multi(keys: Iterable[PlainKey], **options: Unpack[WriteOptions]) -> list[None]:
    """Remove the entities of *keys*, those that are there; all of it or nothing."""
    keys = operations.all_of(keys, PlainKey, "delete_multi")
    context = current()
    if context.writing:
        context.catch_up(keys)
    use, context = use_cache(options), told(context, options)
    return context.store.run(operations.delete_multi(context, keys, use))


def delete_multi_async(keys: Iterable[PlainKey], **options: Unpack[WriteOptions]) -> list[Future[None]]:
    """`delete_multi`, as a future for each key; it is one commit all the same."""
    listed, use = operations.all_of(keys, PlainKey, "delete_multi_async"), use_cache(options)

    def program(context: Context) -> Any:
        return operations.delete_multi(context, listed, use)

    future = told(current(), options).write(program, "delete_multi", listed)
    return _each(future, len(listed))


def _each(future: Future[list[Any]], size: int) -> list[Future[Any]]:
    def nth(at: int) -> Future[Any]:
        return future.then(lambda results: results[at])

    return [nth(at) for at in range(size)]
