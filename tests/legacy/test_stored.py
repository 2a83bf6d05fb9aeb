"""What App Engine's NDB and google-cloud-ndb have stored reads as what was stored; `library.py` has the entities."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kindstore import ndb
from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity
from kindstore.wire.entity_bytes import decode_entity
from tests.legacy import library

HERE = Path(__file__).parent
WRITTEN = {name: json.loads((HERE / f"{name}.json").read_text()) for name in ("app_engine", "cloud_ndb")}
FORMS = {
    "App Engine": WRITTEN["app_engine"]["entities"],
    "google-cloud-ndb": WRITTEN["cloud_ndb"]["legacy"],
    "google-cloud-ndb, embedded": WRITTEN["cloud_ndb"]["embedded"],
}
NAMES = list(FORMS["App Engine"])


@pytest.fixture(autouse=True)
def wanted() -> Iterator[dict[str, Any]]:
    """The entities as ours, by name, in a store of their project."""
    known = dict(ndb.Model._kind_map)
    with ndb.Client(url=":memory:", project="library") as client, client.context(cache_policy=False):
        yield library.entities_of(ndb, library.models_of(ndb), ndb.User)
    del sys.modules["library"]
    ndb.Model._kind_map.clear()
    ndb.Model._kind_map.update(known)


def put(entity: Entity) -> None:
    """Write *entity* past the models."""
    store = ndb.get_context().store
    store.run(store.commit([Upsert(entity)]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_an_entity_reads_as_what_was_stored(wanted: dict[str, Any], form: str, name: str) -> None:
    put(decode_entity(bytes.fromhex(FORMS[form][name])))
    assert wanted[name].key.get() == wanted[name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("legacy_data", [True, False])
def test_it_is_the_same_after_it_was_put_again(
    wanted: dict[str, Any], form: str, name: str, legacy_data: bool
) -> None:
    put(decode_entity(bytes.fromhex(FORMS[form][name])))
    key = wanted[name].key
    with ndb.get_context().new(legacy_data=legacy_data).use():
        key.get().put()
        assert key.get() == wanted[name]
        wanted[name].put()
        assert key.get() == wanted[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_form_of_google_cloud_ndb_is_ours(wanted: dict[str, Any], name: str) -> None:
    """Theirs says nothing of empty lists and nulls, and not that values in repeated structures are compressed."""
    theirs = decode_entity(bytes.fromhex(WRITTEN["cloud_ndb"]["legacy"][name]))
    wanted[name].put()
    store = ndb.get_context().store
    (ours,) = store.run(store.lookup([wanted[name].key]))
    assert ours is not None
    assert comparable(ours) == comparable(theirs)
    known = {column for column, value in theirs.items() if value not in (None, [])}
    assert ours.shape.unindexed & known == theirs.shape.unindexed & known
    more = {column: meaning for column, meaning in ours.shape.meanings if column in known}
    for column, meaning in theirs.shape.meanings:
        assert more.pop(column) == meaning
    assert all(column.startswith("items.place.") for column in more)


def comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, Entity):
        return {name: comparable(item) for name, item in value.items() if item is not None}
    return value


@pytest.mark.parametrize("origin", WRITTEN)
def test_keys_of_app_engine_in_urls_are_read_and_written(origin: str) -> None:
    for urlsafe, flat in WRITTEN[origin]["keys"].items():
        key = ndb.Key(urlsafe=urlsafe)
        assert key == ndb.Key(*flat, namespace="tenant", project="library")
        assert key.to_legacy_urlsafe("s~") == urlsafe.encode()
        assert ndb.Key(serialized=base64.urlsafe_b64decode(urlsafe + "==")) == key


@pytest.mark.parametrize("protocol", ["2", "4"])
@pytest.mark.parametrize("name", WRITTEN["app_engine"]["pickles"])
def test_a_pickled_entity_is_what_was_pickled(wanted: dict[str, Any], name: str, protocol: str) -> None:
    data = bytes.fromhex(WRITTEN["app_engine"]["pickles"][name][protocol])
    found = pickle.loads(data, encoding="bytes")
    assert type(found) is type(wanted[name])
    assert found == wanted[name]
