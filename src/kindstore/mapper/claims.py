"""Claims: a commit of entities with unique values, with the markers of those values in it.

What a commit must find unchanged is named in it as a base version, so one lookup and one commit do, without a
transaction: the commit reads what it depends on, and `ConflictError` says that it moved; then all is worked out anew.
Inside a transaction the reads are the transaction's.

Laws, which hold between any programs that write the kind through here:

1. An entity that has a value is the owner of its marker.  A commit that would make two owners of one raises
   `UniqueViolationError`, with nothing written.
2. What counts is the state after the commit: values may be swapped, and a value that is given up may be taken.
3. A marker whose owner has not its value, because a program without the constraint changed or deleted the owner,
   binds nobody.  Whoever wants the value takes it over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from kindstore.store.abc import Store
from kindstore.store.messages import Committed, Delete, Mutation, Upsert
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError
from kindstore.values.key import Key, kind_of

from .references import key_of_class
from .unique import Unique, Uniques, owner_of

TRIES: Final = 50
"""How often a commit outside of transactions is tried.  One is lost only where another one of the same entity or
value was won meanwhile, so there is no use in waiting."""


class Claim(NamedTuple):
    """*entity*, under *key*, is to have the value that *unique* says has one owner."""

    unique: Unique
    entity: Entity
    key: Key


def commit(store: Store, mutations: Sequence[Mutation], uniques: Mapping[str, Uniques]) -> Program[Committed]:
    """Apply *mutations* outside of transactions, all or none; each of another, complete key.

    *uniques*: the constraints by kind.  Raises `UniqueViolationError`, and the errors of `Store.commit`.
    """
    for _ in range(TRIES - 1):
        guarded = yield from guard(store, mutations, uniques)
        try:
            return (yield from store.commit(guarded))
        except ConflictError:
            continue
    guarded = yield from guard(store, mutations, uniques)
    return (yield from store.commit(guarded))


def guard(
    store: Store,
    mutations: Sequence[Mutation],
    uniques: Mapping[str, Uniques],
    transaction: bytes | None = None,
) -> Program[list[Mutation]]:
    """*mutations*, with what they depend on, and the changes of markers that they bring about behind them.

    `UniqueViolationError` if two entities would have one unique value, `BadValueError` for a value that can't be one.
    """
    bound = {key: each for each in mutations if kind_of(key := key_in(each)) in uniques}
    claims = _claims(bound, uniques)

    # What stands under these keys now, and who has the values that are wanted.
    found = yield from store.lookup([*bound, *claims], transaction)
    before = dict(zip(bound, found, strict=False))
    markers = dict(zip(claims, found[len(bound) :], strict=True))

    # The markers of values that are given up, and the entities that are said to have what is wanted here.
    held = {key: _held(old, uniques[kind_of(key)]) for key, old in before.items()}
    left = list(
        {marker_key: None for each in held.values() for marker_key in each if marker_key not in claims}
    )
    owners = {marker_key: owner_of(marker) for marker_key, marker in markers.items() if marker is not None}
    others = list({owner: None for owner in owners.values() if owner is not None and owner not in before})
    more = (yield from store.lookup([*left, *others], transaction)) if left or others else []
    there = dict(zip(others, more[len(left) :], strict=True))

    changes: dict[Key, Mutation] = {}
    for marker_key, (unique, entity, key) in claims.items():
        marker, owner = markers[marker_key], owners.get(marker_key)
        if marker is not None and owner == key:
            if marker_key not in held[key]:
                # It stays as it is; but nobody may take it over while the entity has not got the value yet.
                changes[marker_key] = Upsert(marker, marker.version)
            continue
        if owner is not None and owner not in before:
            other = there[owner]
            if unique.stored_marker_key(other) == marker_key:
                raise unique.violation(entity, key_of_class(owner, type(key)))
            # Nor may the owner get the value back meanwhile: it is written as it stands.
            changes[owner] = unchanged(owner, other)
        changes[marker_key] = Upsert(unique.marker(marker_key, key), 0 if marker is None else marker.version)
    for marker_key, marker in zip(left, more, strict=False):
        if marker is not None and owner_of(marker) in before:
            changes[marker_key] = Delete(marker_key, marker.version)
    return [*(_based(each, before) for each in mutations), *changes.values()]


def unchanged(key: Key, entity: Entity | None) -> Mutation:
    """What writes nothing, on condition that *key* has still got this *entity*."""
    return Delete(key, 0) if entity is None else Upsert(entity, entity.version)


def key_in(mutation: Mutation) -> Key:
    """The key that *mutation* is about."""
    key = mutation.key if isinstance(mutation, Delete) else mutation.entity.key
    assert key is not None
    return key


def _claims(bound: Mapping[Key, Mutation], uniques: Mapping[str, Uniques]) -> dict[Key, Claim]:
    """What *bound* wants, by the key of the marker; `UniqueViolationError` if two want the same."""
    claims: dict[Key, Claim] = {}
    for key, mutation in bound.items():
        if isinstance(mutation, Delete):
            continue
        entity = mutation.entity
        for unique in uniques[kind_of(key)].values():
            marker_key = unique.marker_key(entity)
            if marker_key is None:
                continue
            claim = claims.setdefault(marker_key, Claim(unique, entity, key))
            if claim.key is not key:
                raise unique.violation(entity, claim.key)
    return claims


def _held(entity: Entity | None, uniques: Uniques) -> set[Key]:
    """The keys of the markers that a stored *entity* should own."""
    keys = (unique.stored_marker_key(entity) for unique in uniques.values())
    return {key for key in keys if key is not None}


def _based(mutation: Mutation, before: Mapping[Key, Entity | None]) -> Mutation:
    """*mutation*, to be refused if its entity is not any more what it was *before*."""
    key = key_in(mutation)
    if key not in before or mutation.base_version is not None:
        return mutation
    old = before[key]
    return msgspec.structs.replace(mutation, base_version=0 if old is None else old.version)
