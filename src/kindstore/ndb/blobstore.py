"""`ndb.blobstore`: keys of blobs, which may be stored; App Engine's blobstore itself is no more.

What asked the service, or was raised by it, raises `exceptions.NoLongerImplementedError` when it is called or made.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import BlobKeyProperty
from kindstore.ndb.exceptions import NoLongerImplementedError

__all__ = [
    "BLOB_INFO_KIND",
    "BLOB_KEY_HEADER",
    "BLOB_MIGRATION_KIND",
    "BLOB_RANGE_HEADER",
    "MAX_BLOB_FETCH_SIZE",
    "UPLOAD_INFO_CREATION_HEADER",
    "BlobFetchSizeTooLargeError",
    "BlobInfo",
    "BlobInfoParseError",
    "BlobKey",
    "BlobKeyProperty",
    "BlobNotFoundError",
    "BlobReader",
    "DataIndexOutOfRangeError",
    "Error",
    "InternalError",
    "PermissionDeniedError",
    "create_upload_url",
    "create_upload_url_async",
    "delete",
    "delete_async",
    "delete_multi",
    "delete_multi_async",
    "fetch_data",
    "fetch_data_async",
    "get",
    "get_async",
    "get_multi",
    "get_multi_async",
    "parse_blob_info",
]


def __dir__() -> list[str]:
    return __all__


BLOB_INFO_KIND: Final = "__BlobInfo__"
BLOB_KEY_HEADER: Final = "X-AppEngine-BlobKey"
BLOB_MIGRATION_KIND: Final = "__BlobMigration__"
BLOB_RANGE_HEADER: Final = "X-AppEngine-BlobRange"
MAX_BLOB_FETCH_SIZE: Final = 1_015_808
"""Bytes that the service gave at once."""
UPLOAD_INFO_CREATION_HEADER: Final = "X-AppEngine-Upload-Creation"


def _gone(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """No longer implemented: NoLongerImplementedError."""
    raise NoLongerImplementedError


class Error(Exception):
    """What the blobstore raised: base of its errors, so that old ``except`` clauses stay valid."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _gone(*args, **options)


class BlobFetchSizeTooLargeError(Error):
    """More than `MAX_BLOB_FETCH_SIZE` was asked for."""


class BlobInfoParseError(Error):
    """A request without a blob."""


class BlobNotFoundError(Error):
    """A key without a blob."""


class DataIndexOutOfRangeError(Error):
    """A range outside of the blob."""


class InternalError(Error):
    """A failure of the service."""


class PermissionDeniedError(Error):
    """A blob of somebody else."""


class BlobReader:
    """A file of a blob."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _gone(*args, **options)


class BlobInfo:
    """What the service knew about a blob."""

    def __init__(self, *args: Any, **options: Any) -> None:
        _gone(*args, **options)

    get = staticmethod(_gone)
    get_async = staticmethod(_gone)
    get_multi = staticmethod(_gone)
    get_multi_async = staticmethod(_gone)


get = BlobInfo.get
get_async = BlobInfo.get_async
get_multi = BlobInfo.get_multi
get_multi_async = BlobInfo.get_multi_async
create_upload_url = _gone
create_upload_url_async = _gone
delete = _gone
delete_async = _gone
delete_multi = _gone
delete_multi_async = _gone
fetch_data = _gone
fetch_data_async = _gone
parse_blob_info = _gone
