"""`ndb.Key`: NDB's constructor and methods on the key of `kindstore.values` (spec/ndb.md 1.3).

It compares and hashes equal with the plain keys of the floors below; what it adds is I/O.
"""

from __future__ import annotations

import base64
import binascii
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, Unpack, cast

from kindstore.mapper import operations
from kindstore.mapper.context import UNSET, Unset, current, entered
from kindstore.mapper.future import Future
from kindstore.mapper.model import MetaModel
from kindstore.ndb.exceptions import NoLongerImplementedError
from kindstore.ndb.options import ReadOptions, WriteOptions, consistency, told, use_cache
from kindstore.values.errors import BadArgumentError, BadKeyError, BadValueError
from kindstore.values.key import Flat, Id, Partition
from kindstore.values.key import Key as PlainKey
from kindstore.values.reference import decode_reference, encode_reference

__all__ = ["UNDEFINED", "Key"]


def __dir__() -> list[str]:
    return __all__


KindOrClass: TypeAlias = Any
"""A kind's name, or a model class."""


UNDEFINED: Final = UNSET
"""What stands for a namespace that was not given; None and "" both mean the default namespace."""


_ABSENT: Final = object()


class Key(PlainKey):
    """The key of an entity: kinds and ids from the root down, in a namespace of a database of a project.

    ``Key("Country", "CH", "City", 2659994)``; or one of *flat*, *pairs*, *urlsafe*, *serialized*.  A kind may be a
    model class.  With an odd number of arguments the key is incomplete: its id is given at put.  *parent* goes in
    front; project, database and namespace are the parent's, else the current context's.

    Raises TypeError for missing or contradicting arguments and ids of a wrong type, `BadValueError` for a parent
    that is no key, `BadKeyError` for one of another place than the arguments say and for a malformed reference.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            *path: Any,
            parent: PlainKey | None = None,
            namespace: str | Unset | None = UNSET,
            project: str | None = None,
            app: str | None = None,
            database: str | Unset | None = UNSET,
            flat: Iterable[Any] | None = None,
            pairs: Iterable[Any] | None = None,
            urlsafe: bytes | str | None = None,
            serialized: bytes | str | None = None,
            reference: Any = None,
        ) -> None: ...

    else:

        def __init__(self, kind=_ABSENT, last=_ABSENT, /, *more, **options):
            self._packed = None
            if type(last) in _PLAIN_IDS and not (more or options):
                # What nearly every key is, without the calls that the others need.
                if type(kind) is not str:
                    kind = kind._get_kind() if type(kind) is MetaModel else _kind_of(kind)
                self._flat = kind, last
                self._partition = (entered() or current()).partition
            else:
                path = kind, last, *more
                self._make(tuple(part for part in path if part is not _ABSENT), **options)

    def _make(
        self,
        path: tuple[Any, ...],
        *,
        parent: PlainKey | None = None,
        namespace: str | Unset | None = UNSET,
        project: str | None = None,
        app: str | None = None,
        database: str | Unset | None = UNSET,
        flat: Iterable[Any] | None = None,
        pairs: Iterable[Any] | None = None,
        urlsafe: bytes | str | None = None,
        serialized: bytes | str | None = None,
        reference: Any = None,
    ) -> None:
        if reference is not None:
            if serialized is not None:
                raise TypeError("Can't specify both 'reference' and 'serialized'")
            serialized = reference.SerializeToString()
        if len(path) == 1 and isinstance(path[0], Mapping):
            # The form in which old pickles call the constructor.
            Key.__init__(self, **_native(path[0]))
            return
        project = one_project(project, app)
        if project is not None and project.startswith("s~"):
            project = project[2:]
        if urlsafe is not None or serialized is not None:
            if type(self) is not Key:
                raise TypeError("Cannot construct Key reference on non-Key class; use Key(urlsafe=…)")
            if path or flat is not None or pairs is not None or parent is not None:
                raise TypeError("A key is given by urlsafe= or serialized= alone, or by its path")
            self._partition, self._flat = _decoded(urlsafe, serialized)
            _check_place(self._partition, project, database, namespace)
        else:
            elements = _elements(path, flat, pairs)
            if parent is not None:
                elements = (*_parent_path(parent), *elements)
            self._partition = _partition(parent, project, database, namespace)
            self._flat = elements

    # What it is.

    def parent(self) -> Key | None:
        """The key right above, None for a root."""
        path = self.path
        return Key.of(self._partition, path[:-2]) if len(path) > 2 else None

    def root(self) -> Key:
        """The key of its entity group: the first element of the path."""
        if len(self.path) == 2:
            return self
        return Key.of(self._partition, self.path[:2])

    def namespace(self) -> str | None:
        """The namespace, None for the default one."""
        return self._partition.namespace or None

    def project(self) -> str:
        """The project."""
        return self._partition.project

    app = project

    def database(self) -> str | None:
        """The database, None for the default one."""
        return self._partition.database or None

    def kind(self) -> str:
        """The last kind of the path."""
        return cast("str", self.path[-2])

    def id(self) -> Id | None:
        """The last id or name of the path; None while the key is incomplete."""
        return cast("Id | None", self.path[-1])

    def string_id(self) -> str | None:
        """The id if it is a name."""
        last = self.path[-1]
        return last if isinstance(last, str) else None

    def integer_id(self) -> int | None:
        """The id if it is a number."""
        last = self.path[-1]
        return last if isinstance(last, int) else None

    def flat(self) -> Flat:
        """kind, id, kind, id, …; an incomplete key ends in None."""
        return self.path

    def pairs(self) -> tuple[tuple[str, Id | None], ...]:
        """(kind, id) from the root down."""
        path = self.path
        return tuple(zip(path[::2], path[1::2], strict=True))

    def serialized(self) -> bytes:
        """The key as App Engine's Reference, in protocol-buffer bytes."""
        return encode_reference(*_names(self._partition), self.path)

    def urlsafe(self) -> bytes:
        """The same as text for URLs, in ASCII bytes without padding."""
        return base64.urlsafe_b64encode(self.serialized()).rstrip(b"=")

    def to_legacy_urlsafe(self, location_prefix: str) -> bytes:
        """The same with the prefix that App Engine and its console give to projects ("s~", "e~").

        ValueError for a key in another database than the default one.
        """
        if self._partition.database:
            raise ValueError("to_legacy_urlsafe only supports the default database")
        packed = encode_reference(*_names(self._partition), self.path, prefix=location_prefix)
        return base64.urlsafe_b64encode(packed).rstrip(b"=")

    def reference(self) -> Any:
        """The key as App Engine's Reference, a message of google-cloud-datastore; ImportError without that."""
        messages: Any = importlib.import_module("google.cloud.datastore._app_engine_key_pb2")
        return messages.Reference.FromString(self.serialized())

    @property
    def _key(self) -> Any:
        """The key as google-cloud-datastore's `Key`, which programs reach for in NDB; ImportError without that."""
        key: Any = importlib.import_module("google.cloud.datastore.key").Key
        path = self.path if self.is_complete else self.path[:-1]
        project, database, namespace = _names(self._partition)
        return key(*path, project=project, database=database or None, namespace=namespace or None)

    @classmethod
    def from_old_key(cls, old_key: Any) -> NoReturn:  # noqa: ARG003
        """Not to be had: NoLongerImplementedError."""
        raise NoLongerImplementedError

    def to_old_key(self) -> NoReturn:
        """Not to be had: NoLongerImplementedError."""
        raise NoLongerImplementedError

    def __repr__(self) -> str:
        parts = [repr(part) for part in self.path]
        here = current().partition
        if self._partition.project != here.project:
            parts.append(f"project={self._partition.project!r}")
        if self._partition.database != here.database:
            parts.append(f"database={self._partition.database!r}")
        if self._partition.namespace != here.namespace:
            parts.append(f"namespace={self._partition.namespace!r}")
        return f"Key({', '.join(parts)})"

    __str__ = __repr__

    def __lt__(self, other: object) -> bool:
        return super().__lt__(other) if isinstance(other, PlainKey) else NotImplemented

    def __le__(self, other: object) -> bool:
        return super().__le__(other) if isinstance(other, PlainKey) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return super().__gt__(other) if isinstance(other, PlainKey) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return super().__ge__(other) if isinstance(other, PlainKey) else NotImplemented

    def __reduce__(self) -> tuple[Any, ...]:
        return Key.of, (self._partition, self.path)

    def __setstate__(self, state: object) -> None:
        # What pickles written by NDB call: their state is the arguments of the constructor, in a tuple.
        given: Any = state
        match given:
            case (dict(),):
                Key.__init__(self, **_native(given[0]))
            case _:
                raise TypeError(f"Invalid state of a pickled key; received {state!r}")

    def child(self, kind: KindOrClass, id_or_name: Id | None = None) -> Key:
        """The key of *kind* right below this one; `BadValueError` if this one is incomplete."""
        return Key(kind, id_or_name, parent=self)

    # I/O.

    def get(self, **options: Unpack[ReadOptions]) -> Any:
        """The entity of this key, None if there is none."""
        context = current()
        if context.writing:
            context.catch_up()
        if not options:
            return context.store.run(operations.get_one(context, self))
        use, wanted = use_cache(options), consistency(options)
        context = told(context, options)
        return context.store.run(operations.get_one(context, self, use, consistency=wanted))

    def get_async(self, **options: Unpack[ReadOptions]) -> Future[Any]:
        """The same, as a future."""
        use, wanted = use_cache(options), consistency(options)
        return told(current(), options).gather(
            lambda context: operations.get_one(context, self, use, consistency=wanted), "get"
        )

    def delete(self, **options: Unpack[WriteOptions]) -> None:
        """Remove the entity of this key, there or not; in a transaction, when that is committed."""
        context = current()
        if context.writing:
            context.catch_up((self,))
        use = None
        if options:
            use, context = use_cache(options), told(context, options)
        context.store.run(operations.delete_one(context, self, use))

    def delete_async(self, **options: Unpack[WriteOptions]) -> Future[None]:
        """The same, as a future."""
        use = use_cache(options)
        context = told(current(), options)
        return context.write(lambda context: operations.delete_one(context, self, use), "delete", (self,))


