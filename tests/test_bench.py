"""The benchmark compares like with like: every peer answers alike before anything is measured."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import report
from bench.ndb_cost.__main__ import BEGIN, END, measure, table
from bench.ndb_cost.side import SIDES, installed
from bench.ndb_cost.workload import OPERATIONS as NDB_OPERATIONS
from bench.peers import NAMES, missing
from bench.process import WorkerProcess
from bench.query_cost import Side
from bench.query_cost import table as query_cost_table
from bench.record import INDEXED
from bench.results import Budgets, Cell, PeerFacts, Results
from bench.run import Disagreement, agree, compare
from bench.workload import OPERATIONS, record

OTHERS = [name for name in NAMES if name != "raw"]


@pytest.mark.parametrize("peer", OTHERS)
def test_a_peer_gives_the_same_answers_as_the_floor_before_and_after_the_writes(peer: str) -> None:
    if lacking := missing(peer):
        pytest.skip(f"not installed: {', '.join(lacking)} (make bench installs the peers)")
    results = compare(
        ["raw", peer], records=50, rounds=1, command="test", scale=0.02, once=False, tell=lambda _: None
    )
    assert all(results.least(operation, peer) > 0 for operation in OPERATIONS)


def test_peers_that_hold_different_data_are_not_compared(tmp_path: Path) -> None:
    with WorkerProcess("raw", tmp_path / "a.db") as left, WorkerProcess("rawt", tmp_path / "b.db") as right:
        left.ask("load", 50)
        right.ask("load", 49)
        with pytest.raises(Disagreement, match=r"raw answers .* rawt answers"):
            agree({"raw": left, "rawt": right}, "seed")


def test_a_record_is_the_same_in_every_process_and_unlike_its_neighbours() -> None:
    assert record(1)["email"] != record(2)["email"]
    assert record(1_000_000) == record(1_000_000)
    assert len({record(number)["score"] for number in range(1, 1001)}) == 1000
    assert {len(record(number)["bio"]) for number in range(1, 1001)} == {300}
    assert set(INDEXED) < set(record(1))


def test_the_report_goes_between_the_markers_and_leaves_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(page, "new\n")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    page.write_text("no markers\n")
    with pytest.raises(ValueError, match="markers"):
        report.write(page, "new\n")


def test_a_ratio_is_least_over_least_to_the_floor_of_the_same_run() -> None:
    results = Results(10, 2, "machine", "CPython", "today", "bench")
    facts = PeerFacts({"x": "1"}, "wal", 2)
    results.peers = {"raw": facts, "kindstore": facts, "pony": facts}
    for operation in OPERATIONS:
        results.cells[operation] = {
            "raw": Cell([2000.0, 1000.0], [2000.0, 1000.0]),
            "kindstore": Cell([1500.0, 9000.0], [1500.0, 9000.0]),
            "pony": Cell([6000.0, 6000.0], [6000.0, 6000.0]),
        }
    results.budgets["raw"] = Budgets(1, 2, 3, 4, 5, dict.fromkeys(OPERATIONS, 6))
    text = report.tables(results)
    assert "| kindstore | 5.25/1.50 ×1.50 |" in text
    assert "| get | 1.50 | pony | 4.00 | 4.00 |" in text


def test_the_cost_beside_google_cloud_ndb_is_told_as_times_of_the_least_of_the_rounds(tmp_path: Path) -> None:
    cells = {SIDES[0]: [300.0, 200.0], SIDES[1]: [20.0, 30.0], SIDES[2]: [40.0, 50.0]}
    text = table({**dict.fromkeys(NDB_OPERATIONS, cells), "memory": cells}, 2)
    assert "| get_multi | 200.0 | 20.0 | 10.0 | 40.0 | 5.0 |" in text
    assert "| bytes of a fetched entity | 200 | 20 | 10.0 | 40 | 5.0 |" in text
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    report.write(page, text, BEGIN, END)
    assert text in page.read_text()


def test_google_cloud_ndb_and_kindstore_answer_alike_before_their_cost_is_compared() -> None:
    if not installed():
        pytest.skip("not installed: google-cloud-ndb (make bench installs it)")
    found = measure(list(SIDES), 1)  # raises where they do not
    assert all(taken > 0 for cells in found.values() for rounds in cells.values() for taken in rounds)


def test_what_queries_cost_is_told_with_the_rows_that_a_join_reads(tmp_path: Path) -> None:
    with ExitStack() as stack:
        small, large = (Side(stack, tmp_path / f"{size}.db", size) for size in (1_000, 2_000))
        text = query_cost_table(small, large, rounds=1)
    assert "| join of three equalities, index rows that its plan reads | 101 | 201 | 1.99 |" in text
    assert "| the join with a composite index, index rows | 1 | 1 | 1.00 |" in text
    assert "A count of 2,000 is" in text
