"""The checker of histories finds every anomaly it has a name for, and none where there is none."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable

import pytest

from tests.trust.histories import Append, Edge, Operation, Outcome, Read, Transaction, check, components


def tx(
    name: str, *operations: Operation, outcome: Outcome = Outcome.OK, at: tuple[int, int] = (0, 0)
) -> Transaction:
    return Transaction(name, operations, outcome, *at)


def append(text: str) -> Append:
    """`append("x1")` appends 1 to list x."""
    return Append(text[0], int(text[1:]))


def read(key: str, *values: int) -> Read:
    return Read(key, values)


def names(*history: Transaction, real_time: bool = False) -> set[str]:
    return {anomaly.name for anomaly in check(history, real_time=real_time)}


def test_transactions_that_append_in_opposite_orders_are_a_dirty_write() -> None:
    found = names(
        tx("A", append("x1"), append("y1")),
        tx("B", append("x2"), append("y2")),
        tx("C", read("x", 1, 2), read("y", 2, 1)),
    )
    assert found == {"G0"}


def test_a_value_of_a_failed_transaction_is_an_aborted_read() -> None:
    assert names(tx("A", append("x1"), outcome=Outcome.FAILED), tx("B", read("x", 1))) == {"G1a"}


def test_a_list_that_ends_inside_a_transaction_is_an_intermediate_read() -> None:
    assert "G1b" in names(tx("A", append("x1"), append("x2")), tx("B", read("x", 1)))


def test_transactions_that_read_each_others_appends_are_a_circular_flow() -> None:
    assert names(tx("A", append("x1"), read("y", 1)), tx("B", append("y1"), read("x", 1))) == {"G1c"}


def test_a_read_between_two_halves_of_a_transaction_is_read_skew() -> None:
    found = names(
        tx("A", append("x1"), append("y1")),
        tx("B", read("x"), read("y", 1)),
        tx("C", read("x", 1), read("y", 1)),
    )
    assert found == {"G-single"}


def test_two_updates_of_one_version_are_a_lost_update() -> None:
    found = names(
        tx("A", read("x"), append("x1")),
        tx("B", read("x"), append("x2")),
        tx("C", read("x", 1, 2)),
    )
    assert found == {"lost-update", "G-single"}


def test_two_readers_that_each_miss_the_others_append_are_write_skew() -> None:
    found = names(
        tx("A", read("x"), read("y"), append("x1")),
        tx("B", read("x"), read("y"), append("y1")),
        tx("C", read("x", 1), read("y", 1)),
    )
    assert found == {"G2-item"}


def test_a_read_that_forgets_the_transactions_own_append_is_internal() -> None:
    assert names(tx("A", append("x1"), read("x"))) == {"internal"}
    assert names(tx("A", read("x"), append("x1"), read("x", 2, 1)), tx("B", append("x2"))) >= {"internal"}


def test_reads_that_are_no_prefix_of_each_other_are_an_incompatible_order() -> None:
    history = [
        tx("A", append("x1")),
        tx("B", append("x2")),
        tx("C", read("x", 1, 2)),
        tx("D", read("x", 2)),
    ]
    assert "incompatible-order" in names(*history)


def test_a_value_seen_twice_or_never_written_is_found() -> None:
    assert "duplicate" in names(tx("A", append("x1")), tx("B", read("x", 1, 1)))
    assert "garbage" in names(tx("A", append("x1")), tx("B", read("x", 7)))


def test_a_stale_read_is_an_anomaly_only_in_real_time() -> None:
    history = [
        tx("A", append("x1"), at=(1, 2)),
        tx("B", read("x"), at=(3, 4)),
        tx("C", read("x", 1), at=(5, 6)),
    ]
    assert names(*history) == set()
    assert names(*history, real_time=True) == {"G-single-realtime"}


def test_an_acknowledged_append_that_no_later_read_finds_is_lost() -> None:
    history = [tx("A", append("x1"), at=(1, 2)), tx("B", read("x"), at=(3, 4))]
    assert names(*history, real_time=True) == {"lost-append"}
    concurrent = [tx("A", append("x1"), at=(1, 4)), tx("B", read("x"), at=(3, 5))]
    assert names(*concurrent, real_time=True) == set()


def test_an_append_of_unknown_outcome_may_be_there_or_not_but_counts_once_seen() -> None:
    unknown = tx("A", append("x1"), append("y1"), outcome=Outcome.UNKNOWN, at=(1, 2))
    assert names(unknown, tx("B", read("x"), at=(3, 4)), real_time=True) == set()
    assert names(unknown, tx("B", read("x", 1), read("y"), at=(3, 4))) == set()  # y1 was seen by nobody
    assert names(unknown, tx("B", read("x", 1), read("y")), tx("C", read("y", 1))) == {"G-single"}


def test_a_value_written_twice_makes_a_history_that_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="twice"):
        check([tx("A", append("x1")), tx("B", append("x1"))])


def serial_history(seed: int, length: int, keys: int) -> list[Transaction]:
    chance = random.Random(seed)
    lists: dict[Hashable, tuple[Hashable, ...]] = defaultdict(tuple)
    history: list[Transaction] = []
    for number in range(length):
        before = dict(lists)
        operations: list[Operation] = []
        for part in range(chance.randint(1, 5)):
            key = chance.randrange(keys)
            if chance.random() < 0.5:
                operations.append(Read(key, lists[key]))
            else:
                operations.append(Append(key, (number, part)))
                lists[key] += ((number, part),)
        outcome = chance.choices([Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN], [0.8, 0.1, 0.1])[0]
        happened = outcome is Outcome.OK or (outcome is Outcome.UNKNOWN and chance.random() < 0.5)
        if not happened:
            lists.clear()
            lists.update(before)
        # Wide intervals that overlap: the order of effect is somewhere inside.
        times = (number * 10 - chance.randint(0, 60), number * 10 + chance.randint(0, 60))
        history.append(Transaction(f"T{number}", tuple(operations), outcome, *times))
    chance.shuffle(history)
    return history


@pytest.mark.parametrize("seed", range(20))
def test_a_serial_history_has_no_anomaly(seed: int) -> None:
    history = serial_history(seed, length=300, keys=2 + seed)
    assert check(history, real_time=True) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(20))
def test_a_serial_history_with_one_read_from_the_past_has_an_anomaly(seed: int) -> None:
    history = serial_history(seed, length=300, keys=3)
    chance = random.Random(seed)
    victims = [
        (place, t, number)
        for place, t in enumerate(history)
        for number, op in enumerate(t.operations)
        # A stale read is an anomaly for certain if the transaction saw a newer state of the same list.
        if t.outcome is Outcome.OK
        and isinstance(op, Read)
        and len(op.values) > 1
        and any(isinstance(o, Read) and o.key == op.key for o in t.operations[:number])
    ]
    place, victim, number = chance.choice(victims)
    stale = victim.operations[number]
    assert isinstance(stale, Read)
    operations = list(victim.operations)
    operations[number] = Read(stale.key, stale.values[:-1])
    history[place] = Transaction(victim.name, tuple(operations), victim.outcome, victim.began, victim.ended)
    assert check(history), f"seed {seed}"


def test_components_are_those_of_the_definition() -> None:
    """Against mutual reachability, on random graphs."""
    for seed in range(200):
        chance = random.Random(seed)
        nodes = [str(n) for n in range(8)]
        pairs = [(a, b) for a in nodes for b in nodes if a != b and chance.random() < 0.18]
        graph = {n: [Edge(a, b, "ww") for a, b in pairs if a == n] for n in nodes}
        reach = {n: {n} for n in nodes}
        for _ in nodes:
            for a, b in pairs:
                reach[a] |= reach[b]
        expected = {frozenset(b for b in nodes if b in reach[a] and a in reach[b]) for a in nodes}
        assert {frozenset(c) for c in components(graph)} == {c for c in expected if len(c) > 1}, (
            f"seed {seed}"
        )


def test_three_thousand_transactions_are_checked_within_a_few_seconds() -> None:
    assert check(serial_history(1, length=3000, keys=40), real_time=True) == []
