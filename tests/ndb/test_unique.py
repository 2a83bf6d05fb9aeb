"""Unique values: `unique=True` and `unique_together`, kept by every way of writing."""

import asyncio
import pickle
from collections.abc import Iterator

import pytest

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.mapper.claims import guard
from kindstore.ndb import unique
from kindstore.ndb.exceptions import BadValueError, ConflictError, UniqueViolationError
from kindstore.store.messages import Concurrency, Delete, Upsert
from kindstore.values.entity import Entity
from tests.ndb.unique_models import User, assert_unique, emails, markers


class Plain(ndb.Model):
    """Users, as a program sees them that knows of no constraint."""

    email = ndb.StringProperty("e")

    @classmethod
    def _get_kind(cls) -> str:
        return "User"


class Person(ndb.Model):
    name = ndb.StringProperty()
    folded = ndb.ComputedProperty(lambda self: self.name and self.name.casefold(), unique=True)


class Animal(ndb.Model):
    @classmethod
    def _get_kind(cls) -> str:
        return "Animal"


class Dog(Animal):
    chip = ndb.IntegerProperty(unique=True)


class Cat(Animal):
    chip = ndb.IntegerProperty()


class Anything(ndb.Expando):
    unique_together = (("colour",),)


@pytest.fixture(params=["sqlite", "memory"])
def client(request: pytest.FixtureRequest) -> Iterator[ndb.Client]:
    store = MemoryStore() if request.param == "memory" else None
    # The class of the kind is User, whatever else this module defines for it.
    ndb.Model._kind_map["User"] = User
    with ndb.Client(store=store, url=None if store else ":memory:") as made:
        yield made


@pytest.fixture(autouse=True)
def _inside(context: ndb.Context) -> Iterator[None]:
    yield
    del context


# One value, one entity.


def test_a_value_that_another_entity_has_is_refused() -> None:
    ada = User(id="ada", email="a").put()
    with pytest.raises(UniqueViolationError) as caught:
        User(id="bob", email="a").put()
    error = caught.value
    assert (error.property, error.value, error.key, error.path) == ("email", "a", ada, "User.email")
    assert isinstance(error.key, ndb.Key)
    assert "User.email" in str(error)
    assert error.hint
    assert emails() == {"ada": "a"}
    assert_unique()


def test_the_error_can_be_pickled() -> None:
    User(id="ada", email="a").put()
    with pytest.raises(UniqueViolationError) as caught:
        User(email="a").put()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.property, again.value, again.key) == ("email", "a", caught.value.key)


def test_values_that_are_unique_together_may_be_shared_one_by_one() -> None:
    one = User(id="ada", room=1, seat="a").put()
    User(id="bob", room=1, seat="b").put()
    User(id="eve", room=2, seat="a").put()
    with pytest.raises(UniqueViolationError) as caught:
        User(id="joe", room=1, seat="a").put()
    error = caught.value
    assert (error.property, error.value, error.key) == (("room", "seat"), (1, "a"), one)
    assert error.path == "User.room, User.seat"
    assert_unique()


def test_none_is_no_value() -> None:
    ndb.put_multi([User(id=name) for name in "abc"])
    ndb.put_multi([User(id=name, room=1) for name in "def"])
    assert markers() == 0
    assert_unique()


def test_an_entity_may_be_put_again_and_again() -> None:
    ada = User(id="ada", email="a")
    for note in ("x", "y", "y"):
        ada.note = note
        ada.put()
    assert_unique()


def test_an_entity_without_a_key_gets_an_id_that_its_marker_names() -> None:
    key = User(email="a").put()
    everything: list[ndb.Model] = ndb.Query().fetch()
    marker = next(each for each in everything if isinstance(each, unique.Marker))
    assert marker.owner == key
    assert marker.properties == ["e"]


def test_a_value_that_is_given_up_is_free() -> None:
    ada = User(id="ada", email="a", room=1, seat="x")
    ada.put()
    ada.email, ada.seat = "b", None
    ada.put()
    User(id="bob", email="a", room=1, seat="x").put()
    assert emails() == {"ada": "b", "bob": "a"}
    assert_unique()


@pytest.mark.parametrize("how", ["one", "multi", "async", "transaction"])
def test_the_value_of_a_deleted_entity_is_free(client: ndb.Client, how: str) -> None:
    key = User(id="ada", email="a").put()
    with client.context():  # where nothing is known of the entity
        if how == "one":
            key.delete()
        elif how == "multi":
            ndb.delete_multi([key, key, ndb.Key("User", "nobody"), ndb.Key("Unknown", 1)])
        elif how == "async":
            key.delete_async().result()
        else:
            ndb.transaction(key.delete)
    assert markers() == 0
    User(id="bob", email="a").put()
    assert_unique()


