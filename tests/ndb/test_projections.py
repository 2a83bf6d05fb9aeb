"""Projections, distinct results, and what their entities are."""

import datetime as dt
from typing import Any

import pytest

from kindstore import ndb


class Address(ndb.Model):
    city = ndb.StringProperty()
    zip = ndb.IntegerProperty()


class Poet(ndb.Model):
    name = ndb.StringProperty("n")
    age = ndb.IntegerProperty()
    score = ndb.FloatProperty()
    alive = ndb.BooleanProperty()
    seen = ndb.DateTimeProperty()
    zoned = ndb.DateTimeProperty(tzinfo=dt.timezone(dt.timedelta(hours=2)))
    day = ndb.DateProperty()
    hour = ndb.TimeProperty()
    raw = ndb.BlobProperty(indexed=True)
    friend = ndb.KeyProperty()
    place = ndb.GeoPtProperty()
    tags = ndb.StringProperty(repeated=True)
    days = ndb.DateProperty(repeated=True)
    home = ndb.StructuredProperty(Address)
    homes = ndb.StructuredProperty(Address, repeated=True)
    shout = ndb.ComputedProperty(lambda self: (self.name or "").upper())
    notes = ndb.TextProperty()
    packed = ndb.TextProperty(compressed=True)


VALUES: dict[str, Any] = {
    "name": "Ada Ł",
    "age": 36,
    "score": 1.5,
    "alive": False,
    "seen": dt.datetime(2020, 1, 2, 3, 4, 5, 6),
    "zoned": dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    "day": dt.date(1969, 12, 31),
    "hour": dt.time(3, 4, 5, 6),
    "raw": b"\xff\x00",
    "friend": ndb.Key("Poet", "grace"),
    "place": ndb.GeoPt(1.5, -2.5),
}


def put_one(**more: Any) -> ndb.Key:
    return Poet(id=1, **VALUES, **more).put()


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("name", VALUES)
def test_the_value_of_an_index_becomes_what_was_put(name: str) -> None:
    key = put_one()
    found = Poet.query().fetch(projection=[getattr(Poet, name)])
    assert [getattr(poet, name) for poet in found] == [VALUES[name]]
    assert type(getattr(found[0], name)) is type(VALUES[name])
    assert found[0].key == key
    assert type(found[0].key) is ndb.Key
    assert found[0].to_dict() == {name: VALUES[name]}


@pytest.mark.usefixtures("context")
def test_null_stays_none() -> None:
    Poet(id=1).put()
    found = Poet.query(projection=[Poet.name, Poet.seen, Poet.age]).fetch()
    assert [(poet.name, poet.seen, poet.age) for poet in found] == [(None, None, None)]


@pytest.mark.usefixtures("context")
def test_a_list_gives_a_result_for_each_of_its_values() -> None:
    put_one(tags=["b", "a"], days=[dt.date(2020, 1, 1), dt.date(2020, 1, 2)])
    found = Poet.query(projection=[Poet.tags, Poet.days]).fetch()
    assert [(poet.tags, poet.days) for poet in found] == [
        ([tag], [dt.date(2020, 1, day)]) for day in (1, 2) for tag in "ab"
    ]


@pytest.mark.usefixtures("context")
def test_parts_of_structures_are_projected() -> None:
    put_one(home=Address(city="X", zip=3), homes=[Address(city="Y", zip=4), Address(city="Z", zip=5)])
    (one,) = Poet.query(projection=[Poet.home.city, "home.zip", Poet.name]).fetch()
    assert one.home is not None
    assert (one.home.city, one.home.zip, one.name) == ("X", 3, "Ada Ł")
    assert one._projection == ("home.city", "home.zip", "n")
    (part,) = Poet.query(projection=["home.city"]).fetch()
    assert part.home is not None
    with pytest.raises(ndb.UnprojectedPropertyError, match="zip"):
        _ = part.home.zip
    with pytest.raises(ndb.UnprojectedPropertyError, match="homes"):
        _ = part.homes
    assert part.to_dict() == {"home": {"city": "X"}}
    assert repr(part.home) == "Address(city='X', _projection=('city',))"
    listed = Poet.query(projection=[Poet.homes.city]).fetch()
    assert [[home.city for home in poet.homes] for poet in listed] == [["Y"], ["Z"]]


@pytest.mark.usefixtures("context")
def test_a_computed_property_is_read_and_not_computed() -> None:
    put_one()
    (poet,) = Poet.query(projection=[Poet.shout]).fetch()
    assert poet.shout == "ADA Ł"


@pytest.mark.usefixtures("context")
def test_an_expando_projects_what_it_was_given() -> None:
    class Page(ndb.Expando):
        title = ndb.StringProperty()

    Page(title="t", hits=3, author="Ada", place=Address(city="X")).put()
    (page,) = Page.query(projection=["hits", "author", "title", "place.city"]).fetch()
    assert (page.hits, page.author, page.title, page.place.city) == (3, "Ada", "t", "X")


