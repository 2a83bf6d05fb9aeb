"""Contexts: which store a call means, in which namespace, and which entities are known already.

A context belongs to the code that entered it: to its thread, and to the asyncio tasks started from there
(`contextvars`).  Code that entered none works all the same:

1. if contexts of exactly one client are open anywhere in the process, in that client's store and own namespace
   (so a thread started inside ``with client.context()`` finds its data; it enters its own for another namespace);
2. if there are none, in the ambient store, which is opened at first use;
3. with contexts of several clients open it is an error: any choice could be the wrong database.

Outside an entered context there is no identity map: nothing would ever end it, and other processes write too.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Final, NoReturn, TypeVar, cast

from kindstore.mapper.batch import Batching, Wanted
from kindstore.mapper.errors import NoLongerImplementedError
from kindstore.mapper.future import Future, advance_each, running_loop, set_idle, until_one_is_done
from kindstore.mapper.global_cache import GlobalCache
from kindstore.mapper.identities import Cache, IdentityMap
from kindstore.mapper.sharing import CallOptions, Policies, SharingStore, as_policy
from kindstore.store.abc import Store
from kindstore.store.program import Program
from kindstore.values.errors import Error
from kindstore.values.key import Key, Partition

T = TypeVar("T")


class ContextError(Error):
    """There is no telling which store is meant, or a context was entered twice."""


class Unset:
    """The class of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""What stands for a namespace that was not given; None and "" both mean the default namespace."""


CachePolicy = Callable[[Any], bool | None]
"""Says of a key whether its entity goes into the identity map; None: the default, which is yes."""


class Context:
    """A store, the partition that keys are made in, and what is known so far.

    *identities* is the identity map, None to have none; *policy* says which keys go into it.  *legacy_data*:
    structured properties are written as App Engine did (spec/ndb.md 2.3).  *transaction* is the one that this
    context is the inside of.  *ends*: somebody calls `flush` when it is left.  *global_cache*: what stands in front
    of *store*, and *policies* what is in the one and in the other.
    """

    __slots__ = (
        "_batching",
        "_retry",
        "_told",
        "_writes",
        "client",
        "ends",
        "identities",
        "legacy_data",
        "partition",
        "pending",
        "policies",
        "policy",
        "store",
        "transaction",
        "writing",
    )

    def __init__(
        self,
        store: Store,
        partition: Partition,
        *,
        identities: IdentityMap | None = None,
        policy: CachePolicy | None = None,
        legacy_data: bool = True,
        transaction: Any = None,
        client: Any = None,
        ends: bool = False,
        global_cache: GlobalCache | None = None,
        policies: Policies | None = None,
    ) -> None:
        self.policies = policies = policies or Policies()
        self.store: Store = store
        if global_cache is not None:
            shared: Any = SharingStore(store, global_cache, policies)
            self.store = shared
        self.partition = partition
        self.identities = identities
        self.policy = policy
        self.legacy_data = legacy_data
        self.transaction = transaction
        self.client = client
        self.ends = ends
        self._batching: Context | None = None
        self._told = False
        self._retry: Any = None
        self.pending: dict[Future[Any], None] = {}
        self.writing: dict[Future[Any], frozenset[Key]] = {}
        self._writes: dict[Key, dict[Future[Any], None]] = {}

    def __repr__(self) -> str:
        kind = "in a transaction" if self.transaction is not None else "outside of transactions"
        return f"<Context of {self.partition!r}, {kind}>"

    # NDB's names.

    @property
    def namespace(self) -> str:
        """The namespace that keys and queries have unless they say otherwise; "" is the default one."""
        return self.partition.namespace

    def get_namespace(self) -> str:
        """The same, as a method."""
        return self.partition.namespace

    def in_transaction(self) -> bool:
        """Whether this is the inside of a transaction."""
        return self.transaction is not None

    @property
    def cache(self) -> Cache:
        """The entities that are known here, by key; none where nobody entered the context."""
        return Cache(IdentityMap() if self.identities is None else self.identities)

    def clear_cache(self) -> None:
        """Forget every entity that is known here."""
        if self.identities is not None:
            self.identities.clear()

    def call_on_commit(self, callback: Callable[[], Any]) -> None:
        """Call *callback* when the transaction has been committed: now, outside of one."""
        if self.transaction is None:
            callback()
        else:
            self.transaction.on_commit.append(callback)

    def call_on_transaction_complete(self, callback: Callable[[], Any]) -> None:
        """Call *callback* when the transaction is over, committed or not: now, outside of one."""
        if self.transaction is None:
            callback()
        else:
            self.transaction.on_complete.append(callback)

    def in_retry(self) -> bool:
        """Whether `set_retry_state` has said so."""
        return self._retry is not None

    def get_retry_state(self) -> Any:
        """What `set_retry_state` was given; None at first.  Kindstore's own retries don't use it."""
        return self._retry

    def set_retry_state(self, state: Any) -> None:
        """Note down that something is being tried again."""
        self._retry = state

    def clear_retry_state(self) -> None:
        """Forget what `set_retry_state` was given."""
        self._retry = None

    def _gone(self, *args: Any, **options: Any) -> NoReturn:  # noqa: ARG002
        """Not to be had: NoLongerImplementedError."""
        raise NoLongerImplementedError

    memcache_add = memcache_cas = memcache_decr = memcache_delete = memcache_get = _gone
    memcache_gets = memcache_incr = memcache_replace = memcache_set = urlfetch = _gone

    def get_cache_policy(self) -> CachePolicy | None:
        """Which keys go into the identity map; None: all of them."""
        return self.policy

    def set_cache_policy(self, policy: CachePolicy | bool | None) -> None:
        """Change it: a function of a key, True or None for all of them, False for none."""
        self.policy = policy_of(policy)
        if self.identities is None or policy is False:
            self.identities = IdentityMap()
        self._batching = None  # it has the old policy

    @property
    def eventloop(self) -> EventLoop:
        """What NDB calls the loop that does this context's futures; here it is this context."""
        return EventLoop(self)

    rpc_time: Final = 0
    """How long calls to a server took, in NDB's contexts; there is no server here."""

    wait_time: Final = 0
    """How long futures were waited for that no call of a server was at work for, in NDB's contexts."""

    # The global cache.

    @property
    def global_cache(self) -> GlobalCache | None:
        """The cache that is asked before the store; None if there is none."""
        store: Any = self.store
        return store.cache if isinstance(store, SharingStore) else None

    @property
    def own_store(self) -> Store:
        """The store itself, without the global cache in front of it."""
        store: Any = self.store
        own: Store = store.store if isinstance(store, SharingStore) else store
        return own

    def over(self, store: Store) -> Context:
        """A context like this one with *store* as its own."""
        mine: Any = self.store
        if isinstance(mine, SharingStore):
            return self.new(store=SharingStore(store, mine.cache, mine.policies))
        return self.new(store=store)

    def get_global_cache_policy(self) -> Callable[[Any], bool | None] | None:
        """Which keys are looked for in the global cache; None: as the model classes say, by default all."""
        return self.policies.cached

    def set_global_cache_policy(self, policy: Callable[[Any], bool | None] | bool | None) -> None:
        """Change it: a function of a key, or what is true of all keys; None leaves it to the model classes."""
        self.policies.cached = as_policy(policy)

    def get_global_cache_timeout_policy(self) -> Callable[[Any], float | None] | None:
        """For how many seconds a key is kept in the global cache; None: as the model classes say."""
        return self.policies.seconds

    def set_global_cache_timeout_policy(self, policy: Callable[[Any], float | None] | float | None) -> None:
        """Change it: a function of a key, or the seconds of all keys; 0 is no limit, None leaves it to the classes."""
        self.policies.seconds = as_policy(policy)

    get_memcache_policy, set_memcache_policy = get_global_cache_policy, set_global_cache_policy
    get_memcache_timeout_policy = get_global_cache_timeout_policy
    set_memcache_timeout_policy = set_global_cache_timeout_policy

    def get_datastore_policy(self) -> Callable[[Any], bool | None] | None:
        """Which keys are in the store, and not in the global cache alone; None: as the model classes say."""
        return self.policies.stored

    def set_datastore_policy(self, policy: Callable[[Any], bool | None] | bool | None) -> None:
        """Change it: a function of a key, or what is true of all keys; None leaves it to the model classes."""
        self.policies.stored = as_policy(policy)
        store: Any = self.store
        if policy is not None and not isinstance(store, SharingStore):
            store = SharingStore(store, None, self.policies)
            self.store, self._batching = store, None

    def told(self, options: CallOptions) -> Context:
        """This context for one call, in which *options* go before its policies."""
        store: Any = self.store
        if not isinstance(store, SharingStore):
            store = SharingStore(store, None, self.policies)
        made = self.new(store=store.with_options(options), policies=self.policies, ends=self.ends)
        made.pending, made.writing, made._writes = self.pending, self.writing, self._writes
        made._told = True
        return made

    # Work.

    def known_to(self, use_cache: bool | None) -> IdentityMap | None:
        """The identity map, for a call with the option *use_cache*; None where the call is to go past it."""
        if use_cache is False or (use_cache is None and self.policy is never):
            return None
        return self.identities

    def begin(self, program: Program[T], description: str, after: Iterable[Future[Any]] = ()) -> Future[T]:
        """Begin *program*; see `Future.start`.  It is done when this context ends, if not before."""
        future = Future.start(self.store, program, description, after)
        self.keep(future)
        return future

    def write(
        self, make: Callable[[Context], Program[T]], description: str, keys: Iterable[Key | None]
    ) -> Future[T]:
        """`gather` a program that writes *keys* (None: one that has no id yet).

        Writes of one key are done in the order in which they were asked for; see `catch_up`.
        """
        mine = frozenset(key for key in keys if key is not None)
        after = dict.fromkeys(future for key in mine for future in self._writes.get(key, ()))
        if after and self._told and running_loop() is None:  # it is in no batch with them
            Future.wait_all(after)
        future = self.gather(make, description, after)
        if not future.done():
            self.writing[future] = mine
            for key in mine:
                self._writes.setdefault(key, {})[future] = None
            future.add_done_callback(self._written)
        return future

    def _written(self, future: Future[Any]) -> None:
        for key in self.writing.pop(future, ()):
            of_key = self._writes.get(key, {})
            of_key.pop(future, None)
            if not of_key:
                self._writes.pop(key, None)

    def catch_up(self, keys: Iterable[Key | None] = ()) -> None:
        """Before a call that does not wait its turn: do the writes that were asked for before it.

        RuntimeError if one of *keys* is being written in an event loop, which this call can't wait for.
        """
        wanted = frozenset(key for key in keys if key is not None)
        for future, theirs in list(self.writing.items()):
            if not future.is_task():
                # What a hook of such a write calls must not wait for that, nor for those written in one batch with it.
                if not future.runs_here() and not _is_written(future):
                    future.wait()
            elif not wanted.isdisjoint(theirs):
                raise RuntimeError(
                    f"{future!r} is writing the same entity in the event loop: await it first, or use the async form"
                )

    def gather(
        self,
        make: Callable[[Context], Program[T]],
        description: str,
        after: Iterable[Future[Any]] = (),
    ) -> Future[T]:
        """Begin the program that *make* makes, as `begin` does; without an event loop it may be part of a batch.

        In a context that nothing ends it is done at once, so that it is done at all.
        """
        if not self.ends or self.transaction is not None or running_loop() is not None:
            return self.begin(make(self), description, after)
        batching = self._batching
        if batching is None:
            store: Any = Batching(self.store, self._go_on)
            batching = self._batching = self.new(store=store)
        future = Future.start(batching.store, make(batching), description)
        self.keep(future)
        return future

    def _go_on(self) -> None:
        """Finish the futures for which all has been done."""
        while ready := [
            each for each in self.pending if isinstance(each.request, Wanted) and each.request.done
        ]:
            for future in ready:
                future.wait()

    def keep(self, future: Future[Any]) -> None:
        """See to it that *future* is done when this context ends; now, if nothing ever ends it."""
        if self.transaction is not None:
            self.transaction.begun.append(future)
        if future.done():
            return
        if not self.ends and not future.is_task():
            while future.advance():
                pass
            return
        self.pending[future] = None
        future.add_done_callback(self._drop)

    def _drop(self, future: Future[Any]) -> None:
        self.pending.pop(future, None)

    def flush(self) -> None:
        """Do what was asked for with ``_async`` functions and is not done yet.  Errors stay in the futures.

        What is at work in an event loop is left to it, and a tasklet to whoever completes the future that it waits for.
        """
        # Hooks and tasklets may ask for more meanwhile.
        while waiting := [future for future in self.pending if not _is_left_alone(future)]:
            # A tasklet gives way to the others after each piece; then their next pieces make batches.
            if not advance_each(waiting):
                until_one_is_done(waiting)

    def settle(self) -> None:
        """`flush`; RuntimeError if something is at work in an event loop, which this code can't wait for."""
        self.flush()
        for future in self.pending:
            if future.is_task():
                problem = "is at work in the event loop: use the async form of the transaction"
            else:
                problem = "waits for a future that nobody completes"
            raise RuntimeError(f"{future!r} {problem}")

    async def aflush(self) -> None:
        """The same in an event loop: wait for all of it."""
        while self.pending:
            for future in list(self.pending):
                await future.finished()

    def new(self, *, namespace: str | None = None, **changes: Any) -> Context:
        """A context like this one, on the same identity map, but for *namespace* and *changes*.

        These are arguments of `Context`, or of ``Client.context``: cache_policy, global_cache, global_cache_policy,
        global_cache_timeout_policy; and datastore_policy.  TypeError for any other.  With a *cache_policy* it begins
        with a copy of the identity map, with False with an empty one; what it knows when it is left, the one around it knows from then on.
        """
        if "cache_policy" in changes:
            policy = policy_of(changes.pop("cache_policy"))
            identities = IdentityMap()
            if self.identities is not None and policy is not never:
                identities.update(self.identities)
            changes = {"policy": policy, "identities": identities, **changes}
        settings: dict[str, Any] = {
            "identities": self.identities,
            "policy": self.policy,
            "legacy_data": self.legacy_data,
            "transaction": self.transaction,
            "client": self.client,
            "ends": True,
        }
        policies = settings["policies"] = changes.pop("policies", None) or self.policies.copy()
        store: Any = changes.pop("store", self.store)
        partition = changes.pop("partition", self.partition)
        if namespace is not None:
            partition = partition.with_namespace(namespace)
        store = _sharing_by(store, policies, changes)
        setters: dict[str, Any] = {
            name: changes.pop(name)
            for name in (
                "global_cache_policy",
                "global_cache_timeout_policy",
                "datastore_policy",
            )
            if name in changes
        }
        settings |= changes
        made = Context(cast("Store", store), partition, **settings)
        for name, policy in setters.items():
            getattr(made, f"set_{name}")(policy)
        return made

    @contextmanager
    def use(self) -> Generator[Context]:
        """Make this the current context for a ``with`` block; what was begun in it is done at its end."""
        around = _current.get()
        top = outermost()
        token = _current.set(self)
        top_token = _outermost.set(top if top is not None and top.client is self.client else None)
        try:
            yield self
            self.flush()
        finally:
            _outermost.reset(top_token)
            _current.reset(token)
            if around is not None and around.transaction is self.transaction:
                self._pass_on(around)

    def _pass_on(self, around: Context) -> None:
        """Let *around*, in which this was the current context, know what this one knows."""
        if self.identities is None or around.identities is None or self.identities is around.identities:
            return
        if around.store is self.store if self.client is None else around.client is self.client:
            around.identities.update(self.identities)


