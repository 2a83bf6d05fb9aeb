"""The pytest plugin, from outside: small test files, and what pytest says of them."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

MODELS = """
    import datetime as dt
    import pytest
    from kindstore import ndb, testing

    class Author(ndb.Model):
        name = ndb.StringProperty()
        born = ndb.IntegerProperty()
        made = ndb.DateTimeProperty(auto_now_add=True)
"""


def run(pytester: pytest.Pytester, source: str, **outcomes: int) -> pytest.RunResult:
    """What pytest says of a file with MODELS and *source*; each test has its expected outcome."""
    pytester.makepyfile(MODELS + source)
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(**outcomes)
    return result


def test_the_fixture_gives_each_test_a_store(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.parametrize("number", [1, 2])
    def test_put(datastore, number):
        assert Author.query().count() == 0
        key = Author(name="Ada").put()
        assert key.id() == 5629499534213120
        assert key.get().made == dt.datetime(2020, 1, 1)
        datastore.clock.advance(1)
        datastore.faults.plan(testing.Fault.CONFLICT)
        assert len(datastore.calls) == 2
    """
    run(pytester, source, passed=2)
    assert not list(pytester.path.glob("*.db"))


def test_the_marker_gives_a_store_to_tests_that_do_not_name_the_fixture(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.kindstore(ids="sequential")
    class TestAuthors:
        def test_first(self):
            assert Author().put().id() == 1

        @pytest.mark.kindstore(project="other")
        def test_nearer_markers_add_to_the_others(self):
            key = Author().put()
            assert (key.id(), key.project()) == (1, "other")

        @pytest.mark.kindstore(ids="scattered")
        def test_nearer_markers_count(self, datastore):
            assert Author().put().id() > 1
    """
    run(pytester, source, passed=3)


def test_a_test_without_fixture_and_marker_is_left_alone(pytester: pytest.Pytester) -> None:
    source = """
    def test_alone(request):
        assert "datastore" not in request.fixturenames
        with ndb.Client(url=":memory:").context():
            assert Author.query().count() == 0
    """
    run(pytester, source, passed=1)


def test_a_setting_gives_every_test_a_store(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nkindstore_each_test = true\n")
    source = """
    def test_one():
        Author().put()
        assert Author.query().count() == 1

    def test_other():
        assert Author.query().count() == 0
    """
    run(pytester, source, passed=2)
    assert not list(pytester.path.glob("*.db"))


def test_coroutines_work_in_it(pytester: pytest.Pytester) -> None:
    source = """
    import asyncio

    def test_async(datastore):
        async def work():
            key = await Author(name="Ada").put_async()
            async with ndb.transaction():
                author = await key.get_async()
                author.born = 1815
                await author.put_async()
            return [each.born async for each in Author.query()]

        assert asyncio.run(work()) == [1815]
    """
    run(pytester, source, passed=1)


def test_n_plus_one_access_fails_the_test_itself(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.kindstore(n_plus_one=5)
    def test_loop():
        for key in ndb.put_multi([Author() for _ in range(7)]):
            key.get(use_cache=False)
    """
    result = run(pytester, source, failed=1)
    result.stdout.fnmatch_lines(
        ["*N+1 access: 7 times lookup of one Author, more than 5, at", "*.py:* in test_loop"]
    )


def test_an_unindexed_query_fails_the_test(pytester: pytest.Pytester) -> None:
    source = """
    pytestmark = pytest.mark.kindstore(unindexed="error")

    def test_needs_one():
        Author.query(Author.name == "Ada").order(Author.born).fetch()

    def test_needs_another():
        Author.query(Author.name == "Ada").order(-Author.born).fetch()
    """
    result = run(pytester, source, failed=2)
    result.stdout.fnmatch_lines(["*NeedIndexError*", "*kind: Author*", "*name: born*"])
    pytester.makefile(
        ".yaml", index="indexes:\n- kind: Author\n  properties:\n  - name: name\n  - name: born\n"
    )
    run(pytester, source, passed=1, failed=1)


def test_a_failed_test_tells_its_faults_and_its_seed(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.kindstore(faults=1.0, seed=42)
    def test_unlucky():
        Author(id=1).put()

    def test_planned(datastore):
        datastore.faults.plan(testing.Fault.KEPT)
        Author(id="ada").put()
    """
    result = run(pytester, source, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*kindstore faults*",
            "<Faults seed=42, probability=1.0, 0 planned, 1 injected>",
            "* in commit Author 1",
            "To meet them again: KINDSTORE_SEED=42",
            "*kindstore faults*",
            "KEPT in commit Author 'ada'",
        ]
    )


def test_what_was_too_much_does_not_cover_another_failure(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.kindstore(n_plus_one=1)
    def test_wrong():
        for key in ndb.put_multi([Author() for _ in range(3)]):
            key.get(use_cache=False)
        assert 1 == 2
    """
    result = run(pytester, source, failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])
    result.stdout.no_fnmatch_line("*N+1*")


def test_an_option_that_there_is_not_is_an_error(pytester: pytest.Pytester) -> None:
    source = """
    @pytest.mark.kindstore(n_plus=1)
    def test_wrong():
        pass

    @pytest.mark.kindstore(5)
    def test_without_name():
        pass
    """
    result = run(pytester, source, errors=2)
    result.stdout.fnmatch_lines(["*n_plus*", "*options by name only*"])


def test_the_plugin_alone_does_not_import_kindstore(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_loaded():
            assert "kindstore.pytest_plugin" in sys.modules
            assert "kindstore.ndb" not in sys.modules
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
