"""How much a long test does: the fast tier by default, more with KINDSTORE_SOAK (`make soak`).

KINDSTORE_SOAK=1 is ten times the fast tier, 2 twenty times, and so on; fractions work too.
"""

import os

_SOAK = os.environ.get("KINDSTORE_SOAK", "")


def scaled(number: int, soak: int | None = None) -> int:
    """*number* in the fast tier; in a soak KINDSTORE_SOAK times *soak*, or where that is not given ten times *number*."""
    return max(1, round((soak or 10 * number) * float(_SOAK))) if _SOAK else number


def scaled_time(seconds: float) -> float:
    """*seconds* in the fast tier; as much longer in a soak as it has more to do."""
    return seconds * max(1.0, 10 * float(_SOAK or 0))


def seed(default: int) -> int:
    """The seed of a test: KINDSTORE_SEED, else *default*. Tests name it when they fail."""
    return int(os.environ.get("KINDSTORE_SEED") or default)