def one_project(project: str | None, app: str | None) -> str | None:
    """The project that a call names by either word; TypeError if by both."""
    if project is not None and app is not None:
        raise TypeError("Can't specify both 'app' and 'project'")
    return app if project is None else project


def _names(partition: Partition) -> tuple[str, str, str]:
    return partition.project, partition.database, partition.namespace


def _native(value: Any) -> Any:
    """The text in a pickle of Python 2, whose reader asked for ``encoding="bytes"``."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        named = cast("Mapping[Any, Any]", value)
        return {_native(name): _native(part) for name, part in named.items()}
    if isinstance(value, list | tuple):
        return tuple(map(_native, cast("Iterable[Any]", value)))
    return value


def _check_place(
    partition: Partition, project: str | None, database: str | Unset | None, namespace: str | Unset | None
) -> None:
    """Raise `BadKeyError` unless *partition*, a reference's, is where the other arguments say."""
    for name, wanted, found in (
        ("project", project or UNSET, partition.project),
        ("database", database, partition.database),
        ("namespace", namespace, partition.namespace),
    ):
        if wanted is not UNSET and (wanted or "") != found:
            raise BadKeyError(f"the reference is of another {name}", given=wanted, found=found)


def _decoded(urlsafe: bytes | str | None, serialized: bytes | str | None) -> tuple[Partition, Flat]:
    if urlsafe is not None:
        if serialized is not None:
            raise TypeError("Can't specify both 'urlsafe' and 'serialized'")
        text = urlsafe.encode() if isinstance(urlsafe, str) else urlsafe
        try:
            # Strict, unlike urlsafe_b64decode, which skips what is not of the alphabet.
            serialized = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadKeyError("malformed urlsafe key", urlsafe=urlsafe) from None
    assert serialized is not None
    if isinstance(serialized, str):
        serialized = serialized.encode()
    project, database, namespace, flat = decode_reference(serialized)
    return Partition.of(project, database, namespace), tuple(flat)


