"""`examples/flask_accounts`: the admin screen, and that nobody else gets anything done by its routes."""

import re
from pathlib import Path

import pytest
from flask import Flask

from examples.flask_accounts.models import User, user_datastore

from .accounts_app import PASSWORD, Visitor, account, letters, link_in, make, said, stored

pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")

ADA = "ada@example.com"
BOSS = "boss@example.com"
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make(tmp_path / "instance")
    account(app, BOSS, "admin")
    return app


@pytest.fixture
def ada(app: Flask) -> int:
    return account(app, ADA, "user", username="lovelace")


@pytest.fixture
def boss(app: Flask) -> Visitor:
    visitor = Visitor(app)
    visitor.sign_in(BOSS)
    return visitor


def emails(page: str) -> list[str]:
    return re.findall(r'<td data-label="Account"><a[^>]*>([^<]+)<', page)


def roles(app: Flask, email: str = ADA) -> set[str]:
    return {role.name for role in stored(app, email).roles}


# Who gets in.


def routes(user_id: int) -> list[tuple[str, str]]:
    return [
        ("GET", "/admin/"),
        ("GET", "/admin/users"),
        ("POST", "/admin/create-user"),
        ("GET", f"/admin/toggle-user/{user_id}"),
        ("POST", f"/admin/toggle-user/{user_id}"),
        ("GET", "/admin/setup-roles"),
        ("POST", "/admin/setup-roles"),
        ("GET", f"/admin/assign-role/{user_id}/admin"),
        ("POST", f"/admin/assign-role/{user_id}/admin"),
        ("GET", f"/admin/user/{user_id}"),
        ("POST", f"/admin/user/{user_id}"),
        ("POST", f"/admin/user/{user_id}/remove-role/user"),
        ("GET", f"/admin/user/{user_id}/reset-access"),
        ("POST", f"/admin/user/{user_id}/reset-access"),
        ("GET", f"/admin/user/{user_id}/delete"),
        ("POST", f"/admin/user/{user_id}/delete"),
        ("POST", "/admin/role/user"),
    ]


def test_every_route_is_for_administrators_only(app: Flask, ada: int) -> None:
    account(app, "mod@example.com", "moderator")
    told = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")}
    assert len(told) == 12  # a new one belongs into `routes`
    before = repr(stored(app, ADA))
    for email, expected in ((None, 302), (ADA, 403), ("mod@example.com", 403)):
        visitor = Visitor(app)
        if email:
            visitor.sign_in(email)
            before = repr(stored(app, ADA))
        for method, path in routes(ada):
            data = {"csrf_token": visitor.token("/" if email else "/login"), "email": "new@example.com"}
            response = visitor.client.open(path, method=method, data=data, headers=HERE)
            assert response.status_code == expected, (email, method, path)
    assert repr(stored(app, ADA)) == before
    with app.app_context():
        assert user_datastore.find_user(email="new@example.com") is None


def test_an_administrator_without_the_permission_changes_nobody(app: Flask, ada: int, boss: Visitor) -> None:
    with app.app_context():
        role = user_datastore.find_role("admin")
        role.permissions = ["users-read"]
        user_datastore.put(role)
    assert boss.get("/admin/users").status_code == 200
    assert boss.post(f"/admin/toggle-user/{ada}").status_code == 403
    assert stored(app, ADA).active


# Changes by a mere visit.


def changes(user_id: int) -> list[str]:
    return [f"/admin/toggle-user/{user_id}", f"/admin/assign-role/{user_id}/moderator", "/admin/setup-roles"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Purpose": "prefetch"},
    ],
)
def test_a_link_from_elsewhere_changes_nothing_but_asks(
    app: Flask, ada: int, boss: Visitor, headers: dict[str, str]
) -> None:
    with app.app_context():
        user_datastore.delete(user_datastore.find_role("moderator"))
        user_datastore.create_role(name="moderator")
    account(app, "last@example.com")
    before = repr(stored(app, ADA))
    for path in changes(ada):
        page = boss.get(path, headers=headers)
        assert "Do you want this?" in page.text
        assert f'action="{path}"' in page.text
        boss.client.head(path, headers=headers)
    assert repr(stored(app, ADA)) == before


def test_a_link_on_our_own_page_and_the_form_that_asks_do_the_same(
    app: Flask, ada: int, boss: Visitor
) -> None:
    boss.get(f"/admin/assign-role/{ada}/moderator", headers=HERE)
    assert roles(app) == {"user", "moderator"}
    boss.get(f"/admin/toggle-user/{ada}", headers=HERE)
    assert not stored(app, ADA).active
    boss.post(f"/admin/toggle-user/{ada}", f"/admin/toggle-user/{ada}")
    assert stored(app, ADA).active


