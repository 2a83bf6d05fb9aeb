"""Put, get, delete, allocate ids: programs between a model's instances and a store.

Each is hooks, auto values, key, conversion, the store's verb, identity map, hooks, in this order (spec/ndb.md 2.4).
The faces run them: `Context.store.run` in a thread, `Context.begin` for a `Future`.  The single forms stand beside
the plural ones because they are most of what applications do.

*use_cache* is the option of a call: None leaves it to the context's policy and the model's `_use_cache`.  So is
*consistency*, which the store is told; what the identity map knows is not asked of the store at all.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from kindstore.mapper import claims
from kindstore.mapper.context import Context, always_caches, caches, never
from kindstore.mapper.future import Future
from kindstore.mapper.identities import UNKNOWN, IdentityMap
from kindstore.mapper.model import Model
from kindstore.mapper.references import key_of_class
from kindstore.mapper.schema import schema_of
from kindstore.mapper.unique import Uniques
from kindstore.store.checks import check_int
from kindstore.store.messages import Committed, Consistency, Delete, Insert, Mutation, Upsert
from kindstore.store.program import Program
from kindstore.values.entity import Entity, Maker, Readers, Shape
from kindstore.values.errors import AlreadyExistsError, BadArgumentError
from kindstore.values.key import Key, Partition, path_bytes_of

T = TypeVar("T")
M = TypeVar("M", bound=Model)
AnyModel: TypeAlias = type[Model]

Write: TypeAlias = type[Upsert] | type[Insert]
Name: TypeAlias = tuple[Partition, bytes] | int


def _hooked(
    program: Program[T], pre: Callable[[], Any] | None, post: Callable[[Future[Any]], Any] | None
) -> Program[T]:
    """*program* between its hooks; the one after it gets the future of its outcome, success or not."""
    if pre is not None:
        pre()
    try:
        result = yield from program
    except Exception as error:
        if post is not None:
            post(Future.failed(error))
        raise
    if post is not None:
        post(Future.of(result))
    return result


def all_of(given: Iterable[T], kind: type[Any], call: str) -> list[T]:
    """*given* as a list; `BadArgumentError` that names *call* unless it is an iterable of instances of *kind*."""
    things: Any = given
    if isinstance(things, Iterable):
        found = list(given)
        for at, each in enumerate(found):
            if not isinstance(each, kind):
                raise BadArgumentError(
                    f"{call} takes {_NAMES[kind]} only", at=at, given=each, type=type(each).__name__
                )
        return found
    raise BadArgumentError(f"{call} takes a list of {_NAMES[kind]}", given=things)


_NAMES: dict[type[Any], str] = {Model: "entities", Key: "keys"}


# Put.


def put_one(
    context: Context, instance: Model, use_cache: bool | None = None, write: Write = Upsert
) -> Program[Key]:
    """Write *instance*; the result is its complete key, which it has from then on."""
    program = _put(context, instance, use_cache, write)
    if not type(instance)._overridden:
        return program
    return _hooked(program, instance._pre_put_hook, instance._post_put_hook)


def _put(context: Context, instance: Model, use_cache: bool | None, write: Write) -> Program[Key]:
    cls = type(instance)
    if cls._prepares:
        instance._prepare_for_put()
    schema = schema_of(cls)
    asked: Key = instance._key or schema.new_key(context.partition)
    entity = schema.to_entity(instance, asked, context.legacy_data)
    transaction = context.transaction
    unique = cls._unique
    if transaction is None and not unique:
        committed: Committed = yield from context.store.commit((write(entity),))
        key = committed.keys[0]
    else:
        key = asked
        if not key.is_complete:
            # So that the caller gets a key that can be put into other entities of this transaction, or into markers.
            (key,) = yield from context.store.allocate_ids((asked,))
            entity = Entity(key, entity.shape, entity.values)
        if transaction is None:
            yield from claims.commit(context.store, (write(entity),), {unique.kind: unique})
        else:
            transaction.keep_back(write(entity), unique)
    if type(key) is not type(asked):
        key = key_of_class(key, type(asked))  # stores may answer with plain keys, faces have their own
    # Past the descriptor, which checks what users set.
    vars(instance)["_key"] = key
    identities = _told_of_writes(context, use_cache)
    if identities is not None:
        _remember(context, identities, key, instance, use_cache)
    return key


def put_multi(
    context: Context, instances: Iterable[Model], use_cache: bool | None = None
) -> Program[list[Key]]:
    """Write *instances*, all or none of them; the result is their complete keys, in order.

    An instance that is named twice is written once; of several with one key the last one wins.
    """
    listed = list(instances)
    hooked = [(at, instance) for at, instance in enumerate(listed) if type(instance)._overridden]
    for _, instance in hooked:
        instance._pre_put_hook()
    try:
        keys = yield from _put_all(context, listed, use_cache)
    except Exception as error:
        for _, instance in hooked:
            instance._post_put_hook(Future.failed(error))
        raise
    for at, instance in hooked:
        instance._post_put_hook(Future.of(keys[at]))
    return keys


def _put_all(context: Context, instances: Sequence[Model], use_cache: bool | None) -> Program[list[Key]]:
    if not instances:
        return []
    legacy = context.legacy_data
    entities: list[Entity] = []
    asked: list[Key] = []
    # What tells writes apart: the parts of the key, or the instance that has none yet.  The last write of each counts.
    last: dict[Name, int] = {}
    names: list[Name] = []
    cls: Any = None
    schema: Any = None
    new_key: Any = None
    uniques: dict[str, Uniques] = {}
    for at, instance in enumerate(instances):
        if type(instance) is not cls:
            cls = type(instance)
            schema = schema_of(cls)
            new_key = schema.new_key(context.partition)
            if cls._unique:
                uniques[cls._unique.kind] = cls._unique
        if cls._prepares:
            instance._prepare_for_put()
        # Past the property, which is a call; only of what was loaded the key may still be the bytes of its path.
        held: Any = instance.__dict__.get("_key")
        key: Key = (instance._key if type(held) is bytes else held) or new_key
        asked.append(key)
        entities.append(schema.to_entity(instance, key, legacy))
        # Past the properties and the hash of keys, which are calls.
        incomplete = key is new_key or (key._flat or key.path)[-1] is None
        name = id(instance) if incomplete else (key._partition, key._packed or key.path_bytes)
        names.append(name)
        last[name] = at
    transaction = context.transaction
    if transaction is None and not uniques:
        committed: Committed = yield from context.store.commit([Upsert(entities[at]) for at in last.values()])
        stored = dict(zip(last, committed.keys, strict=True))
    else:
        stored = dict(zip(names, asked, strict=True))
        missing = [name for name in last if type(name) is int]
        if missing:
            given = yield from context.store.allocate_ids([stored[name] for name in missing])
            stored.update(zip(missing, given, strict=True))
        mutations: list[Mutation] = []
        for name, at in last.items():
            entity = entities[at]
            if entity.key is not stored[name]:
                entity = Entity(stored[name], entity.shape, entity.values)
            mutations.append(Upsert(entity))
        if transaction is None:
            yield from claims.commit(context.store, mutations, uniques)
        else:
            for mutation, at in zip(mutations, last.values(), strict=True):
                transaction.keep_back(mutation, type(instances[at])._unique)
    keys: list[Key] = []
    identities = _told_of_writes(context, use_cache)
    for instance, like, name in zip(instances, asked, names, strict=True):
        key = stored[name]
        if type(key) is not type(like):
            key = key_of_class(key, type(like))
        vars(instance)["_key"] = key
        keys.append(key)
        if identities is not None:
            _remember(context, identities, key, instance, use_cache)
    return keys


def _told_of_writes(context: Context, use_cache: bool | None) -> IdentityMap | None:
    """The identity map that is to know of what is written; None where it keeps nothing, and knows nothing yet."""
    identities = context.identities
    if identities is not None and use_cache is None and context.policy is never and not identities._maps:
        return None
    return identities


def _remember(
    context: Context, identities: IdentityMap, key: Key, instance: Any, use_cache: bool | None
) -> None:
    use = caches(context, key, type(instance)) if use_cache is None else use_cache
    if use:
        identities.put(key, instance)
    else:
        identities.evict(key)


# Get.


def get_one(
    context: Context,
    key: Key,
    use_cache: bool | None = None,
    model: AnyModel | None = None,
    consistency: Consistency = Consistency.STRONG,
) -> Program[Any]:
    """The entity of *key*, None if there is none, as an instance of *model* (default: the class of its kind).

    `KindError` for an entity whose kind has no class.
    """
    model = model or Model._kind_map.get(key.path[-2])
    program = _get(context, key, model, use_cache, consistency)
    if model is None or not model._overridden:
        return program
    return _hooked(
        program, lambda: model._pre_get_hook(key), lambda future: model._post_get_hook(key, future)
    )


def _get(
    context: Context, key: Key, model: AnyModel | None, use_cache: bool | None, consistency: Consistency
) -> Program[Any]:
    identities = context.identities
    if identities is not None and not (caches(context, key, model) if use_cache is None else use_cache):
        identities = None
    if identities is not None:
        known = identities.get(key)
        if known is not UNKNOWN:
            return known
    transaction = context.transaction
    found: list[Any] = yield from context.store.lookup(
        (key,),
        None if transaction is None else transaction.name,
        consistency,
        maker=BY_KIND if model is None else schema_of(model),
    )
    # Somebody else may have read or written it while we waited: one object per key, and the later state.
    return found[0] if identities is None else identities.keep(key, found[0])


class ByKind:
    """Makes of each stored entity an instance of the class of its kind.  `KindError` if there is none."""

    key_class: type[Key] = Key

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], Any]:
        """See `values.entity.Maker`."""

        def make(key: Key, values: list[Any], version: int) -> Any:
            return schema_of(Model._lookup_model(key.path[-2])).of(shape)(key, values, version)

        return make

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`."""


