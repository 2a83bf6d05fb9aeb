"""`Kindstore`: the extension, which gives each app its store and each application context a context to work in.

Whoever works in an application context and names no client works in the app's store, through whatever face: ``ndb``,
``db``, ``kindstore.datastore`` and ``kindstore.entity``.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextvars import Token
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from kindstore.client import Client, ambient
from kindstore.connect import DEFAULT, read_url
from kindstore.flask.errors import ConfigError, NoAppContextError
from kindstore.flask.model import Model as FlaskModel
from kindstore.mapper import context as contexts
from kindstore.mapper.context import Context, LateContext
from kindstore.mapper.identities import IdentityMap
from kindstore.store.abc import Store
from kindstore.values.errors import BadArgumentError, Error
from kindstore.values.key import Partition

if TYPE_CHECKING:
    from flask.sansio.app import App

_SETTINGS: Final = ("url", "project", "namespace", "database", "durability", "indexes", "index_file")
_CHOICES: Final = {"durability": ("full", "relaxed"), "indexes": ("permissive", "strict")}


class Kindstore:
    """The Flask extension: ``db = Kindstore(app)``, or ``db = Kindstore()`` and ``db.init_app(app)`` for each app.

    The arguments are what apps have whose configuration does not say otherwise: *url* is ``KINDSTORE_URL`` there, *project*
    ``KINDSTORE_PROJECT``, and so on for *namespace*, *database*, *durability*, *indexes* and *index_file* (`kindstore.connect`).
    Without any URL the data is where the environment's ``KINDSTORE_URL`` says, else in the file ``kindstore.db`` in the
    app's instance folder; a relative path is in that folder too.

    Raises `ConfigError` for a setting that can't be used; what is wrong with a file is found when it is opened, at
    its first use.
    """

    Model = FlaskModel

    def __init__(
        self,
        app: App | None = None,
        url: str | os.PathLike[str] | None = None,
        *,
        project: str | None = None,
        namespace: str | None = None,
        database: str | None = None,
        durability: str | None = None,
        indexes: str | None = None,
        index_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._given = {
            "url": url,
            "project": project,
            "namespace": namespace,
            "database": database,
            "durability": durability,
            "indexes": indexes,
            "index_file": index_file,
        }
        self._hosts: WeakKeyDictionary[App, _Host] = WeakKeyDictionary()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Give *app* its store, opened at its first use, and each of its application contexts a context.

        `ConfigError` for a setting that can't be used; `BadArgumentError` for an app that has such an extension.
        """
        if "kindstore" in app.extensions:
            raise BadArgumentError("this app has a Kindstore extension already", app=app.name)
        host = self._hosts[app] = _Host(app, AppClient(app, self._given))
        app.extensions["kindstore"] = self
        host.listen(app)

    def client_of(self, app: App) -> Client:
        """The client of *app*'s store.  `BadArgumentError` for an app that `init_app` was not called with."""
        host = self._hosts.get(app)
        if host is None:
            raise BadArgumentError("this app has no such extension", app=app.name, hint="Call init_app(app).")
        return host.client

    @property
    def client(self) -> Client:
        """The client of the store of the app in whose context this code is.  `NoAppContextError` outside of one."""
        here = ambient.instead()
        for host in self._hosts.values():
            if host.client is here:
                return host.client
        raise NoAppContextError("no application context", hint="Use it in `with app.app_context():`.")

    @property
    def store(self) -> Store:
        """The store of that app, opened if it is not."""
        return self.client.store


class AppClient(Client):
    """The client of an app's store."""

    def __init__(self, app: App, given: Mapping[str, Any]) -> None:
        settings = {name: _setting(app, name, given[name]) for name in _SETTINGS}
        self._folder: Path | None = None
        self._late: Context | None = None
        url, inside = settings["url"], Path(app.instance_path)
        self.is_default = url is None and not os.environ.get("KINDSTORE_URL")
        """Whether nobody said where the data is: then a test's store goes before the file."""
        if url is None:
            url = inside / DEFAULT if self.is_default else None
        if url is not None:
            try:
                path, _ = read_url(url)
            except BadArgumentError as error:
                raise ConfigError(error.message, key="KINDSTORE_URL", value=url, hint=error.hint) from None
            if (
                path != ":memory:"
                and not path.startswith("file:")
                and (self.is_default or not Path(path).is_absolute())
            ):
                self._folder = inside
                url = _within(inside, os.fspath(url))
        options = {
            name: settings[name]
            for name in ("durability", "indexes", "index_file")
            if settings[name] is not None
        }
        super().__init__(
            settings["project"], settings["namespace"], None, None, settings["database"], url, None, options
        )

    def _opened(self) -> Context:
        if self.is_default and ambient.stand_in is not None:
            return ambient.stand_in._opened()
        if self._base is None and self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            return super()._opened()
        except Error as error:
            error.facts.setdefault("config", "KINDSTORE_URL")
            raise

    @property
    def base(self) -> Context:
        """The context of code that entered none while an application context is open; its store may not be open yet."""
        if self.is_default and ambient.stand_in is not None:
            return ambient.stand_in._opened()
        if self._late is None:
            partition = Partition.of(self.project, self.database, self.namespace)
            self._late = LateContext(lambda: self.store, partition)
        return self._late

    def close(self) -> None:
        """Close the store; without effect if it is not open.  A later application context opens it again."""
        super().close()
        self._late = None


