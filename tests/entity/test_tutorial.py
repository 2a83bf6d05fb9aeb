"""The tutorial "Using ORM Patterns With Google Cloud Firestore In Datastore Mode": its model and its login view.

The import is changed, and what the tutorial leaves out or gets wrong is mended (spec/flask.md 4.4): it has no
`authenticated` and no `user_loader`, `next_url =` is no Python, one `flash` cannot be reached and the other is in the wrong
branch, `url_for` is asked for a template, and `LoginForm`, `safe_next_url` and the blueprint `page` are not defined.
`examples/flask_login` is the same as an application to start from.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from typing import Any

import flask
import flask_login
import flask_wtf
import pytest
import wtforms
from flask_login import UserMixin

from kindstore import testing
from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.ndb import Key


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


class User(DatastoreEntity, UserMixin):  # type: ignore[misc]
    username = EntityValue(None)
    password = EntityValue(None)
    status = EntityValue(1)
    date_created = EntityValue(lambda: dt.datetime.now(dt.UTC))

    # name of entity's kind
    __kind__ = "User"

    def authenticated(self, password: str) -> bool:
        return bool(self.password == digest(password))


class CountingUser(DatastoreEntity, UserMixin):  # type: ignore[misc]
    """The tutorial's second model; its default of `date_created` is a moment, as there."""

    username = EntityValue(None)
    password = EntityValue(None)
    status = EntityValue(1)
    date_last_login = EntityValue[dt.datetime | None](None)
    login_attempts = EntityValue(0)
    date_created = EntityValue(dt.datetime(2021, 2, 3, 4, 5, 6))

    __kind__ = "User"

    # add excluded properties here
    __exclude_from_index__ = ("date_last_login", "login_attempts")


@pytest.fixture(autouse=True)
def sandbox() -> Iterator[None]:
    with testing.store():
        yield


def sign_up(username: str, password: str) -> User:
    user = User()
    user.username = username
    user.password = digest(password)
    user.save()
    return user


# The model.


def test_get_object_finds_the_user_of_a_name() -> None:
    komla = sign_up("komla", "secret")
    sign_up("seyram", "other")
    user = User().get_object("username", "komla")
    assert user is not None
    assert user == komla
    assert user.authenticated("secret")
    assert not user.authenticated("other")
    assert (user.status, type(user.status)) == (1, int)
    assert user.date_created == komla.date_created
    assert User().get_object("username", "nobody") is None


def test_what_the_user_loader_gets_leads_back_to_the_user() -> None:
    komla = sign_up("komla", "secret")
    loaded = User().get_obj_with_id(komla.get_id())
    assert loaded is not None
    assert (loaded.username, loaded) == ("komla", komla)
    assert User().get_obj_with_id("no id") is None


def test_properties_are_added_on_the_fly() -> None:
    user: Any = sign_up("komla", "secret")
    user.type = EntityValue(3)  # assign attribute value as a type of EntityValue
    user.save()
    sign_up("seyram", "other")
    found: Any = User().get_object("type", 3)
    assert (found.username, found.type, type(found.type)) == ("komla", 3, int)
    found.type = 4  # a plain value from now on
    found.save(extra_props={"colour": "red"})
    (entity,) = User().find_by_value("colour", "red")
    assert (entity["type"], entity["username"]) == (4, "komla")
    other = User().get_object("username", "seyram")
    assert other is not None
    assert not hasattr(other, "type")


