"""The page on user datastores keeps its promises: each of its examples runs (page.md), and each signature is there."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from jinja2 import DictLoader
from sqlalchemy import orm
from sqlalchemy.ext.mutable import MutableList

from kindstore.flask import security
from kindstore.values.errors import BadArgumentError, BadValueError
from tests.flask.security.conformance import postgresql_server

# The page's `datetime.utcnow()`, from Python 3.12 on.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

PAGE = (Path(__file__).parent / "page.md").read_text()
BLOCKS: dict[str, str] = dict(
    re.findall(r"^## (.+?)\n\n```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
)
SECRET_LINE = "app.config['SECRET_KEY'] = 'super-secret'\n"
URL_LINE = "app.config['SQLALCHEMY_DATABASE_URI'] = 'postgresql://user:pass@localhost/mydb'\n"
USERS_PAGE = "{% for user in users %}{{ user.email }} {{ user.active }}\n{% endfor %}"


@dataclass
class Site:
    """An application of the page: one of its set-ups, then the rest of its blocks."""

    orm: str
    names: dict[str, Any]

    @property
    def app(self) -> Any:
        return self.names["app"]

    @property
    def datastore(self) -> Any:
        return self.names["user_datastore"]


def settings(url: str) -> str:
    """The page's own settings of models, put where they are read; and what only a test wants."""
    lines: str = SECRET_LINE + BLOCKS["Model Configuration"] + "app.config['TESTING'] = True\n"
    if url:
        lines += f"app.config['SQLALCHEMY_DATABASE_URI'] = {url!r}\n"
    return (
        lines
        + "app.config['WTF_CSRF_ENABLED'] = False\n"
        + ("app.config['SECURITY_EMAIL_VALIDATOR_ARGS'] = {'check_deliverability': False}\n")
    )


def site(orm: str, url: str = "") -> Site:
    text = BLOCKS[f"{orm} Setup"].replace(URL_LINE, "")
    assert SECRET_LINE in text
    text = text.replace(SECRET_LINE, settings(url))
    if orm == "MongoEngine":
        text = text.replace(
            "db = MongoEngine(app)",
            "import mongomock\n"
            "app.config['MONGODB_SETTINGS'] = {'mongo_client_class': mongomock.MongoClient}\n"
            "db = MongoEngine(app)",
        )
    # Models are found by the name of their module.
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(text, f"{orm} Setup", "exec"), names)
    names["app"].jinja_loader = DictLoader({"admin_users.html": USERS_PAGE})
    names["app"].add_url_rule("/admin", "admin_dashboard", lambda: "dashboard")
    for block in (
        "Custom Datastore Operations",
        "Role and Permission Management",
        "Database Migration Helpers",
    ):
        exec(compile(BLOCKS[block], block, "exec"), names)
    return Site(orm, names)