BY_KIND = ByKind()


def get_multi(
    context: Context,
    keys: Iterable[Key],
    use_cache: bool | None = None,
    consistency: Consistency = Consistency.STRONG,
) -> Program[list[Any]]:
    """The entity of each of *keys*, None where there is none.  A key named twice is looked up once."""
    listed = list(keys)
    kind_map = Model._kind_map
    models = {kind: kind_map.get(kind) for kind in {(key._flat or key.path)[-2] for key in listed}}
    hooks: list[tuple[Key, AnyModel]] = []
    for model in models.values():
        if model is not None and model._overridden:
            named = [(key, models[key.path[-2]]) for key in listed]
            hooks = [(key, model) for key, model in named if model is not None and model._overridden]
            break
    for key, model in hooks:
        model._pre_get_hook(key)
    try:
        found = yield from _get_all(context, listed, models, use_cache, consistency)
    except Exception as error:
        for key, model in hooks:
            model._post_get_hook(key, Future.failed(error))
        raise
    if hooks:
        results = dict(zip(listed, found, strict=True))
        for key, model in hooks:
            model._post_get_hook(key, Future.of(results[key]))
    return found


def _get_all(
    context: Context,
    keys: Sequence[Key],
    models: Mapping[str, AnyModel | None],
    use_cache: bool | None,
    consistency: Consistency,
) -> Program[list[Any]]:
    """*models*: the class of each kind that *keys* are of."""
    if len(set(path_bytes_of(keys))) < len(keys):
        distinct = list(dict.fromkeys(keys))
        if len(distinct) < len(keys):
            found = yield from _get_all(context, distinct, models, use_cache, consistency)
            known = dict(zip(distinct, found, strict=True))
            return [known[key] for key in keys]
    transaction = context.transaction
    name = None if transaction is None else transaction.name
    # Of one kind, the schema is looked up once for all.
    model = next(iter(models.values())) if len(models) == 1 else None
    maker: Maker[Any] = BY_KIND if model is None else schema_of(model)
    identities = context.known_to(use_cache)
    if identities is None:
        plain: list[Any] = yield from context.store.lookup(keys, name, consistency, maker=maker)
        return plain
    always = use_cache or all(always_caches(context, model) for model in models.values())
    results: list[Any] = []
    missing: list[int] = []
    passed: set[int] = set()
    for at, key in enumerate(keys):
        instance: Any = UNKNOWN
        if always or caches(context, key, models[key.path[-2]]):
            instance = identities.get(key)
        else:
            passed.add(at)
        if instance is UNKNOWN:
            missing.append(at)
        results.append(instance)
    if missing:
        wanted = [keys[at] for at in missing]
        read: list[Any] = yield from context.store.lookup(wanted, name, consistency, maker=maker)
        for at, instance in zip(missing, read, strict=True):
            results[at] = instance if at in passed else identities.keep(keys[at], instance)
    return results


