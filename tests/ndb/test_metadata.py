"""`ndb.metadata`: namespaces, kinds, properties and entity groups."""

from __future__ import annotations

from datetime import datetime

import pytest

from kindstore import ndb
from kindstore.ndb import metadata
from kindstore.ndb.exceptions import BadQueryError, ConflictError


class Author(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    born = ndb.DateTimeProperty()
    tags = ndb.StringProperty(repeated=True)
    notes = ndb.TextProperty()


class Book(ndb.Model):
    title = ndb.StringProperty()
    author = ndb.KeyProperty(kind=Author)


@pytest.fixture
def library(context: ndb.Context) -> ndb.Key:
    """An author with a book, and one in another namespace."""
    ada = Author(id="ada", name="Ada", age=36, born=datetime(1815, 12, 10), notes="long").put()
    Book(parent=ada, id=1, title="Notes", author=ada).put()
    Author(id="alan", namespace="shop", name="Alan").put()
    return ada


# Namespaces


def test_namespaces_of_an_empty_store(context: ndb.Context) -> None:
    assert metadata.get_namespaces() == []


def test_the_default_namespace_is_the_empty_text(library: ndb.Key) -> None:
    assert metadata.get_namespaces() == ["", "shop"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("", None, ["", "shop"]),
        ("a", None, ["shop"]),
        (None, "shop", [""]),
        ("shop", "shop", []),
        ("", "z", ["", "shop"]),
        (None, "", []),
    ],
)
def test_a_range_of_namespaces(
    library: ndb.Key, start: str | None, end: str | None, expected: list[str]
) -> None:
    assert metadata.get_namespaces(start, end) == expected


def test_keys_of_namespaces(context: ndb.Context) -> None:
    assert metadata.Namespace.key_for_namespace("shop") == ndb.Key("__namespace__", "shop")
    for default in (None, ""):
        key = metadata.Namespace.key_for_namespace(default)
        assert key == ndb.Key("__namespace__", 1)
        assert metadata.Namespace.key_to_namespace(key) == ""
    assert metadata.Namespace.key_to_namespace(ndb.Key("__namespace__", "shop")) == "shop"


# Kinds


def test_kinds_are_those_of_the_current_namespace(client: ndb.Client, library: ndb.Key) -> None:
    assert metadata.get_kinds() == ["Author", "Book"]
    with client.context(namespace="shop"):
        assert metadata.get_kinds() == ["Author"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("", None, ["Author", "Book"]),
        ("B", None, ["Book"]),
        ("Book", "Cook", ["Book"]),
        (None, "Book", ["Author"]),
        (None, "", []),
    ],
)
def test_a_range_of_kinds(library: ndb.Key, start: str | None, end: str | None, expected: list[str]) -> None:
    assert metadata.get_kinds(start, end) == expected


def test_a_kind_is_gone_with_its_last_entity(library: ndb.Key) -> None:
    ndb.Key(Book, 1, parent=library).delete()
    assert metadata.get_kinds() == ["Author"]


def test_keys_of_kinds(context: ndb.Context) -> None:
    key = metadata.Kind.key_for_kind("Book")
    assert key == ndb.Key("__kind__", "Book")
    assert metadata.Kind.key_to_kind(key) == "Book"


def test_kinds_can_be_queried(library: ndb.Key) -> None:
    query = metadata.Kind.query(metadata.Kind.key > metadata.Kind.key_for_kind("A"))
    assert [each.kind_name for each in query.order(metadata.Kind.key)] == ["Author", "Book"]
    assert query.count() == 2
    first, cursor, more = query.fetch_page(1)
    assert ([each.kind_name for each in first], more) == (["Author"], True)
    assert [each.kind_name for each in query.fetch(start_cursor=cursor)] == ["Book"]
    assert query.fetch(keys_only=True) == [ndb.Key("__kind__", "Author"), ndb.Key("__kind__", "Book")]


# Properties


def test_properties_are_those_that_are_indexed(library: ndb.Key) -> None:
    assert metadata.get_properties_of_kind("Author") == ["age", "born", "name"]
    assert metadata.get_properties_of_kind("Book") == ["author", "title"]
    assert metadata.get_properties_of_kind("Nobody") == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("", None, ["age", "born", "name"]),
        ("b", None, ["born", "name"]),
        ("born", "name", ["born"]),
        (None, "born", ["age"]),
        (None, "", []),
    ],
)
def test_a_range_of_properties(
    library: ndb.Key, start: str | None, end: str | None, expected: list[str]
) -> None:
    assert metadata.get_properties_of_kind("Author", start, end) == expected
    assert list(metadata.get_representations_of_kind("Author", start, end)) == expected


