"""Our reader of App Engine's GQL against App Engine's own.

The SDK is no dependency: without it, its answers to some hundred queries are compared that were written down
(``app_engine_answers.json``; ``python -m tests.gql.test_app_engine_differential`` writes them anew).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kindstore.store.gql import Dialect
from tests.gql import app_engine_sdk as oracle
from tests.gql import test_app_engine as tables
from tests.gql.sentences import Sentences
from tests.scale import scaled, seed

ROUNDS = scaled(1_500, soak=100_000)
ANSWERS = Path(__file__).with_name("app_engine_answers.json")


@pytest.fixture(scope="module")
def sdk() -> Any:
    try:
        return oracle.load()
    except ImportError:
        pytest.skip("App Engine's SDK is not installed: pip install appengine-python-standard")


def difference(sdk: Any, text: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """How the two answers differ, "" if they do not, or as they should."""
    theirs, ours = oracle.sdks(sdk, text, args, kwargs), oracle.ours(text, args, kwargs)
    if oracle.same(theirs, ours) or oracle.known(sdk, text, args, kwargs, theirs, ours):
        return ""
    return f"{text!r} {args} {kwargs}\n  SDK:  {theirs}\n  ours: {ours}"


@pytest.mark.parametrize("sort", ["query", "nearly", "scraps"])
def test_random_texts_are_read_as_by_the_sdk(sdk: Any, sort: str) -> None:
    source = seed(7)
    sentences = Sentences(random.Random(f"{source} {sort}"), Dialect.APP_ENGINE)
    for _ in range(ROUNDS):
        text = getattr(sentences, sort)()
        found = difference(sdk, text, sentences.args, sentences.kwargs)
        assert not found, f"seed {source}: {found}"


def texts() -> Iterator[str]:
    """Queries without arguments: those of the tables, and random ones."""
    for marked in tables.REFUSED:
        if len(marked) < 200:
            yield marked.replace("^", "")
    yield from (f"SELECT * WHERE a = {written}" for written, _ in tables.VALUES)
    for sort in ("query", "nearly"):
        sentences = Sentences(random.Random(sort), Dialect.APP_ENGINE)
        for _ in range(250):
            text: str = getattr(sentences, sort)()
            if not sentences.args and not sentences.kwargs:
                yield text


def test_the_tables_are_read_as_by_the_sdk(sdk: Any) -> None:
    assert [found for text in texts() if (found := difference(sdk, text, [], {}))] == []


def test_the_answers_that_were_written_down_are_given() -> None:
    written: list[list[Any]] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    assert len(written) > 300
    wrong: list[str] = []
    for text, error, parts in written:
        ours = oracle.ours(text, [], {})
        if (ours.error, "" if ours.error else repr(ours.parts)) != (error, parts):
            wrong.append(f"{text!r}\n  SDK:  {error or parts}\n  ours: {ours}")
    assert wrong == []


def write_answers() -> None:
    """Write down what the SDK says, where we want to say the same."""
    sdk = oracle.load()
    lines: list[str] = []
    for text in dict.fromkeys(texts()):
        theirs = oracle.sdks(sdk, text, [], {})
        if oracle.same(theirs, oracle.ours(text, [], {})):
            answer = [text, theirs.error, "" if theirs.error else repr(theirs.parts)]
            lines.append(json.dumps(answer, ensure_ascii=True))
    ANSWERS.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    write_answers()