class EventLoop:
    """`Context.eventloop`, for programs that say ``eventloop.run()``."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self) -> None:
        """Do what was asked for with ``_async`` functions and is not done yet; see `Context.flush`."""
        self._context.flush()


def _sharing_by(store: Any, policies: Policies, changes: dict[str, Any]) -> Any:
    """*store* with other *policies*, and the global cache that is among *changes*, if it has one or has policies."""
    if not isinstance(store, SharingStore) or store.policies is policies:
        return store
    return SharingStore(store.store, changes.pop("global_cache", store.cache), policies)


class LateContext(Context):
    """A context whose store is opened, by *open_store*, when it is first needed.  Keys can be made before.

    *settings* are those of `Context`.

    A class of its own, because CPython looks up every attribute slowly where there is a `__getattr__`.
    """

    __slots__ = ("_open",)

    def __init__(self, open_store: Callable[[], Store], partition: Partition, **settings: Any) -> None:
        super().__init__(cast("Any", None), partition, **settings)
        del self.store
        self._open = open_store

    def __getattr__(self, name: str) -> Any:
        if name != "store":
            raise AttributeError(name)
        self.store = self._open()
        return self.store


def policy_of(given: CachePolicy | bool | None) -> CachePolicy | None:
    """The policy that *given* stands for: True and None for all keys, False for none."""
    return never if given is False else given if callable(given) else None


def never(_: Key) -> bool:
    """The policy of a context that keeps nothing."""
    return False


_current: ContextVar[Context | None] = ContextVar("kindstore_context", default=None)
_outermost: ContextVar[Context | None] = ContextVar("kindstore_outermost_context", default=None)
_lock = threading.Lock()
_open: list[Context] = []
_default: Callable[[], Context] | None = None


def current() -> Context:
    """The context of this call, by the rules of this module's first lines."""
    found = _current.get()
    return found if found is not None else _fallback()


