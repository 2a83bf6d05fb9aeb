"""The application's own secrets: made once, and kept where only this user of the machine can read them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FILE = "secrets.json"


def own_secrets(folder: Path) -> Mapping[str, Any]:
    """The settings that are secret, from the file in *folder*, which is made if there is none.

    Without that file nobody stays signed in, no password of the accounts fits any more, and no second factor: keep a copy
    with the copies of the data, but apart from them.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE
    if not file.exists():
        handle, made = tempfile.mkstemp(dir=folder)  # only its owner can read it
        with os.fdopen(handle, "w") as writer:
            json.dump(_fresh(), writer, indent=2)
        # Whoever was first has made the file of all: several workers may start at once.
        with suppress(FileExistsError):
            Path(file).hardlink_to(made)
        Path(made).unlink()
    values: Mapping[str, Any] = json.loads(file.read_text())
    return values


def _fresh() -> dict[str, Any]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SECURITY_PASSWORD_SALT": secrets.token_urlsafe(32),
        # By number: to renew them add "2"; what was encrypted by "1" stays readable.
        "SECURITY_TOTP_SECRETS": {"1": secrets.token_urlsafe(32)},
        # The first one encrypts, each of them decrypts.
        "SECURITY_MULTI_FACTOR_RECOVERY_CODES_KEYS": [
            base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        ],
    }
