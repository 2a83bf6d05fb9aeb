"""The steps of the demo: each a function that uses the library, as an application would.

The body of each is printed as it stands here, its docstring above it as the explanation; what
must come out is worked out in `expected.py`. A step runs in a context of its own, so what it
reads comes from the file and not from the memory of an earlier step.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from kindstore import ndb
from kindstore.cli.demo import expected
from kindstore.cli.demo.models import City, Country, Region, entities
from kindstore.cli.demo.source import Source
from kindstore.cli.demo.step import Row, Step
from kindstore.store.abc import Inspect


def load(source: Source, stored: Callable[[int], None]) -> list[tuple[str, int]]:
    """A country is the parent of its regions, a region of its cities. 500 entities make a commit, and
    when put_multi returns it is on the disk, with all of its index rows.
    """
    everything = entities(source)
    while batch := list(islice(everything, 500)):
        ndb.put_multi(batch, use_cache=False)
        stored(len(batch))
    kinds = (Country, Region, City)
    return [(kind.__name__, kind.query().count()) for kind in kinds]


def get_by_key() -> Any:
    """A key is a path from the root. Reading by it is one probe of one tree."""
    key = ndb.Key("Country", "CH", "Region", "VD", "City", 2659994)
    return key.get()


def batch_get() -> list[City | None]:
    """Many keys, one read: in the order of the keys, and None where nothing is."""
    tokyo = ndb.Key("Country", "JP", "Region", "40", "City", 1850147)
    nairobi = ndb.Key("Country", "KE", "Region", "05", "City", 184745)
    atlantis = ndb.Key("Country", "XX", "City", 1)
    return ndb.get_multi([tokyo, atlantis, nairobi])


def by_any_name() -> list[City]:
    """A repeated property is indexed value by value: any name finds its city."""
    return City.query(City.alternate_names == "東京").fetch()


def ancestor_query() -> list[City]:
    """All that is below a key is one range of the tree; here a canton, by size."""
    vaud = ndb.Key("Country", "CH", "Region", "VD")
    return City.query(ancestor=vaud).order(-City.population).fetch()


def ranking() -> list[City]:
    """Every property is indexed: the ten largest are the last rows of an index."""
    return City.query().order(-City.population).fetch(10)


def two_equalities() -> list[City]:
    """Two indexes are merged inside the database, without a composite one."""
    is_a_santiago = City.alternate_names == "Santiago"
    return City.query(is_a_santiago, City.country == "MX").fetch()


def count() -> int:
    """An inequality, counted from the index alone: no city is read."""
    return City.query(City.population >= 1_000_000).count()


def cursor_walk() -> list[tuple[int, Any]]:
    """All cities by pages: a cursor is a place in an index and holds nothing open."""
    query = City.query().order(-City.population)
    walked: list[tuple[int, Any]] = []
    cursor, more = None, True
    while more:
        page, cursor, more = query.fetch_page(1000, start_cursor=cursor)
        walked += [(city.population, city.key.id()) for city in page]
    return walked


@ndb.transactional()
def move(people: int, origin: ndb.Key, destination: ndb.Key) -> None:
    """Move *people* from one city to another."""
    here, there = ndb.get_multi([origin, destination])
    here.population -= people
    there.population += people
    ndb.put_multi([here, there])


def transaction() -> list[City]:
    """Half a million people move to Nairobi: both cities change, or neither does."""
    tokyo = ndb.Key("Country", "JP", "Region", "40", "City", 1850147)
    nairobi = ndb.Key("Country", "KE", "Region", "05", "City", 184745)
    move(500_000, tokyo, nairobi)
    return ndb.get_multi([tokyo, nairobi], use_cache=False)


def rolled_back() -> list[City]:
    """An exception ends a transaction, and nothing that it put has been written."""
    bern = ndb.Key("Country", "CH", "Region", "BE", "City", 2661552)

    def evacuate() -> None:
        city = bern.get()
        city.population = 0
        city.put()
        raise RuntimeError("the people stay")

    with suppress(RuntimeError):
        ndb.transaction(evacuate)
    return [bern.get(use_cache=False)]


@ndb.transactional(retries=50)
def one_more(key: ndb.Key) -> None:
    """Add one to the population of a city."""
    city = key.get()
    city.population += 1
    city.put()


def newcomers(path: Path, ready: Barrier) -> None:
    """What each of two processes does."""
    zurich = ndb.Key("Country", "CH", "Region", "ZH", "City", 2657896)
    with ndb.Client(url=str(path)).context():
        ready.wait()
        for _ in range(50):
            one_more(zurich)


def two_processes(path: Path) -> list[City]:
    """Two processes add 50 people each to one city at once, one by one. Whoever comes second is
    refused and tries again, so that all 100 are counted.
    """
    spawn = get_context("spawn")
    ready = spawn.Barrier(2, timeout=30)
    start = partial(spawn.Process, target=newcomers, args=(path, ready))
    pair = [start(name="one"), start(name="other")]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
    zurich = ndb.Key("Country", "CH", "Region", "ZH", "City", 2657896)
    return [zurich.get()]


def bad_values() -> list[tuple[str, Exception]]:
    """What a model does not allow is refused when it is set: nothing is written."""
    bad = {
        "population": "many",
        "location": "north",
        "timezone": "x" * 1501,
    }
    refusals: list[tuple[str, Exception]] = []
    for name, value in bad.items():
        try:
            City(name="Nowhere", country="XX", **{name: value}).put()
        except ndb.exceptions.BadValueError as refusal:
            refusals.append((name, refusal))
    return refusals


def whole_database(client: ndb.Client) -> list[str]:
    """Every index row has its entity, and every entity all of its index rows."""
    store = client.store
    assert isinstance(store, Inspect)
    return store.run(store.check())


def _cities(found: Iterable[City | None]) -> list[Row]:
    """Cities as rows of a table."""
    return [
        (city.name, city.country, city.key.flat()[3], city.population, city.timezone)
        if city is not None
        else (None,) * len(_CITY)
        for city in found
    ]


def _populations(found: Iterable[City]) -> list[Row]:
    """Names and populations only."""
    return [(city.name, city.population) for city in found]


def _short(text: str) -> str:
    """An error's text without the far end of a very long value."""
    return text if len(text) <= 100 else f"{text[:99]}…"


