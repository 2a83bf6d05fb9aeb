"""The databases of the conformance suite, each made once and empty for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.flask.security.conformance import backends, postgresql_server
from tests.flask.security.conformance.backends import Backend

GetServer = Callable[[], Path]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[GetServer]:
    """The socket of a PostgreSQL server that is started when it is first asked for."""
    with ExitStack() as stack:
        started: list[Path] = []

        def get() -> Path:
            if postgresql_server.binaries() is None:
                pytest.skip("PostgreSQL is not installed here: no initdb in PATH or /usr/lib/postgresql")
            if not started:
                started.append(stack.enter_context(postgresql_server.running()))
            return started[0]

        yield get


@pytest.fixture(scope="session", params=backends.NAMES)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: GetServer
) -> Iterator[Backend]:
    """One of the databases, with whatever the test before left in it."""
    backend = backends.backend(request.param, tmp_path_factory.mktemp("accounts"), postgresql)
    yield backend
    backend.close()


@pytest.fixture
def empty(made: Backend) -> Backend:
    """An empty database, outside of an application context: for tests that send requests."""
    made.clear()
    return made


@pytest.fixture
def backend(empty: Backend) -> Iterator[Backend]:
    """An empty database in an application context."""
    with empty.app.app_context():
        yield empty
