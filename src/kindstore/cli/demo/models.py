"""The models of the demo: countries > regions > cities, an ancestor tree.

A country's key is its ISO code, a region's its code within the country, a city's its GeoNames id:

    Country "CH" > Region "VD" > City 2659994
"""

from collections.abc import Iterator

from kindstore import ndb
from kindstore.cli.demo import rows
from kindstore.cli.demo.source import Source


class Country(ndb.Model):
    """A root of the tree. The population is the country's, not the sum of its cities'."""

    name = ndb.StringProperty(required=True)
    capital = ndb.StringProperty()
    continent = ndb.StringProperty()
    population = ndb.IntegerProperty()


class Region(ndb.Model):
    """A first-level division: canton, state, prefecture. Its code is the name of its key."""

    name = ndb.StringProperty()  # the source names US states only


class City(ndb.Model):
    """A city. *country* repeats what its key says, as a query by two properties wants it."""

    name = ndb.StringProperty(required=True)
    country = ndb.StringProperty(required=True)
    location = ndb.GeoPtProperty()
    population = ndb.IntegerProperty(default=0)
    timezone = ndb.StringProperty()
    alternate_names = ndb.StringProperty(repeated=True)
    long_names = ndb.TextProperty(repeated=True)  # over 1,500 bytes


def entities(source: Source) -> Iterator[ndb.Model]:
    """Everything in *source* as entities with complete keys: parents before their children."""
    for country in rows.countries(source):
        yield Country(
            id=country.code,
            name=country.name,
            capital=country.capital,
            continent=country.continent,
            population=country.population,
        )
    for region in rows.regions(source):
        yield Region(parent=ndb.Key("Country", region.country), id=region.code, name=region.name)
    for city in rows.cities(source):
        yield City(
            parent=ndb.Key("Country", city.country, "Region", city.region),
            id=city.id,
            name=city.name,
            country=city.country,
            location=ndb.GeoPt(city.latitude, city.longitude),
            population=city.population,
            timezone=city.timezone,
            alternate_names=city.alternate_names,
            long_names=city.long_names,
        )
