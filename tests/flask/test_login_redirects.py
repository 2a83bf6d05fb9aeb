"""Where a log-in may lead: nowhere that a browser takes for another site, however it is written."""

import re
from collections.abc import Iterator

import flask
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kindstore.flask.login import safe_redirect_target

HOST = "kindstore.example:5000"


@pytest.fixture(autouse=True, scope="module")
def request_over_http() -> Iterator[None]:
    with flask.Flask("application").test_request_context("/login", base_url=f"http://{HOST}"):
        yield


def host_for_a_browser(target: str) -> str | None:
    """The host that a browser goes to from a page of HOST: the URL Standard's rules, as far as hosts go.

    None for what leads to no host at all, such as ``javascript:``.
    """
    target = re.sub("[\t\n\r]", "", target.strip("".join(map(chr, range(0x21)))))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", target)
    if scheme:
        rest = target[scheme.end() :].replace("\\", "/")
        if scheme[1].lower() not in {"http", "https", "ftp", "ws", "wss"}:
            return None
        if scheme[1].lower() == "http" and not rest.startswith("//"):
            return HOST  # relative to a page of the same scheme
        rest = rest.lstrip("/")
    else:
        rest = target.replace("\\", "/")
        if not rest.startswith("//"):
            return HOST
        rest = rest.lstrip("/")
    return re.split("[/?#]", rest)[0].rpartition("@")[2].lower()


FRAGMENTS = [
    *(
        "/",
        "//",
        "\\",
        ":",
        "@",
        "?",
        "#",
        ".",
        "..",
        "%2f",
        "%5c",
        "%09",
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        "\x7f",
        "\u200b",
    ),
    *(
        "\u2028",
        "\uff0f",
        "\u3002",
        "\xa0",
        "\ud800",
        "K",
        "http:",
        "HTTPS:",
        "http://",
        "javascript:",
        "data:",
        "ftp:",
        "ws://",
    ),
    *(
        "evil.example",
        HOST,
        HOST.upper(),
        "kindstore.example",
        "localhost",
        "reports",
        "5000",
        "80",
        "[::1]",
        "[",
        "alert(1)",
    ),
]
targets = st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=8).map("".join)


@given(targets)
@example("//evil.example")
@example("/ ")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("http:evil.example")
@example("http:///evil.example")
@example(f"http://{HOST}@evil.example")
@example(f"http://{HOST}\\@evil.example")
@example(f"http://{HOST}.evil.example")
def test_no_target_leads_to_another_site(target: str) -> None:
    safe = safe_redirect_target(target)
    assert safe in {None, target}
    if safe is not None:
        assert host_for_a_browser(safe) == HOST
        location = flask.redirect(safe).location
        assert host_for_a_browser(location) == HOST
        assert not re.search("[\0-\x20\x7f]", location)


@given(
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), max_size=5),
    st.text("abc=&/:@?%", max_size=20),
)
def test_every_page_of_this_site_is_safe(parts: list[str], query: str) -> None:
    for base in ("", f"http://{HOST}", f"https://{HOST}", f"HTTP://{HOST.upper()}"):
        target = f"{base}/{'/'.join(parts)}?{query}"
        assert safe_redirect_target(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "reports",
        "?page=2",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\n/evil.example",
        " //evil.example",
        "https://evil.example/",
        "https:evil.example",
        "http:///evil.example",
        "http://kindstore.example/",
        "http://kindstore.example:5001/",
        f"http://{HOST}@evil.example/",
        f"http://ada:secret@{HOST}/",
        f"http://{HOST}.evil.example/",
        f"ftp://{HOST}/",
        "http://[::1/",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//",
        "data:text/html,hello",
        "/re\0ports",
        "/re ports",
        "/re\u202eports",
    ],
)
def test_what_leads_elsewhere_is_refused(target: str | None) -> None:
    assert safe_redirect_target(target) is None


def test_a_secure_page_does_not_lead_to_an_insecure_one() -> None:
    with flask.Flask("application").test_request_context("/login", base_url="https://kindstore.example"):
        assert safe_redirect_target("https://kindstore.example/reports") is not None
        assert safe_redirect_target("/reports") == "/reports"
        assert safe_redirect_target("http://kindstore.example/reports") is None


def test_a_request_without_a_host_is_no_host_to_lead_to() -> None:
    with flask.Flask("application").test_request_context(
        "/login", environ_overrides={"HTTP_HOST": "", "SERVER_NAME": ""}
    ):
        assert safe_redirect_target("http:///evil.example") is None
