"""Names of NDB that few programs use, but some do: they are there, and mean what they mean in NDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kindstore import ndb
from kindstore.ndb.exceptions import BadArgumentError


class Member(ndb.Model):
    name = ndb.StringProperty("n")
    age = ndb.IntegerProperty()


class Squad(ndb.Model):
    members = ndb.StructuredProperty(Member, "m", repeated=True)


@pytest.fixture(params=[True, False], ids=["dotted", "embedded"])
def both(request: pytest.FixtureRequest) -> Any:
    with ndb.Client(url=":memory:").context(legacy_data=request.param) as context:
        yield context


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("wanted", [Member(name="Joe", age=24), {"n": "Joe", "age": 24}])
def test_a_predicate_looks_for_one_item_that_has_all_the_values(wanted: Any) -> None:
    has = Squad(members=[Member(name="Jim", age=3), Member(name="Joe", age=24)]).put()
    Squad(members=[Member(name="Joe", age=3), Member(name="Jim", age=24)]).put()
    Squad().put()
    predicate = ndb.RepeatedStructuredPropertyPredicate("m", ["n", "age"], wanted)
    query = Squad.query(ndb.PostFilterNode(predicate))
    assert query.fetch(keys_only=True) == [has]
    assert (predicate.name, predicate.match_keys) == ("m", ["n", "age"])


def test_a_predicate_needs_values() -> None:
    made: Any = ndb.RepeatedStructuredPropertyPredicate
    for entity, missing in ((object(), "age"), (Member(), "nothing"), ({}, "age")):
        with pytest.raises(BadArgumentError):
            made("m", [missing], entity)


def test_ready_options_count_instead_of_others(context: ndb.Context) -> None:
    key = Member(id=1, age=1).put()
    stale = key.get()
    with ndb.get_context().new(identities=None).use():
        Member(id=1, age=2).put()
    past = ndb.QueryOptions(use_cache=False, limit=3, kind="Member")
    assert key.get() is stale
    assert key.get(_options=past) is not stale
    assert key.get_async(_options=past).result().age == 2
    assert ndb.get_multi([key], _options=past)[0].age == 2
    assert Member.get_by_id(1, _options=past) == Member(id=1, age=2)
    Member(id=9).put(_options=past)
    assert ndb.Key("Member", 9) not in context.cache
    key.delete(_options=None)
    assert key.get() is None


@pytest.mark.usefixtures("context")
def test_ready_options_of_queries() -> None:
    ndb.put_multi([Member(age=age) for age in range(5)])
    assert len(Member.query().fetch(_options=ndb.QueryOptions(limit=2))) == 2
    assert Member.query().fetch(options=ndb.QueryOptions(limit=1, callback=print, use_global_cache=False))


@pytest.mark.usefixtures("context")
def test_ready_options_are_query_options() -> None:
    for wrong in ({"use_cache": False}, 3):
        with pytest.raises(TypeError, match="_options"):
            ndb.Key("Member", 1).get(_options=wrong)


def test_a_context_has_the_figures_and_the_loop_of_ndb(context: ndb.Context) -> None:
    assert (context.rpc_time, context.wait_time) == (0, 0)
    future = Member(id=7).put_async()
    assert not future.done()
    context.eventloop.run()
    assert future.done()


def test_clients_of_service_accounts_have_its_project(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"type": "service_account", "project_id": "shop"}))
    client = ndb.Client.from_service_account_json(path, namespace="n", url=":memory:")
    assert (type(client), client.project, client.namespace) == (ndb.Client, "shop", "n")
    with client.context():
        assert ndb.Key("A", 1).project() == "shop"
    assert ndb.Client.from_service_account_info({"project_id": "shop"}, project="other").project == "other"