@pytest.mark.usefixtures("context")
def test_entities_of_projections_know_no_more_and_can_not_be_written() -> None:
    key = put_one()
    (poet,) = Poet.query(projection=[Poet.name]).fetch()
    assert isinstance(poet, Poet)
    with pytest.raises(ndb.UnprojectedPropertyError, match="Property age is not in the projection"):
        _ = poet.age
    with pytest.raises(ndb.ReadonlyPropertyError):
        poet.name = "Grace"
    for put in (poet.put, lambda: ndb.put_multi([poet]), lambda: poet.put_async().result()):
        with pytest.raises(ndb.exceptions.BadRequestError, match="Cannot put a partial entity"):
            put()
    whole = key.get()
    assert whole is not poet
    assert whole.age == 36


def test_projections_stay_out_of_the_identity_map(context: ndb.Context) -> None:
    key = put_one()
    held = key.get()
    held.name = "changed"
    (poet,) = Poet.query(projection=[Poet.name]).fetch()
    assert poet.name == "Ada Ł"
    assert key.get() is held
    context.clear_cache()
    Poet.query(projection=[Poet.name]).fetch()
    assert key.get().age == 36


@pytest.fixture
def poets(context: ndb.Context) -> None:
    ndb.put_multi([Poet(id=n, name="abc"[n % 3], age=n % 2, tags=["x", "y"][: n % 3]) for n in range(1, 13)])
    context.clear_cache()


@pytest.mark.usefixtures("poets")
def test_distinct_results_are_no_two_alike() -> None:
    query = Poet.query(projection=[Poet.name, Poet.age], distinct=True)
    assert query.is_distinct
    assert [(poet.name, poet.age) for poet in query.fetch()] == [(n, a) for a in (0, 1) for n in "abc"]
    assert query.count() == 6
    ordered = Poet.query(projection=[Poet.tags], distinct=True).order(-Poet.tags)
    assert [poet.tags for poet in ordered.fetch()] == [["y"], ["x"]]


@pytest.mark.usefixtures("poets")
def test_distinct_on_keeps_the_first_of_each_group() -> None:
    query = Poet.query(distinct_on=[Poet.name]).order(Poet.name, -Poet.age)
    assert not query.is_distinct
    assert [(poet.name, poet.age) for poet in query.fetch()] == [("a", 1), ("b", 1), ("c", 1)]
    assert query.group_by == query.distinct_on == ("n",)
    assert Poet.query(group_by=["n"]).count() == 3


@pytest.mark.usefixtures("poets")
def test_projections_are_filtered_sorted_and_paged() -> None:
    query = Poet.query(Poet.age == 1, projection=[Poet.name]).order(-Poet.name)
    walked: list[str | None] = []
    cursor, more = None, True
    while more:
        page, cursor, more = query.fetch_page(2, start_cursor=cursor)
        walked += [poet.name for poet in page]
    assert walked == [poet.name for poet in query] == ["c", "c", "b", "b", "a", "a"]
    first = query.get()
    assert first is not None
    assert first.name == "c"
    assert len(query.fetch(keys_only=True)) == 6


@pytest.mark.usefixtures("poets")
def test_a_call_may_have_a_projection_of_its_own() -> None:
    query = Poet.query(Poet.age == 1).order(Poet.name)
    assert query.fetch(1, projection=["n"])[0]._projection == ("n",)
    assert query.fetch(1)[0]._projection == ()
    other = Poet.query(projection=[Poet.name])
    assert other.fetch(1, projection=[Poet.tags])[0]._projection == ("tags",)
    with pytest.raises(TypeError, match="keys_only"):
        query.fetch(projection=["n"], keys_only=True)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("name", ["notes", "packed", "zork", "name", "home", "age.part", "home.zork"])
def test_what_no_index_has_is_refused_when_the_query_is_built(name: str) -> None:
    for option in ("projection", "distinct_on"):
        with pytest.raises(ndb.InvalidPropertyError):
            Poet.query(**{option: [name]})  # type: ignore[arg-type]
    with pytest.raises(ndb.InvalidPropertyError):
        Poet.query().fetch(projection=[name])


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    "options",
    [
        {"projection": []},
        {"projection": "n"},
        {"projection": [3]},
        {"distinct_on": []},
        {"distinct_on": ["n"], "group_by": ["n"]},
        {"distinct": True},
        {"distinct": True, "projection": ["n"], "distinct_on": ["n"]},
    ],
)
def test_wrong_arguments_are_type_errors(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Poet.query(**options)


@pytest.mark.usefixtures("context")
def test_what_the_datastore_does_not_have_is_refused() -> None:
    with pytest.raises(ndb.exceptions.BadQueryError, match="equality"):
        Poet.query(Poet.age == 3, projection=[Poet.age]).fetch()
    with pytest.raises(ndb.exceptions.BadQueryError, match="come first"):
        Poet.query(distinct_on=[Poet.name]).order(Poet.age).fetch()
    twice = Poet.query(Poet.homes == Address(city="X", zip=3), projection=[Poet.name])
    with pytest.raises(ndb.exceptions.BadQueryError, match="one by one"):
        twice.fetch()
