"""What every test of the Flask parts gets: the kinds of its own module."""

from collections.abc import Iterator

import pytest

from kindstore import ndb


@pytest.fixture(autouse=True)
def own_kinds(request: pytest.FixtureRequest) -> Iterator[None]:
    """The models that the test's module has are those of their kinds, whatever modules were collected after it."""
    kinds = ndb.Model._kind_map
    before = dict(kinds)
    for model in vars(request.module).values():
        if isinstance(model, type) and issubclass(model, ndb.Model) and model is not ndb.Model:
            kinds[model._get_kind()] = model
    yield
    kinds.clear()
    kinds.update(before)
