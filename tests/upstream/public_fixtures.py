"""The fixtures of python-ndb's tests, made of public names alone: a client, its contexts, an empty store.

A pytest plugin, loaded after `alias_ndb`.  The original ones reach into private modules.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any
from unittest import mock

import pytest
from google.auth.credentials import Credentials
from google.cloud import ndb  # what alias_ndb put there

from kindstore.mapper.blobs import allow_pickles

# What NDB does without being asked to.
allow_pickles()

SECONDS_PER_TEST = 20


def _overdue(*_: object) -> None:
    raise TimeoutError(f"over {SECONDS_PER_TEST} seconds")


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """A test that hangs fails, by its name, and the others go on."""
    before = signal.signal(signal.SIGALRM, _overdue)
    signal.alarm(SECONDS_PER_TEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def no_classes_of_other_tests() -> Iterator[None]:
    """Kinds that a test defined are unknown to the next one."""
    yield
    ndb.Model._kind_map.clear()


@pytest.fixture
def environ() -> Iterator[MutableMapping[str, str]]:
    """The environment, which the test may change: it is restored afterwards."""
    with mock.patch.dict(os.environ):
        yield os.environ


@pytest.fixture
def database() -> str:
    return "testdb"


@pytest.fixture
def namespace() -> str:
    return "UnitTest"


def _client(**options: Any) -> Any:
    return ndb.Client(project="testing", credentials=mock.Mock(spec=Credentials), **options)


@pytest.fixture
def context_factory() -> Callable[..., Any]:
    """Makes contexts that nobody has entered, each of a client of its own."""

    def make(**options: Any) -> Any:
        with _client().context(legacy_data=False) as entered:
            return entered.new(**options)

    return make


@pytest.fixture
def context(context_factory: Callable[..., Any]) -> Any:
    return context_factory()


@pytest.fixture
def in_context(context: Any) -> Iterator[Any]:
    with context.use():
        yield context


@pytest.fixture
def client_context(namespace: str, database: str) -> Iterator[Any]:
    with _client(database=database).context(
        cache_policy=False, legacy_data=False, namespace=namespace
    ) as entered:
        yield entered
