"""No text whatever gives another error than the documented ones; ``KINDSTORE_SOAK=1`` reads a million of them."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kindstore.store.gql import Bound, Dialect, GqlSyntaxError, bind
from kindstore.store.gql.parsing import _parse
from kindstore.values.errors import BadArgumentError, BadQueryError
from tests.gql.sentences import APP_ENGINE_WORDS, PARTITION, SCRAPS, V1_WORDS, Sentences
from tests.scale import scaled, seed

# Three dialects, three sorts of text each: a million in a soak.
ROUNDS = scaled(500, soak=112_000)
EXAMPLES = scaled(200, soak=20_000)

DIALECTS = list(Dialect)


def read(text: str, dialect: Dialect, args: list[object], kwargs: dict[str, object]) -> Bound | None:
    """The query of *text*, None if it is refused as it should be; any other error is let out."""
    try:
        return bind(_parse(text, dialect), PARTITION, args, kwargs)
    except (GqlSyntaxError, BadArgumentError) as refused:
        error = refused
    assert str(error)
    if isinstance(error, GqlSyntaxError):
        line = text.split("\n")[error.line - 1]
        assert 1 <= error.column <= len(line) + 1
    return None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_queries_are_read_and_near_misses_are_refused(dialect: Dialect) -> None:
    source = seed(7)
    sentences = Sentences(random.Random(f"{source} {dialect}"), dialect)
    bound = 0
    for _ in range(ROUNDS):
        text = sentences.query()
        try:
            bound += read(text, dialect, sentences.args, sentences.kwargs) is not None
            for text in (sentences.nearly(), sentences.scraps()):
                read(text, dialect, sentences.args, sentences.kwargs)
        except Exception as error:
            raise AssertionError(f"seed {source}: {text!r}") from error
    # What is not bound are casts of dates and places that do not exist, and __key__ selected twice.
    assert bound >= ROUNDS * (0.95 if dialect is Dialect.V1 else 0.8)


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=200), st.sampled_from(DIALECTS))
@example("\ud800", Dialect.V1)
@example("SELECT * WHERE a = '\ud800'", Dialect.APP_ENGINE)
@example("ſELECT * FROM A", Dialect.APP_ENGINE)
@example("SELECT * LIMIT ١", Dialect.V1)
@example("SELECT * WHERE a = ١.٥ AND b = :١", Dialect.APP_ENGINE)
@example("SELECT * WHERE a = @²", Dialect.V1)
def test_any_text_is_read_or_refused(text: str, dialect: Dialect) -> None:
    read(text, dialect, [], {})


words = st.sampled_from([*SCRAPS, *APP_ENGINE_WORDS, *V1_WORDS]) | st.text(max_size=3)


@settings(max_examples=EXAMPLES)
@given(st.lists(words, max_size=25), st.sampled_from([" ", "", "\n"]), st.sampled_from(DIALECTS))
def test_any_words_are_read_or_refused(found: list[str], between: str, dialect: Dialect) -> None:
    read(between.join(found), dialect, [1], {"a": 1})


@settings(max_examples=EXAMPLES)
@given(st.randoms(use_true_random=False), st.sampled_from(DIALECTS), st.data())
def test_a_query_with_a_change_is_read_or_refused(
    rng: random.Random, dialect: Dialect, data: st.DataObject
) -> None:
    sentences = Sentences(rng, dialect)
    text = sentences.query()
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 10))
    changed = text[:at] + data.draw(words) + text[at + cut :]
    read(changed, dialect, sentences.args, sentences.kwargs)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from(
        [
            (Dialect.APP_ENGINE, "SELECT * WHERE a IN :1 AND ANCESTOR IS :2"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = KEY(:1, :2)"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = GEOPT(:1, :2)"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = KEY(:1) AND b = USER(:2)"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = DATETIME(:1, :2, 1) AND b = TIME(:1, :2)"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = DATETIME(:1) AND b = DATE(:2)"),
            (Dialect.APP_ENGINE, "SELECT * WHERE a = TIME(:1) AND b = DATE(:2)"),
            (Dialect.NDB, "SELECT * WHERE a NOT IN :1 AND b IN (:2, KEY('A', :1))"),
            (Dialect.V1, "SELECT * WHERE a IN @1 AND __key__ HAS ANCESTOR @2"),
            (Dialect.V1, "SELECT * LIMIT FIRST(@1, @2)"),
            (Dialect.V1, "SELECT * LIMIT @1 OFFSET @2"),
            (Dialect.V1, "SELECT * OFFSET @1 + @2"),
        ]
    ),
    values | st.lists(values, max_size=3),
    values,
)
def test_any_arguments_are_taken_or_refused(query: tuple[Dialect, str], one: object, two: object) -> None:
    dialect, text = query
    with contextlib.suppress(BadQueryError, BadArgumentError):
        bind(_parse(text, dialect), PARTITION, [one, two])
