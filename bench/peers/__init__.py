"""The peers, one module each; `open_peer` imports only the one that is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.peers.contract import Peer

# name: (module, the distributions it needs, in the order their versions are printed)
_PEERS = {
    "kindstore": ("bench.peers.kindstore_ndb", ("kindstore", "apsw", "msgspec")),
    "raw": ("bench.peers.raw", ("apsw", "msgspec")),
    "rawt": ("bench.peers.rawt", ("apsw", "msgspec")),
    "sqlalchemy": ("bench.peers.sqlalchemy_orm", ("sqlalchemy",)),
    "peewee": ("bench.peers.peewee_orm", ("peewee",)),
    "pony": ("bench.peers.pony_orm", ("pony",)),
    "django": ("bench.peers.django_orm", ("django",)),
}
NAMES = tuple(_PEERS)
FLOORS = ("raw", "rawt")


def missing(name: str) -> list[str]:
    """The packages that peer *name* needs and this interpreter does not have."""
    return [package for package in _PEERS[name][1] if find_spec(package) is None]


def versions(name: str) -> dict[str, str]:
    """Distribution -> version of what peer *name* runs on."""
    return {package: version(package) for package in _PEERS[name][1]}


def imports(name: str) -> str:
    """The import statement a program that uses peer *name* begins with."""
    return {
        "kindstore": "from kindstore import ndb",
        "raw": "import apsw, msgspec",
        "rawt": "import apsw, msgspec",
        "sqlalchemy": "import sqlalchemy.orm",
        "peewee": "import peewee",
        "pony": "import pony.orm",
        "django": "import django.db.models",
    }[name]


def open_peer(name: str, path: str) -> Peer:
    """Open (or create) the database file *path* with peer *name*."""
    peer: Peer = import_module(_PEERS[name][0]).open_peer(path)
    return peer
