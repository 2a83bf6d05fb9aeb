"""Passwords: hashes of argon2id, and nothing to be learnt from the time that an answer takes."""

from time import perf_counter
from typing import Literal

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore.flask import passwords
from kindstore.flask.passwords import PasswordCheck, hash_password, verify_password
from kindstore.values.errors import BadValueError

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OTHER = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)


def test_a_password_is_kept_as_a_salted_hash_of_argon2id() -> None:
    stored = hash_password("correct horse")
    assert stored != hash_password("correct horse")
    assert "correct" not in stored
    parameters = extract_parameters(stored)
    assert parameters.type is Type.ID
    # OWASP's and RFC 9106's floor
    assert parameters.memory_cost >= 64 * 1024
    assert parameters.time_cost >= 3
    assert verify_password(stored, "correct horse") is PasswordCheck.RIGHT
    assert verify_password(stored, "wrong horse") is PasswordCheck.WRONG


@given(st.text(min_size=1), st.text())
@settings(max_examples=50)
def test_only_the_same_password_is_right(password: str, other: str) -> None:
    stored = hash_password(password, hasher=QUICK)
    assert verify_password(stored, password, hasher=QUICK)
    if passwords._bytes(password) != passwords._bytes(other):
        assert not verify_password(stored, other, hasher=QUICK)


def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    stored = hash_password("caf\u00e9", hasher=QUICK)
    assert verify_password(stored, "cafe\u0301", hasher=QUICK)


def test_half_a_surrogate_pair_is_a_wrong_password() -> None:
    assert not verify_password(hash_password("secret", hasher=QUICK), "\ud800", hasher=QUICK)


def test_a_hash_of_other_parameters_is_right_but_outdated() -> None:
    stored = hash_password("secret", hasher=OTHER)
    found = verify_password(stored, "secret", hasher=QUICK)
    assert found is PasswordCheck.OUTDATED
    assert found
    assert verify_password(stored, "wrong", hasher=QUICK) is PasswordCheck.WRONG
    assert not verify_password(stored, "wrong", hasher=QUICK)
    assert (
        verify_password(hash_password("secret", hasher=QUICK), "secret", hasher=QUICK) is PasswordCheck.RIGHT
    )


class Counting(PasswordHasher):
    """Notes what it compared, wrong or right."""

    compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
        try:
            return super().verify(hash, password)
        except VerifyMismatchError:
            self.compared += 1
            raise


@pytest.mark.parametrize(
    "stored",
    [
        *(None, "", "secret", "ä", "$2b$12$abc", "$argon2id$"),
        *("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$broken!"),
    ],
)
def test_what_is_no_hash_is_wrong_after_the_work_of_one_comparison(stored: str | None) -> None:
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    assert verify_password(stored, "secret", hasher=hasher) is PasswordCheck.WRONG
    assert hasher.compared == 1


def test_a_wrong_password_is_compared_once() -> None:
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    assert not verify_password(hash_password("secret", hasher=hasher), "wrong", hasher=hasher)
    assert hasher.compared == 1


def test_an_unknown_name_takes_as_long_as_a_known_one() -> None:
    def quickest(stored: str | None) -> float:
        times: list[float] = []
        for _ in range(5):
            begun = perf_counter()
            verify_password(stored, "wrong")
            times.append(perf_counter() - begun)
        return min(times)

    known, unknown = quickest(hash_password("secret")), quickest(None)
    assert known / 2 < unknown < known * 2


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(BadValueError, match="empty password"):
        hash_password("")
    assert verify_password(hash_password("secret", hasher=QUICK), "", hasher=QUICK) is PasswordCheck.WRONG