def now() -> int:
    """Nanoseconds since 1970, by the clock of the store that this code works on.

    The machine's, which the ambient store goes by, where no context is entered or open: no store is opened for this.
    """
    found = _current.get()
    if found is None:
        with _lock:
            found = _open[-1] if _open else None
    return time.time_ns() if found is None else found.store.now()


entered: Final[Callable[[], Context | None]] = _current.get
"""The context that this code entered, None if it entered none."""


def is_ambient() -> bool:
    """Whether this code works in the ambient store: it entered no context, and none is open elsewhere."""
    return _current.get() is None and not _open


def outermost() -> Context | None:
    """The outermost of the contexts of one client that this code entered one inside the other; None if it entered none."""
    found = _current.get()
    if found is None:
        return None
    top = _outermost.get()
    if top is not None and top.client is found.client:
        return top
    while found.transaction is not None:
        found = found.transaction.outer
    return found


def enter(context: Context) -> Token[Context | None]:
    """Make *context* the current one, until `leave` is called with the token."""
    return _current.set(context)


def leave(token: Token[Context | None]) -> None:
    """Go back to the context before `enter`."""
    # A ValueError says that this code runs in another context of `contextvars` than `enter` did, as the two halves of
    # an async generator may: what it sees was never changed.
    try:
        _current.reset(token)
    except ValueError:
        return


