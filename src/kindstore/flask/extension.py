"""`Kindstore`: the extension, which gives each app its store and each application context a context to work in.

Whoever works in an application context and names no client works in the app's store, through whatever face: ``ndb``,
``db``, ``kindstore.datastore`` and ``kindstore.entity``.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
from contextlib import suppress
from contextvars import ContextVar, Token
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, ref

from flask.json.provider import DefaultJSONProvider

from kindstore import ndb
from kindstore.client import Client, ambient
from kindstore.db.kinds import kind_map
from kindstore.flask.app_client import AppClient
from kindstore.flask.errors import NoAppContextError
from kindstore.flask.json import with_entities
from kindstore.flask.model import Model as FlaskModel
from kindstore.mapper import context as contexts
from kindstore.mapper.context import Context, LateContext
from kindstore.mapper.identities import IdentityMap
from kindstore.store.abc import Store
from kindstore.values.errors import BadArgumentError

if TYPE_CHECKING:
    from flask.sansio.app import App


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
        if isinstance(app.json, DefaultJSONProvider):
            app.json.default = with_entities(app.json.default)
        app.shell_context_processor(self._for_shell)

    def _for_shell(self) -> dict[str, Any]:
        """What ``flask shell`` knows without an import: the extension as ``db``, ``ndb``, and every model by its name."""
        known = [*ndb.Model._kind_map.items(), *kind_map.items()]
        models = {each.__name__: each for kind, each in known if not kind.startswith("_")}
        return {"db": self, "ndb": ndb, **models}

    def client_of(self, app: App) -> AppClient:
        """The client of *app*'s store.  `BadArgumentError` for an app that `init_app` was not called with."""
        host = self._hosts.get(app)
        if host is None:
            raise BadArgumentError("this app has no such extension", app=app.name, hint="Call init_app(app).")
        return host.client

    @property
    def client(self) -> AppClient:
        """The client of the store of the app in whose context this code is; outside of one, of the only app.

        `NoAppContextError` if there are none, or several.
        """
        here = ambient.instead()
        hosts = list(self._hosts.values())
        for host in hosts:
            if host.client is here:
                return host.client
        if len(hosts) == 1 and not isinstance(here, AppClient):
            return hosts[0].client
        raise NoAppContextError("no application context", hint="Use it in `with app.app_context():`.")

    @property
    def store(self) -> Store:
        """The store of that app, opened if it is not."""
        return self.client.store


class _Visit:
    """What one application context has: its context, and how to leave it."""

    __slots__ = ("base", "context", "owner", "tokens")

    def __init__(self, base: Context, context: Context, owner: object) -> None:
        self.base, self.context, self.owner = base, context, ref(owner)
        self.tokens: list[tuple[Token[Client | None], Token[Context | None], Token[_Visit | None]]] = []


_VISIT: Final = "_kindstore_visit"
_here: ContextVar[_Visit | None] = ContextVar("kindstore_visit", default=None)


class _Host:
    """One app: its client, and what is done at the two ends of its application contexts."""

    def __init__(self, app: App, client: AppClient) -> None:
        self.client = client
        self._framework = client.framework
        self._is_async = iscoroutinefunction(getattr(app, "do_teardown_appcontext", None))

    def listen(self, app: App) -> None:
        """Be told of the application contexts of *app*."""
        if self._is_async:
            self._framework.signals.appcontext_pushed.connect(self._entered_async, app)
            app.teardown_appcontext(self._left_async)
        else:
            self._framework.signals.appcontext_pushed.connect(self._entered, app)
            app.teardown_appcontext(self._left)

    def _attributes(self) -> tuple[object, dict[str, Any]]:
        """The application context, and its attributes."""
        owner: Any = self._framework.globals.app_ctx._get_current_object()
        return owner, owner.__dict__

    def _entered(self, _: App, **__: Any) -> None:
        # A function of the app that fails at the end of an application context keeps those registered before it, ours among
        # them, from being called: such a visit ends when the next begins.
        while (last := _here.get()) is not None and last.owner() is None:
            self._leave(last)
        owner, attributes = self._attributes()
        visit: _Visit | None = attributes.get(_VISIT)  # an application context may be pushed more than once
        if visit is None:
            client, base = self.client, self.client.base
            context = LateContext(
                lambda: client.store, base.partition, identities=IdentityMap(), client=client, ends=True
            )
            visit = attributes[_VISIT] = _Visit(base, context, owner)
            contexts.announce(base)
        visit.tokens.append((ambient.enter(self.client), contexts.enter(visit.context), _here.set(visit)))

    async def _entered_async(self, app: App, **_: Any) -> None:
        # A coroutine, because Quart calls functions in another thread, whose context would not be this task's.
        self._entered(app)

    def _left(self, error: BaseException | None) -> None:
        visit: _Visit | None = self._attributes()[1].pop(_VISIT, None)
        if visit is None:
            return
        try:
            if error is None:
                visit.context.flush()
        finally:
            self._leave(visit)

    async def _left_async(self, error: BaseException | None) -> None:
        visit: _Visit | None = self._attributes()[1].pop(_VISIT, None)
        if visit is None:
            return
        try:
            if error is None:
                await visit.context.aflush()
        finally:
            self._leave(visit)

    def _leave(self, visit: _Visit) -> None:
        contexts.withdraw(visit.base)
        for client, current, here in reversed(visit.tokens):
            contexts.leave(current)
            ambient.leave(client)
            with suppress(ValueError):  # as in `contexts.leave`
                _here.reset(here)
