"""App Engine's text of a key: ours is theirs, and nobody can break the reader."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kindstore.values.errors import BadKeyError
from kindstore.values.key import Key, Partition
from kindstore.values.reference import decode_reference, encode_reference, from_urlsafe, to_urlsafe
from tests.values.strategies import keys

# Written by google-cloud-ndb 2.7.1 (urlsafe, to_legacy_urlsafe) and App Engine's own db.Key.
GOLDEN = [
    (("test", "", ""), ("P", 1), "", "agR0ZXN0cgcLEgFQGAEM"),
    (("my-app", "", ""), ("P", 1, "Child", "näme"), "", "agZteS1hcHByFwsSAVAYAQwLEgVDaGlsZCIFbsOkbWUM"),
    (("my-app", "", ""), ("P", 1, "Child", "näme"), "s~", "aghzfm15LWFwcHIXCxIBUBgBDAsSBUNoaWxkIgVuw6RtZQw"),
    (
        ("my-app", "", "ns"),
        ("A", 2**63 - 1, "B", "x" * 20),
        "",
        "agZteS1hcHByKgsSAUEY__________9_DAsSAUIiFHh4eHh4eHh4eHh4eHh4eHh4eHh4DKIBAm5z",
    ),
    (("p", "db", "ns"), ("A", 5629499534213120), "", "agFwcg4LEgFBGICAgICAgIAKDKIBAm5zugECZGI"),
    (("p", "", ""), ("A", "a\0b"), "", "agFwcgoLEgFBIgNhAGIM"),
    (
        ("p", "", "n.-_"),
        ("K", 2**35, "L", 127, "M", 128, "N", 1),
        "",
        "agFwciILEgFLGICAgICAAQwLEgFMGH8MCxIBTRiAAQwLEgFOGAEMogEEbi4tXw",
    ),
]


@pytest.mark.parametrize(("names", "path", "prefix", "text"), GOLDEN)
def test_a_text_is_that_of_app_engine(
    names: tuple[str, str, str], path: tuple[Any, ...], prefix: str, text: str
) -> None:
    key = Key.of(Partition.of(*names), path)
    assert to_urlsafe(key, prefix) == text
    assert from_urlsafe(text) == key
    assert from_urlsafe(text.encode()) == key
    assert from_urlsafe(text + "=" * (-len(text) % 4)) == key


@given(keys, st.sampled_from(["", "s~", "e~"]))
def test_a_key_comes_back_from_its_text(key: Key, prefix: str) -> None:
    assert from_urlsafe(to_urlsafe(key, prefix)) == key


def test_an_incomplete_key_comes_back_incomplete() -> None:
    key = Key.of(Partition.of("p"), ("A", 1, "B"))
    assert from_urlsafe(to_urlsafe(key)).path == ("A", 1, "B", None)


@given(st.binary(max_size=60))
@example(b"\x6a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
def test_arbitrary_bytes_raise_bad_key_error_only(data: bytes) -> None:
    try:
        names = decode_reference(data)
    except BadKeyError:
        return
    assert names[0]


@given(keys, st.data())
def test_a_changed_message_is_another_key_or_none(key: Key, data: st.DataObject) -> None:
    message = bytearray(encode_reference(*key.partition.names(), key.path))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != message[at]))
    text = base64.urlsafe_b64encode(message).rstrip(b"=")
    try:
        found = from_urlsafe(text)
    except BadKeyError:
        return
    # The part of a project before "~" says where it runs, and is not of its name.
    assert found != key or b"~" in message


@given(st.text(max_size=40))
def test_arbitrary_text_raises_bad_key_error_only(text: str) -> None:
    with pytest.raises(BadKeyError):
        from_urlsafe(text)


PATH = b"\x72\x07\x0b\x12\x01P\x18\x01\x0c"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x6a\x04test",
        PATH,
        b"\x6a\x00" + PATH,
        b"\x6a\x02s~" + PATH,
        b"\x6a\x01p\x72\x00",
        b"\x6a\x01p" + PATH + PATH,
        b"\x6a\x01p\x6a\x01p" + PATH,
        b"\x6a\x01p" + PATH + b"\x0a\x00",
        b"\x6a\x01p" + PATH[:-1],
        b"\x6a\x01p\x72\x05\x0b\x12\x00\x18\x0c",
        b"\x6a\x01p\x72\x06\x0b\x12\x00\x18\x01\x0c",
        b"\x6a\x01p\x72\x07\x0b\x12\x01P\x18\x00\x0c",
        b"\x6a\x01p\x72\x10\x0b\x12\x01P\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x0c",
        b"\x6a\x01p\x72\x09\x0b\x12\x01P\x18\x01\x22\x00\x0c",
        b"\x6a\x01p\x72\x07\x0b\x12\x01P\x22\x00\x0c",
        b"\x6a\x01p\x72\x0c\x0b\x12\x01P\x0c\x0b\x12\x01Q\x18\x01\x0c",
        b"\x6a\x01p\x72\x08\x0b\x12\x01P\x18\x81\x00\x0c",
        b"\x6a\x01\xff" + PATH,
        b"\x6a\x01p" + PATH + b"\xa2\x01\x01$",
        b"\x6a\x01p\x72" + bytes((127,)) + PATH[2:],
    ],
    ids=lambda message: message.hex(" "),
)
def test_a_malformed_message_is_refused(message: bytes) -> None:
    with pytest.raises(BadKeyError):
        from_urlsafe(base64.urlsafe_b64encode(message).rstrip(b"="))


@pytest.mark.parametrize(
    "text", ["agR0ZXN0cgcLEgFQGAEN", "agR0ZXN0cgcLEgFQGAE", "agR0ZXN0cgcLEgFQGAEM!", "a", "é"]
)
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(BadKeyError):
        from_urlsafe(text)


def test_a_text_with_spare_bits_is_refused() -> None:
    """base64 of 4 bytes leaves 4 bits over; App Engine writes zeroes there, and one key has one text."""
    text = to_urlsafe(Key.of(Partition.of("test"), ("PP", 1)))
    assert len(text) % 4 != 0
    with pytest.raises(BadKeyError):
        from_urlsafe(text[:-1] + chr(ord(text[-1]) + 1))


def test_a_huge_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadKeyError, match="too long"):
        from_urlsafe("a" * 10_000_000)
    with pytest.raises(BadKeyError, match="too long"):
        decode_reference(b"\x6a" * 20_000)


@pytest.mark.parametrize("path", [("A", 0), ("A", 2**63), ("A", "\ud800"), ("\ud800", 1)])
def test_a_malformed_path_is_not_written(path: tuple[Any, ...]) -> None:
    with pytest.raises(BadKeyError):
        encode_reference("p", "", "", path)
