"""Passwords: kept as hashes of argon2id, compared in constant time, and no quicker for names that there are not."""

from __future__ import annotations

import contextlib
import functools
import secrets
import unicodedata
from enum import Enum

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from kindstore.values.errors import BadValueError

__all__ = ["HASHER", "PasswordCheck", "hash_password", "verify_password"]

HASHER = PasswordHasher()
"""Whose parameters count where none are given: argon2id by RFC 9106's second recommendation, 64 MiB and three passes."""


class PasswordCheck(Enum):
    """What `verify_password` found.  Only WRONG is false."""

    WRONG = "wrong"
    RIGHT = "right"
    OUTDATED = "outdated"
    """Right, but the hash was made with other parameters than today's: replace it by `hash_password`."""

    def __bool__(self) -> bool:
        return self is not PasswordCheck.WRONG


def hash_password(password: str, *, hasher: PasswordHasher | None = None) -> str:
    """What to store of *password*: a text of about 100 characters with a random salt, for an unindexed property.

    Passwords that look the same are the same (Unicode's NFKC).  `BadValueError` for an empty one.
    """
    if not password:
        raise BadValueError("an empty password", hint="Let the form require one.")
    return (hasher or HASHER).hash(_bytes(password))


def verify_password(
    stored: str | None, password: str, *, hasher: PasswordHasher | None = None
) -> PasswordCheck:
    """Whether *stored*, a result of `hash_password`, was made of *password*.

    Pass None as *stored* if there is no such user, so that the answer takes as long as for one whom there is: names
    cannot be found out by the time.  A *stored* that is no hash of argon2 is WRONG, after the same time.
    """
    hasher = hasher or HASHER
    nobody = _of_nobody(hasher)  # made by the first call, whatever that asks
    given = _bytes(password)
    if stored:
        try:
            hasher.verify(stored, given)
        except VerifyMismatchError:
            return PasswordCheck.WRONG
        except (ValueError, VerificationError):
            pass  # no hash of argon2; to compare with nobody's takes the time that it should have taken
        else:
            return PasswordCheck.OUTDATED if hasher.check_needs_rehash(stored) else PasswordCheck.RIGHT
    with contextlib.suppress(VerificationError):
        hasher.verify(nobody, given)
    return PasswordCheck.WRONG


@functools.lru_cache(maxsize=8)
def _of_nobody(hasher: PasswordHasher) -> str:
    """The hash of a password that nobody knows."""
    return hasher.hash(secrets.token_bytes())


def _bytes(password: str) -> bytes:
    # JSON can bring half of a surrogate pair, which is a wrong password and no error.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