def test_a_form_without_its_token_changes_nothing(app: Flask, ada: int, boss: Visitor) -> None:
    before = repr(stored(app, ADA))
    for method, path in routes(ada):
        if method == "POST":
            response = boss.client.post(path, data={"email": "new@example.com"}, headers=HERE)
            assert response.status_code == 400, path
            assert "Nothing was changed" in response.text
    assert repr(stored(app, ADA)) == before


# The routes of the page.


def test_accounts_are_listed_searched_and_paged(app: Flask, boss: Visitor) -> None:
    for number in range(45):
        account(app, f"user{number:02}@example.com", username=f"name{number:02}")
    seen: list[str] = []
    path = "/admin/users"
    while path:
        page = boss.read(path)
        seen += emails(page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = more[1] if more else ""
    assert seen == sorted(seen)
    assert len(seen) == 47
    assert emails(boss.read("/admin/users?q=USER1")) == [f"user1{number}@example.com" for number in range(10)]
    assert emails(boss.read("/admin/users?q=name07")) == ["user07@example.com"]
    assert "No account begins with “zz”" in boss.read("/admin/users?q=zz")
    assert boss.get("/admin/users?cursor=nonsense").status_code == 404


def test_a_created_account_has_the_default_role_and_is_asked_to_confirm(app: Flask, boss: Visitor) -> None:
    page = boss.post("/admin/create-user", "/admin/users", email="New@Example.com", password=PASSWORD)
    assert "created successfully" in said(page)
    assert roles(app, "New@example.com") == {"user"}
    visitor = Visitor(app)
    visitor.sign_in("new@example.com")
    assert not visitor.is_signed_in()
    visitor.get(link_in(letters(app)[-1]), follow_redirects=True)
    visitor.sign_in("new@example.com")
    assert visitor.is_signed_in()


@pytest.mark.parametrize(
    ("email", "password", "fault"),
    [
        ("no address", PASSWORD, "no e-mail address"),
        ("", PASSWORD, "Give an address"),
        ("x@example.com", "short", "at least 12"),
        ("BOSS@example.com", PASSWORD, "There is an account with this address"),
    ],
)
def test_what_is_wrong_with_a_new_account_is_said_at_the_field(
    boss: Visitor, email: str, password: str, fault: str
) -> None:
    page = boss.post("/admin/create-user", "/admin/users", email=email, password=password)
    assert page.status_code in {400, 409}
    assert fault in said(page)


def test_a_locked_account_is_out_at_once(app: Flask, ada: int, boss: Visitor) -> None:
    visitor = Visitor(app)
    visitor.sign_in(ADA)
    boss.post(f"/admin/toggle-user/{ada}", "/admin/users")
    assert not visitor.is_signed_in()
    visitor.sign_in(ADA)
    assert not visitor.is_signed_in()
    boss.post(f"/admin/toggle-user/{ada}", "/admin/users")
    visitor.sign_in(ADA)
    assert visitor.is_signed_in()


def test_roles_are_made_again_without_a_change_to_those_there_are(app: Flask, boss: Visitor) -> None:
    with app.app_context():
        user_datastore.delete(user_datastore.find_role("moderator"))
        user = user_datastore.find_role("user")
        user.permissions = ["mine"]
        user_datastore.put(user)
    assert "Make the roles moderator" in boss.read("/admin/")
    boss.post("/admin/setup-roles", "/admin/")
    with app.app_context():
        assert user_datastore.find_role("moderator").permissions == ["notes-delete", "notes-write"]
        assert user_datastore.find_role("user").permissions == ["mine"]


def test_a_role_is_given_once(app: Flask, ada: int, boss: Visitor) -> None:
    path = f"/admin/assign-role/{ada}/moderator"
    assert "Role moderator assigned to ada@example.com" in said(boss.post(path))
    assert "already has role moderator" in said(boss.post(path))
    assert "User or role not found" in said(boss.post(f"/admin/assign-role/{ada}/nonsense"))
    assert "User or role not found" in said(boss.post("/admin/assign-role/12345/user"))
    boss.post(f"/admin/user/{ada}/remove-role/moderator")
    assert roles(app) == {"user"}


# The others.


def test_details_are_changed_and_unique_ones_stay_so(app: Flask, ada: int, boss: Visitor) -> None:
    path = f"/admin/user/{ada}"
    saved = boss.post(path, path, email="Countess@example.com", username="countess", confirmed="y")
    assert "Saved" in said(saved)
    user = stored(app, "Countess@example.com")
    assert (user.id, user.username, user.confirmed_at is None) == (ada, "countess", False)
    boss.post(path, path, email="Countess@example.com", username="")
    user = stored(app, "Countess@example.com")
    assert (user.username, user.confirmed_at) == (None, None)
    taken = boss.post(path, path, email=BOSS.upper(), username="")
    assert taken.status_code == 409
    assert "Another account has this address" in said(taken)
    bad = boss.post(path, path, email=ADA, username="no spaces!")
    assert bad.status_code == 400
    assert stored(app, "Countess@example.com").id == ada


@pytest.mark.parametrize("user_id", [1, 2**70])
def test_an_account_that_there_is_not_is_not_found(boss: Visitor, user_id: int) -> None:
    assert boss.get(f"/admin/user/{user_id}").status_code == 404


def test_reset_access_leaves_nothing_but_the_password(app: Flask, ada: int, boss: Visitor) -> None:
    visitor = Visitor(app)
    visitor.sign_in(ADA, remember="y")
    visitor.post("/mf-recovery-codes", "/mf-recovery-codes", generate_new_codes="y")
    with app.app_context():
        user_datastore.tf_set(user_datastore.find_user(id=ada), "email", "secret")
    page = boss.read(f"/admin/user/{ada}/reset-access")
    assert "will be signed out everywhere" in page
    boss.post(f"/admin/user/{ada}/reset-access", f"/admin/user/{ada}/reset-access")
    user = stored(app, ADA)
    assert (user.tf_primary_method, user.tf_totp_secret, user.mf_recovery_codes) == (None, None, [])
    assert not visitor.is_signed_in()
    visitor.sign_in(ADA)
    assert visitor.is_signed_in()


@pytest.mark.parametrize("what", ["reset-access", "delete"])
def test_what_cannot_be_undone_asks_for_the_password_again(
    app: Flask, ada: int, boss: Visitor, what: str
) -> None:
    path = f"/admin/user/{ada}/{what}"
    token = boss.token()
    with boss.client.session_transaction() as session:
        session["fs_paa"] -= 600
        session.pop("fs_gexp", None)
    assert "/verify?next=/admin/user/" in boss.get(path).headers["Location"].replace("us-verify", "verify")
    refused = boss.client.post(path, data={"csrf_token": token})
    assert "verify" in refused.headers["Location"]
    assert stored(app, ADA).active


def test_a_deleted_account_is_gone(app: Flask, ada: int, boss: Visitor) -> None:
    boss.post(f"/admin/user/{ada}/delete", f"/admin/user/{ada}/delete")
    with app.app_context():
        assert user_datastore.find_user(email=ADA) is None
    account(app, ADA, username="lovelace")  # the names are free again


def test_administrators_do_not_lock_themselves_out(app: Flask, boss: Visitor) -> None:
    me = stored(app, BOSS).id
    for path in (
        f"/admin/toggle-user/{me}",
        f"/admin/user/{me}/remove-role/admin",
        f"/admin/user/{me}/delete",
    ):
        assert "You can't" in said(boss.post(path))
    boss.post("/admin/role/admin", permissions="")
    assert boss.get("/admin/users").status_code == 200


def test_what_a_role_permits_is_changed_for_all_who_have_it_at_once(
    app: Flask, ada: int, boss: Visitor
) -> None:
    visitor = Visitor(app)
    visitor.sign_in(ADA)
    assert visitor.get("/board").status_code == 200
    boss.post("/admin/role/user", "/admin/", permissions="something-else")
    assert visitor.get("/board").status_code == 403
    boss.post("/admin/role/user", "/admin/", permissions="notes-read, notes-write")
    visitor.post("/board", "/board", text="Now I may")
    assert "Now I may" in visitor.read("/board")
    assert boss.post("/admin/role/nonsense").status_code == 404


def test_the_overview_counts(app: Flask, ada: int, boss: Visitor) -> None:
    account(app, "late@example.com", confirmed_at=None, active=False)
    figures = re.findall(r"<li><strong>(\d+)</strong> ([a-z ]+)<", boss.read("/admin/"))
    assert figures == [
        ("4", "accounts"),
        ("3", "active"),
        ("1", "not confirmed"),
        ("0", "with second factor"),
    ]
    with app.app_context():
        assert User.query.count() == 4
