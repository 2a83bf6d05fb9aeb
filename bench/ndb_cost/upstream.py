# mypy: disable-error-code="import-not-found, import-untyped, misc, no-any-return"
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""google-cloud-ndb over a channel that answers at once: all its own work, protocol buffers included, and no network.

The first request of a kind is answered by looking into it; the answer's bytes are kept, so that the rounds that are
measured pay for nothing but finding them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import ndb
from google.cloud.datastore_v1.services.datastore.transports.grpc import DatastoreGrpcTransport
from google.cloud.datastore_v1.types import datastore as messages

NDB = ndb


class _Answered:
    """The part of `grpc.Future` that is asked for, of a call that is over."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value

    def exception(self) -> None:
        return None

    def add_done_callback(self, call: Callable[[Any], Any]) -> None:
        call(self)


class _Method:
    def __init__(self, channel: Channel, name: str, write: Any, read: Any) -> None:
        self._channel, self._name, self._write, self._read = channel, name, write, read

    def future(self, request: Any, **_: Any) -> _Answered:
        return _Answered(self._read(self._channel.answer(self._name, self._write(request))))


class Channel(grpc.Channel):
    """Answers Lookup, RunQuery and Commit out of what was committed."""

    def __init__(self) -> None:
        self._entities: dict[bytes, Any] = {}
        self._answers: dict[tuple[str, bytes], bytes] = {}

    def unary_unary(
        self, path: str, request_serializer: Any, response_deserializer: Any, _registered: bool = False
    ) -> _Method:
        return _Method(self, path.rpartition("/")[2], request_serializer, response_deserializer)

    def close(self) -> None:
        """Nothing is open."""

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None: ...

    def unsubscribe(self, callback: Any) -> None: ...

    def unary_stream(self, *_: Any, **__: Any) -> Any:
        """Not used by this client; nor are the two after it."""

    stream_unary = stream_stream = unary_stream

    def answer(self, name: str, request: bytes) -> bytes:
        found = self._answers.get((name, request))
        if found is None:
            found = self._answers[name, request] = getattr(self, f"_{name.lower()}")(request)
        return found

    def _commit(self, request: bytes) -> bytes:
        asked = messages.CommitRequest.deserialize(request)
        for mutation in asked.mutations:
            self._entities[type(mutation.upsert.key).serialize(mutation.upsert.key)] = mutation.upsert
        results = [messages.MutationResult(version=1) for _ in asked.mutations]
        return cast(
            "bytes", messages.CommitResponse.serialize(messages.CommitResponse(mutation_results=results))
        )

    def _lookup(self, request: bytes) -> bytes:
        asked = messages.LookupRequest.deserialize(request)
        found = [{"entity": self._entities[type(key).serialize(key)], "version": 1} for key in asked.keys]
        return cast("bytes", messages.LookupResponse.serialize(messages.LookupResponse(found=found)))

    def _runquery(self, _: bytes) -> bytes:
        found = [{"entity": each, "cursor": b"x", "version": 1} for each in self._entities.values()]
        batch = {"entity_results": found, "entity_result_type": 1, "more_results": 3, "end_cursor": b"x"}
        return cast("bytes", messages.RunQueryResponse.serialize(messages.RunQueryResponse(batch=batch)))


def context() -> AbstractContextManager[Any]:
    """Enter it to use `NDB`: nothing is cached, data are in the new form."""
    client = ndb.Client(project="bench", credentials=AnonymousCredentials())
    client.stub = DatastoreGrpcTransport(channel=Channel())
    return client.context(cache_policy=False, global_cache=None, legacy_data=False)
