"""A browser, and books for it to show."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask.testing import FlaskClient

from kindstore import ndb
from tests.flask.admin.library import Address, Novel, Novelist, NovelView, shared_app


@pytest.fixture
def browser() -> FlaskClient:
    return shared_app(NovelView)[0].test_client()


@pytest.fixture
def many() -> list[Any]:
    author = Novelist(name="Ada").put()
    return ndb.put_multi(
        [Novel(id=n + 1, title=f"t{n % 7}", pages=n % 10 or None, author=author) for n in range(1000)]
    )


@pytest.fixture
def shelf() -> dict[str, Any]:
    ada, bob = ndb.put_multi([Novelist(name="Ada"), Novelist(id="bob", name="Bob")])
    day = dt.date(2020, 5, 1)
    ndb.put_multi(
        [
            Novel(
                id=1, title="alpha", pages=10, price=1.5, author=ada, lent=True, published=day, shape="thin"
            ),
            Novel(
                id=2, title="Alpha", pages=20, author=bob, tags=["x", "y"], seen=dt.datetime(2020, 1, 1, 12)
            ),
            Novel(
                id=3,
                title="beta",
                isbn="al",
                at=dt.time(9),
                publisher=Address(city="Bern"),
                place=ndb.GeoPt(1, 2),
            ),
        ]
    )
    return {"ada": ada, "bob": bob}
