"""The power-loss harness finds what is known to be wrong with raw SQLite, and nothing in what is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.trust.power_loss import Finding, Tally, Verdict, tally
from tests.trust.recording_vfs import Delete, Entry, Image, Mark, Sync, Truncate, Write, images, recording

TRANSACTIONS = 30


def run_workload(
    path: Path, vfs: str, journal: str, synchronous: str, acknowledge: Callable[[int], None]
) -> None:
    """Rows, their index and a counter in each transaction; small caches and pages, so that much is written."""
    chance = random.Random(7)
    connection = apsw.Connection(str(path), vfs=vfs)
    connection.pragma("page_size", 1024)
    connection.pragma("journal_mode", journal)
    connection.pragma("synchronous", synchronous)
    connection.pragma("wal_autocheckpoint", 20)
    connection.pragma("cache_size", 8)
    connection.execute(
        "begin; create table counter(n int); create table entity(id integer primary key, v, body);"
        "create table ix(v, id, primary key(v, id)) without rowid; insert into counter values (0); commit"
    )
    for number in range(1, TRANSACTIONS + 1):
        with connection:
            for part in range(3):
                value, body = chance.randbytes(8), chance.randbytes(chance.randint(0, 2500))
                connection.execute("insert into entity values (?, ?, ?)", (number * 10 + part, value, body))
                connection.execute("insert into ix values (?, ?)", (value, number * 10 + part))
            connection.execute("update counter set n = n + 1")
        acknowledge(number)
    connection.close()


def audit(directory: Path) -> Finding:
    connection = apsw.Connection(str(directory / "raw.db"))
    try:
        if connection.pragma("integrity_check") != "ok":
            return Finding(fault=Verdict.CORRUPT)
        tables = connection.execute("select count(*) from sqlite_master").get
        if not tables:
            return Finding(0)
        counter = int(str(connection.execute("select sum(n) from counter").get or 0))
        rows = connection.execute("select count(*) from entity").get
        fitting = connection.execute("select count(*) from entity join ix using (id, v)").get
        entries = connection.execute("select count(*) from ix").get
    except apsw.Error:
        return Finding(fault=Verdict.CORRUPT)
    finally:
        connection.close()
    if not rows == fitting == entries == 3 * counter:
        return Finding(fault=Verdict.PARTIAL)
    return Finding(counter)


def table_row(
    tmp_path: Path, journal: str, synchronous: str, *, lying: float = 0, per_position: int = 1
) -> Tally:
    with recording("recording-raw") as taken:
        run_workload(tmp_path / "raw.db", taken.vfs, journal, synchronous, taken.acknowledge)
    mode = f"{journal} {synchronous}" + f", {lying:.0%} of syncs lie" * bool(lying)
    row = tally(mode, images(taken.log, per_position=per_position, seed=1, lying=lying), audit)
    print(row)
    return row


@pytest.mark.parametrize(("journal", "synchronous"), [("wal", "full"), ("delete", "extra")])
def test_modes_that_are_durable_lose_nothing(tmp_path: Path, journal: str, synchronous: str) -> None:
    row = table_row(tmp_path, journal, synchronous, per_position=2)
    assert row.images > 500
    assert row.verdicts.keys() == {Verdict.GOOD}, f"seed 1: {row.stories}"


def test_wal_normal_loses_commits_but_never_corrupts(tmp_path: Path) -> None:
    row = table_row(tmp_path, "wal", "normal")
    assert row.verdicts[Verdict.LOST] > 50
    assert row.verdicts.keys() == {Verdict.GOOD, Verdict.LOST}, f"seed 1: {row.stories}"


def test_a_rollback_journal_with_full_loses_the_last_commit(tmp_path: Path) -> None:
    row = table_row(tmp_path, "delete", "full")
    assert row.verdicts[Verdict.LOST] > 20
    assert row.verdicts.keys() == {Verdict.GOOD, Verdict.LOST}, f"seed 1: {row.stories}"


def test_negative_control_no_syncs_at_all_breaks_everything(tmp_path: Path) -> None:
    row = table_row(tmp_path, "wal", "off")
    assert row.verdicts[Verdict.CORRUPT] > 20
    assert row.verdicts[Verdict.LOST] > 50


def test_negative_control_a_disk_that_lies_about_syncs_breaks_everything(tmp_path: Path) -> None:
    row = table_row(tmp_path, "wal", "full", lying=0.3)
    assert row.verdicts[Verdict.CORRUPT] > 20
    assert row.verdicts[Verdict.LOST] > 20


# --- the disk itself, by hand -------------------------------------------------------------------------


def last_images(log: list[Entry], count: int = 200) -> set[tuple[tuple[str, bytes], ...]]:
    found = [i for i in images(log, per_position=count, seed=3) if i.position == len(log) - 1]
    return {tuple(sorted(i.files.items())) for i in found}


def test_a_synced_write_is_in_every_image_and_an_unsynced_one_in_some() -> None:
    log: list[Entry] = [Write("a", 0, b"old"), Sync("a", 1), Write("a", 0, b"new")]
    assert last_images(log) == {(("a", b"old"),), (("a", b"new"),)}


def test_a_write_that_came_while_a_sync_ran_is_not_covered_by_it() -> None:
    log: list[Entry] = [Write("a", 0, b"old"), Write("a", 0, b"new"), Sync("a", 1)]
    assert last_images(log) == {(("a", b"old"),), (("a", b"new"),)}


def test_unsynced_writes_are_reordered() -> None:
    log: list[Entry] = [Write("a", 0, b"?"), Sync("a", 1), Write("a", 0, b"1"), Write("a", 0, b"2")]
    assert last_images(log) == {(("a", b"?"),), (("a", b"1"),), (("a", b"2"),)}


def test_a_write_is_torn_at_the_sectors_of_the_disk() -> None:
    log: list[Entry] = [Write("a", 0, b"-" * 1024), Sync("a", 1), Write("a", 500, b"+" * 100)]
    contents = {files[0][1] for files in last_images(log)}
    whole = b"-" * 500 + b"+" * 100 + b"-" * 424
    left = b"-" * 500 + b"+" * 12 + b"-" * 512
    right = b"-" * 512 + b"+" * 88 + b"-" * 424
    assert contents == {b"-" * 1024, whole, left, right}


def test_an_unlink_without_a_directory_sync_may_not_have_happened() -> None:
    log: list[Entry] = [Write("a", 0, b"x"), Sync("a", 1), Delete("a", durable=False)]
    assert last_images(log) == {(), (("a", b"x"),)}
    log = [Write("a", 0, b"x"), Sync("a", 1), Delete("a", durable=True)]
    assert last_images(log) == {()}


def test_unlinks_happen_in_order() -> None:
    log: list[Entry] = [Write("a", 0, b"x"), Sync("a", 1), Write("b", 0, b"y"), Sync("b", 3)]
    log += [Delete("a", durable=False), Delete("b", durable=False)]
    assert last_images(log) == {(), (("b", b"y"),), (("a", b"x"), ("b", b"y"))}


def test_a_truncate_never_eats_a_later_write() -> None:
    log: list[Entry] = [Write("a", 0, b"12"), Sync("a", 1), Truncate("a", 0), Write("a", 0, b"34")]
    assert last_images(log) == {(("a", b"12"),), (("a", b"34"),), (("a", b""),)}


def test_images_of_some_positions_are_those_positions_alone() -> None:
    log: list[Entry] = [Write("a", 0, b"1"), Sync("a", 1), Write("b", 0, b"2"), Sync("b", 3)]
    found = list(images(log, per_position=1, within=range(1, 3)))
    assert [i.position for i in found] == [1, 2]
    assert all(i.files["a"] == b"1" for i in found)


def test_images_have_one_digest_if_and_only_if_they_hold_the_same_files() -> None:
    def digest(**files: bytes) -> bytes:
        return Image(0, files, (), "").digest()

    assert digest(a=b"1", b=b"2") == digest(b=b"2", a=b"1")
    assert len({digest(a=b"1"), digest(b=b"1"), digest(a=b"1", b=b""), digest(a=b"2"), digest(a=b"")}) == 5


def test_an_image_that_was_seen_before_is_held_against_what_is_promised_by_now(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def look(directory: Path) -> Finding:
        seen.append((directory / "a").read_bytes())
        return Finding(1)

    promises = [(), (1,), (1, 2)]
    row = tally("by hand", [Image(n, {"a": b"x"}, p, "") for n, p in enumerate(promises)], look)
    assert seen == [b"x"]
    assert (row.images, row.distinct) == (3, 1)
    assert row.verdicts == {Verdict.GOOD: 2, Verdict.LOST: 1}


def test_an_image_knows_which_commits_were_acknowledged() -> None:
    log: list[Entry] = [Mark(1), Write("a", 0, b"x"), Mark(2)]
    assert [i.acknowledged for i in images(log, per_position=1)] == [(1,), (1,), (1, 2)]
