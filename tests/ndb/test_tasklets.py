"""Tasklets: generators that yield futures and are sent their results, without an event loop and inside of asyncio."""

import asyncio
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from kindstore import ndb

Steps = Generator[Any, Any, Any]


class Account(ndb.Model):
    owner = ndb.StringProperty()
    balance = ndb.IntegerProperty(default=0)


@ndb.tasklet
def total(keys: list[ndb.Key]) -> Steps:
    accounts = yield [key.get_async() for key in keys]
    return sum(account.balance for account in accounts)


@ndb.tasklet
def deposit(key: ndb.Key, amount: int) -> Steps:
    account = yield key.get_async()
    account.balance += amount
    yield account.put_async()
    return account.balance


# The generator's side.


@pytest.mark.usefixtures("context")
def test_a_tasklet_returns_what_its_futures_were_made_into() -> None:
    keys = ndb.put_multi([Account(balance=balance) for balance in (1, 2, 3)])
    assert total(keys).result() == 6


def test_it_runs_at_once_up_to_the_first_future_that_is_not_done() -> None:
    seen = []
    waited: ndb.Future[str] = ndb.Future("by hand")

    @ndb.tasklet
    def steps() -> Steps:
        seen.append("begun")
        seen.append((yield ndb.Future.of("known")))
        seen.append((yield waited))

    future = steps()
    assert seen == ["begun", "known"]
    assert future.running()
    waited.set_result("set")
    assert seen == ["begun", "known", "set"]
    assert future.result() is None


def test_lists_and_tuples_of_futures_give_tuples_of_results() -> None:
    @ndb.tasklet
    def steps() -> Steps:
        nothing = yield []
        nested = yield ndb.Future.of(1), [ndb.Future.of(2), (ndb.Future.of(3),)]
        return nothing, nested

    assert steps().result() == ((), (1, (2, (3,))))


@pytest.mark.parametrize("value", [None, 1, "future", {"a": 1}])
def test_yielding_anything_else_is_an_error_at_the_yield(value: Any) -> None:
    @ndb.tasklet
    def steps() -> Steps:
        try:
            yield value
        except RuntimeError as error:
            return str(error)

    assert steps().result() == f"A tasklet yielded an illegal value: {value!r}"


@pytest.mark.parametrize("value", [None, 1, "future", {"a": 1}])
def test_a_plain_value_among_futures_is_a_type_error(value: Any) -> None:
    @ndb.tasklet
    def steps() -> Steps:
        try:
            yield ndb.Future.of(1), [ndb.Future.of(2), value]
        except TypeError as error:
            return str(error)

    assert steps().result() == f"A tasklet yielded an illegal value: {value!r}"


@pytest.mark.parametrize(("values", "result"), [((), None), ((1,), 1), ((1, 2), (1, 2))])
def test_raising_return_ends_it_with_that_result(values: tuple[int, ...], result: Any) -> None:
    @ndb.tasklet
    def steps() -> Steps:
        yield ndb.Future.of(None)
        raise ndb.Return(*values)

    @ndb.tasklet
    def plain() -> Any:
        raise ndb.Return(*values)

    assert steps().result() == plain().result() == result


def test_a_function_without_a_yield_is_called_and_done() -> None:
    assert ndb.tasklet(lambda number: number + 1)(1).result() == 2


def test_a_coroutine_function_needs_no_decorator() -> None:
    async def work() -> None: ...

    with pytest.raises(TypeError, match="work is a coroutine function"):
        ndb.tasklet(work)


def test_errors_are_raised_at_the_yield_and_pass_on_to_whoever_asks() -> None:
    failed = ndb.Future.failed(KeyError("no such thing"))

    @ndb.tasklet
    def catches() -> Steps:
        try:
            yield failed
        except KeyError:
            return "caught"

    @ndb.tasklet
    def passes() -> Steps:
        yield ndb.Future.of(1), failed

    assert catches().result() == "caught"
    outer = passes()
    assert isinstance(outer.exception(), KeyError)
    assert outer.get_traceback() is not None
    with pytest.raises(KeyError):
        outer.check_success()


def test_a_tasklet_that_waits_for_itself_says_so() -> None:
    mine: list[ndb.Future[Any]] = []

    @ndb.tasklet
    def steps() -> Steps:
        yield gate
        return mine[0].result()

    gate: ndb.Future[None] = ndb.Future("gate")
    mine.append(steps())
    gate.set_result(None)
    with pytest.raises(RuntimeError, match="waits for itself"):
        mine[0].result()


def test_ten_thousand_that_wait_for_each_other_do_not_overflow_the_stack() -> None:
    @ndb.tasklet
    def link(before: ndb.Future[int]) -> Steps:
        return 1 + (yield before)

    first: ndb.Future[int] = ndb.Future("first")
    last: ndb.Future[int] = first
    for _ in range(10_000):
        last = link(last)
    first.set_result(0)
    assert last.result() == 10_000


def test_cancelling_shows_where_it_waits() -> None:
    seen = []

    @ndb.tasklet
    def steps() -> Steps:
        try:
            yield ndb.Future("never")
        except ndb.exceptions.Cancelled:
            seen.append("cleaned up")
            raise

    future = steps()
    future.cancel()
    assert seen == ["cleaned up"]
    assert future.cancelled()


