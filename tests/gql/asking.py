"""Short ways to read a query, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kindstore.store.gql import Dialect, GqlSyntaxError, bind, parse
from kindstore.store.messages import Query
from kindstore.values.key import Key
from tests.gql.sentences import PARTITION


def query_of(dialect: Dialect, text: str, args: Sequence[Any] = (), **kwargs: Any) -> Query:
    """The query of *text*, with its arguments."""
    return bind(parse(text, dialect), PARTITION, args, kwargs).query


def fields_of(query: Query) -> dict[str, Any]:
    """The fields of *query* that say something."""
    plain = Query(PARTITION)
    names = Query.__struct_fields__
    return {name: getattr(query, name) for name in names if getattr(query, name) != getattr(plain, name)}


def key(*path: Any) -> Key:
    """A key of the test's partition."""
    return Key.of(PARTITION, path)


def refusal(ask: Callable[[], object]) -> GqlSyntaxError:
    """The error that *ask* ends with."""
    with pytest.raises(GqlSyntaxError) as caught:
        ask()
    return caught.value


def place_of(text: str) -> tuple[str, int]:
    """*text* without its ``^``, and the column before which that stood (from 1)."""
    assert text.count("^") == 1, text
    return text.replace("^", ""), text.index("^") + 1
