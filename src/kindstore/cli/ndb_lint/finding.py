"""What in one file would not work on `kindstore.ndb`: found in its syntax, and judged by what `kindstore.ndb` has.

There is no list of facts here: names are looked up in the modules themselves, options in signatures or by trying them.
"""

import ast
import importlib
import inspect
import typing
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, NamedTuple

from kindstore import ndb
from kindstore.ndb.options import use_cache

OURS: Final = "kindstore.ndb"
THEIRS: Final = ("google.cloud.ndb", "google.appengine.ext.ndb", OURS)
"""The modules whose users are addressed; ours too, for code that was changed already."""


class Finding(NamedTuple):
    """Something in line *line* of *file* that would not work."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def findings(file: str, source: bytes) -> Iterator[Finding]:
    """What would not work in *source*, the text of *file*, by lines; a file that is no Python 3 is one finding."""
    try:
        tree = ast.parse(source, file)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        yield Finding(file, line or 1, f"not Python 3: {getattr(error, 'msg', error)}")
        return
    reader = _Reader()
    reader.visit(tree)
    for line, message in sorted(set(reader.found)):
        yield Finding(file, line, message)


class _Absent(Exception):
    """A dotted name leads nowhere; the text says how far."""


def _our(dotted: str) -> str | None:
    """The name below `kindstore.ndb` ("" for itself) of one below NDB; None for any other."""
    for theirs in THEIRS:
        if dotted == theirs or dotted.startswith(theirs + "."):
            return dotted[len(theirs) + 1 :]
    return None


def _reached(name: str) -> Any:
    """What *name* is below `kindstore.ndb`; None where that can't be told.  Raises `_Absent`."""
    found: Any = ndb
    path = OURS
    for part in name.split(".") if name else []:
        if not isinstance(found, (ModuleType, type)):
            return None  # an attribute of a value
        if isinstance(found, ModuleType) and not hasattr(found, part):
            try:
                found = importlib.import_module(f"{path}.{part}")
            except ModuleNotFoundError:
                raise _Absent(f"{path} has no {part}") from None
        elif not hasattr(found, part):
            raise _Absent(f"{path} has no {part}")
        else:
            found = getattr(found, part)
        path = f"{path}.{part}"
    return found


class _Reader(ast.NodeVisitor):
    """Walks over one file; *found* are lines and messages."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._bound: dict[str, str] = {}
        """Names in the file, and what they were imported as."""

    def visit_Import(self, node: ast.Import) -> None:
        """``import google.cloud.ndb``, with or without ``as``."""
        for each in node.names:
            if _our(each.name) is not None:
                self._look_up(each.name, node.lineno)
                first = each.name.partition(".")[0]
                self._bound[each.asname or first] = each.name if each.asname else first

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from google.cloud import ndb``, ``from google.cloud.ndb import model``."""
        for each in node.names:
            dotted = f"{node.module}.{each.name}"
            if node.level or _our(dotted) is None:
                continue
            if each.name == "*":
                self._look_up(str(node.module), node.lineno)
            elif self._look_up(dotted, node.lineno) is not _ABSENT:
                self._bound[each.asname or each.name] = dotted

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``ndb.Key.from_path``."""
        dotted = self._dotted(node)
        if dotted is None:
            self.generic_visit(node)
        elif _our(dotted) is not None:
            self._look_up(dotted, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        """The options of a call, of NDB's functions and classes, and of methods that are called like NDB's."""
        dotted = self._dotted(node.func)
        ours = None if dotted is None else _our(dotted)
        target: Any = None
        if ours:
            try:
                target = _reached(ours)
            except _Absent:
                target = None  # which is reported where the name is
        elif self._bound and isinstance(node.func, ast.Attribute):
            target = _method(node.func.attr)
        for each in node.keywords:
            if each.arg is not None and target is not None:
                value = each.value.value if isinstance(each.value, ast.Constant) else _SOMETHING
                wrong = _wrong_option(target, each.arg, value, is_known=bool(ours))
                if wrong is not None:
                    self.found.append((each.value.lineno, wrong))
        self.generic_visit(node)

    def _dotted(self, node: ast.expr) -> str | None:
        """The full dotted name of *node*; None if it begins with no imported name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._bound:
            return None
        return ".".join([self._bound[node.id], *reversed(parts)])

    def _look_up(self, dotted: str, line: int) -> Any:
        try:
            return _reached(_our(dotted) or "")
        except _Absent as absent:
            self.found.append((line, str(absent)))
            return _ABSENT


_ABSENT: Final = object()
_SOMETHING: Final = object()
"""Stands for a value that is known only when the code runs."""


def _method(name: str) -> Callable[..., Any] | None:
    """What a call of a method *name*, of an object that is not known, may mean in NDB."""
    if name == "context":
        return ndb.Client().context
    for cls in (ndb.Key, ndb.Model, ndb.Query):
        found: Any = getattr(cls, name, None)
        if inspect.isroutine(found) and not name.startswith("__"):
            return found
    return None


def _wrong_option(target: Any, name: str, value: object, *, is_known: bool) -> str | None:
    """What is wrong with the option *name* of *target*; None if nothing is, or nobody can tell.

    With *is_known* false *target* is a guess: then only what it refuses on purpose counts.
    """
    called = getattr(target, "__name__", str(target))
    try:
        if inspect.isclass(target) and issubclass(target, (ndb.Property, ndb.Query, ndb.Client)):
            target(*_required(target), **{name: value})
        elif called == "context":
            target(**{name: value})
        elif name not in _parameters(target):
            use_cache({name: value})
    except NotImplementedError as error:
        return f"{called}({name}=…): {error}"
    except TypeError as error:
        unknown = "unexpected keyword" in str(error) and repr(name) in str(error)
        return f"{called} has no option {name}" if unknown and is_known and _is_strict(target) else None
    except Exception:  # noqa: BLE001 - what is wrong with the value that stands for another says nothing
        return None
    return None


def _required(cls: type[Any]) -> list[Any]:
    """Something for each argument that *cls* must have: a model, which is a function too."""
    parameters = inspect.signature(cls).parameters.values()
    empty, positional = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [ndb.Model for each in parameters if each.default is empty and each.kind is positional]


def _parameters(target: Any) -> set[str]:
    return set(inspect.signature(target).parameters) if callable(target) else set()


def _is_strict(target: Any) -> bool:
    """Whether *target* refuses options that it does not name: a class that was tried, or a function that says so."""
    if inspect.isclass(target):
        return issubclass(target, (ndb.Property, ndb.Query, ndb.Client))
    options = [
        each for each in inspect.signature(target).parameters.values() if each.kind is each.VAR_KEYWORD
    ]
    return not options or typing.get_origin(_annotation(target, options[0].name)) is typing.Unpack


def _annotation(target: Any, name: str) -> Any:
    try:
        return typing.get_type_hints(target, include_extras=True).get(name)
    except NameError:  # of a name that is imported for the type checker alone
        return None
