"""What the face offers: NDB's names, each in one place, in order."""

from kindstore import ndb


def test_every_name_is_there_once() -> None:  # their order is the linter's
    assert len(ndb.__all__) == len(set(ndb.__all__))
    assert all(hasattr(ndb, name) for name in ndb.__all__)


def test_nothing_public_is_left_out() -> None:
    modules = {
        "asking",
        "blobstore",
        "client",
        "cursor",
        "gone",
        "gql_text",
        "indexes",
        "iterator",
        "key",
        "metadata",
        "model",
        "msgprop",
        "options",
        "polymodel",
        "properties",
        "query",
        "query_options",
        "stats",
        "tasklets",
        "transactions",
    }
    imported = {"Consistency"}
    # pytest, whose plugin the package has, adds names of its own, which are no identifiers.
    public = {name for name in vars(ndb) if not name.startswith("_") and name.isidentifier()}
    assert public - modules - imported | {"__version__"} == set(ndb.__all__)


def test_the_toplevel_context_is_outside_of_transactions(context: ndb.Context) -> None:
    def look() -> bool:
        return ndb.get_context() is not context and ndb.get_toplevel_context() is context

    assert ndb.transaction(look)


def test_exceptions_are_listed_and_are_errors() -> None:
    for name in ndb.exceptions.__all__:
        error = getattr(ndb.exceptions, name)
        if error not in {ndb.exceptions.Retryable, ndb.exceptions.NoLongerImplementedError}:
            assert issubclass(error, ndb.exceptions.Error), name
