"""Transactions: all or nothing, retried on conflict, with a map of entities of their own."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kindstore import ndb
from kindstore.mapper import transaction as mapped
from kindstore.mapper.context import current


class Account(ndb.Model):
    owner = ndb.StringProperty()
    balance = ndb.IntegerProperty(default=0)


class Broken(ndb.Model):
    needed = ndb.StringProperty(required=True)


@pytest.fixture
def pair(context: ndb.Context) -> tuple[ndb.Key, ndb.Key]:
    one, other = ndb.put_multi([Account(id="one", balance=100), Account(id="other", balance=100)])
    return one, other


Pair = tuple[ndb.Key, ndb.Key]


def balance(key: ndb.Key) -> int:
    """What is stored, whatever this context knows."""
    account = key.get(use_cache=False)
    assert isinstance(account, Account)
    assert account.balance is not None
    return account.balance


def move(amount: int, origin: ndb.Key, target: ndb.Key) -> None:
    here, there = ndb.get_multi([origin, target])
    here.balance -= amount
    there.balance += amount
    ndb.put_multi([here, there])


def change_elsewhere(client: ndb.Client, key: ndb.Key, amount: int) -> None:
    """Change *key* as another thread would: in a context of its own, outside of every transaction."""
    with client.context():
        account = key.get()
        account.balance += amount
        account.put()


def test_both_writes_happen(pair: Pair) -> None:
    one, other = pair
    ndb.transaction(lambda: move(30, one, other))
    assert (balance(one), balance(other)) == (70, 130)


def test_the_result_is_the_functions(pair: Pair) -> None:
    assert ndb.transaction(lambda: "done") == "done"
    assert ndb.transaction(pair[0].get_async).balance == 100


def test_an_exception_undoes_everything_and_is_raised(pair: Pair) -> None:
    one, other = pair

    def fail() -> None:
        move(30, one, other)
        raise LookupError("no")

    with pytest.raises(LookupError):
        ndb.transaction(fail)
    assert (balance(one), balance(other)) == (100, 100)
    assert not ndb.in_transaction()


def test_rollback_undoes_everything_and_reaches_the_caller(pair: Pair) -> None:
    def fail() -> None:
        pair[0].delete()
        raise ndb.Rollback

    with pytest.raises(ndb.Rollback):
        ndb.transaction(fail)
    assert balance(pair[0]) == 100


def test_get_after_put_sees_the_new_value_and_the_store_the_old_one(pair: Pair) -> None:
    one, _ = pair

    def look() -> None:
        account = one.get()
        account.balance = 1
        account.put()
        assert one.get() is account
        assert one.get(use_cache=False).balance == 100
        one.delete()
        assert one.get() is None

    ndb.transaction(look)
    assert one.get() is None


def test_put_gives_a_complete_key_at_once(context: ndb.Context) -> None:
    def insert() -> tuple[ndb.Key, list[ndb.Key]]:
        key = Account(owner="new").put()
        assert key.id() is not None
        return key, ndb.put_multi([Account(owner="a"), Account(owner="b", parent=key)])

    key, more = ndb.transaction(insert)
    context.clear_cache()
    assert key.get().owner == "new"
    assert [each.owner for each in ndb.get_multi(more)] == ["a", "b"]


def test_reads_are_one_snapshot(client: ndb.Client, pair: Pair) -> None:
    one, other = pair

    def look() -> tuple[int, int]:
        first = balance(one)
        change_elsewhere(client, other, 50)
        return first, balance(other)

    assert ndb.transaction(look) == (100, 100)
    assert balance(other) == 150


def test_the_context_outside_forgets_what_was_written(pair: Pair) -> None:
    one, other = pair
    outside = one.get()
    ndb.transaction(lambda: move(30, one, other))
    assert outside.balance == 100
    assert one.get() is not outside
    assert one.get().balance == 70


def test_it_does_not_see_what_the_context_outside_has_not_put(pair: Pair) -> None:
    one, _ = pair
    one.get().balance = 5
    assert ndb.transaction(lambda: one.get().balance) == 100


def test_a_conflict_is_tried_again(client: ndb.Client, pair: Pair) -> None:
    one, _ = pair
    tries: list[int] = []

    def add() -> None:
        account = one.get()
        tries.append(account.balance)
        if len(tries) < 3:
            change_elsewhere(client, one, 10)
        account.balance += 1
        account.put()

    ndb.transaction(add)
    assert tries == [100, 110, 120]
    assert balance(one) == 121


def test_after_the_last_try_the_conflict_is_raised(client: ndb.Client, pair: Pair) -> None:
    one, _ = pair
    tries: list[int] = []

    def add() -> None:
        account = one.get()
        tries.append(account.balance)
        change_elsewhere(client, one, 10)
        account.put()

    with pytest.raises(ndb.exceptions.ConflictError):
        ndb.transaction(add, retries=2)
    assert len(tries) == 3


def test_a_query_that_was_read_conflicts_too(client: ndb.Client, pair: Pair) -> None:
    def audit() -> None:
        total = sum(account.balance or 0 for account in Account.query(Account.balance > 0))
        change_elsewhere(client, pair[0], 1)
        Account(id="audit", balance=-total).put()

    with pytest.raises(ndb.exceptions.ConflictError):
        ndb.transaction(audit, retries=0)
    assert Account.get_by_id("audit") is None


def test_it_waits_longer_and_longer_between_tries_by_chance(context: ndb.Context) -> None:
    waits: list[float] = []
    attempts = mapped.Attempts(retries=8, pause=waits.append, spread=lambda: 1.0)

    def lose() -> None:
        raise ndb.exceptions.ConflictError("again")

    with pytest.raises(ndb.exceptions.ConflictError):
        mapped.run(current(), lose, attempts)
    assert waits == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.25, 0.25]
    half = mapped.Attempts(retries=1, spread=lambda: 0.5)
    assert list(half.delays()) == [0.0025]


def test_read_only_refuses_writes_when_they_are_made(pair: Pair) -> None:
    one, _ = pair
    assert ndb.transaction(lambda: balance(one), read_only=True) == 100
    for write in (lambda: Account(id=1).put(), one.delete):
        with pytest.raises(ndb.exceptions.ReadOnlyTransactionError):
            ndb.transaction(write, read_only=True)


def test_transactions_do_not_nest_unless_they_join(pair: Pair) -> None:
    def inner() -> bool:
        return ndb.in_transaction()

    with pytest.raises(ndb.exceptions.NestedTransactionError):
        ndb.transaction(lambda: ndb.transaction(inner))
    with pytest.raises(NotImplementedError):
        ndb.transaction(lambda: ndb.transaction(inner))
    assert ndb.transaction(lambda: ndb.transaction(inner, join=True))


def test_a_joined_transaction_is_part_of_the_outer_one(pair: Pair) -> None:
    one, other = pair

    @ndb.transactional()
    def inner() -> None:
        move(30, one, other)

    def outer() -> None:
        inner()
        raise LookupError

    with pytest.raises(LookupError):
        ndb.transaction(outer)
    assert balance(one) == 100


def test_propagation_says_what_to_do_inside_another(pair: Pair) -> None:
    one, _ = pair
    options = ndb.TransactionOptions

    def add() -> bool:
        account = one.get()
        account.balance += 1
        account.put()
        return ndb.in_transaction()

    with pytest.raises(ndb.exceptions.BadRequestError):
        ndb.transaction(add, propagation=options.NESTED)
    with pytest.raises(ndb.exceptions.BadRequestError):
        ndb.transaction(add, propagation=options.MANDATORY)
    assert ndb.transaction(add, propagation=options.ALLOWED)
    assert ndb.transaction(lambda: ndb.transaction(add, propagation=options.MANDATORY))
    assert balance(one) == 102

    def fail_after_independent() -> None:
        ndb.transaction(add, propagation=options.INDEPENDENT)
        raise LookupError

    with pytest.raises(LookupError):
        ndb.transaction(fail_after_independent)
    assert balance(one) == 103
    with pytest.raises(ndb.exceptions.BadArgumentError):
        ndb.transaction(add, propagation=9)


def test_non_transactional_works_outside(pair: Pair) -> None:
    one, _ = pair

    @ndb.non_transactional()
    def log() -> bool:
        Account(id="log").put()
        return ndb.in_transaction()

    @ndb.non_transactional(allow_existing=False)
    def never() -> None:
        raise AssertionError

    def fail() -> None:
        assert not log()
        with pytest.raises(ndb.exceptions.BadRequestError):
            never()
        one.delete()
        raise LookupError

    with pytest.raises(LookupError):
        ndb.transaction(fail)
    assert Account.get_by_id("log") is not None
    assert balance(one) == 100


def test_call_on_commit_waits_for_the_commit(pair: Pair) -> None:
    called: list[str] = []

    def work(name: str, *, fail: bool) -> None:
        ndb.get_context().call_on_commit(lambda: called.append(name))
        assert name not in called
        if fail:
            raise LookupError

    ndb.transaction(lambda: work("committed", fail=False))
    with pytest.raises(LookupError):
        ndb.transaction(lambda: work("failed", fail=True))
    ndb.get_context().call_on_commit(lambda: called.append("at once"))
    assert called == ["committed", "at once"]


def test_what_is_called_on_commit_may_use_the_store(pair: Pair) -> None:
    def note() -> None:
        Account(owner="noted").put()

    ndb.transaction(lambda: ndb.get_context().call_on_commit(note))
    with ndb.transaction() as inside:
        inside.call_on_commit(note)

    async def main() -> None:
        async with ndb.transaction() as inside:
            inside.call_on_commit(note)
        await ndb.transaction_async(lambda: ndb.get_context().call_on_commit(note))

    asyncio.run(main())
    assert Account.query(Account.owner == "noted").count() == 4


def test_a_block_is_a_transaction(pair: Pair) -> None:
    one, other = pair
    with ndb.transaction() as inside:
        assert ndb.in_transaction()
        assert inside.in_transaction()
        move(30, one, other)
    assert (balance(one), balance(other)) == (70, 130)

    def fail() -> None:
        with ndb.transaction():
            move(30, one, other)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert (balance(one), balance(other)) == (70, 130)


def test_a_block_cannot_be_tried_again_so_its_conflict_is_raised(client: ndb.Client, pair: Pair) -> None:
    one, other = pair

    def lose() -> None:
        with ndb.transaction():
            move(30, one, other)
            change_elsewhere(client, one, 10)

    with pytest.raises(ndb.exceptions.ConflictError):
        lose()
    assert balance(one) == 110


def test_blocks_join_like_functions(pair: Pair) -> None:
    one, other = pair
    with ndb.transaction():
        with ndb.transaction(join=True):
            move(30, one, other)
        assert balance(one) == 100
        with pytest.raises(ndb.exceptions.NestedTransactionError), ndb.transaction():
            raise AssertionError
    assert balance(one) == 70


def test_the_decorator_passes_arguments_and_keeps_the_name(pair: Pair) -> None:
    @ndb.transactional(retries=5)
    def pay(amount: int, *, origin: ndb.Key, target: ndb.Key) -> int:
        """Pay."""
        move(amount, origin, target)
        return amount

    @ndb.transactional
    def bare() -> bool:
        return ndb.in_transaction()

    assert pay(5, origin=pair[0], target=pair[1]) == 5
    assert pay.__name__ == "pay"
    assert pay.__doc__ == "Pay."
    assert bare()


def test_coroutines_are_transactions_when_awaited(client: ndb.Client, pair: Pair) -> None:
    one, other = pair

    @ndb.transactional()
    async def pay(amount: int) -> bool:
        here, there = await one.get_async(), await other.get_async()
        here.balance -= amount
        there.balance += amount
        await asyncio.gather(here.put_async(), there.put_async())
        return ndb.in_transaction()

    async def main() -> None:
        assert await pay(10)
        assert await ndb.transaction_async(lambda: pay(10))
        assert await ndb.transaction_async(lambda: "plain") == "plain"
        async with ndb.transaction():
            here = await one.get_async()
            here.balance -= 1
            here.put_async()  # waited for at the end of the block
        with pytest.raises(LookupError):
            await fail()

    async def fail() -> None:
        async with ndb.transaction():
            (await one.get_async()).key.delete_async()
            raise LookupError

    asyncio.run(main())
    assert (balance(one), balance(other)) == (79, 120)


def test_work_that_a_transaction_cannot_wait_for_is_refused(client: ndb.Client, pair: Pair) -> None:
    def begin_one() -> None:
        Account(owner="new").put_async()  # needs an id, so it is at work in the event loop

    async def main() -> None:
        with pytest.raises(RuntimeError, match="async form"):
            ndb.transaction(begin_one)
        with pytest.raises(RuntimeError, match="async form"):
            with_block()
        await ndb.transaction_async(begin_one)

    def with_block() -> None:
        with ndb.transaction():
            begin_one()

    asyncio.run(main())
    assert Account.query(Account.owner == "new").count() == 1


def test_a_failure_that_nobody_asked_about_ends_the_transaction(client: ndb.Client, pair: Pair) -> None:
    one, other = pair

    def careless() -> None:
        account = one.get()
        account.balance = 0
        account.put_async()
        ndb.put_multi_async([Account(id="ok"), Broken()])

    def careful() -> None:
        careless_future = Broken().put_async()
        assert isinstance(careless_future.exception(), ndb.exceptions.BadValueError)
        other.delete_async()

    async def main() -> None:
        with pytest.raises(ndb.exceptions.BadValueError):
            await ndb.transaction_async(careless)
        with pytest.raises(ndb.exceptions.BadValueError):
            async with ndb.transaction():
                careless()

    with pytest.raises(ndb.exceptions.BadValueError):
        ndb.transaction(careless)
    asyncio.run(main())
    assert balance(one) == 100
    ndb.transaction(careful)
    assert other.get() is None


def test_a_task_that_outlives_its_transaction_cannot_write_in_it(pair: Pair) -> None:
    one, _ = pair

    async def main() -> None:
        over = asyncio.Event()

        async def late() -> None:
            account = await one.get_async()
            await over.wait()
            await account.put_async()

        async with ndb.transaction():
            task = asyncio.create_task(late())
            await asyncio.sleep(0.01)
        over.set()
        with pytest.raises(ndb.exceptions.TransactionNotFoundError):
            await task

    asyncio.run(main())


def test_a_coroutine_function_needs_the_async_form(pair: Pair) -> None:
    async def work() -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="transaction_async"):
        _ = ndb.transaction(work)
    with pytest.raises(TypeError, match="transaction_async"):
        _ = ndb.transaction(lambda: ndb.transaction(work, join=True))


def test_transaction_async_without_a_loop_runs_when_asked(pair: Pair) -> None:
    one, other = pair
    future = ndb.transaction_async(lambda: move(30, one, other))
    assert not future.done()
    future.check_success()
    assert balance(one) == 70

    @ndb.transactional_async()
    def pay(amount: int) -> int:
        move(amount, one, other)
        return amount

    assert pay(10).result() == 10
    assert balance(one) == 60


def test_money_is_neither_made_nor_lost_by_threads(client: ndb.Client) -> None:
    with client.context():
        keys = ndb.put_multi([Account(id=number, balance=100) for number in range(1, 6)])
    barrier = threading.Barrier(8)

    @ndb.transactional(retries=200)
    def pay(origin: ndb.Key, target: ndb.Key, amount: int) -> None:
        move(amount, origin, target)

    def teller(seed: int) -> None:
        chance = random.Random(seed)
        with client.context():
            barrier.wait()
            for _ in range(25):
                origin, target = chance.sample(keys, 2)
                pay(origin, target, chance.randrange(1, 20))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(teller, seed) for seed in range(8)]:
            done.result()
    with client.context():
        accounts = ndb.get_multi(keys)
        assert sum(account.balance for account in accounts) == 500
        assert [account.balance for account in accounts] != [100] * 5


def test_money_is_neither_made_nor_lost_by_tasks(client: ndb.Client) -> None:
    async def main() -> Any:
        async with client.context():
            keys = [Account(id=number, balance=100).put() for number in range(1, 6)]

            @ndb.transactional(retries=200)
            async def pay(origin: ndb.Key, target: ndb.Key, amount: int) -> None:
                here, there = await asyncio.gather(origin.get_async(), target.get_async())
                here.balance -= amount
                there.balance += amount
                await asyncio.gather(here.put_async(), there.put_async())

            async def teller(seed: int) -> None:
                chance = random.Random(seed)
                for _ in range(10):
                    origin, target = chance.sample(keys, 2)
                    await pay(origin, target, chance.randrange(1, 20))

            await asyncio.gather(*(teller(seed) for seed in range(10)))
            return [(await key.get_async()).balance for key in keys]

    balances = asyncio.run(main())
    assert sum(balances) == 500
    assert balances != [100] * 5
