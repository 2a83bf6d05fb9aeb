"""Random histories of puts, swaps, deletes and transactions: the same outcome as in a dictionary."""

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.ndb.exceptions import UniqueViolationError
from kindstore.store.abc import Inspect
from tests.ndb.unique_models import User, assert_unique

Row: TypeAlias = tuple[str | None, int | None, str | None]
"""email, room, seat"""
Rows: TypeAlias = dict[str, Row]

NAMES = st.sampled_from("abcdef")
ROWS: st.SearchStrategy[Row] = st.tuples(
    st.sampled_from([None, "x", "y", "z"]), st.sampled_from([None, 1, 2]), st.sampled_from([None, "l", "r"])
)
CHANGES = st.lists(st.tuples(NAMES, ROWS | st.just("delete")), min_size=1, max_size=5)


def is_unique(rows: Rows) -> bool:
    """The law itself."""
    emails = [email for email, _, _ in rows.values() if email is not None]
    places = [(room, seat) for _, room, seat in rows.values() if room is not None and seat is not None]
    return len(set(emails)) == len(emails) and len(set(places)) == len(places)


def user(name: str, row: Row) -> User:
    email, room, seat = row
    return User(id=name, email=email, room=room, seat=seat)


class Users(RuleBasedStateMachine):
    """Users in a store, and the same in a dictionary."""

    @initialize(in_memory=st.booleans())
    def open(self, in_memory: bool) -> None:
        ndb.Model._kind_map["User"] = User
        self.client = ndb.Client(url=":memory:") if not in_memory else ndb.Client(store=MemoryStore())
        self.within = self.client.context()
        self.within.__enter__()
        self.rows: Rows = {}

    def teardown(self) -> None:
        if hasattr(self, "within"):
            store = self.client.store
            if isinstance(store, Inspect):
                assert store.run(store.check()) == []
            self.within.__exit__(None, None, None)
            self.client.close()

    def expect(self, after: Rows, work: Callable[[], Any]) -> None:
        """*work* leads to *after* if that obeys the law, and to an error and nothing else if not."""
        try:
            work()
        except UniqueViolationError:
            assert not is_unique(after)
        else:
            assert is_unique(after)
            self.rows = after

    @rule(name=NAMES, row=ROWS)
    def put(self, name: str, row: Row) -> None:
        self.expect({**self.rows, name: row}, user(name, row).put)

    @rule(rows=st.dictionaries(NAMES, ROWS, min_size=1))
    def put_several(self, rows: Rows) -> None:
        users = [user(name, row) for name, row in rows.items()]
        self.expect({**self.rows, **rows}, lambda: ndb.put_multi(users))

    @rule(one=NAMES, other=NAMES)
    def swap(self, one: str, other: str) -> None:
        if one in self.rows and other in self.rows:
            swapped = {one: self.rows[other], other: self.rows[one]}
            users = [user(name, row) for name, row in swapped.items()]
            self.expect({**self.rows, **swapped}, lambda: ndb.put_multi(users))

    @rule(names=st.lists(NAMES, max_size=3))
    def delete(self, names: list[str]) -> None:
        ndb.delete_multi([ndb.Key("User", name) for name in names])
        self.rows = {name: row for name, row in self.rows.items() if name not in names}

    @rule(changes=CHANGES, gives_up=st.booleans())
    def transaction(self, changes: list[tuple[str, Any]], gives_up: bool) -> None:
        after = dict(self.rows)
        for name, row in changes:
            if row == "delete":
                after.pop(name, None)
            else:
                after[name] = row

        def work() -> None:
            for name, row in changes:
                if row == "delete":
                    ndb.Key("User", name).delete()
                else:
                    user(name, row).put()
            if gives_up:
                raise ndb.Rollback

        if gives_up:
            try:
                ndb.transaction(work)
            except ndb.Rollback:
                return
            raise AssertionError("Rollback was swallowed")
        self.expect(after, lambda: ndb.transaction(work))

    @invariant()
    def the_store_is_as_the_dictionary(self) -> None:
        if not hasattr(self, "rows"):
            return
        found = User.query().fetch(use_cache=False)
        assert {str(each.key.id()): (each.email, each.room, each.seat) for each in found} == self.rows
        assert_unique()


TestUsers = Users.TestCase
TestUsers.settings = settings(stateful_step_count=20, max_examples=60)