def test_representations_are_the_types_in_the_indexes(library: ndb.Key) -> None:
    assert metadata.get_representations_of_kind("Author") == {
        "age": ["INT64"],
        "born": ["INT64"],
        "name": ["STRING"],
    }
    Author(id="nameless", tags=["a"]).put()
    found = metadata.get_representations_of_kind("Author")
    assert found["name"] == ["NULL", "STRING"]
    assert found["tags"] == ["STRING"]
    assert metadata.get_representations_of_kind("Book")["author"] == ["REFERENCE"]


def test_keys_of_properties(context: ndb.Context) -> None:
    of_kind = metadata.Property.key_for_kind("Book")
    key = metadata.Property.key_for_property("Book", "title")
    assert of_kind == ndb.Key("__kind__", "Book")
    assert key == ndb.Key("__kind__", "Book", "__property__", "title")
    assert metadata.Property.key_to_kind(of_kind) == metadata.Property.key_to_kind(key) == "Book"
    assert metadata.Property.key_to_property(of_kind) is None
    assert metadata.Property.key_to_property(key) == "title"


def test_properties_of_all_kinds_can_be_queried(library: ndb.Key) -> None:
    found = [(each.kind_name, each.property_name) for each in metadata.Property.query()]
    assert found[-2:] == [("Book", "author"), ("Book", "title")]
    assert len(found) == 5


# Entity groups


def test_the_version_of_a_group_grows_with_every_commit(library: ndb.Key) -> None:
    book = ndb.Key(Book, 1, parent=library)
    versions = [metadata.get_entity_group_version(book)]
    assert versions == [metadata.get_entity_group_version(library)]
    Book(key=book, title="Other").put()
    versions.append(metadata.get_entity_group_version(library))
    book.delete()
    versions.append(metadata.get_entity_group_version(library))
    assert None not in versions
    assert versions == sorted(set(versions), key=str)


def test_a_group_that_was_never_written_has_no_version(library: ndb.Key) -> None:
    assert metadata.get_entity_group_version(ndb.Key(Author, "nobody")) is None


def test_a_transaction_that_asks_for_a_version_conflicts_with_a_write_to_the_group(
    client: ndb.Client, library: ndb.Key
) -> None:
    tries: list[int] = []

    def ask() -> None:
        tries.append(metadata.get_entity_group_version(library) or 0)
        if len(tries) == 1:
            ndb.non_transactional()(Book(parent=library, title="While it runs").put)()
        Author(id="other", name="x").put()

    ndb.transaction(ask)
    assert len(tries) == 2
    assert tries[0] < tries[1]
    tries.clear()
    with pytest.raises(ConflictError):
        ndb.transaction(ask, retries=0)


def test_keys_of_groups(context: ndb.Context) -> None:
    key = metadata.EntityGroup.key_for_entity_group(ndb.Key("A", 1, "B", 2))
    assert key == ndb.Key("A", 1, "__entity_group__", 1)
    assert metadata.EntityGroup.ID == 1


# What is refused


def test_metadata_cannot_be_filtered_by_properties(library: ndb.Key) -> None:
    with pytest.raises(BadQueryError):
        metadata.Property.query(metadata.Property.property_representation == "INT64").fetch()
    with pytest.raises(BadQueryError):
        metadata.EntityGroup.query().fetch()


def test_the_base_class_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="cannot be instantiated"):
        metadata._BaseMetadata()
    assert metadata.Kind().key is None


def test_names_of_kinds() -> None:
    names = [metadata.Namespace, metadata.Kind, metadata.Property, metadata.EntityGroup]
    assert [each.KIND_NAME for each in names] == [each._get_kind() for each in names]
    assert [each.KIND_NAME for each in names] == [
        "__namespace__",
        "__kind__",
        "__property__",
        "__entity_group__",
    ]


def test_the_entity_of_a_group_is_not_made_by_hand() -> None:
    with pytest.raises(ndb.exceptions.NoLongerImplementedError):
        metadata.EntityGroup()
