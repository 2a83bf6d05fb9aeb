"""Asynchronous views, in Flask and in Quart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import flask
import pytest
import quart

import kindstore.datastore
from kindstore import db, ndb
from kindstore.flask import Kindstore, Model
from kindstore.mapper.context import entered


class Visit(Model):
    name = ndb.StringProperty()
    number = ndb.IntegerProperty(default=0)


class OldVisit(db.Model):
    name = db.StringProperty()


async def view(name: str) -> dict[str, Any]:
    """What the views of both do: every face, and asynchronous calls of all sorts."""
    assert await Visit.query.filter_by(name=name).first_async() is None
    key = await Visit(name=name).put_async()
    Visit(name="later").put_async()  # done at the end of the request
    OldVisit(name=name).put()
    client = kindstore.datastore.Client()
    client.put(kindstore.datastore.Entity(client.key("Plain", name)))
    found = await Visit.query.get_or_404_async(key)
    assert found is await key.get_async()  # one identity map
    await asyncio.sleep(0)
    both = await asyncio.gather(
        Visit.query.filter_by(name=name).all_async(), asyncio.create_task(count(name))
    )
    page = await Visit.query.filter_by(name=name).paginate_async()
    return {"name": found.name, "all": len(both[0]), "count": both[1], "total": page.total}


async def count(name: str) -> int:
    return await Visit.query.filter_by(name=name).count_async()


EXPECTED = {"name": "a", "all": 1, "count": 1, "total": 1}


def test_asynchronous_views_of_flask(tmp_path: Path) -> None:
    app = flask.Flask("app")
    Kindstore(app, url=tmp_path / "app.db")

    @app.get("/<name>")
    async def index(name: str) -> dict[str, Any]:
        return await view(name)

    @app.get("/missing")
    async def missing() -> str:
        return str(await Visit.query.filter_by(name="nobody").first_or_404_async("nobody"))

    client = app.test_client()
    assert client.get("/a").json == EXPECTED
    assert client.get("/missing").status_code == 404
    assert client.get("/a").status_code == 500
    with app.app_context():
        assert Visit.query.filter_by(name="later").count() == 1


async def in_quart(app: quart.Quart) -> None:
    @app.get("/visits/<name>")
    async def index(name: str) -> dict[str, Any]:
        return await view(name)

    @app.get("/sync/<name>")
    def synchronous(name: str) -> str:  # Quart calls it in another thread
        Visit(name=name).put()
        return str(Visit.query.filter_by(name=name).count())

    @app.get("/missing/<name>")
    async def missing(name: str) -> str:
        return str(await Visit.query.get_or_404_async(name))

    @app.get("/pages")
    async def pages() -> Any:
        page = await Visit.query.order_by(Visit.name).paginate_async(per_page=2)
        cut = await Visit.query.order_by(Visit.name).paginate_by_cursor_async(per_page=2)
        return quart.jsonify(page=page.items, number=page.page, cut=[each.name for each in cut])

    @app.get("/stream")
    async def stream() -> Any:
        @quart.stream_with_context
        async def lines() -> Any:
            async for each in Visit.query.order_by(Visit.name):
                yield f"{each.name}\n"

        return lines()

    @app.get("/fails")
    async def fails() -> str:
        raise ZeroDivisionError

    client = app.test_client()
    assert await (await client.get("/visits/a")).get_json() == EXPECTED
    assert await (await client.get("/sync/b")).get_data(as_text=True) == "1"
    assert (await client.get("/missing/8")).status_code == 404
    assert (await client.get("/fails")).status_code == 500
    pages_sent = await (await client.get("/pages?page=2")).get_json()
    assert [each["name"] for each in pages_sent["page"]] == ["later"]
    assert pages_sent["cut"] == ["a", "b"]
    assert await (await client.get("/stream")).get_data(as_text=True) == "a\nb\nlater\n"
    answers = await asyncio.gather(*(client.get(f"/visits/{n}") for n in range(20)))
    assert [each.status_code for each in answers] == [200] * 20
    assert entered() is None
    async with app.app_context():
        assert await Visit.query.filter_by(name="later").count_async() == 21
    assert entered() is None


def test_quart(tmp_path: Path) -> None:
    app = quart.Quart("app")
    app.config["KINDSTORE_URL"] = tmp_path / "app.db"
    Kindstore(app)
    asyncio.run(in_quart(app))
    assert (tmp_path / "app.db").exists()


def test_a_hundred_requests_at_once_in_quart_lose_nothing(tmp_path: Path) -> None:
    app = quart.Quart("app")
    Kindstore(app, url=tmp_path / "app.db")

    @app.post("/")
    async def add() -> str:
        @ndb.transactional_async(retries=50)
        async def more() -> None:
            counter = await Visit.get_by_id_async("n") or Visit(id="n")
            counter.number += 1
            await counter.put_async()

        await more()
        return ""

    async def work() -> None:
        client = app.test_client()
        answers = await asyncio.gather(*(client.post("/") for _ in range(100)))
        assert {each.status_code for each in answers} == {200}
        async with app.app_context():
            counter = await Visit.get_by_id_async("n")
            assert counter is not None
            assert counter.number == 100

    asyncio.run(work())


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    yield
    assert entered() is None
