"""A recorder knows what a piece of code asks of its store, from which line, and whether that is too much."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kindstore import ndb, testing
from kindstore.testing import recorded
from kindstore.values.errors import NeedIndexError

HERE = Path(__file__).name


class Author(ndb.Model):
    name = ndb.StringProperty()
    born = ndb.IntegerProperty()


class Book(ndb.Model):
    author = ndb.KeyProperty(kind="Author", required=True)
    year = ndb.IntegerProperty()


@pytest.fixture(params=["sandbox", "file"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ndb.Context]:
    """A context of a sandbox's store, and one of any other: recording works in both."""
    if request.param == "sandbox":
        with testing.store() as sandbox:
            yield sandbox.context
    else:
        with ndb.Client(url=tmp_path / "a.db") as client, client.context() as context:
            yield context


@pytest.fixture
def books(context: ndb.Context) -> list[Book]:
    """Ten books, of ten authors; not remembered."""
    authors = ndb.put_multi([Author(name=f"A{number}", born=1900 + number) for number in range(10)])
    ndb.put_multi([Book(author=author, year=2000) for author in authors])
    context.clear_cache()
    return Book.query().fetch()


def line_of(text: str) -> int:
    """The line of this file that holds *text*."""
    return 1 + next(at for at, line in enumerate(Path(__file__).read_text().splitlines()) if text in line)


@pytest.mark.usefixtures("context")
def test_calls_are_recorded_in_order_with_their_lines() -> None:
    with recorded() as calls:
        key = Author(id="ada", name="Ada").put()  # the put
        key.get(use_cache=False)
        Author.query(Author.born >= 1800).order(-Author.born).fetch()
        Author.query(ndb.OR(Author.born == 1, Author.name == "x"), ancestor=key).count()
        Author.allocate_ids(2)
    assert [str(each.call) for each in calls] == [
        "commit Author 'ada'",
        "lookup Author 'ada'",
        "run_query Author(born>=, order -born)",
        "run_aggregation Author(ancestor, (born= | name=))",
        "allocate_ids 2 Author",
    ]
    line = next(iter(calls)).line
    assert line is not None
    assert (Path(line.file).name, line.number) == (HERE, line_of("# the put"))
    assert line.function == "test_calls_are_recorded_in_order_with_their_lines"


@pytest.mark.usefixtures("context")
def test_a_transaction_is_its_reads_and_one_commit() -> None:
    @ndb.transactional()
    def work() -> None:
        Author.get_by_id(1)
        Author(id=1).put()
        Author(id=2).put()

    with recorded() as calls:
        work()
        ndb.transaction(lambda: Author.get_by_id(2))
    calls.assert_at_most(4)
    assert [str(each.call) for each in calls.of("commit")] == ["commit 2 Author", "commit"]


@pytest.mark.usefixtures("context")
def test_what_is_known_already_is_not_asked() -> None:
    key = Author().put()
    with recorded() as calls:
        key.get()
    assert len(calls) == 0


def test_more_calls_than_allowed_are_listed(books: list[Book]) -> None:
    with recorded() as calls:
        for book in books[:3]:
            book.author.get()  # one too many
    calls.assert_at_most(3)
    calls.assert_at_most(0, "commit")
    with pytest.raises(AssertionError) as caught:
        calls.assert_at_most(2, "lookup")
    text = str(caught.value)
    assert text.startswith("3 calls of lookup, more than 2:\n  lookup Author ")
    assert f"{HERE}:{line_of('# one too many')}" in text
    with pytest.raises(AssertionError, match="3 calls, more than 1"):
        calls.assert_at_most(1)


def test_single_gets_in_a_loop_are_n_plus_one(books: list[Book]) -> None:
    def look(book: Book) -> None:
        assert book.author.get() is not None  # the get

    def look_at_all() -> None:
        for book in books:
            look(book)  # the loop

    with pytest.raises(AssertionError) as caught, recorded(n_plus_one=5):
        look_at_all()
    text = str(caught.value)
    assert text.startswith("N+1 access: 10 times lookup of one Author, more than 5, at\n")
    first, second = text.splitlines()[1:3]
    assert f"{HERE}:{line_of('# the get')}" in first
    assert f"{HERE}:{line_of('# the loop')}" in second
    assert "get_multi" in text


