"""What must come out of each step, worked out from the source in plain Python: no store, no models."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from kindstore.cli.demo.rows import countries, is_indexable, region_of, regions
from kindstore.cli.demo.source import Source, SourceCity
from kindstore.cli.demo.step import Row


def loaded(source: Source) -> Sequence[Row]:
    """How many entities there are of each kind."""
    return [
        ("Country", len(list(countries(source)))),
        ("Region", len(list(regions(source)))),
        ("City", len(source.cities)),
    ]


def one(source: Source, city: int) -> Sequence[Row]:
    """One city by its id."""
    return cities([source.cities[city]])


def named(source: Source, name: str, country: str | None = None) -> Sequence[Row]:
    """The cities that have *name* among their alternate names, in *country* or anywhere, in order of keys."""
    found = [
        city
        for city in source.cities.values()
        if name in city.alternatenames and is_indexable(name) and country in (None, city.countrycode)
    ]
    return cities(sorted(found, key=_path))


def within(source: Source, country: str, region: str) -> Sequence[Row]:
    """The cities of one region, largest first."""
    return cities(
        largest(c for c in source.cities.values() if (c.countrycode, region_of(c)) == (country, region))
    )


def ranking(source: Source, places: int) -> Sequence[Row]:
    """The *places* largest cities, numbered."""
    best = cities(largest(source.cities.values()))[:places]
    return [(place, *row) for place, row in enumerate(best, start=1)]


def walked(source: Source) -> Sequence[Row]:
    """What a walk over all cities, largest first, adds up to."""
    ranked = largest(source.cities.values())
    return walk([(city.population, city.geonameid) for city in ranked])


def walk(pairs: Sequence[tuple[int, Any]]) -> Sequence[Row]:
    """Sum up *pairs* of population and id, in the order in which they came."""
    populations = [population for population, _ in pairs]
    proof = sha256(repr(sorted(pairs)).encode()).hexdigest()[:16]
    return [
        ("cities", len(pairs)),
        ("each of them once", len({city for _, city in pairs}) == len(pairs)),
        ("largest first", populations == sorted(populations, reverse=True)),
        ("people", sum(populations)),
        ("digest of ids and populations", proof),
    ]


def changed(source: Source, changes: dict[int, int]) -> Sequence[Row]:
    """The cities named by the ids in *changes*, each with so many people more."""
    return [
        (city.name, city.population + more)
        for city, more in ((source.cities[id_], more) for id_, more in changes.items())
    ]


def cities(found: Iterable[SourceCity]) -> list[Row]:
    """Cities as rows, as the tables of the demo show them."""
    return [(c.name, c.countrycode, region_of(c), c.population, c.timezone) for c in found]


def largest(found: Iterable[SourceCity]) -> list[SourceCity]:
    """Cities by population, largest first; those of equal size in order of their keys."""
    return sorted(found, key=lambda city: (-city.population, *_path(city)))


def _path(city: SourceCity) -> tuple[bytes, bytes, int]:
    """The key of *city* as something that sorts as keys do: names by their UTF-8 bytes, ids as numbers."""
    return city.countrycode.encode(), region_of(city).encode(), city.geonameid