def test_a_value_belongs_to_a_namespace(client: ndb.Client) -> None:
    User(id="ada", email="a").put()
    with client.context(namespace="shop"):
        User(id="ada", email="a").put()
        assert_unique()
    assert_unique()


def test_long_values_are_unique_too() -> None:
    User(id="ada", email="x" * 1500).put()
    User(id="bob", email="x" * 1499 + "y").put()
    with pytest.raises(UniqueViolationError):
        User(id="eve", email="x" * 1500).put()
    with pytest.raises(BadValueError, match="1500 bytes"):
        User(id="joe", email="x" * 1501).put()


# Many at once.


def test_two_entities_may_swap_their_values() -> None:
    ada, bob = User(id="ada", email="a"), User(id="bob", email="b")
    ndb.put_multi([ada, bob])
    ada.email, bob.email = bob.email, ada.email
    ndb.put_multi([ada, bob])
    assert emails() == {"ada": "b", "bob": "a"}
    assert_unique()


def test_two_entities_of_one_put_with_one_value_are_refused_before_anything_is_written() -> None:
    with pytest.raises(UniqueViolationError) as caught:
        ndb.put_multi([User(id="ada", email="a"), User(id="bob", email="b"), User(id="eve", email="a")])
    assert caught.value.key == ndb.Key("User", "ada")
    assert emails() == {}
    assert markers() == 0


def test_of_many_entities_none_is_written_if_one_is_refused() -> None:
    User(id="ada", email="a").put()
    fresh = [User(email=str(number)) for number in range(30)] + [User(email="a")]
    with pytest.raises(UniqueViolationError):
        ndb.put_multi(fresh)
    assert emails() == {"ada": "a"}
    assert all(user.key is None for user in fresh)
    assert_unique()


def test_the_last_of_several_puts_of_one_key_counts() -> None:
    ndb.put_multi([User(id="ada", email="a"), User(id="bob", email="b"), User(id="ada", email="c")])
    assert emails() == {"ada": "c", "bob": "b"}
    assert_unique()


def test_futures_of_puts_are_refused_one_by_one() -> None:
    futures = [User(id=f"u{number}", email=str(number % 3)).put_async() for number in range(5)]
    failed = [isinstance(future.exception(), UniqueViolationError) for future in futures]
    assert failed == [False, False, False, True, True]
    assert_unique()


def test_asyncio_has_the_same_law(client: ndb.Client) -> None:
    async def put(number: int) -> bool:
        try:
            await User(id=f"u{number}", email=str(number % 3)).put_async()
        except UniqueViolationError:
            return False
        return True

    async def work() -> int:
        async with client.context():
            return sum(await asyncio.gather(*map(put, range(12))))

    assert asyncio.run(work()) == 3
    assert_unique()


# In transactions.


def test_in_a_transaction_what_counts_is_its_end() -> None:
    ndb.put_multi([User(id="ada", email="a"), User(id="bob", email="b")])

    @ndb.transactional()
    def turn() -> None:
        ada, bob = ndb.Key("User", "ada").get(), ndb.Key("User", "bob").get()
        ada.email, bob.email = bob.email, ada.email
        ada.put()  # bob still has this value
        bob.put()
        User(id="eve", email="e").put()
        ndb.Key("User", "eve").delete()

    turn()
    assert emails() == {"ada": "b", "bob": "a"}
    assert_unique()


def test_a_transaction_that_would_break_the_law_writes_nothing() -> None:
    User(id="ada", email="a").put()

    @ndb.transactional()
    def work() -> None:
        User(id="eve", email="e").put()
        User(id="bob", email="a").put()

    with pytest.raises(UniqueViolationError):
        work()
    assert emails() == {"ada": "a"}
    assert_unique()


def test_a_transaction_that_is_rolled_back_leaves_no_marker() -> None:
    def work() -> None:
        User(id="ada", email="a").put()
        raise ndb.Rollback

    with pytest.raises(ndb.Rollback):
        ndb.transaction(work)
    assert markers() == 0


