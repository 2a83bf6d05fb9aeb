"""The pytest plugin: the fixture `datastore` and the marker `kindstore`.  `docs/testing.md` is the guide.

pytest loads it wherever Kindstore is installed; Kindstore itself is imported by the first test that wants a store.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kindstore.testing.sandbox import Sandbox

MARKER = "kindstore"
EACH_TEST = "kindstore_each_test"

_SANDBOX = pytest.StashKey["Sandbox"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting of pytest.ini that gives every test a store."""
    parser.addini(EACH_TEST, "give every test a Kindstore store of its own", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): give the test a Kindstore store of its own; the options are those of kindstore.testing.store",
    )


@pytest.fixture
def datastore(request: pytest.FixtureRequest) -> Generator[Sandbox]:
    """A fresh store in memory for this test, in which models work at once; a `kindstore.testing.Sandbox`."""
    from kindstore.testing.sandbox import store  # noqa: PLC0415 - for tests that want it

    with store(**_options(request)) as sandbox:
        request.node.stash[_SANDBOX] = sandbox
        yield sandbox
        del request.node.stash[_SANDBOX]


@pytest.fixture(autouse=True)
def _datastore_of_marked_tests(request: pytest.FixtureRequest) -> None:
    """Gives marked tests their store, whether they name the fixture or not."""
    if request.config.getini(EACH_TEST) or request.node.get_closest_marker(MARKER) is not None:
        request.getfixturevalue("datastore")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test, rather than its teardown, for what its store was asked too often."""
    sandbox = item.stash.get(_SANDBOX, None)
    try:
        result = yield
        if sandbox is not None:
            sandbox.calls.check()
        return result
    finally:
        if sandbox is not None:
            sandbox.calls.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failed test which faults it met, and how to meet them again."""
    report = yield
    sandbox = item.stash.get(_SANDBOX, None)
    if sandbox is not None and report.when == "call" and report.failed and sandbox.faults.injected:
        lines = [repr(sandbox.faults)]
        lines += [f"{each.fault.name} in {each.call}" for each in sandbox.faults.injected]
        if sandbox.faults.seed is not None:
            lines.append(f"To meet them again: KINDSTORE_SEED={sandbox.faults.seed}")
        report.sections.append(("kindstore faults", "\n".join(lines)))
    return report


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the markers of the test, its class and its module say; what is nearer to the test counts."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            raise pytest.UsageError(f"the marker {MARKER} takes options by name only, not {marker.args!r}")
        options.update(marker.kwargs)
    file = options.get("index_file")
    if file is None and options.get("unindexed") == "error":
        file = "index.yaml"
    if file is not None:
        options["index_file"] = Path(request.config.rootpath, file)
    return options
