"""The limits of the service (spec/service.md 3.5), in bytes unless said otherwise."""

MAX_NAME = 1500
"""A kind, a key name, a property name (UTF-8 bytes)."""

MAX_INDEXED = 1500
"""An indexed string or bytes value (UTF-8 bytes)."""

MAX_UNINDEXED = 1_048_487
"""One value that is not indexed."""

MAX_ENTITY = 1_048_572
"""One stored entity."""

MAX_KEY = 6 * 1024
"""One key, all its path together."""

MAX_PATH = 100
"""Elements in a key path."""

MAX_NAMESPACE = 100
"""Characters of ``[0-9A-Za-z._-]`` in a namespace."""

MAX_INDEX_ENTRIES = 20_000
"""Index entries of one entity (a number, not bytes)."""

MAX_COMPOSITE_BYTES = 2 * 1024 * 1024
"""Entries of one entity in composite indexes, all together."""

MAX_DEPTH = 20
"""Entities nested in an entity."""

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