def test_a_transaction_that_lost_the_race_for_a_value_is_told_so(client: ndb.Client) -> None:
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        User(id="ada", email="a").put()
        User.get_by_id("zoe")  # the snapshot is taken
        if tries == 1:
            with client.context():
                User(id="bob", email="a").put()

    with pytest.raises(UniqueViolationError) as caught:
        ndb.transaction(work)
    assert caught.value.key == ndb.Key("User", "bob")
    assert tries == 2
    assert_unique()


def test_the_legacy_mode_counts_markers_as_groups_and_puts_outside_have_no_limit() -> None:
    ndb.put_multi([User(id=f"u{number}", email=str(number)) for number in range(40)])

    def work() -> None:
        ndb.put_multi([User(id=f"n{number}", email=f"n{number}") for number in range(12)])

    ndb.transaction(work, concurrency=Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS)
    assert_unique()


def test_get_or_insert_inserts_once() -> None:
    first = User.get_or_insert("ada", email="a")
    assert User.get_or_insert("ada", email="b") is first
    with pytest.raises(UniqueViolationError):
        User.get_or_insert("bob", email="a")
    assert_unique()


# Programs that know of no constraint.


def put_plainly(key_name: str, email: str | None) -> None:
    """Write a user, or delete one, past every constraint."""
    store, key = ndb.get_context().store, ndb.Key("User", key_name)
    change = Delete(key) if email is None else Upsert(Entity.of(key, {"e": email}))
    store.run(store.commit([change]))
    ndb.get_context().clear_cache()


@pytest.mark.parametrize("email", ["b", None], ids=["changed", "deleted"])
def test_a_marker_whose_owner_was_changed_elsewhere_binds_nobody(email: str | None) -> None:
    User(id="ada", email="a").put()
    put_plainly("ada", email)
    User(id="bob", email="a").put()
    assert emails()["bob"] == "a"
    if email is not None:  # the entity that was written elsewhere gets its marker when it is put here
        User(id="ada", email="b").put()
    assert_unique()


def test_an_entity_that_was_written_elsewhere_gets_its_marker_at_the_next_put() -> None:
    put_plainly("ada", "a")
    ada = User.get_by_id("ada")
    assert ada is not None
    ada.note = "x"
    ada.put()
    with pytest.raises(UniqueViolationError):
        User(id="bob", email="a").put()
    assert_unique()


def test_the_delete_of_a_duplicate_leaves_the_marker_to_its_owner() -> None:
    User(id="ada", email="a").put()
    put_plainly("bob", "a")
    ndb.Key("User", "bob").delete()
    with pytest.raises(UniqueViolationError):
        User(id="eve", email="a").put()
    assert_unique()


def test_both_duplicates_may_be_deleted_at_once() -> None:
    User(id="ada", email="a").put()
    put_plainly("bob", "a")
    ndb.delete_multi([ndb.Key("User", "ada"), ndb.Key("User", "bob")])
    assert markers() == 0


@pytest.mark.parametrize("winner", ["owner", "taker"])
def test_of_the_owner_of_a_stale_marker_and_who_takes_it_over_one_wins(winner: str) -> None:
    User(id="ada", email="a").put()
    put_plainly("ada", "b")
    store = ndb.get_context().store
    both = {
        who: store.run(
            guard(store, [Upsert(Entity.of(ndb.Key("User", name), {"e": "a"}))], {"User": User._unique})
        )
        for who, name in (("owner", "ada"), ("taker", "bob"))
    }
    store.run(store.commit(both.pop(winner)))
    [late] = both.values()
    with pytest.raises(ConflictError):
        store.run(store.commit(late))
    assert list(emails().values()).count("a") == 1


# Classes.


def test_a_computed_property_makes_a_value_unique_in_any_spelling() -> None:
    Person(name="Ada").put()
    with pytest.raises(UniqueViolationError, match="folded"):
        Person(name="ADA").put()


def test_classes_of_one_kind_that_inherit_each_other_share_its_constraints() -> None:
    rex = Dog(id="rex", chip=7).put()
    for other in (Dog(id="bello", chip=7), Cat(id="tom", chip=7)):
        with pytest.raises(UniqueViolationError):
            other.put()
    rex.delete()
    Cat(id="tom", chip=7).put()


def test_a_subclass_of_another_kind_has_a_constraint_of_its_own() -> None:
    class Admin(User):
        pass

    User(id="ada", email="a").put()
    Admin(id="ada", email="a").put()
    with pytest.raises(UniqueViolationError, match=r"Admin\.email"):
        Admin(id="bob", email="a").put()


