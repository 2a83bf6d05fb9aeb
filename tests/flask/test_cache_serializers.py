"""What a cache makes of values: they come out as they went in, or are refused; foreign bytes run nothing."""

import datetime as dt
import io
import pickle
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, Response, abort, make_response
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from kindstore.flask.cache import PlainSerializer, SignedPickleSerializer
from kindstore.flask.cache.serializers import MAX_DEPTH
from kindstore.values.errors import BadArgumentError, BadValueError

PLAIN = PlainSerializer()

hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.timezone(dt.timedelta(hours=5, minutes=30)))),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.text().map(Markup),
)
hashable = st.one_of(hashable, st.lists(hashable, max_size=3).map(tuple), st.frozensets(hashable, max_size=3))
values = st.recursive(
    hashable | st.sets(hashable, max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(), inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=4),
    ),
    max_leaves=20,
)


def types_of(value: Any) -> Any:
    """The types in *value*, which equality does not see: 1 == True == 1.0."""
    if isinstance(value, dict):
        return dict, [(types_of(key), types_of(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    return type(value)


@given(values)
def test_what_comes_out_is_what_went_in(value: object) -> None:
    read = PLAIN.loads(PLAIN.dumps(value))
    assert read == value
    assert types_of(read) == types_of(value)


@given(st.binary())
def test_foreign_bytes_are_an_error_or_a_plain_value(data: bytes) -> None:
    """Any bytes behind the mark; what is read may be written again."""
    try:
        value = PLAIN.loads(b"\x01" + data)
    except Exception:  # noqa: BLE001 - any: the cache takes all for a miss
        return
    PLAIN.dumps(value)


class Marked(str):
    __slots__ = ()


class Person:
    pass


@pytest.mark.parametrize(
    ("value", "path", "name"),
    [
        (Person(), "value", "Person"),
        ({"user": [1, Person()]}, "value['user'][1]", "Person"),
        ({(1, 2): {"x": (Person(),)}}, "value[(1, 2)]['x'][0]", "Person"),
        ({Person: 1}, "value[<class", "type"),
        ([Marked("x")], "value[0]", "Marked"),
        (1j, "value", "complex"),
        ({"f": print}, "value['f']", "builtin_function_or_method"),
    ],
)
def test_other_types_are_refused_by_name_and_place(value: object, path: str, name: str) -> None:
    with pytest.raises(BadValueError) as caught:
        PLAIN.dumps(value)
    assert caught.value.path.startswith(path)
    assert caught.value.type.endswith(name)
    assert "SignedPickleSerializer" in str(caught.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(BadValueError, match="too deeply"):
        PLAIN.dumps(ring)


def test_depth_up_to_the_limit_comes_back() -> None:
    for make in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}):
        value: object = "x"
        for _ in range(MAX_DEPTH):
            value = make(value)
        assert PLAIN.loads(PLAIN.dumps(value)) == value


def test_a_str_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(BadValueError, match="Unicode"):
        PLAIN.dumps({"x": "\ud800"})


def test_a_response_comes_back() -> None:
    with Flask(__name__).app_context():
        response = make_response("<p>é", 418, {"X-Tea": "green"})
    response.set_cookie("a", "b")
    response.set_cookie("c", "d")
    read = PLAIN.loads(PLAIN.dumps([response]))[0]
    assert type(read) is Response
    assert (read.get_data(), read.status) == (response.get_data(), response.status)
    assert list(read.headers) == list(response.headers)


def test_a_response_that_is_a_stream_is_refused() -> None:
    with pytest.raises(BadValueError, match="stream"):
        PLAIN.dumps(Response(iter(["a", "b"])))


def test_an_http_error_comes_back() -> None:
    with pytest.raises(NotFound) as caught:
        abort(404, "no such page")
    read = PLAIN.loads(PLAIN.dumps(caught.value))
    assert type(read) is NotFound
    assert (read.description, read.response) == ("no such page", None)
    with pytest.raises(HTTPException) as with_response:
        abort(Response("gone", 410))
    assert with_response.value.code is None
    with pytest.raises(BadValueError, match="of one's own"):
        PLAIN.dumps(with_response.value)
    given_response = NotFound(response=Response("mine", 404))
    assert PLAIN.loads(PLAIN.dumps(given_response)).get_response().get_data() == b"mine"


def test_http_errors_with_headers_of_their_own_are_refused() -> None:
    with pytest.raises(BadValueError, match="of one's own"):
        PLAIN.dumps(MethodNotAllowed(["GET"]))


def test_the_types_of_flask_sessions() -> None:
    session = {
        "_flashes": [("message", Markup("<b>hello</b>"))],
        "id": UUID(int=7),
        "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        "price": Decimal("1.10"),
        "token": b"\x00\xff",
    }
    assert PLAIN.loads(PLAIN.dumps(session)) == session


def test_files_hold_the_same_bytes() -> None:
    for serializer in (PLAIN, SignedPickleSerializer("0123456789abcdef")):
        file = io.BytesIO()
        serializer.dump({"a": (1,)}, file)
        assert file.getvalue()[:1] in {b"\x01", b"\x02"}
        file.seek(0)
        assert serializer.load(file) == {"a": (1,)}


# Pickle.


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import tests.flask; tests.flask.exploded = True",)


def test_pickles_come_back_if_they_are_signed() -> None:
    signed = SignedPickleSerializer(b"k" * 32)
    assert signed.loads(signed.dumps(1j)) == 1j


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        pickle.dumps(Bomb()),
        b"\x02" + bytes(32) + pickle.dumps(Bomb()),
        SignedPickleSerializer(b"another key, as long").dumps(Bomb()),
        PLAIN.dumps(1),
    ],
)
def test_nothing_unsigned_is_unpickled(data: bytes) -> None:
    with pytest.raises(ValueError, match="not signed"):
        SignedPickleSerializer(b"k" * 32).loads(data)
    if data[:1] != b"\x01":
        with pytest.raises(ValueError, match="not the bytes"):
            PLAIN.loads(data)


@given(st.integers(0), st.integers(1, 255))
def test_a_changed_byte_breaks_the_signature(at: int, change: int) -> None:
    signed = SignedPickleSerializer(b"k" * 32)
    data = bytearray(signed.dumps({"role": "reader"}))
    data[at % len(data)] ^= change
    with pytest.raises(ValueError, match="not signed"):
        signed.loads(bytes(data))


def test_a_short_key_is_refused() -> None:
    with pytest.raises(BadArgumentError, match="too short"):
        SignedPickleSerializer("secret")
