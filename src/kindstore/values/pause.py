"""A pause of Python's garbage collector, for loops in which nothing becomes garbage."""

from __future__ import annotations

import gc

WORTHWHILE = 50
"""Objects made in a loop, from which on a pause saves time: about a third of a bulk read or write."""


MANY = 1000
"""Objects from which on the collector looks at them right after the pause, as old ones."""


class Pause:
    """``with Pause(number):`` puts collection off to the end of the block, if *number* objects are worth it.

    Only around code that neither waits nor calls users.  Threads may overlap: each turns on what it turned off.
    """

    __slots__ = ("_number", "_paused")

    def __init__(self, number: int) -> None:
        self._number = number
        self._paused = number > WORTHWHILE and gc.isenabled()

    def __enter__(self) -> None:
        if self._paused:
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._paused:
            gc.enable()
            if self._number >= MANY:
                # It would look at these now in any case, as at young ones, and a second time before they are old.
                gc.collect(1)
