"""Mail to the console: a real application has this send by its mail server, and nothing else changes."""

from __future__ import annotations

import re
import textwrap
from collections import deque
from dataclasses import dataclass
from typing import Any

import click
from flask import Flask
from flask_security import MailUtil

WIDTH = 78


@dataclass(frozen=True)
class Letter:
    """A mail."""

    recipient: str
    subject: str
    body: str

    def in_a_box(self) -> str:
        """It, to be read in a terminal.  No line is broken inside of a link."""
        lines = [f"To:      {self.recipient}", f"Subject: {self.subject}", ""]
        for paragraph in re.sub(r"\n\s*\n+", "\n\n", self.body.strip()).splitlines():
            lines += textwrap.wrap(
                paragraph.strip(), WIDTH - 3, break_long_words=False, break_on_hyphens=False
            ) or [""]
        rule = "─" * (WIDTH - 9)
        return "\n".join([f"╭─ mail {rule}", *(f"│ {line}".rstrip() for line in lines), f"╰{rule}────────"])


class ConsoleMail(MailUtil):
    """What Flask-Security sends mail by: here it prints it."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.letters: deque[Letter] | None = deque(maxlen=100) if app.testing else None
        """The last ones, for tests.  They hold keys to accounts: nothing else keeps them."""

    def send_mail(
        self,
        template: str,  # noqa: ARG002
        subject: str,
        recipient: str | tuple[str, str],
        sender: str | tuple[str, str],  # noqa: ARG002
        body: str | None,
        html: str | None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Print the mail, and in tests keep it."""
        address = recipient if isinstance(recipient, str) else recipient[1]
        letter = Letter(address, str(subject), body or "")
        if self.letters is not None:
            self.letters.append(letter)
        click.echo(letter.in_a_box())