# Delete.


def delete_one(context: Context, key: Key, use_cache: bool | None = None) -> Program[None]:
    """Remove the entity of *key*, there or not."""
    model = Model._kind_map.get(key.path[-2])
    program = _delete(context, key, model, use_cache)
    if model is None or not model._overridden:
        return program
    return _hooked(
        program, lambda: model._pre_delete_hook(key), lambda future: model._post_delete_hook(key, future)
    )


def _delete(context: Context, key: Key, model: AnyModel | None, use_cache: bool | None) -> Program[None]:
    transaction = context.transaction
    unique = None if model is None else model._unique
    if transaction is not None:
        transaction.keep_back(Delete(key), unique)
    elif unique:
        yield from claims.commit(context.store, (Delete(key),), {unique.kind: unique})
    else:
        yield from context.store.commit((Delete(key),))
    _forget(context, key, model, use_cache)


def delete_multi(context: Context, keys: Iterable[Key], use_cache: bool | None = None) -> Program[list[None]]:
    """Remove the entities of *keys*, all or none of those that are there.  A key may be named twice."""
    listed = list(keys)
    models = [Model._kind_map.get(key.path[-2]) for key in listed]
    hooks = [
        (key, model)
        for key, model in zip(listed, models, strict=True)
        if model is not None and model._overridden
    ]
    for key, model in hooks:
        model._pre_delete_hook(key)
    try:
        mutations: list[Mutation] = [Delete(key) for key in dict.fromkeys(listed)]
        transaction = context.transaction
        uniques: dict[str, Uniques] = {}
        for cls in models:
            if cls is not None and cls._unique:
                uniques[cls._unique.kind] = cls._unique
        if transaction is not None:
            for key, cls in zip(listed, models, strict=True):
                transaction.keep_back(Delete(key), None if cls is None else cls._unique)
        elif uniques:
            yield from claims.commit(context.store, mutations, uniques)
        elif mutations:
            yield from context.store.commit(mutations)
    except Exception as error:
        for key, model in hooks:
            model._post_delete_hook(key, Future.failed(error))
        raise
    for key, cls in zip(listed, models, strict=True):
        _forget(context, key, cls, use_cache)
    for key, model in hooks:
        model._post_delete_hook(key, Future.of(None))
    return [None] * len(listed)


