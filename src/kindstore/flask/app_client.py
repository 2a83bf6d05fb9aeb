"""`AppClient`: the client of an app's store, by the app's configuration."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import ref

import flask

from kindstore.client import Client, ambient, default_url
from kindstore.connect import DEFAULT, read_url
from kindstore.flask.errors import ConfigError
from kindstore.flask.signals import TellingStore
from kindstore.mapper.context import Context, LateContext
from kindstore.values.errors import BadArgumentError, BadKeyError, Error, StorageError
from kindstore.values.key import Partition

if TYPE_CHECKING:
    from flask.sansio.app import App

_SETTINGS: Final = ("url", "project", "namespace", "database", "durability", "indexes", "index_file")
_CHOICES: Final = {"durability": ("full", "relaxed"), "indexes": ("permissive", "strict")}


class AppClient(Client):
    """The client of *app*'s store; *given* are the settings that its configuration may leave out."""

    def __init__(self, app: App, given: Mapping[str, Any]) -> None:
        settings = {name: _setting(app, name, given.get(name)) for name in _SETTINGS}
        self._folder: Path | None = None
        self._late: Context | None = None
        self._lent: Context | None = None
        self._telling: tuple[Context, Context] | None = None
        self._app = ref(app)
        url, inside = settings["url"], Path(app.instance_path)
        self._is_free = url is None
        """Whether the app names no store: then that of a test goes before any other."""
        try:
            Partition.of("", "", settings["namespace"] or "")
        except BadKeyError as error:
            raise ConfigError(
                error.message, key="KINDSTORE_NAMESPACE", value=settings["namespace"], hint=error.hint
            ) from None
        from_environment = os.environ.get("KINDSTORE_URL")
        try:
            if url is None:
                default_url()
                url = from_environment or DEFAULT
            self.path, in_url = read_url(url)
            """The path of its file; ``":memory:"`` if it has none."""
            for name in _CHOICES.keys() & in_url.keys():
                _check_choice("KINDSTORE_URL", name, in_url[name])
        except BadArgumentError as error:
            raise ConfigError(error.message, key="KINDSTORE_URL", value=url, hint=error.hint) from None
        is_ours = not (self._is_free and from_environment)
        if self.path != ":memory:" and not Path(self.path).is_absolute() and is_ours:
            self._folder = inside
            url = _within(inside, os.fspath(url))
            self.path = str(inside / self.path)
        options = {
            name: settings[name]
            for name in ("durability", "indexes", "index_file")
            if settings[name] is not None
        }
        if "index_file" in options:  # a part of the program, as templates are
            options["index_file"] = Path(app.root_path) / options["index_file"]
        self.index_file: Path | None = options.get("index_file")
        """The file of its composite indexes, if it has one."""
        super().__init__(
            settings["project"], settings["namespace"], None, None, settings["database"], url, None, options
        )

    def _opened(self) -> Context:
        found = self._found()
        telling = self._telling
        if telling is None or telling[0] is not found:
            store: Any = TellingStore(found.store, self._app)
            telling = self._telling = found, Context(store, found.partition)
        return telling[1]

    def _found(self) -> Context:
        if self._is_free and ambient.stand_in is not None:
            base = ambient.stand_in._opened()
            return base if not self.namespace else self._in_namespace(base)
        if self._base is None and self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(
                    "the app's instance folder can't be made",
                    path=str(self._folder),
                    cause=error.strerror,
                    config="KINDSTORE_URL",
                    hint="Make it, or name a file elsewhere by an absolute path.",
                ) from error
        try:
            return super()._opened()
        except Error as error:
            error.facts.setdefault("config", "KINDSTORE_URL")
            raise

    def _in_namespace(self, base: Context) -> Context:
        if self._lent is None or self._lent.store is not base.store:
            self._lent = Context(base.store, base.partition.with_namespace(self.namespace))
        return self._lent

    @property
    def framework(self) -> Any:
        """The module `flask`; of an app of Quart, which has everything under the same names, `quart`."""
        for each in type(self._app()).__mro__:
            root = each.__module__.partition(".")[0]
            if root in ("flask", "quart"):
                return sys.modules[root]
        return flask

    @property
    def base(self) -> Context:
        """The context of code that entered none while an application context is open; its store may not be open yet."""
        if self._is_free and ambient.stand_in is not None:
            return self._opened()
        if self._late is None:
            partition = Partition.of(self.project, self.database, self.namespace)
            self._late = LateContext(lambda: self.store, partition)
        return self._late

    def close(self) -> None:
        """Close the store; without effect if it is not open.  A later application context opens it again."""
        super().close()
        self._late = self._telling = None


def _setting(app: App, name: str, given: Any) -> Any:
    """What *app*'s configuration says, else what was *given*; `ConfigError` for what is no such setting."""
    key = f"KINDSTORE_{name.upper()}"
    config = cast("Mapping[str, Any]", app.config)
    value = config.get(key, given)
    value = given if value is None else value
    if value is None:
        return None
    paths = name in ("url", "index_file")
    if not isinstance(value, str) and not (paths and isinstance(value, os.PathLike)):
        raise ConfigError("a setting of the wrong type", key=key, value=value, hint="It is a str.")
    if paths and not os.fspath(cast("str", value)):
        raise ConfigError("an empty setting", key=key, hint="Leave it out for the default.")
    _check_choice(key, name, value)
    return cast("Any", value)


def _check_choice(key: str, name: str, value: Any) -> None:
    allowed = _CHOICES.get(name)
    if allowed is not None and value not in allowed:
        raise ConfigError("an unknown setting", key=key, value=value, hint=f"It is one of {allowed}.")


def _within(folder: Path, url: str) -> str:
    """*url*, a relative path or a URL with one, seen from *folder*."""
    if not url.startswith("sqlite:"):
        return str(folder / url)
    path = str(folder).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    return f"sqlite:{path}/{url.removeprefix('sqlite:')}"