# What runs when.


def test_all_that_wait_share_a_batch(client: ndb.Client) -> None:
    with client.context() as context:
        keys = ndb.put_multi([Account(balance=1) for _ in range(20)])
    lookups = []
    with client.context() as context:
        lookup = context.store.lookup

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(client.store, name)

            def lookup(self, keys: Any, *args: Any, **options: Any) -> Any:
                lookups.append(len(keys))
                return lookup(keys, *args, **options)

        store: Any = Counting()
        with context.new(store=store).use():
            futures = [deposit(key, amount) for amount, key in enumerate(keys)]
            assert [future.result() for future in futures] == [1 + amount for amount in range(20)]
    assert lookups == [20]


def test_what_nobody_asks_for_is_done_when_the_context_ends(client: ndb.Client) -> None:
    with client.context():
        key = Account(balance=1).put()
        deposit(key, 5)
    with client.context():
        assert key.get().balance == 6


def test_a_tasklet_that_waits_for_nobody_does_not_keep_the_context_open(client: ndb.Client) -> None:
    never: ndb.Future[None] = ndb.Future("never")

    @ndb.tasklet
    def steps() -> Steps:
        yield never

    with client.context():
        future = steps()
    assert future.running()


@pytest.mark.usefixtures("context")
def test_sleeps_pass_at_the_same_time() -> None:
    @ndb.tasklet
    def naps(seconds: float) -> Steps:
        yield ndb.sleep(seconds)
        yield ndb.sleep(seconds)
        return seconds

    begun = time.monotonic()
    futures = [naps(seconds) for seconds in (0.06, 0.02, 0.04)]
    first = ndb.wait_any(futures)
    assert first is futures[1]
    ndb.wait_all(futures)
    assert [future.result() for future in futures] == [0.06, 0.02, 0.04]
    assert 0.12 <= time.monotonic() - begun < 0.23  # one after the other they take 0.24


@pytest.mark.usefixtures("context")
def test_a_sleeper_does_not_keep_others_from_their_work() -> None:
    seen = []

    @ndb.tasklet
    def sleeper() -> Steps:
        yield ndb.sleep(0.05)
        seen.append("sleeper")

    @ndb.tasklet
    def worker() -> Steps:
        for number in range(3):
            yield Account(id=number + 1).put_async()
        seen.append("worker")

    ndb.wait_all([sleeper(), worker()])
    assert seen == ["worker", "sleeper"]


@pytest.mark.usefixtures("context")
def test_one_tasklet_may_complete_what_another_waits_for() -> None:
    gate: ndb.Future[int] = ndb.Future("gate")

    @ndb.tasklet
    def opens() -> Steps:
        yield ndb.sleep(0.01)
        key = yield Account(balance=4).put_async()
        gate.set_result((yield key.get_async()).balance)

    @ndb.tasklet
    def waits() -> Steps:
        return (yield gate)

    opens()
    assert waits().result() == 4


def test_waiting_for_nothing_returns_at_once() -> None:
    ndb.wait_all([])
    assert ndb.wait_any([]) is None


def test_a_tasklet_goes_on_in_the_thread_that_completes_what_it_waits_for() -> None:
    gate: ndb.Future[int] = ndb.Future("gate")

    @ndb.tasklet
    def steps() -> Steps:
        return 1 + (yield gate)

    future = steps()
    thread = threading.Timer(0.01, lambda: gate.set_result(1))
    thread.start()
    assert future.result() == 2
    thread.join()


