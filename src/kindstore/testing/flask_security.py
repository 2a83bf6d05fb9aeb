"""What Flask-Security's own test suite needs to run on Kindstore: the accounts of one of its tests, in a new store.

``tests/upstream/flask_security_plugin.py`` puts `backend` or `memory_backend` in the place of the suite's SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from flask import Flask, current_app

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.flask.security import (
    DatastoreUserDatastore,
    FsRefreshTrackerMixin,
    FsRoleMixin,
    FsUserMixin,
    FsWebAuthnMixin,
)
from kindstore.mapper.model import MetaModel
from kindstore.store.abc import Store

from .recording import Calls, Recorder

Backend: TypeAlias = tuple["TestedUserDatastore", Callable[[], None]]


class Read(msgspec.Struct, frozen=True):
    """A read that was captured; the suite asks whether it *is_select*."""

    text: str
    is_select: bool = True


class TestedUserDatastore(DatastoreUserDatastore):
    """The same, and it tells what it reads."""

    __test__ = False

    def __init__(self, recorder: Recorder, *args: Any) -> None:
        super().__init__(*args)
        self._recorder = recorder

    @contextmanager
    def capture_queries(self) -> Generator[list[Read]]:
        """A block; the list that it gets grows by one for every read that the store is asked for."""
        reads: list[Read] = []
        with self._recorder.telling(_Reads(reads)):
            yield reads


class _Reads(Calls):
    """Tells a list what is read."""

    def __init__(self, reads: list[Read]) -> None:
        super().__init__()
        self._reads = reads

    def add(self, call: Any, place: Any) -> None:  # noqa: ARG002
        if call.verb in {"lookup", "run_query", "run_aggregation"}:
            self._reads.append(Read(str(call)))


def backend(app: Flask, directory: Any, url: str | None = None) -> Backend:
    """Accounts in an SQLite file in *directory*, or at *url*; and a function that ends it."""
    return _backend(app, connect(url or str(Path(str(directory), "accounts.db"))))


def memory_backend(app: Flask, directory: Any, url: str | None = None) -> Backend:  # noqa: ARG001
    """Accounts in a store of plain dictionaries."""
    return _backend(app, MemoryStore())


def _backend(app: Flask, store: Store) -> Backend:
    class Role(FsRoleMixin):
        pass

    class WebAuthn(FsWebAuthnMixin):
        pass

    class FsRefreshTracker(FsRefreshTrackerMixin):
        pass

    class Plain(FsUserMixin):
        security_number = ndb.IntegerProperty(unique=True)

        def __init__(self, *args: Any, **values: Any) -> None:
            super().__init__(*args, **values)
            for name, value in config_of(current_app)["TESTING_USER_INJECT"].items():
                setattr(type(self), name, value)

        @classmethod
        def _get_kind(cls) -> str:
            return "User"

        def get_security_payload(self) -> dict[str, Any]:
            return {"email": str(self.email), "last_update": self.update_datetime}

        def augment_auth_token(self, tdata: Any) -> None:
            config_of(current_app)["TESTING_AUGMENT_AUTH_TOKEN"](tdata)

    # The suite's tests set these, some of them only after this.
    config = config_of(app)
    config.setdefault("TESTING_USER_MIXIN", object)
    config.setdefault("TESTING_USER_INJECT", {})
    config.setdefault("TESTING_AUGMENT_AUTH_TOKEN", _as_it_is)

    recorder = Recorder(store)
    client = ndb.Client(store=recorder)
    models = (_mixed(Plain, config["TESTING_USER_MIXIN"]), Role, WebAuthn, FsRefreshTracker)

    def teardown() -> None:
        client.close()
        store.close()

    return TestedUserDatastore(recorder, client, *models), teardown


def _as_it_is(tdata: Any) -> None:
    """Leave a token alone."""


def _mixed(cls: type[FsUserMixin], mixin: type[Any]) -> type[FsUserMixin]:
    """*cls* with what the suite mixes into its users: a class with columns of SQLAlchemy."""
    names = [name for name in vars(mixin) if not name.startswith("__")] if mixin is not object else []
    made: Any = MetaModel("User", (cls,), {name: ndb.StringProperty(unique=True) for name in names})
    return cast("type[FsUserMixin]", made)


def config_of(app: Any) -> dict[str, Any]:
    """The settings of *app*."""
    return cast("dict[str, Any]", app.config)
