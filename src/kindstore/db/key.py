"""`db.Key`: the constructor and methods that App Engine's db has, on the key of `kindstore.values`."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from kindstore.db.errors import BadArgumentError, BadKeyError
from kindstore.db.strings import check_string, typename
from kindstore.mapper.context import current
from kindstore.values.key import Key as PlainKey
from kindstore.values.key import Partition
from kindstore.values.reference import from_urlsafe, to_urlsafe


class Key(PlainKey):
    """The key of an entity, of its text for URLs; `from_path` makes one of kinds and ids.

    It compares and hashes equal with the keys of other faces.  `BadArgumentError` for what is no text, `BadKeyError`
    for a text that is no key.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, encoded: str | bytes) -> None: ...

    else:

        def __init__(self, encoded):
            if not isinstance(encoded, str | bytes):
                raise BadArgumentError(
                    f"Key() expects a string; received {encoded!r} (a {typename(encoded)})."
                )
            try:
                plain = from_urlsafe(encoded)
            except BadKeyError as error:
                raise BadKeyError(f"Invalid string key {encoded!r}. Details: {error}") from error
            self._partition, self._flat, self._packed = plain.partition, plain.path, None

    @classmethod
    def like(cls, key: PlainKey) -> Key:
        """*key* as one of this class."""
        return key if isinstance(key, Key) else cls.of(key.partition, key.path)

    @staticmethod
    def from_path(*path: Any, **options: Any) -> Key:
        """The key of kind, id or name, kind, id or name, …, below *parent* if that is given, in *namespace*.

        Default: the parent's namespace, else the current one.  `BadArgumentError` for arguments of a wrong number or
        type, `BadValueError` for an empty name or one that is too long, `BadKeyError` for an incomplete parent.
        """
        parent, namespace = options.pop("parent", None), options.pop("namespace", None)
        project = options.pop("_app", None)
        if options:
            raise BadArgumentError(f"Excess keyword arguments {options!r}")
        if not path or len(path) % 2:
            raise BadArgumentError(
                "A non-zero even number of positional arguments is required "
                f"(kind, id or name, kind, id or name, ...); received {path!r}"
            )
        flat = tuple(_element(at, part) for at, part in enumerate(path))
        if parent is None:
            partition = place(project, namespace)
            return Key.of(partition, flat)
        if not isinstance(parent, PlainKey):
            raise BadArgumentError(
                f"Expected None or a Key as parent; received {parent!r} (a {typename(parent)})."
            )
        if not parent.is_complete:
            raise BadKeyError("The parent Key is incomplete.")
        above = parent.partition
        app = above.project if project is None else project
        within = above.namespace if namespace is None else namespace
        if (app, within) != (above.project, above.namespace):
            raise BadArgumentError(
                f"The app/namespace arguments ({app}/{within}) should match "
                f"parent.app/namespace() ({above.project}/{above.namespace})"
            )
        return Key.of(above, (*parent.path, *flat))

    def app(self) -> str:
        """The project."""
        return self._partition.project

    def namespace(self) -> str:
        """The namespace; "" is the default one."""
        return self._partition.namespace

    def kind(self) -> str:
        """The last kind of the path."""
        kind: str = self.path[-2]
        return kind

    def id(self) -> int | None:
        """The last id of the path, None if it is a name or missing."""
        last = self.path[-1]
        return last if isinstance(last, int) else None

    def name(self) -> str | None:
        """The last name of the path, None if it is an id or missing."""
        last = self.path[-1]
        return last if isinstance(last, str) else None

    def id_or_name(self) -> int | str | None:
        """The last id or name of the path; None if the key is incomplete."""
        last: int | str | None = self.path[-1]
        return last

    def has_id_or_name(self) -> bool:
        """Whether the key is complete."""
        return self.path[-1] is not None

    def parent(self) -> Key | None:
        """The key right above, None for a root."""
        path = self.path
        return Key.of(self._partition, path[:-2]) if len(path) > 2 else None

    def entity_group(self) -> Key:
        """The key of the root."""
        return Key.of(self._partition, self.path[:2])

    def to_path(self) -> list[Any]:
        """The path as a list, with 0 for an id that is not known yet."""
        return [0 if part is None else part for part in self.path]

    def ToTagUri(self) -> str:  # noqa: N802 - db's name
        """The key as a tag URI (RFC 4151) of today; `BadKeyError` if it is incomplete."""
        if not self.has_id_or_name():
            raise BadKeyError("ToTagUri() called for an entity with an incomplete key.")
        place = self.app() + (f"!{self.namespace()}" if self.namespace() else "")
        domain = os.environ.get("AUTH_DOMAIN", "gmail.com")
        today = dt.datetime.now().astimezone().date().isoformat()
        return f"tag:{escape(place)}.{domain},{today}:{escape(self.kind())}[{escape(str(self))}]"

    ToXml = ToTagUri

    def __str__(self) -> str:
        """The text for URLs, which the constructor takes; `BadKeyError` if the key is incomplete."""
        if not self.has_id_or_name():
            raise BadKeyError(f"Cannot string encode an incomplete key!\n{self!r}")
        return to_urlsafe(self)

    def __repr__(self) -> str:
        parts = [repr(0 if part is None else part) for part in self.path]
        parts.append(f"_app={self.app()!r}")
        if self.namespace():
            parts.append(f"namespace={self.namespace()!r}")
        return f"datastore_types.Key.from_path({', '.join(parts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Key.of, (self._partition, self.path)


def place(project: Any = None, namespace: Any = None) -> Partition:
    """The partition of a namespace, by default the current one, of the project of the context.

    A pair as the *project* is both, as in App Engine.  `BadArgumentError` for a pair of another length, or a name that
    is no text.
    """
    if isinstance(project, tuple):
        project, namespace = _pair(project)
    here = current().partition
    if namespace is not None and namespace != here.namespace:
        check_string(namespace, "namespace", BadArgumentError, empty=True)
        here = here.with_namespace(namespace)
    if project is not None and project != here.project:
        check_string(project, "app", BadArgumentError)
        here = Partition.of(project, here.database, here.namespace)
    return here


def _pair(names: Any) -> tuple[Any, Any]:
    if len(names) != 2:
        raise BadArgumentError("_app must have 2 values if type is tuple.")
    return names[0], names[1]


def _element(at: int, part: Any) -> Any:
    if at % 2 == 0:
        if not isinstance(part, str):
            raise BadArgumentError(
                f"Expected a string kind as argument {at + 1}; received {part!r} (a {typename(part)})."
            )
        return part
    if isinstance(part, int):
        return part or None
    if isinstance(part, str):
        check_string(part, "name")
        return part
    raise BadArgumentError(
        f"Expected an integer id or string name as argument {at + 1}; received {part!r} (a {typename(part)})."
    )
