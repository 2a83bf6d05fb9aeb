"""Arrows point down only, nothing imports in a ring, files stay short, names say something, imports are quick."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import layers

TOP = Path(__file__).parents[1]
OURS = layers.modules(TOP / "src")

# What `import kindstore` may load besides the standard library: the core's dependencies, and what msgspec
# itself imports where it happens to be installed (the type checkers bring it).
CORE = {"kindstore", "apsw", "msgspec", "typing_extensions"}


def test_the_package_is_found() -> None:
    assert {"kindstore", "kindstore.values.errors"} <= OURS.keys()


def test_arrows_point_down_only() -> None:
    assert not layers.wrong_arrows(OURS)


def test_engine_and_mapper_do_not_know_each_other() -> None:
    between = {"engine", "mapper"}
    assert not [
        each
        for each in layers.imports(OURS)
        if {layers.floor_of(each.importer), layers.floor_of(each.target)} == between and each.target in OURS
    ]


def test_the_floors_themselves_have_an_order() -> None:
    for name, floor in layers.FLOORS.items():
        for below in floor.knows:
            assert name not in layers.FLOORS[below].knows, f"{name} and {below} know each other"


def test_no_module_is_in_an_import_cycle() -> None:
    assert not layers.cycle(OURS)


def test_no_file_is_over_a_thousand_lines() -> None:
    assert not layers.long_files([TOP / "src", TOP / "tests", TOP / "bench", TOP / "examples"])


def test_names_say_something() -> None:
    assert not layers.empty_names(OURS)


def fresh(code: str) -> str:
    """What *code* prints in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["kindstore", "kindstore.ndb"])
def test_importing_loads_nothing_but_the_core(module: str) -> None:
    loaded = fresh(
        "import sys, json; before = set(sys.modules)\n"
        f"import {module}; assert {module}.__file__, 'not a package yet'\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    assert {name for name in json.loads(loaded) if name not in sys.stdlib_module_names} <= CORE


@pytest.mark.budget
def test_importing_kindstore_takes_less_than_80_ms() -> None:
    """CPU time, best of nine: the others ran while something else had the core, or wrote the byte code."""
    code = "import time; t = time.process_time(); import kindstore; print(time.process_time() - t)"
    assert min(float(fresh(code)) for _ in range(9)) < 0.080


# The checker itself, on packages made up to break the rules.


def tree(top: Path, **files: str) -> dict[str, Path]:
    """A package `kindstore` in *top*; a file's name has `__` for `/`."""
    for name, text in files.items():
        path = top / "kindstore" / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for directory in {path.parent for path in (top / "kindstore").rglob("*.py")} | {top / "kindstore"}:
        (directory / "__init__.py").touch()
    return layers.modules(top)


def test_an_import_of_a_lower_floor_is_allowed(tmp_path: Path) -> None:
    found = tree(tmp_path, values__key="", store__abc="from kindstore.values import key\nimport msgspec, re")
    assert layers.wrong_arrows(found) == []


@pytest.mark.parametrize(
    "text",
    [
        "import kindstore.store.abc",
        "from kindstore.store import abc",
        "from kindstore.store.abc import Store",
        "from ..store.abc import Store",
        "from .. import store",
        "def late():\n    from kindstore.store.abc import Store",
        "class Late:\n    def method(self):\n        import kindstore.store.abc as abc",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kindstore.store.abc import Store",
        "try:\n    import kindstore.store\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('kindstore.store.abc')",
        "__import__('kindstore.store.abc')",
    ],
)
def test_an_import_of_a_higher_floor_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    found = tree(tmp_path, values__key=text, store__abc="class Store: pass")
    (wrong,) = layers.wrong_arrows(found)
    assert wrong.startswith("kindstore.values.key:")
    assert wrong.endswith("values may not know store")


@pytest.mark.parametrize(("one", "other"), [("engine", "mapper"), ("mapper", "engine")])
def test_engine_and_mapper_are_kept_apart(tmp_path: Path, one: str, other: str) -> None:
    found = tree(tmp_path, **{f"{one}__a": f"import kindstore.{other}.b", f"{other}__b": ""})
    assert layers.wrong_arrows(found) == [
        f"kindstore.{one}.a:1 imports kindstore.{other}.b: {one} may not know {other}"
    ]


def test_a_library_on_the_wrong_floor_is_found(tmp_path: Path) -> None:
    found = tree(tmp_path, engine__scan="def late():\n    import apsw", backends__sqlite="import apsw")
    assert layers.wrong_arrows(found) == ["kindstore.engine.scan:2 imports apsw: engine may not use it"]


def test_an_import_of_a_module_that_does_not_exist_is_found(tmp_path: Path) -> None:
    found = tree(tmp_path, values__a="")
    del found["kindstore"]
    found["kindstore.values.a"].write_text("import kindstore.gone")
    assert layers.wrong_arrows(found) == ["kindstore.values.a:1 imports kindstore.gone, which does not exist"]


def test_a_module_on_no_floor_is_found(tmp_path: Path) -> None:
    (wrong,) = layers.wrong_arrows(tree(tmp_path, attic=""))
    assert wrong.startswith("kindstore.attic is on no floor")


def test_a_cycle_is_found_even_if_its_imports_are_late(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        values__a="from kindstore.values.b import x",
        values__b="def late():\n    from kindstore.values.c import y",
        values__c=(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kindstore.values import a\n"
        ),
    )
    ring = layers.cycle(found)
    assert ring[0] == ring[-1]
    assert set(ring) == {"kindstore.values.a", "kindstore.values.b", "kindstore.values.c"}


def test_a_cycle_through_a_package_is_found(tmp_path: Path) -> None:
    found = tree(tmp_path, values__a="from kindstore.values import b_name")
    found["kindstore.values"].write_text("from kindstore.values.a import something as b_name")
    assert set(layers.cycle(found)) == {"kindstore.values", "kindstore.values.a"}


def test_a_tree_without_a_cycle_has_none(tmp_path: Path) -> None:
    found = tree(
        tmp_path, values__a="", values__b="from kindstore.values import a", values__c="from . import a, b"
    )
    assert layers.cycle(found) == []


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("class ConnectionManager: pass", True),
        ("class KeyHelper: pass", True),
        ("class EntityData: pass", True),
        ("class IndexInfo: pass", True),
        ("class HTTPInfo: pass", True),
        ("def key_utils(): pass", True),
        ("async def helper(): pass", True),
        ("class Datastore: pass", False),
        ("class Metadata: pass", False),
        ("class Information: pass", False),
        ("def data(): pass", False),
        ("def manage(): pass", False),
    ],
)
def test_names_that_say_nothing_are_found(tmp_path: Path, text: str, is_wrong: bool) -> None:
    assert bool(layers.empty_names(tree(tmp_path, values__a=text))) is is_wrong


def test_a_module_name_that_says_nothing_is_found(tmp_path: Path) -> None:
    assert layers.empty_names(tree(tmp_path, values__key_utils="")) == ["module kindstore.values.key_utils"]


def test_a_long_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * 1_001)
    (tmp_path / "short.py").write_text("x = 1\n" * 1_000)
    assert layers.long_files([tmp_path]) == [f"{tmp_path / 'long.py'}: 1001 lines"]
