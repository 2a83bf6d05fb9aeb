"""The admin screen, for the role admin.

The routes `/admin/users`, `/admin/create-user`, `/admin/toggle-user/<int:user_id>`, `/admin/setup-roles` and
`/admin/assign-role/<int:user_id>/<role_name>`, and their endpoints, are those of Flask-Security's page on its datastores.
Three of them change something when they are merely visited, which a link on any site could bring an administrator
to do.  Here only a page of this application can (`asked_here`): for all others a visit shows a form that asks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import auth_required, current_user, hash_password, permissions_required, roles_required
from flask_security.confirmable import send_confirmation_instructions
from flask_security.proxies import _security
from flask_security.utils import naive_utcnow
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, EmailField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired

from kindstore import ndb
from kindstore.flask.security import fold
from kindstore.values.errors import UniqueViolationError

from ..models import Role, User, make_roles, user_datastore
from ..roles import ROLES

View = Callable[..., Any]

PAGE = 20
LAST_TEXT = "\U0010ffff"


def for_admins(view: View) -> View:
    """Only somebody who is signed in and has the role admin gets to *view*."""
    return auth_required("session")(roles_required("admin")(view))  # type: ignore[no-any-return]


def for_admins_now(view: View) -> View:
    """The same, and they must have said their password in the last minutes: for what can't be undone."""
    fresh = auth_required("session", within=5, grace=2)
    return fresh(roles_required("admin")(view))  # type: ignore[no-any-return]


def asked_here(view: View) -> View:
    """Let *view* change something if a page of this application asks for it; if any other does, show a form that asks.

    A POST has shown its CSRF token when it comes here.  A GET or HEAD has none, and a cookie with SameSite=Lax comes with a click on
    another site's link; but browsers say where a request comes from, in Sec-Fetch-Site, and whether it is only made in advance.
    """

    @functools.wraps(view)
    def guarded(**arguments: Any) -> Any:
        from_here = request.headers.get("Sec-Fetch-Site") == "same-origin"
        if request.method != "POST" and (not from_here or "Sec-Purpose" in request.headers):
            return render_template("admin/confirm.html", title=view.__doc__)
        return view(**arguments)

    return guarded


# Who there is.


@for_admins
def admin_dashboard() -> str:
    """How many there are, and the roles."""
    roles = Role.query.order_by(Role.name).all()
    return render_template(
        "admin/overview.html",
        accounts=User.query.count(),
        active=User.query.filter(User.active == True).count(),  # noqa: E712
        unconfirmed=User.query.filter(User.confirmed_at == None).count(),  # noqa: E711
        two_factor=User.query.filter(User.tf_primary_method > "").count(),
        roles=[(role, User.query.filter(User.role_keys == role.key).count()) for role in roles],
        missing=[name for name in ROLES if name not in {role.name for role in roles}],
        newest=User.query.order_by(-User.create_datetime).limit(5).all(),
    )


@for_admins
@permissions_required("users-read")
def list_users() -> str:
    """List all users using datastore."""
    wanted = request.args.get("q", "").strip()
    users = user_datastore.user_model.query.order_by(User.email_folded)
    if wanted:
        users = users.filter(
            ndb.OR(_begins(User.email_folded, wanted), _begins(User.username_folded, wanted))
        )
    page = users.paginate_by_cursor(per_page=PAGE)
    return render_template("admin/users.html", page=page, wanted=wanted, form=NewUser())


def _begins(prop: Any, text: str) -> Any:
    start = fold(text)
    return ndb.AND(prop >= start, prop < start + LAST_TEXT)


@for_admins
@permissions_required("users-read")
def show_user(user_id: int) -> str:
    """One account, and what can be done with it."""
    return _user_page(_user(user_id))


def _user_page(user: User, form: EditUser | None = None) -> str:
    return render_template(
        "admin/user.html",
        user=user,
        form=form or EditUser(obj=user, data={"confirmed": user.confirmed_at is not None}),
        roles=Role.query.order_by(Role.name).all(),
        is_me=user.id == current_user.id,
    )


