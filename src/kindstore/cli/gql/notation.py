# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# What is inside a list or an object that JSON gave is of any type.
"""Values as JSON and as text, and JSON as the arguments of a query.

JSON has no keys, times, bytes or points.  Each is an object whose one name says what it is, so that what is printed
can be given back to ``--bind``: ``{"key": ["Author", "ada"]}``, ``{"datetime": "1815-12-10T00:00:00Z"}``,
``{"bytes": "AAE="}`` (base64), ``{"geopoint": [46.5, 6.6]}``, ``{"user": {…}}``, ``{"entity": {…}}``,
``{"double": "NaN"}``.  A key of another partition than the query's has its namespace, database and project as well.
"""

import base64
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kindstore.cli.printable import printable
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, Error
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User

_PLACES = ("namespace", "database", "project")
HINT = 'There are {"key": […]}, {"datetime": "…Z"}, {"bytes": "base64"}, {"geopoint": [1, 2]}, {"double": "NaN"}.'


def as_json(value: Any, home: Partition) -> Any:
    """*value*, of a property, as what `json.dumps` takes; *home*: the partition whose keys need not name it."""
    match value:
        case datetime():
            return {"datetime": f"{value.isoformat()}Z"}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case Key():
            return key_as_json(value, home)
        case GeoPt():
            return {"geopoint": [value.latitude, value.longitude]}
        case User():
            user = {"email": value.email(), "auth_domain": value.auth_domain(), "user_id": value.user_id()}
            return {"user": user}
        case Entity():
            return {"entity": entity_as_json(value, home)}
        case list():
            return [as_json(item, home) for item in value]
        case float() if not math.isfinite(value):
            return {"double": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
        case _:
            return value


def key_as_json(key: Key, home: Partition) -> dict[str, Any]:
    """*key* as an object: its path, and where it is not one of *home* also of which partition it is."""
    found: dict[str, Any] = {"key": list(key.path)}
    if key.partition is not home:
        project, database, namespace = key.partition.names()
        found.update(zip(_PLACES, (namespace, database, project), strict=True))
    return found


def entity_as_json(entity: Entity, home: Partition) -> dict[str, Any]:
    """*entity* as an object: its key, unless it has none, and its properties."""
    found = {} if entity.key is None else key_as_json(entity.key, home)
    return {**found, "properties": {name: as_json(value, home) for name, value in entity.items()}}


def argument(text: str, home: Partition) -> tuple[str, Any]:
    """The name and the value of an argument that is given as ``name=JSON``; `BadArgumentError` if it is none."""
    name, equals, written = text.partition("=")
    if not equals or not name:
        raise BadArgumentError(
            "an argument is written name=value", argument=text, hint="For example born=1815 or 1=true."
        )
    try:
        return name, _value(json.loads(written, parse_constant=_refused), home)
    except (ValueError, TypeError, KeyError, RecursionError, Error) as error:
        raise BadArgumentError(
            "the value of an argument is JSON",
            argument=text,
            cause=error.message if isinstance(error, Error) else str(error),
            hint=f"A text needs quotes of its own: {name}='\"Ada\"'. {HINT}",
        ) from None


def _refused(constant: str) -> None:
    raise ValueError(f'write {{"double": "{constant}"}}')


def _value(found: Any, home: Partition) -> Any:
    """The value that an object stands for; ValueError, TypeError and KeyError if it stands for none."""
    if isinstance(found, list):
        return [_value(item, home) for item in found]
    if not isinstance(found, dict):
        return found
    given: dict[str, Any] = found
    places = {name: given[name] for name in _PLACES if name in given} if "key" in given else {}
    if len(given) != 1 + len(places):
        raise ValueError("an object has one name, which says what it is")
    if "key" in given:
        project, database, namespace = home.names()
        names = {"project": project, "database": database, "namespace": namespace, **places}
        if not isinstance(given["key"], list):
            raise TypeError("a key is a list of kinds and ids")
        key = Key.of(Partition.of(names["project"], names["database"], names["namespace"]), given["key"])
        key.check()
        return key
    [(what, content)] = given.items()
    match what, content:
        case "datetime", str():
            time = datetime.fromisoformat(content)
            return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
        case "bytes", str():
            return base64.b64decode(content, validate=True)
        case "geopoint", [float() | int() as latitude, float() | int() as longitude]:
            return GeoPt(latitude, longitude)
        case "user", dict():
            return User(**content)
        case "double", "NaN" | "Infinity" | "-Infinity":
            return float(content)
        case _:
            raise ValueError(f"nothing is called {what!r} like that")


def as_text(value: Any, home: Partition) -> str:
    """*value* in one line for readers: keys as GQL writes them, texts without quotes, no character that is not shown."""
    match value:
        case str():
            return printable(value)
        case _:
            return _as_text(value, home)


def _as_text(value: Any, home: Partition) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(" ")
        case bytes():
            return repr(value)
        case Key():
            return key_as_text(value, home)
        case Entity():
            parts = (f"{as_text(name, home)}: {_inner(each, home)}" for name, each in value.items())
            return f"{{{', '.join(parts)}}}"
        case list():
            return f"[{', '.join(_inner(item, home) for item in value)}]"
        case User():
            return as_text(value.email(), home)
        case _:
            return str(value)


def _inner(value: Any, home: Partition) -> str:
    """A value inside another one: a text has quotes there."""
    return _quoted(value) if isinstance(value, str) else as_text(value, home)


def key_as_text(key: Key, home: Partition) -> str:
    """*key* as a literal of v1's GQL, as it can be written into the next query."""
    parts: list[str] = []
    if key.partition is not home:
        project, _, namespace = key.partition.names()
        parts += [f"PROJECT({_quoted(project)})", f"NAMESPACE({_quoted(namespace)})"]
    kinds, ids = key.path[::2], key.path[1::2]
    for kind, id_ in zip(kinds, ids, strict=True):
        parts += [_name(str(kind)), _quoted(id_) if isinstance(id_, str) else str(id_)]
    return f"KEY({', '.join(parts)})"


def _name(name: str) -> str:
    is_plain = name.isascii() and name.isidentifier()
    return name if is_plain else f"`{printable(name).replace('`', '``')}`"


def _quoted(text: str) -> str:
    return "'" + printable(text.replace("\\", "\\\\")).replace("'", "''") + "'"


def projected(entity: Entity, names: Sequence[str]) -> Entity:
    """*entity*, a result of a projection of *names*, with texts: an index holds them as their bytes."""
    values = [_text_of(value) if name in names else value for name, value in entity.items()]
    return Entity(entity.key, entity.shape, values, entity.version)


def _text_of(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value
