"""Counts, sums and means, which the store works out; and plans."""

import asyncio

import pytest

from kindstore import ndb


class Address(ndb.Model):
    zip = ndb.IntegerProperty()


class Account(ndb.Model):
    owner = ndb.StringProperty("o")
    balance = ndb.IntegerProperty("b")
    rate = ndb.FloatProperty()
    home = ndb.StructuredProperty(Address)
    homes = ndb.StructuredProperty(Address, repeated=True)
    secret = ndb.IntegerProperty(indexed=False)


@pytest.fixture(autouse=True)
def accounts(context: ndb.Context) -> None:
    """Ten accounts with balances from 0 to 90, every other with a rate."""
    ndb.put_multi(
        [
            Account(
                id=n + 1,
                owner="ab"[n % 2],
                balance=10 * n,
                rate=0.5 if n % 2 else None,
                home=Address(zip=n),
            )
            for n in range(10)
        ]
    )
    context.clear_cache()


def test_sums_are_of_the_results() -> None:
    assert Account.query().sum(Account.balance) == 450
    assert type(Account.query().sum("b")) is int
    assert Account.query(Account.owner == "a").sum(Account.balance) == 200
    assert Account.query(ndb.OR(Account.balance == 10, Account.balance > 70)).sum(Account.balance) == 180
    assert Account.query().sum(Account.home.zip) == 45
    assert Account.query().order(-Account.balance).sum(Account.balance, offset=8) == 10


def test_means_leave_out_what_is_no_number() -> None:
    assert Account.query().avg(Account.balance) == 45.0
    assert Account.query().sum(Account.rate) == 2.5
    assert Account.query().avg(Account.rate) == 0.5


def test_of_nothing_the_sum_is_zero_and_the_mean_none() -> None:
    nothing = Account.query(Account.balance > 1000)
    assert nothing.sum(Account.balance) == 0
    assert nothing.avg(Account.balance) is None
    assert Account.query(Account.balance.IN([])).avg(Account.balance) is None


def test_the_twins_give_futures() -> None:
    query = Account.query(Account.owner == "b")

    async def look() -> tuple[float, float | None, int]:
        return await query.sum_async("b"), await query.avg_async("b"), await query.count_async()

    assert asyncio.run(look()) == (250, 50.0, 5)
    assert query.sum_async(Account.balance).result() == 250


def test_counts_are_of_any_query() -> None:
    assert Account.query(Account.owner.IN(["a", "b"]), Account.balance != 30).count() == 9
    assert Account.query(Account.owner.IN(["a", "b"])).count(4) == 4
    assert Account.query(projection=[Account.owner], distinct=True).count() == 2


def test_what_can_not_be_summed_up_is_refused() -> None:
    for prop in ("secret", "zork", "balance", "home"):
        with pytest.raises(ndb.InvalidPropertyError):
            Account.query().sum(prop)
    with pytest.raises(TypeError):
        Account.query().avg(3)  # type: ignore[arg-type]
    with pytest.raises(ndb.exceptions.BadQueryError):
        Account.query(projection=[Account.owner]).sum(Account.balance)
    homes = ndb.PostFilterNode(lambda _: True)
    with pytest.raises(ndb.exceptions.BadQueryError, match="one by one"):
        Account.query(homes).sum(Account.balance)


def test_a_query_explains_its_plan() -> None:
    query = Account.query(Account.owner == "a", Account.balance > 3)
    plan = query.explain()
    assert "Account" in plan
    assert plan == query.explain_async().result()
    assert plan != Account.query().explain()
    with pytest.raises(ndb.exceptions.BadQueryError):
        Account.query(Account.owner != "a", Account.balance != 3).explain()
