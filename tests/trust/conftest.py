"""The harness is imported as `tests.trust.…`, also when pytest is not started as `python -m pytest`; no test may hang."""

import faulthandler
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.scale import scaled_time  # noqa: E402 - found by the line above

LIMIT = scaled_time(120)
"""Seconds that a test may take; it fails then, and its process ends where that does not help after twice as many."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("trust")


def _out_of_time(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"the test has not ended after {LIMIT:.0f} seconds")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Waiting for locks, processes and threads is what these tests do, so a bug shows as one that waits for ever."""
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    faulthandler.dump_traceback_later(2 * LIMIT, exit=True)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