def _forget(context: Context, key: Key, model: AnyModel | None, use_cache: bool | None) -> None:
    identities = context.identities
    if identities is None:
        return
    if caches(context, key, model) if use_cache is None else use_cache:
        identities.put(key, None)
    else:
        identities.evict(key)


# The rest.


def allocate_ids(context: Context, model: AnyModel, like: Key, size: int) -> Program[tuple[Key, ...]]:
    """*size* complete keys that are never given to another entity, made from the incomplete key *like*."""
    check_int("size", size)
    if size < 0:
        raise BadArgumentError("a number of ids is at least 0", size=size)

    def program() -> Program[tuple[Key, ...]]:
        keys: list[Key] = yield from context.store.allocate_ids([like] * size)
        return tuple(key_of_class(key, type(like)) for key in keys)

    if not model._overridden:
        return program()
    parent = like.path[:-2]
    above = type(like).of(like.partition, parent) if parent else None
    return _hooked(
        program(),
        lambda: model._pre_allocate_ids_hook(size, None, above),
        lambda future: model._post_allocate_ids_hook(size, None, above, future),
    )


def get_or_insert(
    context: Context, key: Key, model: type[M], make: Callable[[], M], use_cache: bool | None = None
) -> Program[M]:
    """The entity of *key*; if there is none, the one that *make* makes, once it is written.

    Atomic: of many that insert the same key at once one succeeds, and all get its entity.
    """
    while True:
        found: M | None = yield from get_one(context, key, use_cache, model)
        if found is not None:
            return found
        instance = make()
        try:
            yield from put_one(context, instance, use_cache, Upsert if context.transaction else Insert)
        except AlreadyExistsError:
            if context.identities is not None:
                context.identities.evict(key)  # where it is known to be missing
        else:
            return instance
