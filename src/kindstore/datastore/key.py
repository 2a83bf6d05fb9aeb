"""`Key`: where an entity lives, as google-cloud-datastore has it."""

from __future__ import annotations

from typing import Any, Self

from kindstore.values.errors import BadKeyError
from kindstore.values.key import Flat, Id, Partition
from kindstore.values.key import Key as PlainKey
from kindstore.values.reference import from_urlsafe, to_urlsafe


class Key:
    """The path of an entity (kind, id, kind, id …) in a project, a database and a namespace.  Immutable, hashable.

    An odd number of *path_args* makes a partial key, which is completed when its entity is put.  With a *parent*, its
    path and its partition come first.  `BadKeyError`, a ValueError, for an empty path, a kind that is no str, an id that
    is neither int nor str, a partial parent, and names that differ from the parent's.  Unlike there, *project* has a
    default (``kindstore``): an embedded store has no other use for it.
    """

    __slots__ = ("_plain",)
    _plain: PlainKey

    def __init__(
        self,
        *path_args: Id,
        parent: Key | None = None,
        project: str | None = None,
        namespace: str | None = None,
        database: str | None = None,
    ) -> None:
        flat = _checked(path_args)
        if parent is None:
            partition = Partition.of(project or "kindstore", database or "", namespace or "")
        else:
            if parent.is_partial:
                raise BadKeyError("Parent key must be complete.", parent=parent)
            partition = parent._plain.partition
            for name, wanted, found in (
                ("namespace", namespace, partition.namespace),
                ("project", project, partition.project),
                ("database", database, partition.database),
            ):
                if wanted is not None and wanted != found:
                    raise BadKeyError(f"Child {name} must agree with parent's.", child=wanted, parent=found)
            flat = parent._plain.path + flat
        self._plain = PlainKey.of(partition, flat)

    @classmethod
    def of(cls, plain: PlainKey) -> Self:
        """The key that the store knows as *plain*."""
        key = cls.__new__(cls)
        key._plain = plain
        return key

    @property
    def plain(self) -> PlainKey:
        """The key as the store knows it."""
        return self._plain

    @classmethod
    def from_legacy_urlsafe(cls, urlsafe: str | bytes) -> Self:
        """The key that App Engine's `urlsafe` made this text of; `BadKeyError` for anything else."""
        return cls.of(from_urlsafe(urlsafe))

    def to_legacy_urlsafe(self, location_prefix: str | None = None) -> bytes:
        """As App Engine's text for URLs; *location_prefix* ("s~", "e~") is what it puts before the project.

        `BadKeyError` for a key in another database than the default one.
        """
        if self._plain.partition.database:
            raise BadKeyError("to_legacy_urlsafe only supports the default database", key=self)
        return to_urlsafe(self._plain, location_prefix or "").encode()

    def completed_key(self, id_or_name: Id) -> Self:
        """This key, which has to be partial, with its last id; `BadKeyError` otherwise."""
        if not self.is_partial:
            raise BadKeyError("Only a partial key can be completed.", key=self)
        return self.of(self._plain.completed(_checked(("", id_or_name))[1]))

    @property
    def is_partial(self) -> bool:
        """Whether the last id is missing."""
        return not self._plain.is_complete

    @property
    def project(self) -> str:
        """The project."""
        return self._plain.partition.project

    @property
    def database(self) -> str | None:
        """The database; None for the default one."""
        return self._plain.partition.database or None

    @property
    def namespace(self) -> str | None:
        """The namespace; None for the default one."""
        return self._plain.partition.namespace or None

    @property
    def flat_path(self) -> Flat:
        """Kind, id, kind, id …; of a partial key without the last id."""
        path = self._plain.path
        return path if path[-1] is not None else path[:-1]

    @property
    def path(self) -> list[dict[str, Any]]:
        """A dict for each element: its ``kind``, and its ``id`` or its ``name``, if it has one."""
        path = self._plain.path
        return [
            {"kind": kind, **({} if part is None else {"name" if isinstance(part, str) else "id": part})}
            for kind, part in zip(path[::2], path[1::2], strict=True)
        ]

    @property
    def kind(self) -> str:
        """The kind."""
        kind: str = self._plain.path[-2]
        return kind

    @property
    def id_or_name(self) -> Id | None:
        """The last id, a number or a name; None in a partial key."""
        last: Id | None = self._plain.path[-1]
        return last

    @property
    def id(self) -> int | None:
        """The last id if it is a number."""
        last = self.id_or_name
        return last if isinstance(last, int) else None

    @property
    def name(self) -> str | None:
        """The last id if it is a name."""
        last = self.id_or_name
        return last if isinstance(last, str) else None

    @property
    def parent(self) -> Key | None:
        """The key right above; None for a root."""
        path = self._plain.path
        return Key.of(PlainKey.of(self._plain.partition, path[:-2])) if len(path) > 2 else None

    def __eq__(self, other: object) -> bool:
        # A partial key is no place, so it is not the same place as any other.
        if not isinstance(other, Key):
            return NotImplemented
        return not self.is_partial and not other.is_partial and self._plain == other._plain

    def __hash__(self) -> int:
        return hash((self._plain.path, self._plain.partition))

    def __repr__(self) -> str:
        path = ", ".join(map(repr, self.flat_path))
        partition = self._plain.partition
        names = [
            ("project", partition.project),
            ("database", partition.database),
            ("namespace", partition.namespace),
        ]
        return f"<Key({path}), {', '.join(f'{name}={value}' for name, value in names if value)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_plain, (type(self), self._plain)


def _of_plain(cls: type[Key], plain: PlainKey) -> Key:
    return cls.of(plain)


def _checked(path: tuple[Any, ...]) -> tuple[Any, ...]:
    if not path:
        raise BadKeyError("Key path must not be empty.")
    for kind in path[::2]:
        if not isinstance(kind, str):
            raise BadKeyError("Kind was not a string.", kind=kind)
    for part in path[1::2]:
        if not isinstance(part, str | int) or isinstance(part, bool):
            raise BadKeyError("ID/name was not a string or integer.", id_or_name=part)
    return path
