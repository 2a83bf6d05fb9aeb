"""What App Engine's own GQL parser makes of a text: the oracle of `test_app_engine_differential.py`.

It is ``google.appengine.ext.gql`` of PyPI's ``appengine-python-standard``.  Asked are its parser and its casts
only: what it does to run a query (one per value of IN, its checks of the datastore's rules) is no part of GQL.
"""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.messages import PropertyFilter
from kindstore.values.errors import BadArgumentError, BadQueryError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.gql.sentences import PARTITION


def load() -> Any:
    """The SDK's module; ImportError if it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.setdefault("APPLICATION_ID", PARTITION.project)
        os.environ.setdefault("AUTH_DOMAIN", "gmail.com")
        return importlib.import_module("google.appengine.ext.gql")


class Answer:
    """What was made of a text: the parts of a query, or an error."""

    def __init__(self, parts: dict[str, Any] | None, error: str = "", where: str = "") -> None:
        self.parts, self.error, self.where = parts, error, where

    def __repr__(self) -> str:
        return f"{self.error} {self.where}" if self.error else repr(self.parts)


def sdks(gql: Any, text: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Answer:
    """The SDK's answer; *where* is "text" or "arguments" for an error."""
    try:
        query = gql.GQL(text, _app=PARTITION.project, namespace="")
    except Exception as error:  # noqa: BLE001  # it lets out whatever happens
        return Answer(None, type(error).__name__, "text")
    used: set[int] = set()
    filters: list[Any] = []
    ancestor: Any = None
    given = [_to_sdk(gql, each) for each in args]
    named = {name: _to_sdk(gql, each) for name, each in kwargs.items()}
    try:
        for (name, condition), operations in query.filters().items():
            for operator, operands in operations:
                value = query._GQL__Operate(given, named, used, operator, operands)
                if name == -1:
                    gql.datastore.Query("A", _app=PARTITION.project).Ancestor(value)  # raises what it raises
                    ancestor = plain(gql.datastore_types.Key(value) if isinstance(value, str) else value)
                elif condition.upper() == "IN":
                    if not isinstance(value, list):
                        raise gql.datastore_errors.BadArgumentError("not a list")
                    filters.append((name, "IN", tuple(map(plain, value))))
                else:
                    filters.append((name, condition, plain(value)))
        if set(range(len(args))) - used:
            raise gql.datastore_errors.BadArgumentError("unused")
    except Exception as error:  # noqa: BLE001
        return Answer(None, type(error).__name__, "arguments")
    return Answer(
        {
            "kind": query.kind(),
            "filters": sorted(filters, key=repr),
            "ancestor": ancestor,
            "orders": [(name, direction == 2) for name, direction in query.orderings()],
            "keys_only": query.is_keys_only(),
            "projection": query.projection() or (),
            "distinct": query.is_distinct(),
            "limit": None if query.limit() == -1 else query.limit(),
            "offset": query.offset(),
            "hint": query.hint(),
        }
    )


