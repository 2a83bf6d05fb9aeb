"""The models with unique values that several test modules are about, and what must be true of their markers."""

from kindstore import ndb
from kindstore.mapper.unique import MARKERS
from kindstore.ndb import unique


class User(ndb.Model):
    email = ndb.StringProperty("e", unique=True)
    room = ndb.IntegerProperty()
    seat = ndb.StringProperty()
    note = ndb.TextProperty()
    unique_together = ("room", "seat")


def emails() -> dict[str, str | None]:
    """What is stored, by key name: past what this context knows."""
    found = User.query().fetch(use_cache=False)
    return {str(user.key.id()): user.email for user in found}


def markers() -> int:
    """How many there are."""
    return ndb.Query(kind=MARKERS).count()


def assert_unique() -> None:
    """No value twice, a marker for each value, and no marker besides."""
    bound = 0
    for properties, report in unique.check(User).items():
        assert (report.duplicates, report.missing, report.stale) == ([], [], []), properties
    for user in User.query().fetch(use_cache=False):
        bound += (user.email is not None) + (user.room is not None and user.seat is not None)
    assert markers() == bound
