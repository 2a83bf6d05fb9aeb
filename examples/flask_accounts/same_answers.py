"""The same answer, in the same time, whether there is an account or not, where Flask-Security 5.9 gives two."""

from __future__ import annotations

from typing import Any

from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from flask_security import UnifiedSigninForm, hash_password, url_for_security
from flask_security.proxies import _security

RECOVERY = "security.recover_username"


class UnifiedSignIn(UnifiedSigninForm):
    """Flask-Security's form; it takes the time of a check of the password if there is none to check, as that of `/login` does."""

    def validate(self, **kwargs: Any) -> bool:
        """Whether this signs somebody in, or may have a code sent."""
        is_right: bool = super().validate(**kwargs)
        user = getattr(self, "user", None)
        was_checked = user is not None and user.active and user.password
        if self.submit.data and not was_checked:
            hash_password(str(self.passcode.data))
        return is_right


def init_app(app: Flask) -> None:
    """Let the page of forgotten usernames of *app* answer one thing: Flask-Security's leads to the log-in only who has an account."""
    recover: Any = app.view_functions[RECOVERY]

    def recover_username() -> ResponseReturnValue:
        response = app.make_response(recover())
        if request.method == "POST" and response.status_code == 200 and not _security._want_json(request):
            return redirect(url_for_security("login"))
        return response

    app.view_functions[RECOVERY] = recover_username
