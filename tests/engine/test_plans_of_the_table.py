"""Golden plans for the table of spec/service.md 3.6: each form of query without a composite index, and with the one that it needs.

``REWRITE_PLANS=1`` writes ``plans_of_the_table.txt`` anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

from kindstore.backends.sqlite import open_store
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.messages import Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadQueryError
from kindstore.values.key import Key
from tests.engine.shapes import BEYOND, TABLE

GOLDEN = Path(__file__).with_name("plans_of_the_table.txt")


def planned(store: EngineStore, query: Query) -> str:
    """The plan, and what it reads."""
    return "\n".join(f"    {line}" for line in store.run(store.explain(query)).splitlines())


def test_the_plans_of_the_table_are_as_written_down() -> None:
    store = open_store(":memory:")
    key = Key.of(store.partition(), ("Author", "ada", "K", 1))
    store.run(store.commit([Upsert(Entity.of(key, dict.fromkeys("abcdef", 1)))]))
    parts: list[str] = []
    for name, (query, index) in [*TABLE.items(), *BEYOND.items()]:
        try:
            plain = planned(store, query)
        except (
            BadQueryError
        ) as refused:  # App Engine's client would refuse it, too; it has an index all the same
            parts.append(f"{name}\n  refused: {refused}\n")
            continue
        lines = [name, "  with the built-in indexes" if index else "  built-in", plain]
        if index is not None:
            store.run(store.create_indexes([index]))
            while store.run(store.build_index(index)).state is State.BUILDING:
                pass
            lines += [f"  with {index}", planned(store, query)]
            assert f"by {index}" in lines[-1]
            store.run(store.drop_indexes([index]))
        parts.append("\n".join(lines) + "\n")
    store.close()
    text = "\n".join(parts)
    if os.environ.get("REWRITE_PLANS"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
