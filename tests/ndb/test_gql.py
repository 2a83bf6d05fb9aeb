"""GQL in ndb: texts become the queries that their words say, with values by the properties, and parameters."""

import datetime as dt
from typing import Any

import pytest

from kindstore import ndb


class Address(ndb.Model):
    city = ndb.StringProperty()


class Poet(ndb.Model):
    name = ndb.StringProperty("n")
    age = ndb.IntegerProperty()
    born = ndb.DateProperty()
    seen = ndb.DateTimeProperty()
    hour = ndb.TimeProperty()
    place = ndb.GeoPtProperty()
    friend = ndb.KeyProperty()
    tags = ndb.StringProperty(repeated=True)
    home = ndb.StructuredProperty(Address)
    notes = ndb.TextProperty()


SHELF = ndb.Key("Shelf", 1)


@pytest.fixture(autouse=True)
def poets(context: ndb.Context) -> None:
    """Twelve poets of ages 0 to 5; the first four are below a shelf."""
    ndb.put_multi(
        [
            Poet(
                id=number,
                parent=SHELF if number <= 4 else None,
                name=f"n{number:02}",
                age=number % 6,
                born=dt.date(2000, 1, number),
                seen=dt.datetime(2000, 1, number, 12),
                hour=dt.time(number),
                place=ndb.GeoPt(number, 1),
                friend=ndb.Key("Poet", 99),
                tags=["a", "b"][: number % 3],
                home=Address(city="AB"[number % 2]),
            )
            for number in range(1, 13)
        ]
    )
    context.clear_cache()


def ids(query: ndb.Query[Any]) -> list[Any]:
    return sorted(key.id() for key in query.fetch(keys_only=True))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("age = 3", [3, 9]),
        ("age != 3 AND n < 'n05'", [1, 2, 4]),
        ("age IN (1, 2)", [1, 2, 7, 8]),
        ("age NOT IN (0, 1, 2, 3)", [4, 5, 10, 11]),
        ("tags = 'b' AND age > 2", [5, 11]),
        ("home.city = 'A' AND age = 4", [4, 10]),
        ("born >= DATE(2000, 1, 11)", [11, 12]),
        ("born = DATE('2000-01-02')", [2]),
        ("seen < DATETIME('2000-01-02 13:00:00')", [1, 2]),
        ("hour = TIME(5)", [5]),
        ("place = GEOPT(3, 1)", [3]),
        ("friend = KEY('Poet', 99) AND age = 1", [1, 7]),
        ("__key__ = KEY('Poet', 7)", [7]),
        ("__key__ >= KEY('Poet', 11) AND __key__ < KEY('Poet', 100)", [11, 12]),
        ("ANCESTOR IS KEY('Shelf', 1)", [1, 2, 3, 4]),
        ("ANCESTOR IS KEY('Shelf', 1) AND age > 2", [3, 4]),
        ("age = NULL", []),
    ],
)
def test_conditions_find_what_they_say(where: str, expected: list[int]) -> None:
    assert ids(ndb.gql(f"SELECT * FROM Poet WHERE {where}")) == expected
    assert ids(Poet.gql(f"WHERE {where}")) == expected


def test_a_text_is_the_query_that_it_says() -> None:
    query = ndb.gql("SELECT * FROM Poet WHERE age > 3 AND n = 'n05' ORDER BY age DESC, n LIMIT 2, 5")
    assert query.kind == "Poet"
    assert query.filters == ndb.AND(Poet.age > 3, Poet.name == "n05")
    assert query.order_by == [-Poet.age, +Poet.name]
    assert [poet.name for poet in ndb.gql("SELECT * FROM Poet ORDER BY n DESC LIMIT 2 OFFSET 1")] == [
        "n11",
        "n10",
    ]
    assert [poet.name for poet in Poet.gql("ORDER BY n LIMIT 3, 2").fetch()] == ["n04", "n05"]
    assert len(Poet.gql("ORDER BY n LIMIT 3").fetch(5)) == 5
    assert all(type(poet) is Poet for poet in Poet.gql(""))


def test_selecting_keys_gives_keys() -> None:
    keys = ndb.gql("SELECT __key__ FROM Poet WHERE age = 3").fetch()
    assert all(type(key) is ndb.Key for key in keys)
    assert len(keys) == 2


def test_selecting_properties_projects() -> None:
    found = ndb.gql("SELECT n, home.city FROM Poet WHERE age = 3").fetch()
    assert [(poet.name, poet.home.city) for poet in found] == [("n03", "B"), ("n09", "B")]
    distinct = ndb.gql("SELECT DISTINCT tags FROM Poet")
    assert distinct.is_distinct
    assert [poet.tags for poet in distinct.fetch()] == [["a"], ["b"]]


def test_a_query_without_a_kind_is_of_every_kind() -> None:
    assert len(ndb.gql("SELECT * WHERE ANCESTOR IS :1", SHELF).fetch()) == 4
    assert len(ndb.gql("SELECT __key__ WHERE __key__ > :1", ndb.Key("Poet", 10)).fetch()) == 6