_PLAIN_IDS = frozenset({int, str})


def _kind_of(kind: Any) -> str:
    """The kind that a str or a model class names."""
    if isinstance(kind, type):
        model: Any = kind
        kind = model._get_kind()
    if not isinstance(kind, str):
        raise TypeError(f"Key kind must be a string or Model class; received {kind!r}")
    return kind


def _elements(path: tuple[Any, ...], flat: Iterable[Any] | None, pairs: Iterable[Any] | None) -> Flat:
    given = [each for each in (path or None, flat, pairs) if each is not None]
    if len(given) != 1:
        raise TypeError("Key() expects one of: positional arguments, flat=, pairs=, urlsafe=, serialized=")
    if pairs is not None:
        given = [[part for pair in pairs for part in pair]]
    elements = list(given[0])
    if not elements:
        raise TypeError("Key must consist of at least one pair.")
    if len(elements) % 2:
        elements.append(None)
    last = len(elements) - 1
    for at in range(0, last, 2):
        kind, id_or_name = elements[at], elements[at + 1]
        if type(kind) is not str:
            elements[at] = _kind_of(kind)
        if id_or_name is None:
            if at + 1 != last:
                raise BadArgumentError("Incomplete Key entry must be last", path=tuple(elements))
        elif isinstance(id_or_name, bytes):
            elements[at + 1] = id_or_name.decode()
        elif not isinstance(id_or_name, int | str):
            raise TypeError(f"Key id must be a string or a number; received {id_or_name!r}")
    return tuple(elements)


def _parent_path(parent: Any) -> Flat:
    if not isinstance(parent, PlainKey):
        raise BadValueError(f"Expected Key instance, got {parent!r}", parent=parent)
    if not parent.is_complete:
        raise BadValueError("an incomplete key can't be a parent", parent=parent)
    return parent.path


def _partition(
    parent: PlainKey | None,
    project: str | None,
    database: str | Unset | None,
    namespace: str | Unset | None,
) -> Partition:
    if project is None and database is UNSET and namespace is UNSET:
        return current().partition if parent is None else parent.partition
    wanted_database = database if isinstance(database, str | Unset) else ""
    wanted_namespace = namespace if isinstance(namespace, str | Unset) else ""
    if parent is not None:
        above = parent.partition
        for name, wanted, found in (
            ("project", UNSET if project is None else project, above.project),
            ("database", wanted_database, above.database),
            ("namespace", wanted_namespace, above.namespace),
        ):
            if wanted is not UNSET and wanted != found:
                raise BadKeyError(f"Key {name} {wanted!r} must match the parent's {found!r}", parent=parent)
        return above
    if project is None or isinstance(wanted_database, Unset) or isinstance(wanted_namespace, Unset):
        here = current().partition
        project = here.project if project is None else project
        wanted_database = here.database if isinstance(wanted_database, Unset) else wanted_database
        wanted_namespace = here.namespace if isinstance(wanted_namespace, Unset) else wanted_namespace
    return Partition.of(project, wanted_database, wanted_namespace)