def _setting(app: App, name: str, given: Any) -> Any:
    """What *app*'s configuration says, else what was *given*; `ConfigError` for what is no such setting."""
    key = f"KINDSTORE_{name.upper()}"
    config: Mapping[str, Any] = app.config
    value = config.get(key, given)
    value = given if value is None else value
    if value is None:
        return None
    paths = name in ("url", "index_file")
    if not isinstance(value, str) and not (paths and isinstance(value, os.PathLike)):
        raise ConfigError("a setting of the wrong type", key=key, value=value, hint="It is a str.")
    if paths and not os.fspath(cast("str", value)):
        raise ConfigError("an empty setting", key=key, hint="Leave it out for the default.")
    allowed = _CHOICES.get(name)
    if allowed is not None and value not in allowed:
        raise ConfigError("an unknown setting", key=key, value=value, hint=f"It is one of {allowed}.")
    return cast("Any", value)


def _within(folder: Path, url: str) -> str:
    """*url*, a relative path or a URL with one, seen from *folder*."""
    if not url.startswith("sqlite:"):
        return str(folder / url)
    path = str(folder).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    return f"sqlite:{path}/{url.removeprefix('sqlite:')}"


class _Visit:
    """What one application context has: its context, and how to leave it."""

    __slots__ = ("base", "context", "tokens")

    def __init__(self, base: Context, context: Context) -> None:
        self.base, self.context = base, context
        self.tokens: list[tuple[Token[Client | None], Token[Context | None]]] = []


_VISIT: Final = "_kindstore_visit"


class _Host:
    """One app: its client, and what is done at the two ends of its application contexts."""

    def __init__(self, app: App, client: AppClient) -> None:
        self.client = client
        self._name = app.name
        root = next(
            (
                root
                for each in type(app).__mro__
                if (root := each.__module__.partition(".")[0]) in ("flask", "quart")
            ),
            "flask",
        )
        # Quart has all of this under Flask's names, but with coroutines.
        self._framework: Any = sys.modules[root]
        self._is_async = root == "quart"

    def listen(self, app: App) -> None:
        """Be told of the application contexts of *app*."""
        if self._is_async:
            self._framework.signals.appcontext_pushed.connect(self._entered_async, app)
            app.teardown_appcontext(self._left_async)
        else:
            self._framework.signals.appcontext_pushed.connect(self._entered, app)
            app.teardown_appcontext(self._left)

    def _here(self) -> dict[str, Any]:
        """The attributes of the application context."""
        context: Any = self._framework.globals.app_ctx._get_current_object()
        attributes: dict[str, Any] = context.__dict__
        return attributes

    def _entered(self, _: App, **__: Any) -> None:
        attributes = self._here()
        visit: _Visit | None = attributes.get(_VISIT)  # an application context may be pushed more than once
        if visit is None:
            client, base = self.client, self.client.base
            context = LateContext(
                lambda: client.store, base.partition, identities=IdentityMap(), client=client, ends=True
            )
            visit = attributes[_VISIT] = _Visit(base, context)
            contexts.announce(base)
        visit.tokens.append((ambient.enter(self.client), contexts.enter(visit.context)))

    async def _entered_async(self, app: App, **_: Any) -> None:
        # A coroutine, because Quart calls functions in another thread, whose context would not be this task's.
        self._entered(app)

    def _left(self, error: BaseException | None) -> None:
        visit: _Visit | None = self._here().pop(_VISIT, None)
        if visit is None:
            return
        try:
            if error is None:
                visit.context.flush()
        finally:
            self._leave(visit)

    async def _left_async(self, error: BaseException | None) -> None:
        visit: _Visit | None = self._here().pop(_VISIT, None)
        if visit is None:
            return
        try:
            if error is None:
                await visit.context.aflush()
        finally:
            self._leave(visit)

    def _leave(self, visit: _Visit) -> None:
        contexts.withdraw(visit.base)
        for here, current in reversed(visit.tokens):
            contexts.leave(current)
            ambient.leave(here)
