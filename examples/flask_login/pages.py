"""The pages: register, log in, the dashboard, a new password, log out."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import (
    current_user,
    fresh_login_required,
    login_fresh,
    login_required,
    login_user,
    logout_user,
)

from kindstore.flask.login import safe_redirect_target

from .forms import LoginForm, PasswordForm, RegisterForm

page = Blueprint("page", __name__)


def users() -> Any:
    """The class of the users."""
    return current_app.config["USERS"]


@page.route("/")
def home() -> ResponseReturnValue:
    """Where everybody begins."""
    if current_user.is_authenticated:
        return redirect(url_for("page.dashboard"))
    return render_template("home.html")


@page.route("/register", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Make an account, and be logged in to it."""
    form = RegisterForm()
    if form.validate_on_submit():
        user = users().register(form.username.data, form.password.data)
        if user is not None:
            login_user(user)
            user.update_activity()
            flash(f"Welcome, {user.username}!", "success")
            return redirect(url_for("page.dashboard"))
        form.username.errors = ["Somebody has this name already."]
    return render_template("register.html", form=form)


@page.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """The tutorial's log-in, with its gaps filled."""
    # Who was only remembered may come here to prove who they are, for pages that want a fresh log-in.
    if current_user.is_authenticated and login_fresh():
        return redirect(url_for("page.dashboard"))
    form = LoginForm(next=request.args.get("next"))

    if form.validate_on_submit():
        user = users().with_password(form.username.data, form.password.data)

        if user is not None:
            if login_user(user, remember=form.remember.data):
                user.update_activity()
                return redirect(safe_redirect_target(form.next.data) or url_for("page.dashboard"))

            flash("This account is not active", "error")
        else:
            flash("Login or password is incorrect", "error")

    return render_template("login.html", form=form)


@page.route("/dashboard")
@login_required
def dashboard() -> ResponseReturnValue:
    """What only users see."""
    return render_template("dashboard.html")


@page.route("/password", methods=["GET", "POST"])
@fresh_login_required
def password() -> ResponseReturnValue:
    """A new password; only for who has typed the old one in this session."""
    form = PasswordForm()
    if form.validate_on_submit():
        current_user.set_password(form.password.data)
        # All sessions are over, and so would this one be.
        login_user(current_user._get_current_object(), remember="remember_token" in request.cookies)
        flash("Your password is changed, and you are logged out everywhere else.", "success")
        return redirect(url_for("page.dashboard"))
    return render_template("password.html", form=form)


@page.route("/logout", methods=["POST"])
def logout() -> ResponseReturnValue:
    """Log out, here or everywhere: a POST with a token, so that no link can do it."""
    if request.form.get("everywhere") and current_user.is_authenticated:
        current_user.log_out_everywhere()
        flash("You are logged out everywhere.", "success")
    else:
        flash("You are logged out.", "success")
    logout_user()
    return redirect(url_for("page.login"))
