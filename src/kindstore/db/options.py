"""The options of calls: what means something here, and what is taken for the sake of programs that give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kindstore.db.errors import BadArgumentError
from kindstore.store.messages import Consistency


@dataclass(frozen=True)
class Capability:
    """What App Engine's datastore could do at the moment; a store here can always."""

    name: str

    def is_enabled(self) -> bool:
        """Whether it can: True."""
        return True

    def will_remain_enabled_for(self, time: int = 60) -> bool:
        """Whether it can for *time* more seconds: True."""
        del time
        return True

    def admin_message(self) -> str:
        """What an administrator had to say of it: nothing."""
        return ""


READ_CAPABILITY: Final = Capability("read")
WRITE_CAPABILITY: Final = Capability("write")

STRONG_CONSISTENCY: Final = 0
EVENTUAL_CONSISTENCY: Final = 1

CONFIGURATION: Final = frozenset(
    {
        "read_policy",
        # Without effect:
        *("deadline", "on_completion", "force_writes", "max_allocate_ids_keys", "max_delete_keys"),
        *("max_entity_groups_per_rpc", "max_get_keys", "max_put_entities", "max_rpc_bytes"),
    }
)


class Configuration:
    """Options of a call, to be given as its *config*; TypeError for one that there is not."""

    def __init__(self, **options: Any) -> None:
        check(options, CONFIGURATION)
        self.options = options

    def __repr__(self) -> str:
        return f"Configuration({', '.join(f'{name}={value!r}' for name, value in self.options.items())})"


class Rpc(Configuration):
    """The same, to be given as its *rpc*."""


def create_config(**options: Any) -> Configuration:
    """Options for several calls."""
    return Configuration(**options)


def create_rpc(
    deadline: float | None = None,
    callback: Callable[[], Any] | None = None,
    read_policy: int = STRONG_CONSISTENCY,
) -> Rpc:
    """The same in an older form."""
    return Rpc(deadline=deadline, on_completion=callback, read_policy=read_policy)


def check(options: dict[str, Any], known: frozenset[str]) -> None:
    """TypeError for an option that is not *known*, `BadArgumentError` for a value that it can't have."""
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"Unknown configuration option ('{name}')")
        if name == "read_policy" and value not in (None, STRONG_CONSISTENCY, EVENTUAL_CONSISTENCY):
            raise BadArgumentError(f"read_policy argument invalid ({value!r})")
        if name == "deadline" and value is not None:
            if not isinstance(value, int | float):
                raise BadArgumentError(f"deadline argument should be int/long/float ({value!r})")
            if value <= 0:
                raise BadArgumentError(f"deadline argument should be > 0 ({value!r})")


def consistency(options: dict[str, Any], also: frozenset[str] = frozenset()) -> Consistency:
    """Which reads *options* ask for; errors as in `check`, with *also* as further options."""
    given = dict(options)
    for role, form in (("config", Configuration), ("rpc", Rpc)):
        value = given.pop(role, None)
        if value is None:
            continue
        if not isinstance(value, form):
            raise BadArgumentError(f"{role} argument should be {form.__name__} ({value!r})")
        given = {**value.options, **given}
    check(given, CONFIGURATION | also)
    return Consistency.EVENTUAL if given.get("read_policy") == EVENTUAL_CONSISTENCY else Consistency.STRONG