_CITY = ("City", "Country", "Region", "Population", "Time zone")
_POPULATION = ("City", "Population")

STEPS = (
    Step(
        "Models, and the data into one file",
        load,
        ("Kind", "Entities"),
        list,
        expected.loaded,
        with_=(Country, Region, City),
    ),
    Step(
        "Get by key",
        get_by_key,
        _CITY,
        lambda city: _cities([city]),
        lambda source: expected.one(source, 2659994),
    ),
    Step(
        "Batch get",
        batch_get,
        _CITY,
        _cities,
        lambda source: [
            *expected.one(source, 1850147),
            (None,) * len(_CITY),
            *expected.one(source, 184745),
        ],
    ),
    Step("Query by any name", by_any_name, _CITY, _cities, lambda source: expected.named(source, "東京")),
    Step(
        "Ancestor query",
        ancestor_query,
        _CITY,
        _cities,
        lambda source: expected.within(source, "CH", "VD"),
    ),
    Step(
        "Population ranking",
        ranking,
        ("", *_CITY),
        lambda found: [(place, *row) for place, row in enumerate(_cities(found), start=1)],
        lambda source: expected.ranking(source, 10),
    ),
    Step(
        "Two equalities",
        two_equalities,
        _CITY,
        _cities,
        lambda source: expected.named(source, "Santiago", "MX"),
    ),
    Step(
        "Count",
        count,
        ("Cities of a million and more",),
        lambda number: [(number,)],
        lambda source: [(sum(city.population >= 1_000_000 for city in source.cities.values()),)],
    ),
    Step("A cursor, walked to the end", cursor_walk, ("The walk", "Found"), expected.walk, expected.walked),
    Step(
        "Transaction",
        transaction,
        _POPULATION,
        _populations,
        lambda source: expected.changed(source, {1850147: -500_000, 184745: 500_000}),
        with_=(move,),
    ),
    Step(
        "Transaction rolled back",
        rolled_back,
        _POPULATION,
        _populations,
        lambda source: expected.changed(source, {2661552: 0}),
    ),
    Step(
        "Two processes, one city",
        two_processes,
        _POPULATION,
        _populations,
        lambda source: expected.changed(source, {2657896: 100}),
        with_=(one_more, newcomers),
    ),
    Step(
        "Bad values refused",
        bad_values,
        ("Property", "Error", "Message"),
        lambda refusals: [(name, type(error).__name__, _short(str(error))) for name, error in refusals],
        lambda _: [(name, "BadValueError") for name in ("population", "location", "timezone")],
    ),
    Step(
        "Whole-database check",
        whole_database,
        ("Problem",),
        lambda problems: [(str(problem),) for problem in problems],
        lambda _: [],
    ),
)
"""In the order in which they run. Cities that the earlier steps read are changed by the later ones only."""
