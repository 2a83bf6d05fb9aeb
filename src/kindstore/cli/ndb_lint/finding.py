"""What in one file would not work on `kindstore.ndb`: its imports, names and calls, as far as the syntax tells."""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from kindstore import ndb

from .names import SOMETHING, Absent, below, method, reached, wrong_option


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
    except (SyntaxError, ValueError) as error:  # ValueError: of a null byte
        line = error.lineno if isinstance(error, SyntaxError) else None
        yield Finding(file, line or 1, f"not Python 3: {getattr(error, 'msg', error)}")
        return
    reader = _Reader()
    reader.visit(tree)
    for line, message in sorted(reader.found):
        yield Finding(file, line, message)


class _Reader(ast.NodeVisitor):
    """Walks over one file; *found* are lines and messages."""

    def __init__(self) -> None:
        self.found: set[tuple[int, str]] = set()
        self._bound: dict[str, str] = {}
        """The names of the file that were imported, and what they stand for, in full."""

    def visit_Import(self, node: ast.Import) -> None:
        """``import google.cloud.ndb``, with or without ``as``."""
        for each in node.names:
            if below(each.name) is not None and self._is_there(each.name, node.lineno):
                first = each.name.partition(".")[0]
                self._bound[each.asname or first] = each.name if each.asname else first

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from google.cloud import ndb``, ``from google.cloud.ndb import model``."""
        module = str(node.module)
        if node.level:
            return  # of the code's own package
        for each in node.names:
            if each.name == "*" and below(module) is not None:
                if self._is_there(module, node.lineno):
                    names = getattr(reached(below(module) or ""), "__all__", ())
                    self._bound.update({name: f"{module}.{name}" for name in names})
            elif below(f"{module}.{each.name}") is not None:
                dotted = f"{module}.{each.name}"
                if self._is_there(dotted, each.lineno):
                    self._bound[each.asname or each.name] = dotted

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``ndb.Key.from_path``."""
        dotted = self._dotted(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self._is_there(dotted, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        """The options of a call: of NDB's functions and classes, and of methods that are called like NDB's."""
        dotted = self._dotted(node.func)
        target: Any = None
        if dotted is not None:
            try:
                target = reached(below(dotted) or "")
            except Absent:
                target = None  # which is told where the name is
        elif self._bound and isinstance(node.func, ast.Attribute):
            target = method(node.func.attr)
        if target is not None:
            self._check_options(node, target, is_guess=dotted is None)
        self.generic_visit(node)

    def _check_options(self, node: ast.Call, target: Any, *, is_guess: bool) -> None:
        names = {each.arg for each in node.keywords}
        for each in node.keywords:
            if each.arg is not None:
                value = each.value.value if isinstance(each.value, ast.Constant) else SOMETHING
                wrong = wrong_option(target, each.arg, value, is_guess=is_guess)
                if wrong is not None:
                    self.found.add((each.value.lineno, wrong))
        if target is ndb.PickleProperty and not names & {"allow_pickle", None}:
            self.found.add((node.lineno, "PickleProperty neither reads nor writes without allow_pickle=True"))

    def _dotted(self, node: ast.expr) -> str | None:
        """The full dotted name of *node*, if it is NDB's; else None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._bound:
            return None
        dotted = ".".join([self._bound[node.id], *reversed(parts)])
        return None if below(dotted) is None else dotted

    def _is_there(self, dotted: str, line: int) -> bool:
        """Whether we have *dotted*, a name of NDB's; it is found in *line* if not."""
        try:
            reached(below(dotted) or "")
        except Absent as absent:
            self.found.add((line, str(absent)))
            return False
        return True
