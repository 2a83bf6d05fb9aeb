"""What becomes of the request that loses a race: the answer that it had got, had it come a moment later."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, has_request_context, request
from werkzeug.exceptions import abort

_ANSWERED = "_kindstore_answered_again"


def is_second_answer() -> bool:
    """Whether a view is called again by `answer_again`: what it looks for is then what is taken, in whatever spelling."""
    return has_request_context() and _ANSWERED in g


def answer_again() -> None:
    """In a view of Flask-Security: do the request again, and end it with that answer.  Elsewhere, and the second time, nothing.

    Such a view looks whether a name is free and then takes it.  In between somebody else may take it, which the
    store refuses, with nothing written.  The same view, called again, finds the name taken, and says so in the form.
    """
    if not has_request_context() or is_second_answer():
        return
    config: Any = current_app.config
    if request.blueprint != config["SECURITY_BLUEPRINT_NAME"]:
        return
    setattr(g, _ANSWERED, True)
    view = current_app.view_functions[request.endpoint or ""]
    answer = current_app.ensure_sync(view)(**(request.view_args or {}))
    abort(current_app.make_response(answer))