def test_parameters_are_bound_at_once_or_later() -> None:
    text = "WHERE age >= :low AND age < :1 AND tags IN :tags"
    query = Poet.gql(text)
    assert query.analyze() == [1, "low", "tags"]
    assert repr(query.filters).startswith("AND(ParameterNode(")
    assert ids(query.bind(3, low=1, tags=["a"])) == ids(Poet.gql(text, 3, low=1, tags=("a",))) == [1, 2, 7, 8]
    assert ids(query.bind(6, low=5, tags=["a", "b"])) == [5, 11]
    assert ids(Poet.gql("WHERE age NOT IN :1", [0, 1, 2, 3, 4])) == [5, 11]
    assert Poet.gql("WHERE age IN :1", []).fetch() == []
    with pytest.raises(ndb.exceptions.BadArgumentError, match="not bound"):
        query.fetch()
    with pytest.raises(ndb.exceptions.BadArgumentError, match="not bound"):
        query.bind(3, low=1)
    with pytest.raises(ndb.exceptions.BadArgumentError):
        query.bind(3, 4, low=1, tags=["a"])
    with pytest.raises(ndb.exceptions.BadArgumentError):
        Poet.gql("WHERE age = 3", 4)


def test_functions_and_lists_take_parameters() -> None:
    query = Poet.gql("WHERE __key__ = KEY('Poet', :1)")
    assert query.analyze() == [1]
    assert ids(query.bind(8)) == [8]
    assert ids(Poet.gql("WHERE age IN (1, :two)", two=2)) == [1, 2, 7, 8]
    assert ids(Poet.gql("WHERE born IN (DATE(2000, 1, :1), DATE(2000, 1, 3))", 2)) == [2, 3]
    assert ids(Poet.gql("WHERE ANCESTOR IS KEY('Shelf', :1) AND age = :2", 1, 2)) == [2]
    with pytest.raises(ndb.exceptions.BadArgumentError, match="does not take"):
        Poet.gql("WHERE born = DATE(2000, :1, 1)", 13)
    later = Poet.gql("WHERE ANCESTOR IS :1")
    with pytest.raises(ndb.exceptions.BadArgumentError, match="not bound"):
        later.get()
    with pytest.raises(ndb.exceptions.BadArgumentError, match="ancestor"):
        later.bind("Shelf")


def test_values_are_those_of_the_property() -> None:
    with pytest.raises(ndb.exceptions.BadValueError, match=r"Poet\.age"):
        Poet.gql("WHERE age = 'x'")
    with pytest.raises(ndb.exceptions.BadValueError, match=r"Poet\.age"):
        Poet.gql("WHERE age = :1", "x")
    assert ids(Poet.gql("WHERE home = :1", Address(city="A"))) == [2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM Poet WHERE", ndb.exceptions.BadQueryError),
        ("SELECT * FROM Poet WHERE age = 1 OR age = 2", ndb.exceptions.BadQueryError),
        ("SELECT * FROM Poet WHERE born = DATE(2000, 13, 1)", ndb.exceptions.BadQueryError),
        ("SELECT * FROM Poet WHERE ANCESTOR IS 'x'", ndb.exceptions.BadQueryError),
        ("SELECT * FROM Nobody", ndb.KindError),
        ("SELECT * FROM Poet WHERE zork = 1", ndb.InvalidPropertyError),
        ("SELECT * FROM Poet WHERE name = 'x'", ndb.InvalidPropertyError),
        ("SELECT * FROM Poet WHERE home.zork = 1", ndb.InvalidPropertyError),
        ("SELECT zork FROM Poet", ndb.InvalidPropertyError),
        ("SELECT notes FROM Poet", ndb.InvalidPropertyError),
        ("SELECT * FROM Poet WHERE notes = :1", ndb.exceptions.BadFilterError),
        ("SELECT * FROM Poet ORDER BY notes", ndb.exceptions.BadFilterError),
    ],
)
def test_what_is_wrong_is_refused_when_the_query_is_made(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ndb.gql(text)


def test_a_text_that_can_not_be_read_is_shown_with_the_place() -> None:
    with pytest.raises(ndb.exceptions.BadQueryError) as caught:
        Poet.gql("WHERE age = = 3")
    assert "^" in caught.value.facts["excerpt"]
    with pytest.raises(TypeError):
        ndb.gql(3)  # type: ignore[arg-type]


def test_an_expando_is_asked_for_any_property() -> None:
    class Page(ndb.Expando):
        pass

    Page(id=1, hits=3, author=Address(city="X")).put()
    assert ids(Page.gql("WHERE hits > 2")) == ids(Page.gql("WHERE author.city = 'X'")) == [1]


def test_a_kind_may_have_any_name() -> None:
    class Odd(ndb.Model):
        n = ndb.IntegerProperty()

        @classmethod
        def _get_kind(cls) -> str:
            return 'select"1'

    Odd(id=1, n=3).put()
    assert ids(Odd.gql("WHERE n = 3")) == [1]


def test_functions_of_gql_are_values() -> None:
    made = ndb.ParameterizedFunction("key", ["Poet", ndb.Parameter(1)])
    assert made.is_parameterized()
    assert made == ndb.ParameterizedFunction("key", ["Poet", ndb.Parameter(1)])
    assert repr(made) == "ParameterizedFunction('key', ['Poet', Parameter(1)])"
    used: dict[int | str, bool] = {}
    assert made.resolve({1: 5}, used) == ndb.Key("Poet", 5)
    assert used == {1: True}
    with pytest.raises(ValueError, match="Invalid GQL function"):
        ndb.ParameterizedFunction("zork", [])
    with pytest.raises(TypeError, match="Expected a Property"):
        ndb.ParameterNode("age", "=", ndb.Parameter(1))
    with pytest.raises(TypeError, match="valid operator"):
        ndb.ParameterNode(Poet.age, "~", ndb.Parameter(1))
    with pytest.raises(TypeError, match="ParameterizedThing"):
        ndb.ParameterNode(Poet.age, "=", 1)  # type: ignore[arg-type]
