"""The start page, the dashboard, and the board: pages that ask for a session, a role or a permission."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import auth_required, current_user, permissions_required, roles_accepted
from werkzeug.wrappers import Response

from ..models import Note, RefreshTracker, user_datastore
from ..roles import ROLES

LONGEST_NOTE = 500

pages = Blueprint("pages", __name__)


@pages.get("/")
def start() -> str:
    """What there is to try."""
    return render_template("start.html")


@pages.get("/dashboard")
@auth_required("session")
def dashboard() -> str:
    """The state of one's account."""
    trackers = sorted(current_user.refresh_trackers, key=lambda each: each.last_used_at, reverse=True)
    methods = user_datastore.us_get_totp_secrets(current_user)
    return render_template(
        "dashboard.html",
        trackers=[each for each in trackers if each.revoked_at is None],
        permissions=current_user.permissions(),
        unified=sorted(methods),
        recovery_codes=len(current_user.mf_recovery_codes),
    )


@pages.post("/dashboard/sign-out-program/<family>")
@auth_required("session")
def sign_out_program(family: str) -> Response:
    """Let the refresh tokens of one of one's programs be valid no more."""
    tracker: RefreshTracker | None = user_datastore.find_refresh_tracker(family)
    if tracker is None or tracker.user_id != current_user.id:
        abort(404)
    user_datastore.revoke_refresh_tracker(tracker)
    flash("That program is signed out: its refresh token is revoked.", "success")
    return redirect(url_for("pages.dashboard"))


@pages.get("/board")
@auth_required("session")
@permissions_required("notes-read")
def board() -> str:
    """The notes, newest first."""
    return render_template(
        "board.html", notes=Note.query.order_by(-Note.written).limit(50).all(), longest=LONGEST_NOTE
    )


@pages.post("/board")
@auth_required("session")
@permissions_required("notes-write")
def write_note() -> Response:
    """Pin up a note."""
    text = request.form.get("text", "").strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        flash(f"A note has between 1 and {LONGEST_NOTE} characters.", "error")
    else:
        Note(text=text, author=current_user.username or current_user.email).put()
    return redirect(url_for("pages.board"))


@pages.post("/board/<int:note_id>/delete")
@auth_required("session")
@permissions_required("notes-delete")
def delete_note(note_id: int) -> Response:
    """Take a note down."""
    note: Note = Note.query.get_or_404(note_id)
    assert note.key is not None
    note.key.delete()
    flash("Taken down.", "success")
    return redirect(url_for("pages.board"))


@pages.get("/moderation")
@auth_required("session")
@roles_accepted("admin", "moderator")
def moderation() -> str:
    """A page for roles, where the board is one for permissions."""
    return render_template("moderation.html", roles=ROLES, notes=Note.query.count())


@pages.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """The icon, where browsers look for it."""
    return current_app.send_static_file("icon.svg")
