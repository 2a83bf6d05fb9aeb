"""What the tests of the mapper share."""

from collections.abc import Iterator

import pytest

from kindstore.mapper.model import Model


@pytest.fixture(autouse=True)
def classes_made_in_a_test_are_forgotten() -> Iterator[None]:
    """Kinds are known process-wide: a class of one test must not be what another one's key leads to."""
    before = dict(Model._kind_map)
    yield
    Model._kind_map.clear()
    Model._kind_map.update(before)
