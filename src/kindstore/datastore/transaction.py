"""The names that programs take from ``google.cloud.datastore.transaction``."""

from .batch import Transaction

__all__ = ["Transaction"]
