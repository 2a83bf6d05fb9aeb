"""The same answers about indexes as App Engine's SDK gives, for the table of spec/service.md 3.6 and at random.

Runs where the SDK is: ``pip install appengine-python-standard`` into any virtual environment, and its Python in
``KINDSTORE_APPENGINE_PYTHON`` (it needs old versions of some packages, so it has no place in ours).

Differences that are meant, and what is compared instead:

* Of minimal indexes that cost the same, the SDK takes the one of whatever existing index it looked at last; ours does
  not depend on their order.  Both must complete what exists.
* The SDK may write one index twice into index.yaml, if it was suggested once with a direction left open and once with
  the same direction stated; ours is there once.
* The SDK refuses several inequality properties, and an inequality on another property than the first order: ours
  follow Firestore, see `test_composite.py`.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kindstore.engine import index_yaml
from kindstore.engine.composite import CompositeIndex, IndexProperty, Needs, needed_index, needs
from kindstore.engine.serving import Missing, Serving, serve
from kindstore.store.conjunctions import conjunctions
from kindstore.store.messages import Order, PropertyFilter, Query
from tests.conformance.app_engine import PYTHON
from tests.engine.shapes import ANCESTOR, AWKWARD_NAMES, SPACE, TABLE
from tests.scale import seed

SEED = seed(3)
NAMES = ["a", "b", "c", "d", "__key__"]


pytestmark = pytest.mark.skipif(
    PYTHON is None,
    reason="needs App Engine's SDK: pip install appengine-python-standard into some environment, and name its "
    "Python in KINDSTORE_APPENGINE_PYTHON",
)


def ask(**asked: list[Any]) -> dict[str, list[Any]]:
    """The SDK's answers."""
    assert PYTHON is not None
    script = Path(__file__).with_name("appengine_indexes.py")
    done = subprocess.run(
        [PYTHON, str(script)],
        input=json.dumps({"needed": [], "minimal": [], "yaml": [], "read": [], "run": [], **asked}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, list[Any]] = json.loads(done.stdout)
    return answers


def written_query(query: Query) -> list[Any]:
    filters = [[each.property, each.op] for each in query.filters if isinstance(each, PropertyFilter)]
    orders = [[each.property, each.descending] for each in query.orders]
    ancestor = query.ancestor is not None
    return [query.kind, ancestor, filters, orders, list(query.projection), list(query.distinct_on)]


def written_index(index: CompositeIndex) -> list[Any]:
    return [index.kind, index.ancestor, [[each.name, each.descending] for each in index.properties]]


def index_of(written: Any) -> CompositeIndex:
    kind, ancestor, properties = written
    return CompositeIndex(kind, ancestor, tuple(IndexProperty(*each) for each in properties))


def random_query(chance: random.Random, kinds: tuple[str | None, ...] = ("K", "K", "K", None)) -> Query:
    """Any query; four in five are such as the SDK allows."""

    def some(most: int, names: list[str] = NAMES) -> list[str]:
        return [chance.choice(names) for _ in range(chance.randrange(most + 1))]

    ranged = chance.choice(NAMES)
    filters = [(name, "=") for name in some(chance.choice([0, 1, 3]))]
    filters += [(ranged, chance.choice(["<", "<=", ">", ">="])) for _ in range(chance.choice([0, 0, 1, 2]))]
    orders = some(chance.choice([0, 1, 3]))
    if orders and (ranged, "=") not in filters and chance.random() < 0.9:
        orders[0] = ranged
    projection = some(3, NAMES[:-1]) if chance.random() < 0.3 else []
    distinct = chance.choice([[], projection, some(2, NAMES[:-1])]) if chance.random() < 0.5 else []
    chance.shuffle(filters)
    return Query(
        SPACE,
        chance.choice(kinds),
        ANCESTOR if chance.random() < 0.3 else None,
        tuple(PropertyFilter(name, op, ANCESTOR if name == "__key__" else 1) for name, op in filters),
        tuple(Order(name, chance.random() < 0.4) for name in orders),
        tuple(projection),
        tuple(distinct),
    )


def random_existing(chance: random.Random, query: Query) -> list[CompositeIndex]:
    """Indexes of which some have to do with what *query* needs."""
    found = needs(query)
    assert found is not None
    existing: list[CompositeIndex] = []
    for _ in range(chance.randrange(6)):
        equal = [name for name in sorted(found.equal) if chance.random() < 0.5]
        chance.shuffle(equal)
        properties = [*map(IndexProperty, equal), *found.postfix]
        open_from = len(equal) + len(found.ordered)
        for at, each in enumerate(properties):
            # What an equality fixes may have any direction; other parts now and then the wrong one.
            may_turn = at < len(equal) or at >= open_from or chance.random() < 0.15
            if may_turn and chance.random() < 0.4:
                properties[at] = IndexProperty(each.name, not each.descending)
        if chance.random() < 0.1:
            chance.shuffle(properties)
        if chance.random() < 0.1:
            properties.insert(0, IndexProperty(chance.choice(NAMES)))
        ancestor = chance.random() < (0.4 if found.ancestor else 0.1)
        kind = "K" if chance.random() < 0.95 else "L"
        if properties:
            existing.append(CompositeIndex(kind, ancestor, tuple(properties)))
    return existing


def test_the_needed_index_of_the_table_is_the_sdks() -> None:
    answers = ask(needed=[written_query(query) for query, _ in TABLE.values()])["needed"]
    expected = [None if index is None else written_index(index) for _, index in TABLE.values()]
    assert dict(zip(TABLE, answers, strict=True)) == dict(zip(TABLE, expected, strict=True))


def test_the_needed_index_of_20_000_random_queries_is_the_sdks() -> None:
    chance = random.Random(SEED)
    queries = [random_query(chance) for _ in range(26_000)]
    answers = ask(needed=[written_query(query) for query in queries])["needed"]
    pairs = [(query, answer) for query, answer in zip(queries, answers, strict=True) if answer != "refused"]
    assert len(pairs) >= 20_000
    wrong = [
        (written_query(query), answer, str(needed_index(query)))
        for query, answer in pairs
        if needed_index(query) != (None if answer is None else index_of(answer))
    ]
    assert not wrong, f"{len(wrong)} of {len(pairs)} differ, such as {wrong[0]}"
    assert len({json.dumps(written_query(query)) for query, answer in pairs if answer}) > 5_000


def test_what_serves_and_what_is_missing_is_the_sdks() -> None:
    chance = random.Random(SEED)
    candidates = [random_query(chance, ("K",)) for _ in range(16_000)]
    allowed = ask(needed=[written_query(query) for query in candidates])["needed"]
    queries = [query for query, answer in zip(candidates, allowed, strict=True) if isinstance(answer, list)]
    asked = [(query, random_existing(chance, query)) for query in queries]
    answers = ask(
        minimal=[
            [written_query(query), [written_index(each) for each in existing]] for query, existing in asked
        ]
    )["minimal"]

    ties: list[tuple[Query, list[CompositeIndex], CompositeIndex, CompositeIndex]] = []
    served = completed = 0
    for (query, existing), answer in zip(asked, answers, strict=True):
        found = needs(query)
        assert found is not None
        ours = serve(found, existing)
        if answer is None:
            assert isinstance(ours, Serving), (written_query(query), existing, ours)
            served += 1
            continue
        assert isinstance(ours, Missing), (written_query(query), existing, answer)
        is_perfect, theirs = answer[0], index_of(answer[1])
        assert is_perfect is not bool(ours.joined)
        completed += not is_perfect
        if ours.index != theirs:
            assert cost(ours.index) == cost(theirs), (written_query(query), existing, ours, theirs)
            ties.append((query, existing, ours.index, theirs))
    assert served > 1_000
    assert completed > 500

    # Where they differ, either one completes what exists, by the SDK's own judgement and by ours.
    again = [[written_query(q), [written_index(each) for each in [*rest, ours]]] for q, rest, ours, _ in ties]
    assert set(ask(minimal=again)["minimal"]) <= {None}
    for query, existing, _, theirs in ties:
        found = needs(query)
        assert found is not None
        assert isinstance(serve(found, [*existing, theirs]), Serving)
    assert len(ties) < len(asked) / 20
    print(f"{len(asked)} asked, {served} served, {completed} to be completed, {len(ties)} ties")


def cost(index: CompositeIndex) -> int:
    return len(index.properties) + 2 * index.ancestor


FILES = [
    None,
    None,
    "indexes:\n\n# AUTOGENERATED\n",
    """# Ours
indexes:

- kind: K
  properties:
  - name: a
  - name: b
    direction: desc

# AUTOGENERATED
""",
    """indexes:
- kind: K
  ancestor: yes
  properties:
  - name: a

- kind: L
  properties:
  - name: b
  - name: a

# AUTOGENERATED

- kind: K
  properties:
  - name: c
    direction: desc
  - name: b
""",
    "indexes:\n- kind: K\n  properties:\n  - name: a\n  - name: b\n",
]


def test_index_yaml_is_the_sdks_text_after_2_000_random_sets_of_queries() -> None:
    chance = random.Random(SEED)
    candidates = [random_query(chance, ("K", "L", "Kind of b")) for _ in range(9_000)]
    allowed = ask(needed=[written_query(query) for query in candidates])["needed"]
    queries = [query for query, answer in zip(candidates, allowed, strict=True) if answer != "refused"]
    asked: list[tuple[str | None, list[list[Query]]]] = []
    for _ in range(2_000):
        history = [chance.choice(queries) for _ in range(chance.randrange(16))]
        # The server keeps its history until it stops, and begins a new one with the file that it left.
        first = chance.randrange(len(history) + 1)
        asked.append((chance.choice(FILES), [history[:first], history, history[first:]]))
    answers = ask(
        yaml=[[text, [[written_query(query) for query in each] for each in rounds]] for text, rounds in asked]
    )["yaml"]

    different = repeated = 0
    for (text, rounds), theirs in zip(asked, answers, strict=True):
        ours = text
        for history, expected in zip(rounds, theirs, strict=True):
            wanted = [found for query in history if (found := needs(query)) is not None]
            new = index_yaml.update(ours, wanted)
            ours = new if new is not None else ours
            if ours != expected:
                assert ours is not None
                assert ours == without_repetitions(expected), f"{ours}\n---\n{expected}"
                repeated += 1
                break
        else:
            different += ours != text
    assert different > 1_000
    assert repeated < 100
    print(f"{len(asked)} sets, {different} files written, {repeated} where the SDK repeats an index")


def without_repetitions(text: str) -> str:
    """*text* with each index of its automatic part once."""
    head, tail = text.split("appcfg.py.\n", 1)
    entries = dict.fromkeys(each.strip("\n") for each in tail.split("\n\n") if each.strip())
    return head + "appcfg.py.\n" + "".join(f"\n{each}\n" for each in entries)


def test_the_file_of_each_form_of_the_table_is_the_sdks() -> None:
    queries = [query for query, _ in TABLE.values()]
    rounds: list[list[Query]] = [[query] for query in queries] + [queries]
    texts = ask(yaml=[[None, [[written_query(query) for query in each]]] for each in rounds])["yaml"]
    wanted = [[found for query in each if (found := needs(query)) is not None] for each in rounds]
    assert [text for (text,) in texts] == [index_yaml.update(None, each) for each in wanted]
    assert texts[-1] == [Path(__file__).with_name("index_yaml_of_the_table.yaml").read_text(encoding="utf-8")]


def test_what_we_write_the_sdk_reads_as_it_was_meant() -> None:
    chance = random.Random(SEED)
    texts: list[str] = []
    expected: list[list[Any]] = []
    letters = "aeEnoxyY01289_.:+-#,?~=< '\"\\\n\u00e9"
    names = [name for name in AWKWARD_NAMES if name]
    names += ["".join(chance.choices(letters, k=chance.randrange(1, 6))) for _ in range(1_500)]
    for name in names:
        made = [
            CompositeIndex(name, False, (IndexProperty("a"), IndexProperty(name, True))),
            CompositeIndex("K", True, (IndexProperty(name), IndexProperty(chance.choice(names)))),
        ]
        text = index_yaml.write(None, made)
        assert text is not None
        texts.append(text)
        expected.append(sorted(written_index(each) for each in made))
    assert ask(read=texts)["read"] == expected


def random_disjunction(chance: random.Random) -> Query:
    """A query with IN and ``!=``, such as `google.appengine.ext.db` allows."""
    names = NAMES[:-1]
    filters: list[PropertyFilter] = []
    for name in chance.sample(names, chance.randrange(3)):
        values = tuple(chance.sample(range(5), chance.randrange(1, 4)))
        filters.append(chance.choice([PropertyFilter(name, "=", 1), PropertyFilter(name, "IN", values)]))
    ranged = chance.choice(names)
    if chance.random() < 0.6:
        filters += [PropertyFilter(ranged, op, 2) for op in chance.choice([["!="], ["<"], [">", "!="]])]
    orders = [Order(name, chance.random() < 0.5) for name in chance.sample(names, chance.randrange(3))]
    if filters and filters[-1].property == ranged and filters[-1].op not in {"=", "IN"} and orders:
        orders = [
            Order(ranged, orders[0].descending),
            *(each for each in orders[1:] if each.property != ranged),
        ]
    chance.shuffle(filters)
    ancestor = ANCESTOR if chance.random() < 0.3 else None
    return Query(SPACE, "K", ancestor, tuple(filters), tuple(orders))


def test_index_yaml_is_the_servers_after_queries_with_in_and_unequal() -> None:
    chance = random.Random(SEED)
    sets = [[random_disjunction(chance) for _ in range(10)] for _ in range(60)]
    texts = ask(
        run=[
            [
                [
                    [
                        [each.property, each.op, each.value]
                        for each in query.filters
                        if isinstance(each, PropertyFilter)
                    ],
                    [[each.property, each.descending] for each in query.orders],
                    query.ancestor is not None,
                ]
                for query in queries
            ]
            for queries in sets
        ]
    )["run"]
    assert len({each[-1] for each in texts}) > 50
    for queries, expected in zip(sets, texts, strict=True):
        ours: str | None = None
        history: list[Needs] = []
        for query, theirs in zip(queries, expected, strict=True):
            history += [found for each in conjunctions(query) if (found := needs(each)) is not None]
            new = index_yaml.update(ours, history)
            ours = new if new is not None else ours
            assert ours == theirs, written_query(query)
