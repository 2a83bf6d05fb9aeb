"""`examples/flask_accounts` for its tests: an application on a file of its own, and visitors with a browser's habits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask_security import hash_password
from flask_security.utils import naive_utcnow
from werkzeug.test import TestResponse

from examples.flask_accounts import create_app
from examples.flask_accounts.mail import Letter
from examples.flask_accounts.models import Note, RefreshTracker, Role, User, WebAuthn, user_datastore
from kindstore import ndb

PASSWORD = "correct horse battery"
HOST = "http://localhost"


def make(folder: Path, **settings: Any) -> Flask:
    """The application, with what it keeps in *folder*, and quick hashes of passwords."""
    for model in (Note, RefreshTracker, Role, User, WebAuthn):  # other tests have kinds of these names too
        ndb.Model._kind_map[model._get_kind()] = model
    quick = {"argon2__memory_cost": 64, "argon2__rounds": 1, "argon2__parallelism": 1}
    app = create_app(
        {
            "INSTANCE": folder,
            "KINDSTORE_URL": str(folder / "kindstore.db"),  # whatever the tester's environment says
            "TESTING": True,
            "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": quick,
            **settings,
        }
    )
    app.test_cli_runner().invoke(args=["seed"])
    return app


def account(app: Flask, email: str, *roles: str, **values: Any) -> int:
    """A confirmed account with the password `PASSWORD`; its id."""
    with app.app_context():
        made = {"password": hash_password(PASSWORD), "confirmed_at": naive_utcnow(), **values}
        user = user_datastore.create_user(email=email, **made)
        for role in roles:
            user_datastore.add_role_to_user(user, role)
        assert isinstance(user.id, int)
        return user.id


def stored(app: Flask, email: str) -> User:
    """The account as it is stored now."""
    with app.app_context():
        user = user_datastore.find_user(email=email)
        assert isinstance(user, User)
        return user


def letters(app: Flask) -> list[Letter]:
    """The mail that was sent."""
    sent = app.extensions["security"].mail_util.letters
    assert sent is not None
    return [*sent]


def link_in(letter: Letter) -> str:
    """The path of the link in *letter*."""
    found = re.search(r"https?://\S+", letter.body)
    assert found, letter.body
    url = urlsplit(found[0].rstrip("."))
    assert url.netloc == "localhost"
    return f"{url.path}?{url.query}" if url.query else url.path


def code_in(letter: Letter) -> str:
    """The code in *letter*."""
    found = re.search(r"\b\d{6}\b", letter.body)
    assert found, letter.body
    return found[0]


def totp(key: str, at: float | None = None) -> str:
    """The code that an authenticator app shows for *key* (RFC 6238)."""
    plain = re.sub(r"[^A-Z2-7]", "", key.upper())
    secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(secret, counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class Visitor:
    """Somebody with a browser: keeps cookies, and sends the token of the form that it fills in."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def read(self, path: str) -> str:
        """The page at *path*, after all redirects."""
        response = self.client.get(path, follow_redirects=True)
        assert response.status_code == 200, (path, response.status)
        return html.unescape(response.text)

    def token(self, page: str = "/login") -> str:
        """The CSRF token of the forms on *page*."""
        found = re.search(
            r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page, follow_redirects=True).text
        )
        assert found, page
        return found[1]

    def post(self, path: str, on: str = "/", /, **fields: Any) -> TestResponse:
        """Fill in the form for *path*, with a token of the page *on*; what comes after all redirects."""
        data = {"csrf_token": self.token(on if on != "/" or self.is_signed_in() else "/login"), **fields}
        return self.client.post(path, data=data, follow_redirects=True)

    def is_signed_in(self) -> bool:
        return 'id="sign-out"' in self.get("/").text

    def sign_in(self, email: str, password: str = PASSWORD, **fields: Any) -> TestResponse:
        return self.post("/login", email=email, password=password, **fields)

    def api(self, path: str, body: Mapping[str, Any], **headers: str) -> TestResponse:
        """A program's POST."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, json=body, headers=named)


def said(response: TestResponse) -> str:
    """What the page says to its reader in notices and beside the fields."""
    found = re.findall(
        r'class="notice[^"]*"[^>]*>(.*?)</|class="errors[^"]*"[^>]*>(.*?)</ul>', response.text, re.DOTALL
    )
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", " | ".join(one or other for one, other in found)))


class Passkeys:
    """An authenticator without a screen: does what a phone or a security key does in the two ceremonies."""

    def __init__(self, *, knows_owner: bool = True) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(32)
        self._count = 0
        self.knows_owner = knows_owner
        """Whether it has seen a finger, a face or a PIN."""
        self._user = b""

    def create(self, options: Mapping[str, Any]) -> str:
        """A credential by *options*, as the page posts it."""
        import cbor2

        self._user = _unpacked(options["user"]["id"])
        public = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)}
        attested = bytes(16) + len(self._id).to_bytes(2) + self._id + cbor2.dumps(cose)
        proof = {
            "fmt": "none",
            "attStmt": {},
            "authData": self._state(options["rp"]["id"], 0b0100_0001) + attested,
        }
        answer = {
            "attestationObject": _packed(cbor2.dumps(proof)),
            "clientDataJSON": _packed(self._said("webauthn.create", options["challenge"])),
            "transports": ["internal"],
        }
        extensions = json.dumps({"credProps": {"rk": True}})
        return self._credential(answer, extensions)

    def get(self, options: Mapping[str, Any]) -> str:
        """A proof by *options*, as the page posts it."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        state = self._state(options["rpId"], 0b0000_0001)
        client = self._said("webauthn.get", options["challenge"])
        signature = self._key.sign(state + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        answer = {
            "authenticatorData": _packed(state),
            "clientDataJSON": _packed(client),
            "signature": _packed(signature),
            "userHandle": _packed(self._user),
        }
        return self._credential(answer, "{}")

    def _state(self, rp_id: str, flags: int) -> bytes:
        self._count += 1
        return (
            hashlib.sha256(rp_id.encode()).digest()
            + bytes([flags | 4 * self.knows_owner])
            + self._count.to_bytes(4)
        )

    def _said(self, kind: str, challenge: str) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": HOST, "crossOrigin": False}
        ).encode()

    def _credential(self, answer: Mapping[str, Any], extensions: str) -> str:
        name = _packed(self._id)
        made = {"id": name, "rawId": name, "type": "public-key", "response": answer, "extensions": extensions}
        return json.dumps(made)


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def options_in(response: TestResponse) -> Mapping[str, Any]:
    """What the page of a ceremony tells the browser."""
    found = re.search(
        r"handle(?:Register|Signin)\((.*)\)\s*\.?then|handle\w+\((.*?)\)\s*$", response.text, re.MULTILINE
    )
    assert found, response.text
    text = found[1] or found[2]
    text = json.loads(text.replace("\\u0027", "'")) if text.startswith('"') else text.strip("'")
    options: Mapping[str, Any] = json.loads(text)
    return options


def action_in(response: TestResponse, part: str) -> str:
    """Where a form of the page goes whose address has *part* in it."""
    found = re.search(rf'action="([^"]*{part}[^"]*)"', response.text)
    assert found, part
    return html.unescape(found[1])
