"""What the pages and the recorded lines do not reach: bytes, mutexes, statistics, threads of calls begun."""

import pickle

import pytest

from kindstore import db
from kindstore.db import key_range, metadata, stats, sync, users
from kindstore.db.kinds import kind_map


class Thing(db.Model):
    name = db.StringProperty()
    size = db.IntegerProperty(default=3)
    tags = db.StringListProperty()
    mail = db.EmailProperty()


def test_an_instance_goes_through_bytes() -> None:
    thing = Thing(key_name="a", name="x", tags=["t"], mail="a@b")
    data = db.model_to_protobuf(thing).SerializeToString()
    found = db.model_from_protobuf(data)
    assert isinstance(found, Thing)
    assert found.key() == thing.key()
    assert db.to_dict(found) == db.to_dict(thing)
    new = db.model_from_protobuf(db.model_to_protobuf(Thing(parent=thing, name="kid")))
    assert not new.is_saved()
    assert new.put().parent() == thing.key()


def test_instances_and_queries_can_be_pickled() -> None:
    Thing(key_name="a", name="x").put()
    query = Thing.all().filter("name =", "x").order("-size")
    query.fetch(1)
    assert pickle.loads(pickle.dumps(query)).get().name == "x"
    found = pickle.loads(pickle.dumps(query.get()))
    assert found.is_saved()
    assert found.put() == db.Key.from_path("Thing", "a")


def test_what_a_class_does_not_declare_is_kept_by_a_put() -> None:
    class Loose(db.Expando):
        @classmethod
        def kind(cls) -> str:
            return "Thing"

    key = Loose(key_name="a", name="x", extra=5, long=db.Text("t")).put()
    kind_map["Thing"] = Thing
    thing = db.get(key)
    assert not hasattr(thing, "extra")
    thing.name = "y"
    thing.put()
    kind_map["Thing"] = Loose
    loose = db.get(key)
    assert (loose.name, loose.extra, loose.long) == ("y", 5, "t")


def test_a_mutex_is_held_by_one() -> None:
    mutex = sync.Mutex(key_name="m")
    assert mutex.acquire()
    assert mutex.is_held()
    other = db.get(mutex.key())
    assert not other.acquire(blocking=False)
    mutex.release()
    assert other.acquire(blocking=False)
    with pytest.raises(db.BadRequestError, match="not saved"):
        sync.Mutex(key_name="n").release()
    other.release()
    with pytest.raises(db.BadRequestError, match="not held"):
        other.release()
    pair = [sync.Mutex(key_name="b"), sync.Mutex(key_name="a")]
    assert sync.acquire(pair)
    assert all(each.is_held() for each in pair)
    assert not sync.acquire([mutex, pair[0].key()], blocking=False)
    assert not mutex.is_held()
    sync.release(pair)


def test_statistics_are_read(client: db.Client) -> None:
    db.put([Thing(key_name="a"), Thing(parent=db.Key.from_path("Thing", "a"))])
    store: object = client.store
    client.store.run(store.refresh_statistics())  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    assert stats.GlobalStat.all().get().count == 2
    assert [(found.kind_name, found.count) for found in stats.KindStat.all()] == [("Thing", 2)]
    assert stats.KindRootEntityStat.all().get().count == 1
    assert stats.NamespaceKindStat.kind() == "__Stat_Ns_Kind__"


def test_the_version_of_a_group_grows() -> None:
    thing = Thing(key_name="a")
    assert metadata.get_entity_group_version(thing) is None
    thing.put()
    before = metadata.get_entity_group_version(thing)
    Thing(parent=thing).put()
    after = metadata.get_entity_group_version(thing.key())
    assert before is not None
    assert after is not None
    assert before < after


def test_the_current_user_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USER_EMAIL", raising=False)
    assert users.get_current_user() is None
    with pytest.raises(users.UserNotFoundError):
        users.User()
    monkeypatch.setenv("USER_EMAIL", "ada@example.com")
    monkeypatch.setenv("USER_ID", "7")

    class Signed(db.Model):
        by = db.UserProperty(auto_current_user=True)

    found = db.get(Signed().put())
    assert (found.by.email(), found.by.user_id()) == ("ada@example.com", "7")


def test_namespaces_are_of_the_context_the_query_or_the_parent(client: db.Client) -> None:
    with client.context(namespace="ns"):
        key = Thing(name="there").put()
    assert key.namespace() == "ns"
    assert Thing.all().get() is None
    assert Thing.all(namespace="ns").get().name == "there"
    assert Thing(parent=key).put().namespace() == "ns"
    assert Thing.all().ancestor(key).count() == 2


def test_reading_begun_is_done_when_asked_for() -> None:
    begun = db.put_async([Thing(key_name="a"), Thing(key_name="b")])
    keys = begun.get_result()
    assert [key.name() for key in keys] == ["a", "b"]
    asked = db.get_async(keys)
    asked.wait()
    asked.check_success()
    assert len(asked.get_result()) == 2
    db.delete_async(keys).get_result()
    assert db.get(keys) == [None, None]
    first, last = db.allocate_ids_async(keys[0], 5).get_result()
    assert last - first == 4


