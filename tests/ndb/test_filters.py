"""Filters of every kind: != , membership, AND and OR, filters by key and on structures, and their nodes as values."""

from typing import Any

import pytest

from kindstore import ndb


class Address(ndb.Model):
    city = ndb.StringProperty()
    zip = ndb.IntegerProperty()


class Poet(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    tags = ndb.StringProperty(repeated=True)
    home = ndb.StructuredProperty(Address)
    notes = ndb.TextProperty()


@pytest.fixture(autouse=True)
def poets(context: ndb.Context) -> None:
    """Twelve poets of ages 0 to 5, with no, one or two tags."""
    ndb.put_multi(
        [
            Poet(
                id=number,
                name=f"n{number:02}",
                age=number % 6,
                tags=["a", "b"][: number % 3],
                home=Address(city="AB"[number % 2], zip=number),
            )
            for number in range(1, 13)
        ]
    )
    context.clear_cache()


def ids(*filters: ndb.Node) -> list[Any]:
    return sorted(key.id() for key in Poet.query(*filters).fetch(keys_only=True))


def test_unequal_is_anything_else() -> None:
    assert ids(Poet.age != 3) == [1, 2, 4, 5, 6, 7, 8, 10, 11, 12]
    assert ids(Poet.age != 3, Poet.age > 2) == [4, 5, 10, 11]


def test_a_list_is_unequal_if_one_of_its_values_is() -> None:
    assert ids(Poet.tags != "a") == [2, 5, 8, 11]


def test_membership_is_an_or_of_equalities() -> None:
    assert ids(Poet.age.IN([1, 2])) == ids(ndb.OR(Poet.age == 1, Poet.age == 2)) == [1, 2, 7, 8]
    assert Poet.age.IN((1, 2)) == ndb.OR(Poet.age == 1, Poet.age == 2)
    assert ids(Poet.age.IN({3})) == [3, 9]
    assert ids(Poet.age.IN([1, 2], server_op=True)) == [1, 2, 7, 8]
    assert ids(Poet.age._IN([1, 2]), Poet.name == "n07") == [7]


def test_absence_from_a_list_leaves_the_gaps() -> None:
    assert ids(Poet.age.NOT_IN([0, 1, 2, 3])) == [4, 5, 10, 11]


def test_a_query_for_a_member_of_nothing_has_no_results() -> None:
    query = Poet.query(Poet.age.IN([]))
    assert query.filters == ndb.FalseNode()
    assert query.fetch() == []
    assert query.get() is None
    assert query.count() == 0
    assert list(query) == []
    assert query.fetch_page(5) == ([], None, False)
    assert ids(Poet.name == "n01", Poet.age.IN([])) == []
    assert ids(ndb.OR(Poet.name == "n01", Poet.age.IN([]))) == [1]


def test_ands_and_ors_may_be_inside_each_other() -> None:
    young, old = Poet.age < 2, Poet.age > 3
    assert ids(ndb.OR(young, old)) == [1, 4, 5, 6, 7, 10, 11, 12]
    assert ids(ndb.OR(young, old), Poet.tags == "b") == [5, 11]
    assert ids(ndb.OR(ndb.AND(young, Poet.tags == "a"), ndb.AND(old, Poet.name < "n05"))) == [1, 4, 7]
    assert ids(ndb.AND(ndb.OR(young, Poet.age == 3), ndb.OR(Poet.name == "n03", Poet.name == "n01"))) == [
        1,
        3,
    ]


def test_an_entity_that_fulfils_several_alternatives_comes_once() -> None:
    found = Poet.query(ndb.OR(Poet.tags == "a", Poet.tags == "b", Poet.age == 1)).fetch()
    assert len(found) == len({poet.key for poet in found}) == 8


def test_an_and_of_ors_is_shown_multiplied_out_and_asked_as_it_is() -> None:
    one, two, three = Poet.age == 1, Poet.age == 2, Poet.name == "n01"
    assert ndb.AND(ndb.OR(one, two), three) == ndb.OR(ndb.AND(one, three), ndb.AND(two, three))
    five = [0, 1, 2, 3, 4]
    # 25 alternatives of four comparisons each would be more than a query may have; these are six conditions.
    query = [Poet.age.IN(five), Poet.home.zip.IN(five), Poet.name > "", Poet.home.city > ""]
    assert ids(*query) == [1, 2, 3, 4]


def test_too_many_alternatives_are_refused() -> None:
    many = list(range(31))
    with pytest.raises(ndb.exceptions.BadQueryError, match="at most 30"):
        Poet.query(Poet.age.IN(many)).fetch()
    with pytest.raises(ndb.exceptions.BadQueryError, match="too many alternatives"):
        ndb.AND(*(prop.IN(many) for prop in (Poet.age, Poet.home.zip, ndb.GenericProperty("x"))))


def test_several_properties_may_have_inequalities() -> None:
    assert ids(Poet.age > 1, Poet.name < "n05", Poet.home.zip >= 3) == [3, 4]


def test_results_of_an_or_are_sorted_and_paged() -> None:
    query = Poet.query(ndb.OR(Poet.age == 4, Poet.tags == "b")).order(-Poet.name)
    everything = [poet.name for poet in query.fetch()]
    walked: list[str | None] = []
    cursor, more = None, True
    while more:
        page, cursor, more = query.fetch_page(2, start_cursor=cursor)
        walked += [poet.name for poet in page]
    assert walked == everything == ["n11", "n10", "n08", "n05", "n04", "n02"]
    assert query.count() == 6
    assert query.count(2) == 2
    assert [poet.name for poet in query.fetch(2, offset=3)] == ["n05", "n04"]


def test_keys_are_compared_like_properties() -> None:
    third, fifth = ndb.Key(Poet, 3), ndb.Key(Poet, 5)
    assert ids(Poet.key == third) == [3]
    assert ids(Poet.key.IN([third, fifth])) == [3, 5]
    assert ids(Poet.key > third, Poet.key <= fifth) == [4, 5]
    assert ids(Poet.key != third, Poet.age == 3) == [9]
    assert ids(ndb.OR(Poet.key < third, Poet.age == 5)) == [1, 2, 5, 11]


def test_a_structure_is_compared_by_its_parts() -> None:
    assert ids(Poet.home == Address(city="A", zip=4)) == [4]
    assert ids(Poet.home.IN([Address(city="A", zip=4), Address(zip=5), Address(city="B", zip=6)])) == [4, 5]
    assert ids(Poet.home.zip.IN([4, 5]), Poet.home.city != "A") == [5]
    with pytest.raises(ndb.exceptions.BadFilterError):
        Poet.query(Poet.home > Address(zip=3))


def test_unindexed_properties_are_refused_wherever_they_stand() -> None:
    for node in (
        ndb.OR(Poet.age == 1, ndb.FilterNode("notes", "=", "x")),
        ndb.AND(Poet.age == 2, ndb.FilterNode("notes", "in", ["x", "y"])),
    ):
        with pytest.raises(ndb.exceptions.BadFilterError):
            Poet.query(node)
    with pytest.raises(ndb.exceptions.BadFilterError):
        Poet.notes.NOT_IN(["x"])


def test_the_operands_of_membership_are_checked() -> None:
    with pytest.raises(ndb.exceptions.BadArgumentError, match="expected list, tuple or set"):
        Poet.age.IN(3)
    with pytest.raises(ndb.exceptions.BadValueError):
        Poet.age.IN(["x"])
    with pytest.raises(ndb.exceptions.BadQueryError, match="at least one value"):
        Poet.query(Poet.age.NOT_IN([])).fetch()
    with pytest.raises(ndb.exceptions.BadQueryError, match="at most one"):
        Poet.query(Poet.age != 3, Poet.name != "x").fetch()


def test_nodes_are_shown_as_in_ndb() -> None:
    one, two = Poet.age == 1, Poet.name > "x"
    assert repr(one) == "FilterNode('age', '=', 1)"
    assert repr(ndb.AND(one, two)) == "AND(FilterNode('age', '=', 1), FilterNode('name', '>', 'x'))"
    assert repr(ndb.OR(one, two)) == "OR(FilterNode('age', '=', 1), FilterNode('name', '>', 'x'))"
    assert ndb.AND(one) is one
    assert ndb.OR(two) is two
    assert ndb.AND(one, two) != ndb.AND(two, one)
    assert ndb.AND(one, ndb.AND(two, one)) == ndb.AND(one, two, one)
    with pytest.raises(TypeError):
        ndb.OR()
    with pytest.raises(TypeError):
        ndb.AND(one, "two")  # type: ignore[arg-type]


class Shop(ndb.Model):
    name = ndb.StringProperty()
    rank = ndb.IntegerProperty()
    marks = ndb.IntegerProperty(repeated=True)
    places = ndb.StructuredProperty(Address, repeated=True)


AB = [Address(city="A", zip=1), Address(city="B", zip=2)]
MIXED = [Address(city="A", zip=2), Address(city="B", zip=1)]


def shops_of(*filters: ndb.Node) -> str:
    query = Shop.query(*filters).order(Shop.name)
    found = "".join(str(shop.name) for shop in query)
    assert query.count() == len(found)
    assert "".join(str(shop.name) for shop in query.fetch_page(10)[0]) == found
    assert len(query.fetch(keys_only=True)) == len(found)
    return found


@pytest.mark.parametrize("legacy_data", [True, False])
def test_the_parts_of_one_item_are_told_apart_inside_ors_too(client: ndb.Client, legacy_data: bool) -> None:
    with client.context(namespace="shops", legacy_data=legacy_data):
        rows: list[tuple[str, int, list[int], list[Address]]] = [
            ("p", 1, [1, 5], AB),
            ("q", 2, [3], MIXED),
            ("r", 3, [], AB[:1]),
            ("s", 4, [9], []),
        ]
        ndb.put_multi([Shop(name=n, rank=r, marks=m, places=p) for n, r, m, p in rows])
        first, second = Address(city="A", zip=1), Address(city="A", zip=2)
        assert shops_of(Shop.places == first) == "pr"
        assert shops_of(Shop.places.IN([first, second])) == "pqr"
        assert shops_of(Shop.places.IN([first, Address(zip=2)])) == "pqr"
        assert shops_of(ndb.OR(Shop.places == first, Shop.rank == 4)) == "prs"
        assert shops_of(ndb.OR(Shop.places == second, Shop.marks > 2), Shop.rank < 4) == "pq"
        assert shops_of(ndb.OR(Shop.places == second, ndb.AND(Shop.marks > 1, Shop.marks < 5))) == "q"
        assert shops_of(ndb.OR(Shop.places == second, ndb.AND(Shop.marks == 1, Shop.marks == 5))) == "pq"
        assert shops_of(ndb.OR(Shop.places == second, Shop.places.city != "A")) == "pq"
        assert shops_of(ndb.OR(Shop.places == second, Shop.name != "p")) == "qrs"
        odd = ndb.PostFilterNode(lambda shop: shop.rank % 2 == 1)
        assert shops_of(ndb.OR(odd, Shop.name >= "s")) == "prs"
        assert shops_of(ndb.OR(odd, Shop.name.NOT_IN(["p", "q"]))) == "prs"
        assert shops_of(ndb.OR(odd, Shop.key == Shop.query(Shop.name == "q").get(keys_only=True))) == "pqr"
        assert shops_of(ndb.OR(ndb.AND(odd, Shop.name <= "p"), Shop.name.IN(["s"], server_op=True))) == "ps"
        assert shops_of(Shop.places == first, Shop.places == Address(city="B", zip=2)) == "p"