@pytest.fixture(params=["SQLAlchemy", "SQLAlchemy on PostgreSQL", "MongoEngine", "Peewee", "Pony ORM"])
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The page, with each of its set-ups; MongoEngine on mongomock, an imitation of MongoDB."""
    monkeypatch.chdir(tmp_path)
    match request.param:
        case "SQLAlchemy":
            made = site("SQLAlchemy", f"sqlite:///{tmp_path / 'mydb.db'}")
            yield made
            with made.app.app_context():
                made.names["db"].engine.dispose()
        case "SQLAlchemy on PostgreSQL":
            if postgresql_server.binaries() is None:
                pytest.skip("PostgreSQL is not installed here: no initdb in PATH or /usr/lib/postgresql")
            with postgresql_server.running() as server:
                made = site("SQLAlchemy", f"postgresql+psycopg://postgres@/postgres?host={server}")
                yield made
                with made.app.app_context():
                    made.names["db"].engine.dispose()
        case "MongoEngine":
            import mongoengine

            yield site("MongoEngine")
            mongoengine.disconnect()
        case "Peewee":
            made = site("Peewee")
            yield made
            made.names["database"].close()
        case _:
            pytest.importorskip("pony", reason="Pony has no version for this Python")
            made = site("Pony ORM")
            yield made
            made.names["db"].disconnect()


def create(page: Site, email: str = "ada@example.org") -> Any:
    client = page.app.test_client()
    response = client.post("/admin/create-user", data={"email": email, "password": "battery staple"})
    assert response.status_code == 302
    return client


def test_every_block_of_the_page_is_here() -> None:
    assert len(BLOCKS) == 9
    for text in BLOCKS.values():
        compile(text, "page", "exec")


def test_the_admin_routes(page: Site) -> None:
    client = page.app.test_client()
    assert client.get("/admin/setup-roles").location == "/admin"
    client.get("/admin/setup-roles")  # makes no role twice
    create(page)
    assert client.get("/admin/users").text == "ada@example.org True\n"
    with page.app.app_context():
        user = page.datastore.get_user("ada@example.org")
        user_id = user.id
        assert [role.name for role in user.roles] == ["user"]
    if page.orm == "MongoEngine":
        return  # its ids are no numbers, as those of the two routes are
    client.get(f"/admin/toggle-user/{user_id}")
    assert client.get("/admin/users").text == "ada@example.org False\n"
    client.get(f"/admin/toggle-user/{user_id}")
    client.get("/admin/toggle-user/99")
    assert client.get("/admin/users").text == "ada@example.org True\n"
    client.get(f"/admin/assign-role/{user_id}/moderator")
    client.get(f"/admin/assign-role/{user_id}/moderator")
    client.get(f"/admin/assign-role/{user_id}/nothing")
    with client.session_transaction() as session:
        assert [text for _, text in session["_flashes"]][-3:] == [
            "Role moderator assigned to ada@example.org",
            "ada@example.org already has role moderator",
            "User or role not found",
        ]
    with page.app.app_context():
        user = page.datastore.get_user(user_id)
        assert sorted(role.name for role in user.roles) == ["moderator", "user"]


def test_the_users_can_log_in_by_address_and_by_name(page: Site) -> None:
    create(page)
    with page.app.app_context():
        user = page.datastore.get_user("ada@example.org")
        user.username = "countess"
        page.datastore.put(user)
        page.datastore.commit()
    for identity in ({"email": "ADA@example.org"}, {"username": "Countess"}):
        client = page.app.test_client()
        assert client.post("/login", json=identity | {"password": "wrong"}).status_code == 400
        assert client.post("/login", json=identity | {"password": "battery staple"}).status_code == 200
        with client.session_transaction() as session:
            assert session["_user_id"], "the session has the uniquifier"
        assert client.get("/login", headers={"Accept": "application/json"}).status_code == 200


def test_two_users_without_a_name(page: Site) -> None:
    create(page)
    client = create(page, "bob@example.org")
    assert client.get("/admin/users").text == "ada@example.org True\nbob@example.org True\n"


def test_roles_imply_others(page: Site) -> None:
    client = page.app.test_client()
    client.get("/admin/setup-roles")
    create(page)
    with page.app.app_context():
        user = page.datastore.get_user("ada@example.org")
        page.datastore.remove_role_from_user(user, "user")
        page.datastore.add_role_to_user(user, "admin")
        page.datastore.commit()
        assert user.has_role("moderator")
        assert user.has_role("user")
        assert not user.has_role("other")


def test_the_migration(page: Site) -> None:
    create(page)
    with page.app.app_context():
        page.names["migrate_user_data"]()


def test_the_clean_up(page: Site, capsys: pytest.CaptureFixture[str]) -> None:
    create(page)
    create(page, "bob@example.org")
    with page.app.app_context():
        bob = page.datastore.get_user("bob@example.org")
        bob.active = False
        bob.confirmed_at = datetime(2001, 2, 3)
        page.datastore.put(bob)
        page.datastore.commit()
        if page.orm in {"SQLAlchemy", "Peewee"}:
            page.names["cleanup_inactive_users"]()
            assert capsys.readouterr().out == "Would delete inactive user: bob@example.org\n"
        else:  # Attributes of their classes are no expressions: Python compares them, or can't.
            with pytest.raises((TypeError, AttributeError)):
                page.names["cleanup_inactive_users"]()
            with pytest.raises(BadArgumentError, match="True or False"):
                page.names["User"].query.filter(page.names["User"].active == False)  # noqa: E712
            assert page.names["User"].query.filter_by(active=False).all() == [bob]


def test_the_connection_settings() -> None:
    from flask import Flask

    names: dict[str, Any] = {"app": Flask("page")}
    exec(BLOCKS["Connection Configuration"], names)
    assert names["app"].config["MONGODB_SETTINGS"]["db"] == "mydatabase"
    assert names["database_config"]["port"] == 5432


# The signatures

SIGNATURES = {
    "Datastore": "__init__(db) put(obj) delete(obj) commit()",
    "UserDatastore": (
        "__init__(db,user_model,role_model=None) get_user(identifier) find_user(**kwargs) create_user(**kwargs) "
        "delete_user(user) activate_user(user) deactivate_user(user) create_role(**kwargs) find_role(role) "
        "add_role_to_user(user,role) remove_role_from_user(user,role)"
    ),
    "SQLAlchemyUserDatastore": (
        "__init__(db,user_model,role_model) get_user(identifier) find_user(case_insensitive=False,**kwargs) "
        "toggle_active(user)"
    ),
    "SQLAlchemySessionUserDatastore": "__init__(session,user_model,role_model)",
    "FSQLALiteUserDatastore": "__init__(db,user_model,role_model)",
    "MongoEngineUserDatastore": (
        "__init__(db,user_model,role_model=None) get_user(identifier) find_user(case_insensitive=False,**kwargs)"
    ),
    "PeeweeUserDatastore": (
        "__init__(db,user_model,role_model=None,role_link=None) get_user(identifier) find_user(**kwargs)"
    ),
    "PonyUserDatastore": "__init__(db,user_model,role_model=None) get_user(identifier) find_user(**kwargs)",
    "AsaList": "__init__(data=None) append(item) remove(item) __contains__(item) __iter__()",
}


@pytest.mark.parametrize(
    ("name", "method", "parameters"),
    [(name, *call.rstrip(")").split("(")) for name, calls in SIGNATURES.items() for call in calls.split()],
)
def test_every_signature_of_the_page(name: str, method: str, parameters: str) -> None:
    found = getattr(getattr(security, name), method)
    wanted = [each for each in parameters.split(",") if each]
    if name == "AsaList" and method != "__init__":
        return  # list's own
    signature = inspect.signature(found).parameters
    for position, each in enumerate(wanted, start=1):
        parameter, _, default = each.partition("=")
        if parameter.startswith("**"):
            assert signature[parameter[2:]].kind is inspect.Parameter.VAR_KEYWORD
            continue
        if name == "PeeweeUserDatastore" or method != "find_user":
            assert list(signature)[position] == parameter
        if default:
            assert str(signature[parameter].default) == default


def test_it_is_the_page_s_hierarchy_of_classes() -> None:
    assert issubclass(security.UserDatastore, security.Datastore)
    for name in SIGNATURES:
        if name.endswith("UserDatastore"):
            assert issubclass(getattr(security, name), security.UserDatastore)
    assert issubclass(security.SQLAlchemySessionUserDatastore, security.SQLAlchemyUserDatastore)


# AsaList


def test_an_as_a_list_is_a_list() -> None:
    items = security.AsaList(["read"])
    items.append("write")
    assert items == ["read", "write"]
    assert "write" in items
    items.remove("read")
    assert list(items) == ["write"]
    assert security.AsaList() == security.AsaList(None) == []
    assert not security.AsaList()


@pytest.mark.parametrize("items", [[], ["read"], ["read", "write"], ["ä", "日本"]])
def test_an_as_a_list_is_read_as_it_was_written(items: list[str]) -> None:
    text = security.AsaList(items).serialize()
    assert security.AsaList.deserialize(text) == items
    assert security.AsaList(text) == items


@pytest.mark.parametrize("item", ["", "a,b"])
def test_what_would_not_be_read_as_it_was_written_is_refused(item: str) -> None:
    with pytest.raises(BadValueError, match="AsaList"):
        security.AsaList(["fine", item]).serialize()


@pytest.mark.parametrize("is_mutable", [True, False])
def test_a_list_is_a_column_type(is_mutable: bool) -> None:
    given: Any = security.AsaList()

    class Base(orm.DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "things"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        names: orm.Mapped[Any] = orm.mapped_column(
            MutableList.as_mutable(given) if is_mutable else given, nullable=True
        )

    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Thing(id=1, names=["read"]))
        session.commit()
        thing = session.get_one(Thing, 1)
        if is_mutable:
            thing.names.append("write")
        else:
            thing.names = [*thing.names, "write"]
        session.commit()
        assert session.get_one(Thing, 1).names == ["read", "write"]
        text = session.scalar(sqlalchemy.text("select names from things"))
        assert text == "read,write"
    engine.dispose()


def test_the_hierarchy_of_roles_has_no_circle() -> None:
    from flask import Flask

    from kindstore.flask.security import roles

    roles.check({"a": ["b"], "b": ["c"]})
    for circle in ({"a": ["a"]}, {"a": ["b"], "b": ["c"], "c": ["a"]}):
        app = Flask("circle")
        app.config["SECURITY_ROLE_HIERARCHY"] = circle
        with pytest.raises(BadArgumentError, match="implies itself"):
            security.Security(app, security.UserDatastore(None, object, object))
    with pytest.raises(BadArgumentError, match="a list"):
        roles.check({"a": "b"})


def test_no_mapper_is_loaded_before_its_datastore_is_asked_for() -> None:
    code = (
        "import sys; from kindstore.flask.security import Security, UserMixin, hash_password\n"
        # Flask-Security itself loads the types of SQLAlchemy, for its AsaList.
        "print(sorted({'peewee', 'pony', 'mongoengine', 'sqlalchemy.orm', 'flask_sqlalchemy'} & set(sys.modules)))\n"
        "from kindstore.flask.security import PeeweeUserDatastore\n"
        "print('peewee' in sys.modules, 'pony' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True False"]
