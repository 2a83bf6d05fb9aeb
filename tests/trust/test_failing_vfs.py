"""The I/O-fault harness reaches every operation, and raw SQLite stands the sweep."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.trust.failing_vfs import Failure, Fault, faults


def prepare(path: Path) -> None:
    path.unlink(missing_ok=True)
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("create table entity(v, body); create table ix(v)")
    connection.close()


def change(path: Path, fault: Fault, *, sloppy: bool = False) -> str:
    """Insert one row and its index row; say what became of it."""
    fault.armed = True
    try:
        connection = apsw.Connection(str(path), vfs=fault.vfs)
        try:
            connection.pragma("wal_autocheckpoint", 0)
            connection.pragma("cache_size", 5)
            if not sloppy:
                connection.execute("begin immediate")
            connection.execute("insert into entity values (1, zeroblob(30000))")
            connection.execute("insert into ix values (1)")
            if not sloppy:
                connection.execute("commit")
            return "committed"
        finally:
            connection.close()
    except apsw.Error as error:
        return type(error).__name__
    finally:
        fault.armed = False


def stored(path: Path) -> tuple[int, int, str]:
    connection = apsw.Connection(str(path))
    try:
        rows = connection.execute("select count(*) from entity").get
        entries = connection.execute("select count(*) from ix").get
        return rows, entries, str(connection.pragma("integrity_check"))
    finally:
        connection.close()


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("persistent", [False, True], ids=["one-shot", "persistent"])
def test_every_operation_fails_once_and_leaves_all_or_nothing(
    tmp_path: Path, failure: Failure, persistent: bool
) -> None:
    path = tmp_path / "raw.db"
    struck: set[str] = set()
    outcomes: list[str] = []
    for fault in faults(failure, persistent=persistent):
        prepare(path)
        outcomes.append(change(path, fault))
        struck.add(fault.struck.partition(" ")[0])
        rows, entries, integrity = stored(path)
        assert (rows, integrity) == (entries, "ok"), str(fault)
    assert outcomes[-1] == "committed", "the last run of a sweep meets no fault"
    assert len(outcomes) > 20
    assert struck >= {"open", "read", "write", "sync", "delete", ""}
    assert ("FullError" in outcomes) == (failure is Failure.FULL)


def test_negative_control_a_writer_without_a_transaction_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "raw.db"
    torn: list[str] = []
    for fault in faults(Failure.IO, persistent=True):
        prepare(path)
        change(path, fault, sloppy=True)
        rows, entries, _ = stored(path)
        if rows != entries:
            torn.append(str(fault))
    assert torn
