"""Clients: where the data is, and the contexts in which code works on it.

Without any client everything goes to the ambient store: ``KINDSTORE_URL`` if it is set, else the file
``kindstore.db`` in the working directory, opened at first use and closed when the process ends.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from kindstore.connect import connect, project_in
from kindstore.mapper import context as contexts
from kindstore.mapper.context import UNSET, CachePolicy, Context, LateContext, policy_of
from kindstore.mapper.global_cache import GlobalCache
from kindstore.mapper.identities import IdentityMap
from kindstore.mapper.sharing import Policies
from kindstore.store.abc import Store
from kindstore.values.errors import BadArgumentError
from kindstore.values.key import Partition

DEFAULT_PROJECT: Final = "kindstore"
"""The project of a store of which none was said."""


class Client:
    """A store, and the namespace that its contexts have unless they say otherwise.

    *url* says where the data is (`kindstore.connect`: a path, ``":memory:"``, …); default: ``KINDSTORE_URL``, else
    ``kindstore.db`` in the working directory.  *project* and *database* are parts of all keys; the default project is
    ``DATASTORE_DATASET`` if it is set.  *credentials* and *client_options* are accepted for NDB's sake: an embedded
    store has no use for them.  The store is opened by the
    first context, and closed by `close`, by leaving ``with client:``, or with the last reference to the client.
    *store*, instead of *url*: a store that is open already, and that the client does not close.  *options* are those of
    `kindstore.connect`, for when it is opened.

    Raises `BadArgumentError` for a URL of no known kind, for a *store* beside a *url* or beside another *project* than its
    own, and where only ``DATASTORE_EMULATOR_HOST`` says where the data is: servers are not supported yet.
    """

    def __init__(
        self,
        project: str | None = None,
        namespace: str | None = None,
        credentials: Any = None,
        client_options: Any = None,
        database: str | None = None,
        url: str | os.PathLike[str] | None = None,
        store: Store | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if store is not None and url is not None:
            raise BadArgumentError("a client has a url or a store, not both", url=url, store=store)
        if store is not None and project is not None and project != store.partition().project:
            raise BadArgumentError(
                "a store has a project of its own",
                project=project,
                store=store,
                hint="Leave project= out, or open the store with it: connect(url, project=…).",
            )
        named = project or os.environ.get("DATASTORE_DATASET") or None
        self._project = project if store is not None else named
        self._url = url
        self._options = dict(options or {})
        self.namespace = namespace or ""
        self.database = database or ""
        self.credentials, self.client_options = credentials, client_options
        self._lock = threading.Lock()
        self._given = store
        self._base: Context | None = None

    @classmethod
    def from_service_account_info(cls, info: Mapping[str, Any], *args: Any, **options: Any) -> Self:
        """A client for the project that a service account's *info* names; the account itself is of no use here.

        *args* and *options* are those of the class.
        """
        if not args:
            options.setdefault("project", info.get("project_id"))
        return cls(*args, **options)

    @classmethod
    def from_service_account_json(
        cls, json_credentials_path: str | os.PathLike[str], *args: Any, **options: Any
    ) -> Self:
        """`from_service_account_info` with what a file says.  OSError and ValueError of a file that can't be read."""
        text = Path(json_credentials_path).read_text(encoding="utf-8")
        return cls.from_service_account_info(json.loads(text), *args, **options)

    def __repr__(self) -> str:
        if self._given is not None:
            return f"<Client of {self._given!r}>"
        where = "the default store" if self._url is None else repr(os.fspath(self._url))
        return f"<Client of {where}>"

    @property
    def project(self) -> str:
        """The project of its keys."""
        if self._given is not None:
            return self._given.partition().project
        if self._project is not None:
            return self._project
        return project_in(self._url) or DEFAULT_PROJECT

    @property
    def host(self) -> str:
        """The server that NDB would ask, by *client_options*; for programs that show it.  Nothing here asks one."""
        options = self.client_options
        if isinstance(options, Mapping):
            given = cast("Mapping[str, Any]", options).get("api_endpoint")
        else:
            given = getattr(options, "api_endpoint", None)
        return given or "datastore.googleapis.com"

    secure: Final = True
    """Whether it would ask by TLS."""

    @property
    def store(self) -> Store:
        """The store; opened if it is not open."""
        return self._opened().store

    def _opened(self) -> Context:
        """The context of this client for threads that entered none."""
        stand_in = ambient.instead()
        if stand_in not in (None, self) and self._url is None and self._given is None:
            base = stand_in._opened()
            if not self.namespace and not self.database:
                return base
            return Context(base.store, base.store.partition(self.namespace, self.database))
        with self._lock:
            if self._base is None and self._given is not None:
                store = self._given
                self._close: Callable[[], object] = _nothing
                self._base = Context(store, store.partition(self.namespace, self.database))
            if self._base is None:
                url = default_url() if self._url is None else self._url
                options = (
                    self._options if self._project is None else {**self._options, "project": self._project}
                )
                store = connect(url, **options)
                # Closed even if nobody calls close(): then with the last reference, or when the process ends.
                self._close = weakref.finalize(self, store.close)
                self._base = Context(store, store.partition(self.namespace, self.database))
            return self._base

    def context(
        self,
        namespace: Any = UNSET,
        cache_policy: CachePolicy | bool | None = None,
        global_cache: GlobalCache | None = None,
        global_cache_policy: Callable[[Any], bool | None] | bool | None = None,
        global_cache_timeout_policy: Callable[[Any], float | None] | float | None = None,
        legacy_data: bool = True,
    ) -> ClientContext:
        """A context to work in: ``with client.context() as context:``, or ``async with``.

        *namespace*: of keys and queries that don't name one; default: the client's, None or "" is the default one.
        *cache_policy*: which entities are kept in the identity map: a function of the key, or False for none but those
        of calls with the option ``use_cache=True``.
        *global_cache*: what other processes have read and is the same still is taken from there (docs/ndb.md);
        *global_cache_policy* says, of a key, if its entity is, and *global_cache_timeout_policy* for how many seconds.
        *legacy_data*: how structured properties are written (docs/ndb.md).  Contexts may be nested.

        `BadArgumentError` for a *global_cache* that is no `GlobalCache`.
        """
        if global_cache is not None and not isinstance(global_cache, GlobalCache):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadArgumentError("a global cache is a GlobalCache", global_cache=global_cache)
        space = None if namespace is UNSET else namespace or ""
        policies = Policies(global_cache_policy, global_cache_timeout_policy)
        return ClientContext(self, space, cache_policy, legacy_data, global_cache, policies)

    def close(self) -> None:
        """Close the store; without effect if it is not open.  A later context opens it again."""
        with self._lock:
            if self._base is not None:
                self._close()
                self._base = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ClientContext:
    """Enters a new context of a client, in a ``with`` or ``async with`` block.

    At its end everything asked for with ``_async`` functions is done; errors stay in their futures.  A plain ``with``
    in a coroutine leaves to the event loop what is at work there.
    """

    def __init__(
        self,
        client: Client,
        namespace: str | None,
        policy: CachePolicy | bool | None,
        legacy_data: bool,
        global_cache: GlobalCache | None,
        policies: Policies,
    ) -> None:
        self._client = client
        self._global_cache, self._policies = global_cache, policies
        self._namespace, self._policy, self._legacy_data = namespace, policy, legacy_data
        self._entered: list[tuple[Context, Context, Token[Context | None]]] = []

    def __enter__(self) -> Context:
        client = self._client
        base = client._opened()  # pyright: ignore[reportPrivateUsage]
        namespace = self._namespace
        if namespace is None:  # the client's; if it names none, that of the app whose store stands in for it
            namespace = client.namespace or base.partition.namespace
        context = Context(
            base.store,
            base.partition.with_namespace(namespace),
            identities=IdentityMap(),
            policy=policy_of(self._policy),
            legacy_data=self._legacy_data,
            client=client,
            ends=True,
            global_cache=self._global_cache,
            policies=self._policies.copy(),
        )
        contexts.announce(base)
        self._entered.append((base, context, contexts.enter(context)))
        return context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        base, context, token = self._entered.pop()
        try:
            if kind is None:
                context.flush()
        finally:
            contexts.leave(token)
            contexts.withdraw(base)

    async def __aenter__(self) -> Context:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        base, context, token = self._entered.pop()
        try:
            if kind is None:
                await context.aflush()
        finally:
            contexts.leave(token)
            contexts.withdraw(base)