def test_queries_of_one_form_in_a_loop_are_n_plus_one(books: list[Book]) -> None:
    with pytest.raises(AssertionError, match=r"10 times run_query Book\(author=\)"), recorded(n_plus_one=5):
        [Book.query(Book.author == book.author).get() for book in books]


def test_what_is_asked_once_for_all_is_not(books: list[Book]) -> None:
    with recorded(n_plus_one=1):
        assert len(ndb.get_multi([book.author for book in books])) == 10
        futures = [book.author.get_async(use_cache=False) for book in books]
        ndb.wait_all(futures)


def test_one_function_called_from_several_lines_is_not(books: list[Book]) -> None:
    def load(book: Book) -> None:
        book.author.get(use_cache=False)

    with recorded(n_plus_one=1):
        load(books[0])
        load(books[0])
        load(books[0])


def test_the_pages_of_one_query_are_not() -> None:
    with testing.store():
        ndb.put_multi([Author() for _ in range(20)])
        with recorded(n_plus_one=1) as calls:
            more, cursor = True, None
            while more:
                _, cursor, more = Author.query().fetch_page(2, start_cursor=cursor)
        assert len(calls) >= 10


def test_a_loop_in_coroutines_is_found_with_its_line(books: list[Book]) -> None:
    async def load(book: Book) -> None:
        await book.author.get_async()  # the await

    async def one_by_one() -> None:
        for book in books:
            await load(book)

    async def together() -> None:
        await asyncio.gather(*map(load, books))

    for work in (one_by_one, together):
        ndb.get_context().clear_cache()
        with pytest.raises(AssertionError) as caught, recorded(n_plus_one=5):
            asyncio.run(work())
        assert "10 times lookup of one Author" in str(caught.value)
        assert f"{HERE}:{line_of('# the await')}" in str(caught.value)


def test_a_call_in_the_middle_of_work_in_an_event_loop_has_the_line_that_asked_for_the_work() -> None:
    async def work() -> None:
        async for _ in Author.query().iter(batch_size=5):  # the walk
            await asyncio.sleep(0)

    with testing.store(engine="sqlite"):
        ndb.put_multi([Author() for _ in range(400)])
        with recorded() as calls:
            asyncio.run(work())
    assert len(calls) > 1
    assert {each.line and each.line.number for each in calls} == {line_of("# the walk")}


def test_a_query_that_needs_an_index_is_refused_and_the_entry_told(tmp_path: Path) -> None:
    file = tmp_path / "index.yaml"
    file.write_text("indexes:\n- kind: Book\n  properties:\n  - name: author\n  - name: year\n")
    by_year = Book.query(Book.author == ndb.Key(Author, 1)).order(Book.year)
    with testing.store():
        with recorded(unindexed="error", index_file=file):
            by_year.fetch()
            Book.query().order(Book.year).fetch()
            Book.query(Book.author == None).count()  # noqa: E711
        with (
            pytest.raises(NeedIndexError, match=r"- kind: Book\n  properties:\n  - name: author"),
            recorded(unindexed="error"),
        ):
            by_year.fetch()
        with pytest.raises(NeedIndexError), recorded(unindexed="error", index_file=file):
            Book.query().order(Book.year, -Book.author).count()


def test_an_unindexed_query_fails_a_test_that_catches_the_error() -> None:
    def careless() -> None:
        with contextlib.suppress(NeedIndexError):
            Book.query().order(Book.author, -Book.year).fetch()

    complaint = rf"direction: desc\n  at .*{HERE}:"
    with testing.store(), pytest.raises(AssertionError, match=complaint), recorded(unindexed="error"):
        careless()


def test_the_error_of_a_block_is_not_covered_by_what_was_recorded(books: list[Book]) -> None:
    def fail() -> None:
        for book in books:
            book.author.get()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), recorded(n_plus_one=1):
        fail()


def test_threads_are_recorded_in_a_sandbox() -> None:
    with testing.store(), recorded() as calls:
        thread = threading.Thread(target=lambda: Author.get_by_id(1))
        thread.start()
        thread.join()
    assert [each.call.verb for each in calls] == ["lookup"]


def test_a_recording_ends_with_its_block() -> None:
    with testing.store() as sandbox:
        with recorded() as outer, recorded() as inner:
            Author().put()
        Author().put()
        assert (len(outer), len(inner), len(sandbox.calls)) == (1, 1, 2)
        sandbox.calls.clear()
        assert len(sandbox.calls) == 0
