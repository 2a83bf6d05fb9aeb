"""The laws of keys."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.values.errors import BadKeyError, CorruptionError
from kindstore.values.key import Key, Partition, completed, kind_of, parent_of, root_of
from kindstore.values.order import path_order
from tests.values.strategies import PARTITION, ids, keys, kinds, paths


class KeyOfAFace(Key):
    """Faces give keys more methods; they stay the same keys."""

    __slots__ = ()


@given(keys)
def test_a_key_comes_back_from_its_bytes(key: Key) -> None:
    again = Key.packed_in(key.partition, key.path_bytes)
    assert again.path == key.path
    assert again == key
    assert hash(again) == hash(key)


@given(keys)
def test_a_key_survives_pickle(key: Key) -> None:
    again = pickle.loads(pickle.dumps(key))
    assert again == key
    assert again.partition is key.partition


@given(keys, keys)
def test_keys_compare_by_partition_then_path(a: Key, b: Key) -> None:
    left, right = ((key.partition.names(), path_order(key.path)) for key in (a, b))
    assert (a < b, a <= b, a == b, a >= b, a > b) == (
        left < right,
        left <= right,
        left == right,
        left >= right,
        left > right,
    )


@given(keys)
def test_a_key_of_a_face_is_the_same_key(key: Key) -> None:
    other = KeyOfAFace.of(key.partition, key.path)
    assert other == key
    assert key == other
    assert hash(other) == hash(key)
    assert len({key, other}) == 1
    assert type(other.completed(5)) is KeyOfAFace


@given(keys, kinds, ids)
def test_parent_undoes_child(key: Key, kind: str, part: Any) -> None:
    child = key.child(kind, part)
    assert parent_of(child) == key
    assert kind_of(child) == kind
    assert root_of(child) == root_of(key)
    assert child > key


def test_a_root_has_no_parent_and_is_its_own_root() -> None:
    key = Key.of(PARTITION, ("A", 1))
    assert parent_of(key) is None
    assert root_of(key) == key


@given(paths)
def test_a_key_without_its_last_id_is_incomplete(path: tuple[Any, ...]) -> None:
    key = Key.of(PARTITION, path[:-1])
    assert not key.is_complete
    assert key.path == (*path[:-1], None)
    assert key.completed(path[-1]) == Key.of(PARTITION, path)
    assert Key.packed_in(PARTITION, key.path_bytes).path == key.path
    with pytest.raises(BadKeyError):
        key.child("A", 1)


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("", 1),
        ("A", 0),
        ("A", -1),
        ("A", 2**63),
        ("A", ""),
        ("A", 1.0),
        ("A", True),
        ("A", b"x"),
        (1, 1),
        (None, 1),
        ("A", None, "B", 1),
        ("A" * 1501, 1),
        ("A", "é" * 751),
        ("A", "\ud800"),
        ("\ud800", 1),
    ],
    ids=lambda path: repr(path)[:30],
)
def test_a_malformed_path_is_refused(path: tuple[Any, ...]) -> None:
    key = Key.of(PARTITION, path)
    with pytest.raises(BadKeyError):
        _ = key.path_bytes
    with pytest.raises(BadKeyError):
        key.check()


@pytest.mark.parametrize(
    "path",
    [
        ("__A__", 1),
        ("A", "__x__"),
        ("A", "____"),
        ("__kind__", 1, "A", 1),
        ("A", 1) * 101,
        tuple(part for n in range(5) for part in ("A", f"{n}" * 1400)),
    ],
    ids=lambda path: repr(path)[:30],
)
def test_a_key_under_which_nothing_may_be_stored_is_refused_by_check(path: tuple[Any, ...]) -> None:
    key = Key.of(PARTITION, path)
    assert key.path_bytes
    with pytest.raises(BadKeyError):
        key.check()


@pytest.mark.parametrize(
    "path", [("A", "__x"), ("A", "x__"), ("A", "___"), ("A", "_"), ("A", 1) * 100, ("A",)]
)
def test_a_key_within_the_limits_passes_check(path: tuple[Any, ...]) -> None:
    Key.of(PARTITION, path).check()


@pytest.mark.parametrize("namespace", ["a b", "é", "a/b", "a" * 101, "a\n", "a\0"])
def test_a_malformed_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(BadKeyError):
        Partition.of("p", "", namespace)


def test_partitions_of_the_same_names_are_one_object() -> None:
    assert Partition.of("p", "", "n") is Partition.of("p", "", "n")
    assert Partition.of("p").with_namespace("n") is Partition.of("p", "", "n")
    assert Partition.of("p", "", "n") != Partition.of("p", "n", "")


@given(st.binary(max_size=30) | st.tuples(keys, st.binary(max_size=4)).map(lambda t: t[0].path_bytes + t[1]))
def test_malformed_path_bytes_raise_corruption_error_only(packed: bytes) -> None:
    try:
        path = Key.packed_in(PARTITION, packed).path
    except CorruptionError:
        return
    assert Key.of(PARTITION, path).path == path
    assert len(path) >= 2


@given(st.lists(st.sampled_from(("root", "name", "below")), max_size=6), st.data())
def test_keys_are_completed_in_their_places(kinds: list[str], data: st.DataObject) -> None:
    shared = {
        "root": KeyOfAFace.of(PARTITION, ("Author",)),
        "name": KeyOfAFace.of(PARTITION, ("Author", "ada")),
        "below": Key.of(PARTITION, ("Author", 7, "Book", None)),
    }
    keys = [shared[kind] for kind in kinds]
    places = [at for at, key in enumerate(keys) if not key.is_complete]
    ids = data.draw(st.lists(st.integers(1, 2**62), min_size=len(places), max_size=len(places)))
    made = completed(keys, ids)
    expected = list(keys)
    for at, number in zip(places, ids, strict=True):
        expected[at] = keys[at].completed(number)
    assert made == expected
    assert [key.path for key in made] == [key.path for key in expected]
    assert list(map(type, made)) == list(map(type, expected))
