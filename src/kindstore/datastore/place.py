"""What queries need of a client."""

from __future__ import annotations

from typing import Protocol

from kindstore.store.abc import Store
from kindstore.store.messages import Consistency


class Place(Protocol):
    """A store, and the names that are a part of its keys."""

    @property
    def namespace(self) -> str | None:
        """The namespace; None for the default one."""
        ...

    @property
    def project(self) -> str:
        """The project."""
        ...

    @property
    def database(self) -> str | None:
        """The database; None for the default one."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    def reading(self, eventual: bool) -> tuple[bytes | None, Consistency]:
        """The name of the transaction to read in, if one is in progress, and with which consistency."""
        ...
