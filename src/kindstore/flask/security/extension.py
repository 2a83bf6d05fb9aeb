"""`Security`: Flask-Security's extension, with the settings that its documents promise."""

from collections.abc import Sequence
from typing import Any, cast

import flask_security
from flask import Flask
from flask_principal import identity_loaded

from kindstore.flask.security import identity, roles


class Security(flask_security.Security):
    """Flask-Security's extension; all its arguments and settings, and two settings more.

    SECURITY_USER_IDENTITY_ATTRIBUTES may be a list of names: `["email", "username"]`.
    SECURITY_ROLE_HIERARCHY says which roles imply others: `{"admin": ["moderator", "user"]}`.

    Raises BadArgumentError for settings of another shape, and for a role that implies itself.
    """

    def __init__(
        self, app: Flask | None = None, datastore: Any = None, register_blueprint: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(app, datastore, register_blueprint, **kwargs)

    def init_app(
        self, app: Flask, datastore: Any = None, register_blueprint: bool | None = None, **kwargs: Any
    ) -> None:
        """As Flask-Security's; also sets up what the datastore needs of an application."""
        if identity.SETTING in app.config:
            attributes = cast("Sequence[object]", app.config[identity.SETTING])
            app.config[identity.SETTING] = identity.translated(attributes)
        roles.check(roles.of(app))
        super().init_app(app, datastore, register_blueprint, **kwargs)
        # After Flask-Security's own receiver, which sets what an identity has by itself.
        identity_loaded.connect(roles.provide_implied, sender=app, weak=False)
        # Flask-Security's own datastores, which are welcome as well, ask for nothing.
        set_up = getattr(self.datastore, "init_app", None)
        if set_up is not None:
            set_up(app)
