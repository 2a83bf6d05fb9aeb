"""The names that programs take from ``google.cloud.datastore.helpers``."""

from .entity import GeoPoint

__all__ = ["GeoPoint"]