def _nothing() -> None:
    """What closing a store does that is somebody else's."""


def default_url() -> str | None:
    """The URL of whoever names none; None where `connect` is to choose.  `BadArgumentError` if a server is all that was named."""
    if "KINDSTORE_URL" not in os.environ and os.environ.get("DATASTORE_EMULATOR_HOST"):
        raise BadArgumentError(
            "DATASTORE_EMULATOR_HOST is set, and servers are not supported yet",
            hint="Unset it, or name a file: KINDSTORE_URL, or Client(url=…).",
        )
    return None


_here: ContextVar[Client | None] = ContextVar("kindstore_client_here", default=None)


class _Ambient:
    """The one store of code that names none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._context: Context | None = None
        self._watch: Callable[[Store], Store] | None = None
        self.stand_in: Client | None = None

    def context(self) -> Context:
        """Its context; keys can be made in it before the store is opened."""
        stand_in = self.instead()
        if stand_in is not None:
            return stand_in._opened()  # pyright: ignore[reportPrivateUsage]
        with self._lock:
            if self._context is None:
                if self._client is None:
                    self._client = Client()
                client, watch = self._client, self._watch
                if os.environ.get("KINDSTORE_URL"):  # the URL may name another project
                    opened = client._opened()  # pyright: ignore[reportPrivateUsage]
                    self._context = (
                        opened if watch is None else Context(watch(opened.store), opened.partition)
                    )
                else:
                    self._context = LateContext(
                        lambda: client.store if watch is None else watch(client.store),
                        Partition.of(client.project),
                    )
            return self._context

    def watch(self, watch: Callable[[Store], Store]) -> None:
        """From now on code works on what *watch* makes of its store."""
        with self._lock:
            self._watch, self._context = watch, None

    def instead(self) -> Client | None:
        """The client whose store goes before the ambient one for the calling code; None if there is none."""
        return _here.get() or self.stand_in

    def enter(self, client: Client) -> Token[Client | None]:
        """From now on the store of *client* is the one of all clients that name none and are used by this code.

        That is this thread, and the asyncio tasks that it starts; until `leave` is called with the token.
        """
        return _here.set(client)

    def leave(self, token: Token[Client | None]) -> None:
        """Go back to what was before `enter`."""
        # As `mapper.context.leave`: a ValueError says that what this code sees was never changed.
        with suppress(ValueError):
            _here.reset(token)

    def close(self) -> None:
        """Close it; the next use opens what the environment names then."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._context = None

    @contextmanager
    def replaced(self, client: Client) -> Generator[None]:
        """For a ``with`` block the store of *client* is the one of all clients and code, of every thread, that name none."""
        before, self.stand_in = self.stand_in, client
        try:
            yield
        finally:
            self.stand_in = before


ambient: Final = _Ambient()
contexts.set_default(ambient.context)
