"""A clock that stands still until a test moves it."""

from __future__ import annotations

import datetime as dt
from typing import Final

_EPOCH: Final = dt.datetime(1970, 1, 1)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

START: Final = dt.datetime(2020, 1, 1)
"""What a clock shows that was told nothing: the same in every run."""


class Clock:
    """Shows *now*, a point in time: naive ones are in UTC.  Stands still but for `set` and `advance`.

    A store takes its `time_ns` and `monotonic` as it takes those of the module `time`.
    """

    def __init__(self, now: dt.datetime = START) -> None:
        self._now = _in_utc(now)
        self._elapsed = dt.timedelta()

    def __repr__(self) -> str:
        return f"<Clock at {self._now.isoformat(sep=' ')}>"

    @property
    def now(self) -> dt.datetime:
        """What it shows: naive, in UTC, as `auto_now` stores it."""
        return self._now

    def set(self, now: dt.datetime) -> None:
        """Show *now*; it may be earlier than before, as machines' clocks are set back."""
        self._now = _in_utc(now)

    def advance(self, seconds: float | dt.timedelta) -> None:
        """Let so many *seconds* pass: transactions expire, delays are over.  ValueError for less than none."""
        step = seconds if isinstance(seconds, dt.timedelta) else dt.timedelta(seconds=seconds)
        if step < dt.timedelta():
            raise ValueError("time does not go backwards: use set() for a clock that was set back")
        self._now += step
        self._elapsed += step

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return (self._now - _EPOCH) // _MICROSECOND * 1000

    def monotonic(self) -> float:
        """Seconds that have passed by `advance`; setting the clock does not change them."""
        return self._elapsed.total_seconds()


def _in_utc(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo is None else time.astimezone(dt.UTC).replace(tzinfo=None)