def announce(base: Context) -> None:
    """A context of the client with the context *base* was entered: threads without one may use *base*."""
    with _lock:
        _open.append(base)


def withdraw(base: Context) -> None:
    """It was left again."""
    with _lock:
        _open.remove(base)


def set_default(default: Callable[[], Context]) -> None:
    """What gives the context of the ambient store; called by the faces when they are imported."""
    global _default  # noqa: PLW0603 - one ambient store per process is what it is
    _default = default


def _fallback() -> Context:
    with _lock:
        bases = set(_open)
    if len(bases) == 1:
        return bases.pop()
    if bases:
        raise ContextError(
            "contexts of several clients are open, and none in this thread",
            hint="Enter one here: with client.context(): …",
        )
    if _default is None:
        raise ContextError("no current context", hint="Enter one: with client.context(): …")
    return _default()


def _is_left_alone(future: Future[Any]) -> bool:
    """Whether `Context.flush` has nothing to do with *future*."""
    return future.is_task() or future.runs_here() or all(source.is_by_hand() for source in future.sources())


def _is_written(future: Future[Any]) -> bool:
    """Whether the store has what *future* was to write, so that hooks and the like are all that is left to do."""
    request = future.request
    return isinstance(request, Wanted) and request.done and bool(request.mutations) and request.error is None


def _advance_pending() -> bool:
    """Do a piece of what waits in the entered context: it may be what completes a future that is waited for."""
    context = entered()
    if context is None or running_loop() is not None:
        return False
    return advance_each([future for future in context.pending if not _is_left_alone(future)])


set_idle(_advance_pending)


def always_caches(context: Context, model: Any) -> bool:
    """Whether every entity of *model* (None: of any kind) goes into the identity map, without asking key by key."""
    return context.policy is None and getattr(model, "_use_cache", None) in (None, True)


def caches(context: Context, key: Key, model: Any) -> bool:
    """Whether the entity of *key* goes into the identity map, in a call without the option use_cache."""
    if context.policy is not None:
        decided = context.policy(key)
        if decided is not None:
            return decided
    use = getattr(model, "_use_cache", None)
    if callable(use):
        use = cast("CachePolicy", use)(key)
    return use is None or bool(use)