def ours(text: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Answer:
    """Our answer, in the same words."""
    try:
        statement = parse(text, Dialect.APP_ENGINE)
    except BadQueryError as error:
        return Answer(None, "BadQueryError", f"text: {error}")
    try:
        query = bind(statement, PARTITION, args, kwargs).query
    except BadQueryError as error:
        return Answer(None, "BadQueryError", f"arguments: {error}")
    except BadArgumentError as error:
        return Answer(None, "BadArgumentError", f"arguments: {error}")
    filters: list[Any] = []
    for each in query.filters:
        if isinstance(each, PropertyFilter):
            value = tuple(map(plain, each.value)) if each.op == "IN" else plain(each.value)
            filters.append((each.property, each.op, value))
        else:  # of an empty list
            filters.append("nothing")
    return Answer(
        {
            "kind": query.kind,
            "filters": sorted(filters, key=repr),
            "ancestor": query.ancestor and plain(query.ancestor),
            "orders": [(order.property, order.descending) for order in query.orders],
            "keys_only": query.keys_only,
            "projection": query.projection,
            "distinct": statement.distinct,
            "limit": query.limit,
            "offset": query.offset,
            "hint": statement.hint or "",
        }
    )


def _to_sdk(gql: Any, value: Any) -> Any:
    """An argument of ours as the SDK's."""
    if isinstance(value, Key):
        return gql.datastore_types.Key.from_path(*value.path, _app=PARTITION.project)
    return [_to_sdk(gql, each) for each in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """*value*, ours or the SDK's, as something to compare: its type and its parts."""
    if value is None or isinstance(value, bool | int | float | str | bytes | datetime):
        return type(value).__name__, value
    if isinstance(value, list):
        return "list", tuple(map(plain, value))
    if isinstance(value, Key):
        return "Key", tuple(value.path)
    if isinstance(value, GeoPt):
        return "GeoPt", value.lat, value.lon
    if isinstance(value, User):
        return "User", value.email()
    name = type(value).__name__
    if name == "Key":
        return "Key", tuple(value.to_path())
    if name == "GeoPt":
        return "GeoPt", value.lat, value.lon
    if name == "User":
        return "User", value.email()
    raise AssertionError(f"a value of an unknown type: {value!r}")


def same(sdk: Answer, our: Answer) -> bool:
    """Whether two answers are the same; an empty list for IN matches nothing in ours."""
    if sdk.parts is None or our.parts is None or "nothing" not in our.parts["filters"]:
        return (sdk.error, sdk.parts) == (our.error, our.parts)
    theirs = [each for each in sdk.parts["filters"] if each[1:] != ("IN", ())]
    rest = [each for each in our.parts["filters"] if each != "nothing"]
    return theirs == rest and {**sdk.parts, "filters": 0} == {**our.parts, "filters": 0}


_DISTINCT = re.compile(r"(\s*SELECT\s+)DISTINCT\b", re.IGNORECASE)


def known(
    gql: Any, text: str, args: Sequence[Any], kwargs: Mapping[str, Any], sdk: Answer, our: Answer
) -> str:
    """Which of the differences that we want this one is; "" if it is none of them (docs/gql.md)."""
    found = our.where
    if our.error == "BadQueryError":
        if found.startswith("arguments") and sdk.where == "arguments":
            return "a cast or an ancestor that makes no sense is a BadQueryError, whatever the SDK lets out"
        if "encoded key" in found.partition("\n")[0]:
            return "a damaged encoded key is refused"
        if "KEY does not take these operands: a kind has" in found:
            return "an empty kind is refused"
        if "IN takes values" in found and sdk.where == "arguments":
            return "IN with a single value that is written out is a BadQueryError"
        if sdk.error == "TypeError" and re.search("LIMIT", text, re.IGNORECASE):
            return "LIMIT 2, without a second number is a BadQueryError"
        if re.search(r":0+\b", text):
            return ":0 is no parameter"
        if "DISTINCT needs" in found or re.match(r"\s*SELECT\s+DISTINCT\s*[\w;]*", text, re.IGNORECASE):
            return "DISTINCT needs names; it is a name only before FROM and a comma"
        if "64 bits" in found or "2,147,483,647" in found or "too large for a double" in found:
            return "numbers have 64 bits, LIMIT and OFFSET 32"
        if re.search(r"\b(inf|infinity|nan)\b|[+]\d+_", text, re.IGNORECASE):
            return "inf, nan and 1_000 are no numbers"
    if "a list can't hold a list" in found:
        return "a list in a list is refused"
    if our.error != "BadQueryError" and sdk.where == "text":
        if _DISTINCT.match(text):
            plain_text = _DISTINCT.sub(r"\1", text)
            if same(sdks(gql, plain_text, args, kwargs), ours(plain_text, args, kwargs)):
                return "DISTINCT goes with ANCESTOR IS and with keywords as names"
            if _DISTINCT.match(plain_text):
                return "DISTINCT DISTINCT is distinct values of the property distinct"
        if re.search(r"[+.]\d", text):
            return "+5 and .5 are numbers wherever they stand"
    return ""
