"""Keys: how they are made, what they say, how they compare, and the texts they can be made of."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import kindstore
from kindstore import ndb

pytestmark = pytest.mark.usefixtures("context")


class Thing(ndb.Model):
    pass


class Renamed(ndb.Model):
    @classmethod
    def _get_kind(cls) -> str:
        return "Other"


def test_a_path_can_be_given_in_many_ways() -> None:
    key = ndb.Key("Country", "CH", "City", 1)
    assert ndb.Key(flat=["Country", "CH", "City", 1]) == key
    assert ndb.Key(pairs=[("Country", "CH"), ("City", 1)]) == key
    assert ndb.Key("City", 1, parent=ndb.Key("Country", "CH")) == key
    assert ndb.Key({"flat": ("Country", "CH", "City", 1)}) == key
    assert ndb.Key(urlsafe=key.urlsafe()) == key
    assert ndb.Key(urlsafe=key.urlsafe().decode()) == key
    assert ndb.Key(serialized=key.serialized()) == key


def test_a_key_tells_its_parts() -> None:
    key = ndb.Key("Country", "CH", "City", 1, namespace="atlas")
    assert key.kind() == "City"
    assert key.id() == 1
    assert key.integer_id() == 1
    assert key.string_id() is None
    assert key.flat() == ("Country", "CH", "City", 1)
    assert key.pairs() == (("Country", "CH"), ("City", 1))
    assert key.namespace() == "atlas"
    assert key.project() == key.app() == "kindstore"
    assert key.database() is None
    parent = key.parent()
    assert parent == key.root() == ndb.Key("Country", "CH", namespace="atlas")
    assert type(parent) is ndb.Key
    assert parent.string_id() == "CH"
    assert parent.parent() is None


def test_a_model_class_stands_for_its_kind() -> None:
    assert ndb.Key(Thing, 1).kind() == "Thing"
    assert ndb.Key(Renamed, 1).kind() == "Other"


def test_an_incomplete_key_ends_in_none() -> None:
    key = ndb.Key("Thing")
    assert key.id() is None
    assert key.flat() == ("Thing", None)
    assert ndb.Key("Thing", None) == key


def test_namespaces_come_from_the_parent_or_the_context(client: ndb.Client) -> None:
    with client.context(namespace="mine"):
        key = ndb.Key("Thing", 1)
        assert key.namespace() == "mine"
        assert ndb.Key("Thing", 1, namespace="").namespace() is None
        assert ndb.Key("Thing", 1, namespace=None).namespace() is None
        below = ndb.Key("Part", 2, parent=ndb.Key("Thing", 1, namespace="theirs"))
        assert below.namespace() == "theirs"
        assert ndb.Key("Part", 2, parent=key) == ndb.Key("Thing", 1, "Part", 2)
    assert ndb.Key("Thing", 1).namespace() is None
    with pytest.raises(ndb.exceptions.BadKeyError, match="namespace"):
        ndb.Key("Part", 2, parent=key, namespace="theirs")


def test_equal_keys_are_equal_whatever_their_class() -> None:
    key = ndb.Key("Thing", 1)
    plain = kindstore.Key.of(key.partition, ("Thing", 1))
    assert key == plain
    assert plain == key
    assert hash(key) == hash(plain)
    assert len({key, plain}) == 1
    assert key != ndb.Key("Thing", "1")
    assert key != ndb.Key("Thing", 1, namespace="other")
    assert key != "Thing"


def test_keys_are_ordered_ids_before_names_and_parents_before_children() -> None:
    keys = [
        ndb.Key("A", 2),
        ndb.Key("A", 2, "Z", 1),
        ndb.Key("A", 10),
        ndb.Key("A", "1"),
        ndb.Key("B", 1),
    ]
    keys.reverse()
    assert sorted(keys) == keys[::-1]
    with pytest.raises(TypeError):
        assert keys[0] < 1


def test_repr_can_be_read_and_leaves_out_what_the_context_says() -> None:
    assert repr(ndb.Key("A", 1, "B", "x")) == "Key('A', 1, 'B', 'x')"
    assert repr(ndb.Key("A")) == "Key('A', None)"
    key = ndb.Key("A", 1, project="p", database="d", namespace="n")
    assert repr(key) == "Key('A', 1, project='p', database='d', namespace='n')"
    assert eval(repr(key), {"Key": ndb.Key}) == key


def test_a_key_can_be_pickled() -> None:
    key = ndb.Key("A", 1, "B", "x", namespace="n")
    again = pickle.loads(pickle.dumps(key))
    assert again == key
    assert type(again) is ndb.Key


def test_urlsafe_is_app_engines_text() -> None:
    # The texts are those of the documentation of google-cloud-ndb.
    key = ndb.Key("Kind", 1337, project="example")
    assert key.serialized() == b"j\x07exampler\x0b\x0b\x12\x04Kind\x18\xb9\n\x0c"
    assert key.urlsafe() == b"agdleGFtcGxlcgsLEgRLaW5kGLkKDA"
    assert key.to_legacy_urlsafe("s~") == b"aglzfmV4YW1wbGVyCwsSBEtpbmQYuQoM"
    assert ndb.Key(urlsafe=b"aglzfmV4YW1wbGVyCwsSBEtpbmQYuQoM") == key
    with pytest.raises(ValueError, match="default database"):
        ndb.Key("Kind", 1337, database="other").to_legacy_urlsafe("s~")


@pytest.mark.parametrize("text", ["", "not a key!", "AAAA", b"\xff\xff", "ahJkZ"])
def test_a_malformed_text_is_refused(text: Any) -> None:
    with pytest.raises(ndb.exceptions.BadKeyError):
        ndb.Key(urlsafe=text)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("A", 1.5), {}),
        ((3, 1), {}),
        (("A", 1), {"flat": ["A", 1]}),
        (("A", 1), {"urlsafe": b"x"}),
        (("A", 1), {"project": "p", "app": "p"}),
        ((), {"pairs": []}),
    ],
)
def test_arguments_that_make_no_key_are_type_errors(
    arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        ndb.Key(*arguments, **options)


def test_a_parent_must_be_a_complete_key() -> None:
    with pytest.raises(ndb.exceptions.BadValueError):
        ndb.Key("A", 1, parent="B")  # type: ignore[arg-type]
    with pytest.raises(ndb.exceptions.BadValueError):
        ndb.Key("A", 1, parent=ndb.Key("B"))
    with pytest.raises(ndb.exceptions.BadArgumentError):
        ndb.Key("A", None, "B", 1)


@pytest.mark.parametrize("path", [("A", 0), ("A", -1), ("A", ""), ("", 1), ("A", "x" * 1501), ("__A__", 1)])
def test_a_path_that_the_datastore_does_not_have_is_refused_at_put(path: tuple[Any, Any]) -> None:
    class Anything(ndb.Expando):
        @classmethod
        def _get_kind(cls) -> str:
            return str(path[0])

    with pytest.raises(ndb.exceptions.BadKeyError):
        Anything(key=ndb.Key(*path)).put()


def test_the_app_may_have_app_engines_prefix() -> None:
    assert ndb.Key("A", 1, app="s~guestbook").project() == "guestbook"


def test_the_project_is_named_by_one_word() -> None:
    class Note(ndb.Model):
        text = ndb.StringProperty()

    calls: list[Callable[..., Any]] = [Note.get_by_id, Note.get_by_id_async, Note.get_or_insert]
    for call in calls:
        with pytest.raises(TypeError, match="both"):
            call("a", app="x", project="y")


def test_a_class_of_keys_is_not_made_of_a_reference() -> None:
    class Mine(ndb.Key):
        pass

    assert Mine("A", 1) == ndb.Key("A", 1)
    with pytest.raises(TypeError, match="non-Key"):
        Mine(urlsafe=ndb.Key("A", 1).urlsafe())


def test_the_key_of_google_cloud_datastore() -> None:
    keys = pytest.importorskip("google.cloud.datastore.key")
    key = ndb.Key("A", 1, "B", "x", namespace="n", database="d")
    assert key._key == keys.Key("A", 1, "B", "x", project="kindstore", namespace="n", database="d")
    assert ndb.Key("A", 1, "B")._key == keys.Key("A", 1, "B", project="kindstore")