def test_excluded_properties_are_stored_and_not_indexed() -> None:
    user = CountingUser()
    user.username = "komla"
    user.login_attempts = 2
    user.save()
    found = CountingUser().get_object("username", "komla")
    assert found is not None
    assert (found.login_attempts, found.date_last_login) == (2, None)
    assert found.date_created == dt.datetime(2021, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert CountingUser().find_by_value("login_attempts", 2) == []
    assert CountingUser().get_object("date_last_login", None) is None
    (entity,) = user.find_by_value("status", 1)
    assert entity.exclude_from_indexes == {"date_last_login", "login_attempts"}


def test_every_account_has_a_moment_of_its_own() -> None:
    assert sign_up("komla", "secret").date_created < sign_up("seyram", "other").date_created


def test_models_of_ndb_have_the_same_key() -> None:
    komla = sign_up("komla", "secret")
    assert Key(urlsafe=komla.get_id().encode()).kind() == "User"


# The view.

PAGE = """
{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}
<form method="post">{{ form.username }} {{ form.password }} {{ form.next }}</form>
"""


class LoginForm(flask_wtf.FlaskForm):  # type: ignore[misc]
    username = wtforms.StringField(validators=[wtforms.validators.DataRequired()])
    password = wtforms.PasswordField(validators=[wtforms.validators.DataRequired()])
    next = wtforms.HiddenField()


def login_application() -> flask.Flask:
    """The tutorial's application."""
    application = flask.Flask(__name__)
    application.config.update(SECRET_KEY="for a test", WTF_CSRF_ENABLED=False, TESTING=True)
    manager: Any = flask_login.LoginManager(application)
    manager.login_view = "page.login"
    manager.user_loader(lambda user_id: User().get_obj_with_id(user_id))
    page = flask.Blueprint("page", __name__)

    def safe_next_url(target: str) -> str:
        return target if target.startswith("/") and not target.startswith("//") else "/"

    def login() -> Any:
        form: Any = LoginForm(next=flask.request.args.get("next"))

        if form.validate_on_submit():
            identity = flask.request.form.get("username")
            password = flask.request.form.get("password", "")

            # fetch user using the 'username' property
            user = User().get_object("username", identity)

            if user and user.authenticated(password):
                if flask_login.login_user(user, remember=True):
                    # handle optionally redirecting to the next URL safely
                    next_url = flask.request.form.get("next")
                    if next_url:
                        return flask.redirect(safe_next_url(next_url))

                    return flask.redirect(flask.url_for("page.dashboard"))
                flask.flash("This account is not active", "error")
            else:
                flask.flash("Login or password is incorrect", "error")

        return flask.render_template_string(PAGE, form=form)

    def dashboard() -> str:
        return f"Welcome, {flask_login.current_user.username}"

    def logout() -> Any:
        flask_login.logout_user()
        return flask.redirect(flask.url_for("page.login"))

    page.add_url_rule("/login", view_func=login, methods=["GET", "POST"])
    page.add_url_rule("/dashboard", view_func=flask_login.login_required(dashboard))
    page.add_url_rule("/logout", view_func=logout)
    application.register_blueprint(page)
    return application


@pytest.fixture
def browser() -> Any:
    return login_application().test_client()


def log_in(browser: Any, password: str, **more: str) -> Any:
    return browser.post("/login", data={"username": "komla", "password": password, **more})


def test_who_knows_the_password_is_logged_in_from_then_on(browser: Any) -> None:
    sign_up("komla", "secret")
    assert browser.get("/dashboard").location.startswith("/login?next=")
    assert 'name="username"' in browser.get("/login").text
    answer = log_in(browser, "secret")
    assert (answer.status_code, answer.location) == (302, "/dashboard")
    assert browser.get("/dashboard").text == "Welcome, komla"
    browser.get("/logout")
    assert browser.get("/dashboard").status_code == 302


def test_a_remembered_user_needs_no_session(browser: Any) -> None:
    sign_up("komla", "secret")
    log_in(browser, "secret")
    browser.delete_cookie("session")
    assert browser.get("/dashboard").text == "Welcome, komla"


def test_login_leads_to_the_next_page_of_the_same_site_only(browser: Any) -> None:
    sign_up("komla", "secret")
    assert 'value="/reports"' in browser.get("/login?next=/reports").text
    assert log_in(browser, "secret", next="/reports").location == "/reports"
    assert log_in(browser, "secret", next="https://example.org/").location == "/"


def test_a_wrong_password_or_name_is_refused(browser: Any) -> None:
    assert "Login or password is incorrect" in log_in(browser, "secret").text
    sign_up("komla", "secret")
    assert "Login or password is incorrect" in log_in(browser, "wrong").text
    assert browser.get("/dashboard").status_code == 302


def test_an_account_that_is_not_active_is_told_so(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up("komla", "secret")
    monkeypatch.setattr(User, "is_active", property(lambda user: user.status == 0))
    assert "This account is not active" in log_in(browser, "secret").text


def test_who_is_deleted_is_logged_out(browser: Any) -> None:
    komla = sign_up("komla", "secret")
    log_in(browser, "secret")
    komla.delete()
    assert browser.get("/dashboard").status_code == 302
