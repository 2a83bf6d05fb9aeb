"""What a browser sends of a page that it was shown, as far as the tests of forms need it."""

from __future__ import annotations

from datetime import datetime, time
from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict


class _Page(HTMLParser):
    """Collects the fields of a page, as the standard has them made and sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self._area: tuple[str, list[str]] | None = None
        self._select: dict[str, Any] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in given:
            self._input(given)
        elif tag == "textarea":
            self._area = given["name"], []
        elif tag == "select":
            self._select = {"name": given["name"], "multiple": "multiple" in given, "options": []}
        elif tag == "option" and self._select is not None:
            self._select["options"].append((given["value"], "selected" in given))

    def _input(self, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        if kind == "checkbox":
            if "checked" in given:
                self.sent.append((given["name"], value or "on"))
            return
        if kind == "submit":
            return
        if kind == "datetime-local" and value:
            value = _shortest(datetime.fromisoformat(value), value)
        elif kind == "time" and value:
            value = _shortest(time.fromisoformat(value), value)
        self.sent.append((given["name"], value.replace("\r", "").replace("\n", "")))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            name, parts = self._area
            text = "".join(parts).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")
            self.sent.append((name, text.replace("\n", "\r\n")))
            self._area = None
        elif tag == "select" and self._select is not None:
            options = self._select["options"]
            chosen = [value for value, selected in options if selected]
            if not self._select["multiple"]:
                chosen = chosen[-1:] or [value for value, _ in options[:1]]
            self.sent += [(self._select["name"], value) for value in chosen]
            self._select = None


def _shortest(moment: datetime | time, text: str) -> str:
    """Without the seconds that are none, as browsers send moments."""
    return text if moment.second or moment.microsecond else moment.isoformat(timespec="minutes")


def submission(html: str, **changes: Any) -> MultiDict[str, str]:
    """What is sent of the page *html*, with these fields filled in otherwise; None: not sent at all."""
    page = _Page()
    page.feed(str(html))
    page.close()
    sent: MultiDict[str, str] = MultiDict(page.sent)
    for name, value in changes.items():
        sent.poplist(name)
        if value is not None:
            sent.setlist(name, value if isinstance(value, list) else [value])
    return sent


def shown(form: Any) -> str:
    """The fields of *form* as a page."""
    return "".join(str(field()) for field in form)
