"""Whatever is made of a cursor of the store in memory, it is refused, or a place among the results of its query."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindstore.backends.memory import MemoryStore
from kindstore.store.messages import Order, PropertyFilter, Query
from kindstore.values.errors import BadCursorError
from kindstore.values.key import Key
from kindstore.values.ordered import pack
from tests.conformance.database import Database

DB = Database(MemoryStore())
OTHER = Database(DB.store)
OTHER.partition = DB.store.partition("n")
for _n in range(1, 6):
    DB.put(_n, x=[_n, _n + 2], y=1)
    OTHER.put(_n, x=_n)

QUERIES = [
    DB.query("x"),
    DB.query("-x", "y"),
    DB.query(),
    DB.query("-__key__"),
    DB.query(("x", "!=", 2), projection=("x",)),
    DB.query("x", distinct_on=("x",)),
    DB.query("__key__", projection=("x",)),
]

packed = st.sampled_from([pack(value) for value in (None, 1, 3, "a", 2.5, DB.key(1), True)])
paths = st.sampled_from([DB.key(n).path_bytes for n in (1, 3)] + [Key.of(DB.partition, ("E",)).path_bytes])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=3) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
places = st.lists(packed | paths | st.binary(max_size=9), max_size=4) | anything


def sealed(body: Any) -> bytes:
    raw = msgspec.msgpack.encode(body)
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()[:4] + raw)


def opened(cursor: bytes) -> list[Any]:
    body: list[Any] = msgspec.msgpack.decode(base64.urlsafe_b64decode(cursor)[4:])
    return body


@given(st.sampled_from(QUERIES), places, anything | st.booleans())
def test_a_forged_place_is_refused_or_among_the_results(query: Query, place: Any, descending: Any) -> None:
    whole = [(each.key, each.values) for each in DB.page(query).results]
    digest = opened(DB.page(query).cursor)[0]
    for name in ("start", "end"):
        try:
            page = DB.page(
                msgspec.structs.replace(query, **{name: sealed([digest, descending, place])}), page_size=9
            )
        except BadCursorError:
            continue
        assert all((each.key, each.values) in whole for each in page.results)


@given(anything)
def test_a_forged_cursor_is_refused(body: Any) -> None:
    for query in QUERIES:
        with pytest.raises(BadCursorError):
            DB.page(msgspec.structs.replace(query, start=sealed(body)))


def test_a_cursor_is_of_its_namespace() -> None:
    ours = opened(DB.page(DB.query("x")).cursor)
    theirs = Query(OTHER.partition, "E", orders=(Order("x"),))
    with pytest.raises(BadCursorError):
        OTHER.page(msgspec.structs.replace(theirs, start=sealed(ours)))
    # A place that was taken over by force is one in the namespace of the query all the same.
    taken = sealed([opened(OTHER.page(theirs).cursor)[0], *ours[1:]])
    filtered = msgspec.structs.replace(theirs, start=taken)
    assert all(
        each.key is not None and each.key.partition == OTHER.partition
        for each in OTHER.page(filtered).results
    )


def test_the_filters_and_not_their_words_make_the_query() -> None:
    first = DB.query(("x", "=", 3), ("y", "=", 1))
    second = msgspec.structs.replace(
        first, filters=(PropertyFilter("y", "=", 1), PropertyFilter("x", "=", 3))
    )
    cursor = DB.page(first, page_size=1).cursor
    assert DB.page(msgspec.structs.replace(second, start=cursor)).results == DB.page(first).results[1:]
