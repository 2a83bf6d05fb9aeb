"""Keys as google-cloud-datastore has them."""

import pickle
from typing import Any

import pytest

from kindstore import datastore
from kindstore.values.errors import BadKeyError


def test_a_key_tells_its_parts(client: datastore.Client) -> None:
    key = client.key("Author", "ada", "Note", 7)
    assert key.flat_path == ("Author", "ada", "Note", 7)
    assert key.path == [{"kind": "Author", "name": "ada"}, {"kind": "Note", "id": 7}]
    assert (key.kind, key.id, key.name, key.id_or_name) == ("Note", 7, None, 7)
    assert key.parent == client.key("Author", "ada")
    assert key.parent is not None
    assert (key.parent.id, key.parent.name, key.parent.parent) == (None, "ada", None)
    assert (key.project, key.database, key.namespace) == ("p", None, None)
    assert repr(key) == "<Key('Author', 'ada', 'Note', 7), project=p>"


def test_a_partial_key_is_equal_to_none_and_can_be_completed(client: datastore.Client) -> None:
    partial = client.key("Author", 1, "Note")
    assert partial.is_partial
    assert partial != client.key("Author", 1, "Note")
    assert partial.flat_path == ("Author", 1, "Note")
    assert partial.path[-1] == {"kind": "Note"}
    assert partial.completed_key(2) == client.key("Author", 1, "Note", 2)
    with pytest.raises(BadKeyError, match="Only a partial key"):
        client.key("Author", 1).completed_key(2)


def test_a_parent_gives_its_partition(client: datastore.Client) -> None:
    parent = datastore.Key("Author", 1, project="other", namespace="ns", database="db")
    key = datastore.Key("Note", 2, parent=parent)
    assert (key.project, key.namespace, key.database) == ("other", "ns", "db")
    for wrong in ({"namespace": "n"}, {"project": "q"}, {"database": "d"}):
        with pytest.raises(BadKeyError, match="must agree with parent's"):
            datastore.Key("Note", 2, parent=parent, **wrong)
    with pytest.raises(BadKeyError, match="Parent key must be complete"):
        client.key("Note", 2, parent=client.key("Author"))


@pytest.mark.parametrize("path", [(), (1,), ("A", 1.5), ("A", True), ("A", None), (None, 1)])
def test_a_wrong_path_is_a_value_error(path: Any) -> None:
    with pytest.raises(ValueError, match=r"Key path|Kind was|ID/name was"):
        datastore.Key(*path, project="p")


def test_keys_go_through_urls_pickles_and_sets(client: datastore.Client) -> None:
    key = datastore.Key("Author", "ada", project="p", namespace="ns")
    assert datastore.Key.from_legacy_urlsafe(key.to_legacy_urlsafe()) == key
    assert datastore.Key.from_legacy_urlsafe(key.to_legacy_urlsafe("s~")) == key
    assert pickle.loads(pickle.dumps(key)) == key
    assert {key, datastore.Key("Author", "ada", project="p", namespace="ns")} == {key}
    with pytest.raises(BadKeyError, match="default database"):
        datastore.Key("Author", 1, project="p", database="d").to_legacy_urlsafe()
    with pytest.raises(BadKeyError):
        datastore.Key.from_legacy_urlsafe("nonsense")