def test_threads_that_ask_for_one_tasklet_run_it_once(client: ndb.Client) -> None:
    with client.context():
        key = Account(balance=1).put()
        future = deposit(key, 5)
        results: list[int] = []
        threads = [threading.Thread(target=lambda: results.append(future.result())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [6] * 8
        assert key.get(use_cache=False).balance == 6


# Contexts.


@pytest.mark.usefixtures("context")
def test_a_context_that_a_tasklet_enters_stays_its_own_over_a_yield() -> None:
    gate: ndb.Future[None] = ndb.Future("gate")

    @ndb.tasklet
    def steps() -> Steps:
        with ndb.get_context().new(namespace="inner").use():
            yield gate
            return ndb.get_context().namespace

    future = steps()
    assert not ndb.get_context().namespace
    gate.set_result(None)
    assert future.result() == "inner"
    assert not ndb.get_context().namespace


@pytest.mark.usefixtures("context")
def test_synctasklet_waits() -> None:
    @ndb.synctasklet
    def save(balance: int) -> Steps:
        key = yield Account(balance=balance).put_async()
        account = yield key.get_async()
        return account.balance

    assert save(3) == 3


def test_toplevel_has_a_context_of_its_own_and_ends_it(context: ndb.Context) -> None:
    seen: list[Any] = []

    @ndb.tasklet
    def side_work() -> Steps:
        yield Account(id="aside").put_async()
        seen.append("aside")

    @ndb.toplevel
    def main() -> Steps:
        side_work()
        seen.append(ndb.get_context() is not context)
        yield Account(id="main").put_async()
        return "done"

    assert main() == "done"
    assert sorted(map(str, seen)) == ["True", "aside"]
    assert ndb.Key(Account, "aside").get() is not None


# Transactions.


@pytest.mark.usefixtures("context")
def test_a_transactional_tasklet_commits_when_it_ends() -> None:
    @ndb.transactional_tasklet()
    def transfer(source: ndb.Key, target: ndb.Key, amount: int) -> Steps:
        assert ndb.in_transaction()
        yield deposit(source, -amount), deposit(target, amount)
        if (yield source.get_async()).balance < 0:
            raise ndb.Rollback
        return amount

    one, other = ndb.put_multi([Account(balance=5), Account(balance=0)])
    assert transfer(one, other, 3).result() == 3
    assert not ndb.in_transaction()
    assert [account.balance for account in ndb.get_multi([one, other])] == [2, 3]
    with pytest.raises(ndb.Rollback):
        transfer(one, other, 3).result()
    assert [account.balance for account in ndb.get_multi([one, other])] == [2, 3]


@pytest.mark.usefixtures("context")
def test_a_transactional_tasklet_needs_no_parentheses() -> None:
    @ndb.transactional_tasklet
    def inside() -> Steps:
        yield Account(id=1).put_async()
        return ndb.in_transaction()

    assert inside().result() is True


@pytest.mark.usefixtures("context")
def test_a_transaction_waits_for_the_tasklet_that_its_function_returns() -> None:
    key = Account(balance=1).put()
    assert ndb.transaction(lambda: deposit(key, 1)) == 2
    assert ndb.transaction_async(lambda: deposit(key, 1)).result() == 3
    assert key.get().balance == 3


@pytest.mark.usefixtures("context")
def test_a_tasklet_that_a_transaction_begins_is_a_part_of_it() -> None:
    key = Account(balance=1).put()

    def begin() -> None:
        deposit(key, 1)

    ndb.transaction(begin)
    assert key.get().balance == 2


# In asyncio.


def test_tasklets_are_awaited_in_asyncio(client: ndb.Client) -> None:
    async def main() -> tuple[int, list[int]]:
        async with client.context():
            keys = await asyncio.gather(*(Account(balance=1).put_async() for _ in range(10)))
            balances = await asyncio.gather(*(deposit(key, 1) for key in keys))
            return await total(list(keys)), list(balances)

    assert asyncio.run(main()) == (20, [2] * 10)


def test_in_asyncio_a_tasklet_goes_on_by_itself(client: ndb.Client) -> None:
    async def main() -> Any:
        async with client.context():
            key = await Account(balance=1).put_async()
            future = deposit(key, 1)
            done = asyncio.Event()
            future.add_done_callback(lambda _: done.set())
            await done.wait()
            return future.result()

    assert asyncio.run(main()) == 2


def test_sleeping_in_asyncio_does_not_block_the_loop() -> None:
    @ndb.tasklet
    def nap() -> Steps:
        yield ndb.sleep(0.05)
        return "awake"

    async def main() -> list[str]:
        begun = time.monotonic()
        woken = await asyncio.gather(*(nap() for _ in range(20)))
        assert time.monotonic() - begun < 0.5
        return list(woken)

    assert asyncio.run(main()) == ["awake"] * 20


def test_asking_for_the_result_in_the_loop_that_runs_it_is_an_error(client: ndb.Client) -> None:
    async def main() -> None:
        async with client.context():
            future = deposit(await Account(balance=1).put_async(), 1)
            with pytest.raises(RuntimeError, match="await it"):
                future.result()
            assert await future == 2

    asyncio.run(main())


def test_a_transactional_tasklet_is_awaited(client: ndb.Client) -> None:
    @ndb.transactional_tasklet()
    def change(key: ndb.Key) -> Steps:
        assert ndb.in_transaction()
        return (yield deposit(key, 1))

    async def main() -> tuple[int, Account]:
        async with client.context():
            key = await Account(balance=1).put_async()
            return await change(key), await key.get_async()

    result, account = asyncio.run(main())
    assert (result, account.balance) == (2, 2)


def test_a_cancelled_task_lets_its_tasklet_clean_up(client: ndb.Client) -> None:
    seen = []

    @ndb.tasklet
    def steps() -> Steps:
        try:
            yield ndb.sleep(60)
        except ndb.exceptions.Cancelled:
            seen.append("cleaned up")
            raise

    async def main() -> None:
        async with client.context():
            future = steps()
            await asyncio.sleep(0)
            future.cancel()
            with pytest.raises(ndb.exceptions.Cancelled):
                await future

    asyncio.run(main())
    assert seen == ["cleaned up"]


@pytest.mark.parametrize(
    "name",
    [
        "QueueFuture",
        "ReducingFuture",
        "SerialQueueFuture",
        "add_flow_exception",
        "make_context",
        "make_default_context",
        "set_context",
        "AutoBatcher",
        "ContextOptions",
    ],
)
def test_what_ndb_has_no_longer_says_so(name: str) -> None:
    with pytest.raises(NotImplementedError, match="No longer implemented"):
        getattr(ndb, name)()