def _user(user_id: int) -> User:
    user: User | None = user_datastore.get_user(user_id)
    if user is None:
        abort(404, "There is no such account.")
    return user


# The routes of the page.


@for_admins
@permissions_required("users-write")
def create_user() -> ResponseReturnValue:
    """Create user via datastore."""
    form = NewUser()
    if not form.validate():
        return render_template("admin/new_user.html", form=form), 400
    email, password = form.email.data or "", form.password.data or ""

    # Create user using datastore
    try:
        user = user_datastore.create_user(email=email, password=hash_password(password), active=True)
    except UniqueViolationError:
        form.email.errors = ["There is an account with this address."]
        return render_template("admin/new_user.html", form=form), 409

    # Assign default role
    default_role = user_datastore.find_role("user")
    if default_role:
        user_datastore.add_role_to_user(user, default_role)

    user_datastore.commit()
    send_confirmation_instructions(user)  # type: ignore[no-untyped-call]
    flash(f"User {email} created successfully: a mail asks them to confirm the address.", "success")
    return redirect(url_for("list_users"))


@for_admins
@permissions_required("users-write")
@asked_here
def toggle_user_active(user_id: int) -> Response:
    """Toggle user active status."""
    user = _user(user_id)
    if user.id == current_user.id:
        flash("You can't lock yourself out.", "error")
        return redirect(url_for("list_users"))
    user_datastore.toggle_active(user)
    user_datastore.commit()
    flash(f"User {user.email} {'activated' if user.active else 'deactivated'}", "success")
    return redirect(_back(user_id))


@for_admins
@asked_here
def setup_roles() -> Response:
    """Initialize default roles and permissions."""
    make_roles()
    flash("Default roles created", "success")
    return redirect(url_for("admin_dashboard"))


@for_admins
@permissions_required("users-write")
@asked_here
def assign_role(user_id: int, role_name: str) -> Response:
    """Assign role to user."""
    user = user_datastore.get_user(user_id)
    role = user_datastore.find_role(role_name)

    if user and role:
        if user_datastore.add_role_to_user(user, role):
            user_datastore.commit()
            flash(f"Role {role_name} assigned to {user.email}", "success")
        else:
            flash(f"{user.email} already has role {role_name}", "info")
    else:
        flash("User or role not found", "error")
    return redirect(_back(user_id))


def _back(user_id: int) -> str:
    """The page that a form was on."""
    return url_for("show_user", user_id=user_id) if "back" in request.form else url_for("list_users")


# What else an administrator needs.


@for_admins
@permissions_required("users-write")
def edit_user(user_id: int) -> ResponseReturnValue:
    """Change the addresses of an account, and whether it is confirmed."""
    user = _user(user_id)
    form = EditUser()
    if not form.validate():
        return _user_page(user, form), 400
    user.email, user.username = form.email.data or "", form.username.data or None
    if form.confirmed.data != (user.confirmed_at is not None):
        user.confirmed_at = naive_utcnow() if form.confirmed.data else None
    try:
        user_datastore.put(user)
    except UniqueViolationError:
        user_datastore.reload(user)
        form.email.errors = ["Another account has this address or this username."]
        return _user_page(user, form), 409
    flash("Saved.", "success")
    return redirect(url_for("show_user", user_id=user_id))


@for_admins
@permissions_required("users-write")
def remove_role(user_id: int, role_name: str) -> Response:
    """Take a role from an account."""
    user = _user(user_id)
    if user.id == current_user.id and role_name == "admin":
        flash("You can't take your own role admin.", "error")
    elif user_datastore.find_role(role_name) and user_datastore.remove_role_from_user(user, role_name):
        flash(f"Role {role_name} taken from {user.email}", "success")
    return redirect(url_for("show_user", user_id=user_id))


@for_admins_now
@permissions_required("users-write")
def ask_before(user_id: int, what: str) -> str:
    """Ask before access is reset or an account is deleted; and for the password, if it was not said lately."""
    return render_template("admin/ask.html", user=_user(user_id), what=what)


