"""What `test_docs.py` needs to know about a page of Markdown: its Python examples, titles and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?P<indent>[ ]*)(?P<marks>`{3,})(?P<language>[\w-]*)[^`]*$")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_TITLE = re.compile(r"#{1,6} +(?P<text>.*)")


@dataclass
class _Line:
    text: str
    language: str | None  # of the block that the line is in; None outside of blocks and for fences
    is_fence: bool


def _lines(page: str) -> Iterator[_Line]:
    """The lines of *page*; ValueError, with the line's number, for a block that is not closed."""
    opened: tuple[str, str, str] | None = None  # indent, marks, language
    began = 0
    for number, text in enumerate(page.splitlines(), start=1):
        fence = _FENCE.match(text)
        if opened is None:
            opened = (fence["indent"], fence["marks"], fence["language"]) if fence else None
            began = number
            yield _Line(text, None, is_fence=fence is not None)
        elif fence is not None and fence["marks"] == opened[1]:
            opened = None
            yield _Line(text, None, is_fence=True)
        else:
            yield _Line(text.removeprefix(opened[0]), opened[2], is_fence=False)
    if opened is not None:
        raise ValueError(f"the block that begins in line {began} never ends")


def examples(page: str) -> int:
    """The number of Python blocks in *page*."""
    return sum(
        fence is not None and fence["language"] == "python" for fence in map(_FENCE.match, page.splitlines())
    )


def program(page: str) -> str:
    """The Python blocks of *page* as one program, every other line made empty."""
    return "".join((line.text if line.language == "python" else "") + "\n" for line in _lines(page))


def _prose(page: Path) -> list[str]:
    return [line.text for line in _lines(page.read_text()) if line.language is None and not line.is_fence]


def _anchors(page: Path) -> set[str]:
    """The anchors of the titles of *page*, made as the common hosts make them."""
    titles = (title["text"] for line in _prose(page) if (title := _TITLE.match(line)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    """The relative links of *page* that lead to no file, or to no title of it."""
    broken: list[str] = []
    for line in _prose(page):
        for target in _LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            other = page.parent / file if file else page
            if not other.exists() or (anchor and anchor not in _anchors(other)):
                broken.append(target)
    return broken
