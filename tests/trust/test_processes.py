"""Children's results come home, and so does it when a child fails, dies or hangs."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tests.trust.processes import collect, in_processes, start

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def hang(_: int) -> None:
    threading.Event().wait()


def test_results_come_in_the_order_of_the_numbers() -> None:
    assert in_processes(lambda number: number * 10, 3) == [0, 10, 20]


def test_a_child_that_raises_is_reported_with_its_traceback() -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        in_processes(lambda number: 1 // number, 2)


def test_a_child_that_dies_is_reported() -> None:
    with pytest.raises(AssertionError, match="child 0 died"):
        in_processes(lambda _: os.kill(os.getpid(), signal.SIGKILL), 1)


def test_a_child_that_hangs_is_ended_and_reported() -> None:
    began = time.monotonic()
    with pytest.raises(AssertionError, match=r"child 0 has not ended after 0\.2 seconds"):
        in_processes(hang, 1, timeout=0.2)
    assert time.monotonic() - began < 30


def test_a_child_that_nobody_waits_for_ends_by_itself() -> None:
    with pytest.raises(AssertionError, match="child 0 died"):
        collect([start(hang, 0, 0.2)], 30)