@for_admins_now
@permissions_required("users-write")
def reset_access(user_id: int) -> Response:
    """End the sessions, tokens, passkeys, second factors and recovery codes of an account; only its password stays."""
    user = _user(user_id)
    user_datastore.reset_user_access(user)
    user_datastore.commit()
    flash(
        f"Access of {user.email} is reset: sessions, tokens, passkeys and second factors are gone.", "success"
    )
    return redirect(url_for("show_user", user_id=user_id))


@for_admins_now
@permissions_required("users-write")
def delete_user(user_id: int) -> Response:
    """Delete an account with all it has."""
    user = _user(user_id)
    if user.id == current_user.id:
        flash("You can't delete yourself.", "error")
        return redirect(url_for("show_user", user_id=user_id))
    user_datastore.delete_user(user)
    user_datastore.commit()
    flash(f"{user.email} is deleted.", "success")
    return redirect(url_for("list_users"))


@for_admins
@permissions_required("users-write")
def edit_role(role_name: str) -> Response:
    """Change what a role permits: all who have it may do so at their next request."""
    role = user_datastore.find_role(role_name)
    if role is None:
        abort(404, "There is no such role.")
    if role_name == "admin":
        flash("The role admin keeps its permissions: this screen needs them.", "error")
    else:
        role.permissions = sorted(set(request.form.get("permissions", "").replace(",", " ").split()))
        user_datastore.put(role)
        flash(f"Role {role_name} permits: {', '.join(role.permissions) or 'nothing'}.", "success")
    return redirect(url_for("admin_dashboard"))


class NewUser(FlaskForm):  # type: ignore[misc]
    """The form for an account."""

    email = EmailField("E-mail", [InputRequired("Give an address.")])
    password = PasswordField("Password", [InputRequired("Give a password.")])

    def validate_email(self, field: EmailField) -> None:
        """Bring the address into its normal form."""
        field.data = _address(field.data)

    def validate_password(self, field: PasswordField) -> None:
        """Hold the password against the rules for all."""
        faults, field.data = _security.password_util.validate(field.data or "", True, email=self.email.data)
        if faults:
            raise ValidationError(str(faults[0]))


class EditUser(FlaskForm):  # type: ignore[misc]
    """The form for what an administrator may change in an account."""

    email = EmailField("E-mail", [InputRequired("Give an address.")])
    username = StringField("Username")
    confirmed = BooleanField("The address is confirmed")

    def validate_email(self, field: EmailField) -> None:
        """Bring the address into its normal form."""
        field.data = _address(field.data)

    def validate_username(self, field: StringField) -> None:
        """Hold the name against the rules for all."""
        if field.data:
            fault, field.data = _security.username_util.validate(field.data)
            if fault:
                raise ValidationError(str(fault))


def _address(text: str | None) -> str:
    try:
        address: str = _security.mail_util.validate(text or "")
    except ValueError as error:
        raise ValidationError("That is no e-mail address.") from error
    return address


def init_app(app: Flask) -> None:
    """Give *app* the routes of this screen."""
    both = ["GET", "POST"]
    for rule, view, methods in (
        ("/admin/", admin_dashboard, ["GET"]),
        ("/admin/users", list_users, ["GET"]),
        ("/admin/create-user", create_user, ["POST"]),
        ("/admin/toggle-user/<int:user_id>", toggle_user_active, both),
        ("/admin/setup-roles", setup_roles, both),
        ("/admin/assign-role/<int:user_id>/<role_name>", assign_role, both),
        ("/admin/user/<int:user_id>", show_user, ["GET"]),
        ("/admin/user/<int:user_id>", edit_user, ["POST"]),
        ("/admin/user/<int:user_id>/remove-role/<role_name>", remove_role, ["POST"]),
        ("/admin/user/<int:user_id>/<any('reset-access', 'delete'):what>", ask_before, ["GET"]),
        ("/admin/user/<int:user_id>/reset-access", reset_access, ["POST"]),
        ("/admin/user/<int:user_id>/delete", delete_user, ["POST"]),
        ("/admin/role/<role_name>", edit_role, ["POST"]),
    ):
        app.add_url_rule(rule, view_func=view, methods=methods)