class Comment(db.Model):
    thing = db.ReferenceProperty(Thing, collection_name="comments")
    at = db.DateTimeProperty(auto_now_add=True)


def test_references_can_be_read_in_one_batch() -> None:
    things = [Thing(key_name=name, name=name) for name in "ab"]
    db.put(things)
    db.put([Comment(thing=things[at % 2]) for at in range(4)])
    comments = Comment.all().fetch(None)
    prop = Comment.thing
    keys = [prop.get_value_for_datastore(each) for each in comments]
    read = {each.key(): each for each in db.get(list(set(keys)))}
    for each, key in zip(comments, keys, strict=True):
        prop.__set__(each, read[key])
    db.delete(things)
    assert sorted(each.thing.name for each in comments) == ["a", "a", "b", "b"]
    with pytest.raises(db.ReferencePropertyResolveError, match="failed to be resolved"):
        _ = Comment.all().get().thing


def test_ranges_of_keys_are_split_and_queried() -> None:
    db.put([Thing(key_name=name) for name in "abcdefgh"])
    whole = key_range.KeyRange(
        db.Key.from_path("Thing", "a"), db.Key.from_path("Thing", "h"), include_start=False
    )
    lower, upper = whole.split_range()
    names = [
        [key.name() for key in part.make_ascending_query(Thing, keys_only=True)] for part in (lower, upper)
    ]
    assert names[0] + names[1] == list("bcdefgh")
    assert all(names)
    assert [key.name() for key in lower.make_directed_query(Thing, keys_only=True)] == names[0][::-1]
    upper.advance(db.Key.from_path("Thing", "g"))
    assert [each.key().name() for each in upper.make_ascending_query(Thing)] == ["h"]
    assert key_range.KeyRange.from_json(whole.to_json()) == whole
    one, hundred = (db.Key.from_path("Thing", number) for number in (1, 100))
    assert key_range.KeyRange.split_keys(one, hundred, 10) == db.Key.from_path("Thing", 50)
    assert key_range.KeyRange.split_keys(one, hundred, 200) == one
    assert key_range.KeyRange.bisect_string_range("a", "c") == "b"
    with pytest.raises(key_range.KeyRangeError, match="Wrong key order"):
        key_range.KeyRange.split_keys(whole.key_end or one, one, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT", "Parse Error: Identifier Expected: "),
        ("SELECT FROM Thing", "Parse Error: Identifier is a reserved keyword: "),
        ("SELECT * FROM Thing WHERE name IN ('x', ())", "Parse Error: Filter list value could not be cast: "),
        ("SELECT * FROM Thing WHERE size = DATE()", "Parse Error: "),
        ("SELECT * FROM Thing WHERE size = DATE('today')", "Type Cast Error: "),
        ("SELECT * FROM Thing WHERE mail = USER(NULL)", "Type Cast Error: "),
    ],
)
def test_what_is_wrong_with_a_text_begins_with_app_engines_words(text: str, words: str) -> None:
    with pytest.raises(db.BadQueryError) as caught:
        db.GqlQuery(text).get()
    assert str(caught.value).startswith(words)
    assert "(line 1, column " in str(caught.value)


def test_a_user_in_a_text_is_of_the_domain_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Owned(db.Model):
        owner = db.UserProperty()

    Owned(owner=users.User("a@example.com", "example.com")).put()
    text = "SELECT * FROM Owned WHERE owner = USER('a@example.com')"
    assert db.GqlQuery(text).count() == 0
    monkeypatch.setenv("AUTH_DOMAIN", "example.com")
    assert db.GqlQuery(text).count() == 1


def test_several_values_may_be_excluded() -> None:
    for name in ("a", "b", "c"):
        Thing(key_name=name, name=name).put()
    query = Thing.all().filter("name !=", "a").filter("name !=", "b").order("name")
    assert [thing.name for thing in query] == ["c"]
    assert [thing.name for thing in query.order("-size").fetch(5)] == ["c"]


def test_ranges_share_out_a_kind_and_its_end_is_found() -> None:
    assert key_range.KeyRange.guess_end_key("Thing", db.Key.from_path("Thing", "a")) == db.Key.from_path(
        "Thing", "a"
    )
    [everything] = key_range.KeyRange.compute_split_points("Thing", 3)
    assert (everything.key_start, everything.key_end) == (None, None)
    keys = db.put([Thing(key_name=f"{number:02}") for number in range(10)])
    ranges = key_range.KeyRange.compute_split_points("Thing", 3)
    parts = [[thing.key() for thing in each.make_ascending_query(Thing)] for each in ranges]
    assert [len(part) for part in parts] == [2, 3, 2, 3]
    assert [key for part in parts for key in part] == keys
    assert len(key_range.KeyRange.compute_split_points("Thing", 100)) == 10
    assert key_range.KeyRange.guess_end_key("Thing", keys[3]) == keys[9]


def test_everything_works_always() -> None:
    for capability in (db.READ_CAPABILITY, db.WRITE_CAPABILITY):
        assert capability.is_enabled()
        assert capability.will_remain_enabled_for(10)
        assert capability.admin_message() == ""
