"""Faults are injected at the seam of the store: the application sees the errors that it must be able to live with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import kindstore
from kindstore import Entity, ndb, testing
from kindstore.store.messages import Query, Upsert
from kindstore.testing import Fault, Sandbox
from kindstore.values.errors import BusyError, ConflictError, Error, OutcomeUnknownError


class Account(ndb.Model):
    balance = ndb.IntegerProperty(default=0)


@pytest.fixture(params=["memory", "sqlite"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with testing.store(engine=request.param) as made:
        yield made


def accounts() -> int:
    return Account.query().count()


@pytest.mark.parametrize(
    ("fault", "error", "written"),
    [
        (Fault.CONFLICT, ConflictError, 0),
        (Fault.BUSY, BusyError, 0),
        (Fault.LOST, OutcomeUnknownError, 0),
        (Fault.KEPT, OutcomeUnknownError, 1),
    ],
)
def test_the_nth_commit_fails(sandbox: Sandbox, fault: Fault, error: type[Error], written: int) -> None:
    sandbox.faults.plan(fault, nth=3)
    Account().put()
    Account().put()
    with pytest.raises(error, match="injected"):
        Account().put()
    assert accounts() == 2 + written
    Account().put()
    assert accounts() == 3 + written
    assert [each.fault for each in sandbox.faults.injected] == [fault]


def test_a_transaction_is_tried_again_after_a_conflict(sandbox: Sandbox) -> None:
    tries: list[None] = []

    @ndb.transactional()
    def open_account() -> None:
        tries.append(None)
        Account(id=1).put()

    sandbox.faults.plan(Fault.CONFLICT)
    sandbox.faults.plan(Fault.BUSY, nth=2)
    open_account()
    assert len(tries) == 3
    assert accounts() == 1


def test_a_transaction_is_not_tried_again_when_nobody_knows(sandbox: Sandbox) -> None:
    tries: list[None] = []

    @ndb.transactional()
    def open_account() -> None:
        tries.append(None)
        Account().put()

    sandbox.faults.plan(Fault.KEPT)
    with pytest.raises(OutcomeUnknownError):
        open_account()
    assert len(tries) == 1
    assert accounts() == 1


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.BUSY, Fault.LOST, Fault.KEPT])
def test_a_transaction_is_over_whatever_fault_its_commit_has(sandbox: Sandbox, fault: Fault) -> None:
    store = sandbox.store
    sandbox.faults.plan(fault)
    name = store.run(store.begin())
    key = kindstore.Key.of(store.partition(), ("Account", 1))
    store.run(store.lookup([key], name))
    with pytest.raises(Error, match="injected"):
        store.run(store.commit([Upsert(Entity.of(key, {}))], name))
    with pytest.raises(Error, match="the transaction is over"):
        store.run(store.lookup([key], name))


def test_a_commit_that_writes_nothing_does_not_count(sandbox: Sandbox) -> None:
    sandbox.faults.plan(Fault.CONFLICT)
    ndb.transaction(lambda: Account.get_by_id(1))
    assert sandbox.faults.injected == []


def test_reads_can_be_unavailable(sandbox: Sandbox) -> None:
    sandbox.faults.plan(Fault.BUSY, verb="lookup")
    sandbox.faults.plan(Fault.BUSY, nth=2, verb="run_query")
    with pytest.raises(BusyError, match="lookup Account 1"):
        Account.get_by_id(1)
    assert Account.get_by_id(1) is None
    assert Account.query().fetch() == []
    with pytest.raises(BusyError):
        Account.query().fetch()


def test_faults_reach_coroutines_and_futures(sandbox: Sandbox) -> None:
    async def put() -> None:
        await Account().put_async()

    sandbox.faults.plan(Fault.KEPT)
    with pytest.raises(OutcomeUnknownError):
        asyncio.run(put())
    sandbox.faults.plan(Fault.LOST)
    with pytest.raises(OutcomeUnknownError):
        Account().put_async().result()
    assert accounts() == 1


@pytest.mark.parametrize(
    ("fault", "nth", "verb"),
    [(Fault.KEPT, 0, "commit"), (Fault.KEPT, 1, "lookup"), (Fault.BUSY, 1, "rollback")],
)
def test_a_fault_that_cannot_be_is_refused(fault: Fault, nth: int, verb: testing.Verb) -> None:
    with pytest.raises(ValueError, match=verb if nth else "from 1"):
        testing.Faults().plan(fault, nth=nth, verb=verb)


def outcomes(seed: int | None) -> tuple[list[str], testing.Faults]:
    """What becomes of a hundred calls of which a third fail at random."""
    seen: list[str] = []
    with testing.store(faults=0.3, seed=seed) as sandbox:
        for number in range(50):
            for call in (Account(id=number + 1).put, Account.query().fetch):
                try:
                    call()
                except Error as error:
                    seen.append(type(error).__name__)
                else:
                    seen.append("done")
        return seen, sandbox.faults


def test_the_same_seed_gives_the_same_faults() -> None:
    first, faults = outcomes(7)
    assert first == outcomes(7)[0]
    assert first != outcomes(8)[0]
    assert 10 < len(faults.injected) < 60
    assert set(first) == {"done", "BusyError", "OutcomeUnknownError"}  # no conflicts outside of transactions
    assert repr(faults).startswith("<Faults seed=7, probability=0.3")


def test_a_seed_that_was_not_given_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    first, faults = outcomes(None)
    assert faults.seed is not None
    assert first == outcomes(faults.seed)[0]
    monkeypatch.setenv("KINDSTORE_SEED", str(faults.seed))
    assert first == outcomes(None)[0]


def test_transactions_get_over_random_faults_that_may_be_tried_again() -> None:
    with testing.store(seed=1) as sandbox:
        key = Account().put()

        @ndb.transactional(retries=20)
        def add() -> None:
            account = key.get()
            account.balance += 1
            account.put()

        sandbox.faults.at_random(0.2, seed=1, kinds=[Fault.CONFLICT, Fault.BUSY])
        for _ in range(25):
            add()
        sandbox.faults.stop()
        assert key.get().balance == 25
        assert {each.fault for each in sandbox.faults.injected} == {Fault.CONFLICT, Fault.BUSY}


def test_a_probability_is_one() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        testing.Faults().at_random(1.5)


def test_faults_work_on_any_store() -> None:
    with testing.store() as sandbox:
        faults = testing.Faults()
        store = testing.Faulty(sandbox.store, faults)
        faults.plan(Fault.BUSY, verb="run_query")
        with pytest.raises(BusyError), ndb.Client(store=store).context():
            Account.query().fetch()
        assert store.run(store.run_query(Query(store.partition()))).results == []
