"""Modules made of names, for the aliases: what a test of another project imports, with ours in the place of theirs."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

UNSHARED = ("__name__", "__spec__", "__path__", "__file__", "__loader__", "__package__", "__cached__")


def module(name: str, *names: dict[str, Any]) -> ModuleType:
    """A module that is imported as *name* from now on, with *names* but those that belong to a module itself."""
    made = sys.modules[name] = ModuleType(name)
    for each in names:
        vars(made).update({key: value for key, value in each.items() if key not in UNSHARED})
    return made