def test_a_property_of_an_expando_may_be_unique() -> None:
    Anything(colour="red").put()
    Anything(shape="round").put()
    with pytest.raises(UniqueViolationError, match="colour"):
        Anything(colour="red").put()
    with pytest.raises(BadValueError, match=r"Anything\.colour"):
        Anything(colour=["red", "blue"]).put()


def test_a_class_without_constraints_writes_no_marker() -> None:
    Plain(id="ada", email="a").put()
    assert markers() == 0


def test_what_cannot_be_unique_is_refused_where_the_class_is_defined() -> None:
    def define(**attributes: object) -> None:
        type("Wrong", (ndb.Model,), attributes)

    for prop, reason in (
        (ndb.StringProperty(repeated=True, unique=True), "repeated"),
        (ndb.TextProperty(unique=True), "not indexed"),
        (ndb.JsonProperty(unique=True), "not indexed"),
        (ndb.StructuredProperty(Plain, unique=True), "structure"),
        (ndb.StructuredProperty(User), "User"),
    ):
        with pytest.raises(TypeError, match=reason):
            define(value=prop)
    with pytest.raises(TypeError, match="no property 'b'"):
        define(a=ndb.StringProperty(), unique_together=("a", "b"))
    with pytest.raises(TypeError, match="twice"):
        define(a=ndb.StringProperty(), unique_together=("a", "a"))
    with pytest.raises(TypeError, match="tuples"):
        define(a=ndb.StringProperty(), unique_together=[1])
    define(a=ndb.StringProperty(), b=ndb.KeyProperty(unique=True), _unique_together=[("a", "b"), ("b",)])
    assert repr(ndb.StringProperty(unique=True)) == "StringProperty(unique=True)"


# Check and backfill.


def test_check_reports_what_is_not_as_it_should_be_and_changes_nothing() -> None:
    for name, email in (("ada", "a"), ("bob", "b"), ("eve", "a"), ("joe", "j")):
        put_plainly(name, email)
    User(id="zoe", email="z").put()
    put_plainly("zoe", None)
    report = unique.check(User)["e",]
    [duplicate] = report.duplicates
    assert duplicate.value == "a"
    assert [key.path[-1] for key in duplicate.keys] == ["ada", "eve"]
    assert [key.path[-1] for key in report.missing] == ["bob", "joe"]
    assert (len(report.stale), report.entities, report.ok) == (1, 4, False)
    assert markers() == 1


def test_backfill_makes_the_markers_and_leaves_duplicates_alone() -> None:
    for name, email in (("ada", "a"), ("bob", "b"), ("eve", "a"), ("joe", "j")):
        put_plainly(name, email)
    User(id="zoe", email="z").put()
    put_plainly("zoe", None)
    report = unique.backfill(User)["e",]
    assert (report.written, report.removed, len(report.duplicates), report.entities) == (3, 1, 1, 4)
    assert [key.path[-1] for key in report.duplicates[0].keys] == ["ada", "eve"]
    again = unique.backfill(User)["e",]
    assert (again.written, again.removed, len(again.duplicates)) == (0, 0, 1)
    with pytest.raises(UniqueViolationError):
        User(id="new", email="j").put()
    ndb.Key("User", "eve").delete()
    assert unique.check(User)["e",].ok
    assert_unique()


def test_a_backfill_that_was_broken_off_is_made_good_by_the_next() -> None:
    for number in range(450):
        put_plainly(f"u{number}", str(number))

    def stop(done: int, total: int) -> None:
        assert total == 450
        if done >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unique.backfill(User, progress=stop)
    assert markers() == 200
    assert unique.backfill(User)["e",].written == 250
    assert_unique()


def test_check_and_backfill_have_futures(client: ndb.Client) -> None:
    put_plainly("ada", "a")

    async def work() -> list[int]:
        async with client.context():
            made = await unique.backfill_async(User)
            checked = await unique.check_async(User)
            return [made["e",].written, len(checked["e",].missing)]

    assert asyncio.run(work()) == [1, 0]


def test_a_put_gives_up_after_some_conflicts(client: ndb.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store on which every commit comes too late, because somebody always is faster."""
    monkeypatch.setattr("kindstore.mapper.claims.TRIES", 3)
    store = client.store
    commit = store.commit
    tries = 0

    def late(mutations: object, transaction: bytes | None = None) -> object:
        nonlocal tries
        tries += 1
        store.run(commit([Upsert(Entity.of(ndb.Key("User", "ada"), {"e": f"other {tries}"}))]))
        return commit(mutations, transaction)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "commit", late)
    with pytest.raises(ConflictError):
        User(id="ada", email="a").put()
    assert tries == 3
