"""After a power loss at any moment the store opens, is sound, and has every commit that it acknowledged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kindstore.backends.sqlite import driver
from tests.scale import scaled, seed
from tests.trust.power_loss import Finding, Tally, Verdict, tally
from tests.trust.recording_vfs import Entry, Image, images, recording
from tests.trust.stores import Books, faults_of, open_store, opened

NAME = "x.db"
TRANSACTIONS = 64
PARTS = 4
SEED = seed(1)


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are where a power loss can do most harm, and 64 transactions would see none of the ordinary size."""
    monkeypatch.setattr(driver, "CHECKPOINT", 40)
    monkeypatch.setattr(driver, "TRUNCATE", 120)


def record(tmp_path: Path, **options: object) -> list[Entry]:
    """The log of TRANSACTIONS transactions in a new database, closed and reopened half-way."""
    with recording() as taken:
        for first, last in ((1, TRANSACTIONS // 2), (TRANSACTIONS // 2 + 1, TRANSACTIONS)):
            with opened(tmp_path / NAME, vfs=taken.vfs, **options) as store:
                books = Books(store)
                for number in range(first, last + 1):
                    books.transact(number)
                    taken.acknowledge(number)
        return taken.log


def audit(directory: Path) -> Finding:
    """Open, compare with the state that the counter claims, check the whole database, and write on."""
    try:
        store = open_store(directory / NAME)
    except Exception:  # noqa: BLE001 - on a disk that lies anything may be found, and none of it is good
        return Finding(fault=Verdict.CORRUPT)
    try:
        books = Books(store)
        number = books.counter()
        if faults_of(store) or books.differences(number):
            return Finding(fault=Verdict.PARTIAL)
        books.transact(number + 1)
        return Finding(fault=Verdict.PARTIAL) if books.differences(number + 1) else Finding(number)
    except Exception:  # noqa: BLE001
        return Finding(fault=Verdict.CORRUPT)
    finally:
        with suppress(Exception):
            store.close()


def sample(
    log: list[Entry], number: int, *, lying: float = 0.0, part: int = 0, parts: int = 1
) -> Iterator[Image]:
    """About *number* / *parts* images, spread over every position of the *part*-th piece of *log*."""
    within = range(len(log) * part // parts, len(log) * (part + 1) // parts)
    per_position = max(2, -(-number // len(log)))
    surplus = 1 - number / (len(log) * per_position)
    chance = random.Random(SEED)
    for image in images(log, per_position=per_position, seed=SEED, lying=lying, within=within):
        if chance.random() >= surplus:
            yield image


def table_row(mode: str, images: Iterator[Image]) -> Tally:
    row = tally(mode, images, audit)
    print(f"\n{row}")
    return row


@pytest.mark.parametrize("part", range(PARTS))
def test_every_power_loss_leaves_all_acknowledged_commits_whole(tmp_path: Path, part: int) -> None:
    """In parts for the sake of several workers; the workload is the same."""
    every = sample(record(tmp_path), scaled(6000), part=part, parts=PARTS)
    row = table_row(f"full (default), part {part + 1} of {PARTS}", every)
    assert row.verdicts.keys() == {Verdict.GOOD}, f"seed {SEED}: {row}\n" + "\n".join(row.stories)
    assert row.images > scaled(5000) / PARTS
    assert row.distinct > 400


def test_relaxed_durability_may_lose_the_last_commits_but_stays_whole(tmp_path: Path) -> None:
    row = table_row("relaxed", sample(record(tmp_path, durability="relaxed"), 600))
    assert row.verdicts.keys() <= {Verdict.GOOD, Verdict.LOST}, f"seed {SEED}: " + "\n".join(row.stories)
    assert row.verdicts[Verdict.LOST] > 20


def test_negative_control_a_disk_that_never_syncs_breaks_the_promise(tmp_path: Path) -> None:
    row = table_row("full, no sync ever happens", sample(record(tmp_path), 400, lying=1.0))
    assert row.verdicts[Verdict.LOST] > 100
    assert row.verdicts[Verdict.CORRUPT] + row.verdicts[Verdict.PARTIAL] > 10


def test_negative_control_a_disk_that_lies_now_and_then_breaks_the_promise(tmp_path: Path) -> None:
    row = table_row("full, 30% of syncs lie", sample(record(tmp_path), 700, lying=0.3))
    assert row.verdicts[Verdict.LOST] > 10
    assert row.verdicts[Verdict.CORRUPT] + row.verdicts[Verdict.PARTIAL] > 0
