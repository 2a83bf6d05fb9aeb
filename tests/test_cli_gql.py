"""`kindstore gql`: what it prints, in which form, and what it refuses."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore import Entity, GeoPt, Key, User
from kindstore.cli.gql.notation import argument, as_json
from kindstore.cli.main import main
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.store.messages import Upsert

EVERYTHING: dict[str, Any] = {
    "nothing": None,
    "yes": True,
    "whole": -7,
    "half": 0.5,
    "endless": float("inf"),
    "text": "Zürich",
    "raw": b"\0\1",
    "at": datetime(2024, 2, 29, 12, 34, 56, 7),
    "place": GeoPt(46.5, 6.6),
    "user": User("ada@example.com"),
    "list": [1, "a", None],
}


def put(store: Any, path: tuple[Any, ...], properties: dict[str, Any], namespace: str = "") -> None:
    key = Key.of(store.partition(namespace), path)
    store.run(store.commit([Upsert(Entity.of(key, properties))]))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three authors, one of them in another namespace."""
    path = tmp_path / "authors.db"
    store = kindstore.connect(path)
    put(store, ("Author", "ada"), {"name": "Ada", "born": 1815})
    put(store, ("Author", "grace"), {"name": "Grace", "born": 1906})
    put(store, ("Author", "mary"), {"name": "Mary", "born": 1797}, namespace="novels")
    store.close()
    return path


def ask(database: Path, query: str, *options: str) -> int:
    """The exit status of `kindstore gql`, run in this process."""
    return main(["gql", str(database), query, *options])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def names(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [each["properties"]["name"] for each in document(capsys)["results"]]


def test_results_are_a_table(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(database, "SELECT * FROM Author ORDER BY born DESC") == 0
    assert capsys.readouterr().out == (
        "__key__               name   born\n"
        "KEY(Author, 'grace')  Grace  1906\n"
        "KEY(Author, 'ada')    Ada    1815\n"
        "2 results\n"
    )


def test_a_query_without_results_says_so(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(database, "SELECT * FROM Nobody") == 0
    assert capsys.readouterr().out == "nothing\n"


def test_a_projection_reads_texts_again(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(database, "SELECT name FROM Author WHERE name > 'B'", "--json") == 0
    assert document(capsys) == {
        "ok": True,
        "results": [{"key": ["Author", "grace"], "properties": {"name": "Grace"}}],
    }


def test_keys_alone_are_a_table_of_one_column(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(database, "SELECT __key__ FROM Author LIMIT 1") == 0
    assert capsys.readouterr().out == "__key__\nKEY(Author, 'ada')\n1 result\n"


def test_another_namespace_can_be_asked(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(database, "SELECT * FROM Author", "--json", "--namespace", "novels") == 0
    assert names(capsys) == ["Mary"]


def test_app_engines_dialect_is_another_one(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT * FROM Author WHERE name = :who"
    assert ask(database, query, "--dialect", "app-engine", "--bind", 'who="Ada"', "--json") == 0
    assert names(capsys) == ["Ada"]
    assert ask(database, query, "--bind", 'who="Ada"') == 1


def test_arguments_have_numbers_or_names(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT * FROM Author WHERE born > @1 AND born < @2 AND name = @who"
    assert ask(database, query, "--bind", "2=1900", "--bind", "1=1800", "--bind", 'who="Ada"', "--json") == 0
    assert names(capsys) == ["Ada"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1=Ada"], "is JSON"),
        (["Ada"], "name=value"),
        (["=1"], "name=value"),
        (["1=1", "1=2"], "given twice"),
        (["2=1"], "numbered 1, 2"),
        ([], "an argument is missing"),
        (["1=1", "2=2"], "does not use"),
        (['1={"key": ["Author"]}'], "incomplete key"),
        (['1={"key": "Author"}'], "is JSON"),
        (['1={"datetime": "yesterday"}'], "is JSON"),
        (['1={"bytes": "?"}'], "is JSON"),
        (['1={"geopoint": [91, 0]}'], "is JSON"),
        (['1={"no": 1, "thing": 2}'], "is JSON"),
        (["1=NaN"], "is JSON"),
        (["1=" + "[" * 100_000], "is JSON"),
        (["1=" + "9" * 30], "64 bits"),
    ],
)
def test_wrong_arguments_are_refused(
    database: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    binds = [part for each in arguments for part in ("--bind", each)]
    assert ask(database, "SELECT * FROM Author WHERE born = @1", *binds) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_what_is_printed_can_be_given_back_as_an_argument() -> None:
    store = kindstore.connect(":memory:")
    home, elsewhere = store.partition(), store.partition("novels")
    keys = [Key.of(home, ("Author", "ada", "Book", 7)), Key.of(elsewhere, ("Author", "mary"))]
    for value in [*EVERYTHING.values(), *keys, float("-inf"), [keys[0], b"x"]]:
        written = json.dumps(as_json(value, home), allow_nan=False)
        assert argument(f"it={written}", home) == ("it", value), written
    store.close()


def test_every_value_has_a_form_in_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "values.db"
    store = kindstore.connect(path)
    key = Key.of(store.partition("other"), ("A", 1))
    inner = Entity.of(None, {"at": EVERYTHING["at"]})
    put(store, ("Thing", 1), {**EVERYTHING, "key": key, "inner": inner})
    store.close()
    assert ask(path, "SELECT * FROM Thing", "--json") == 0
    [result] = document(capsys)["results"]
    assert result == {
        "key": ["Thing", 1],
        "properties": {
            "nothing": None,
            "yes": True,
            "whole": -7,
            "half": 0.5,
            "endless": {"double": "Infinity"},
            "text": "Zürich",
            "raw": {"bytes": "AAE="},
            "at": {"datetime": "2024-02-29T12:34:56.000007Z"},
            "place": {"geopoint": [46.5, 6.6]},
            "user": {"user": {"email": "ada@example.com", "auth_domain": "gmail.com", "user_id": None}},
            "list": [1, "a", None],
            "key": {"key": ["A", 1], "namespace": "other", "database": "", "project": "kindstore"},
            "inner": {"entity": {"properties": {"at": {"datetime": "2024-02-29T12:34:56.000007Z"}}}},
        },
    }


def test_more_columns_than_can_be_read_become_blocks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "values.db"
    store = kindstore.connect(path)
    put(store, ("Thing", 1), {**EVERYTHING, "long": "word " * 60})
    store.close()
    assert ask(path, "SELECT * FROM Thing") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "KEY(Thing, 1)"
    assert "  text     Zürich" in lines
    assert "  at       2024-02-29 12:34:56.000007" in lines
    assert max(map(len, lines)) <= 80


def test_no_line_of_a_table_is_wider_than_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.db"
    store = kindstore.connect(path)
    for number in range(3):
        put(store, ("Thing", number + 1), {"text": "x" * 500, "other": "東京" * 100, "n": 10**number})
    store.close()
    assert ask(path, "SELECT * FROM Thing") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].count("…") == 2
    assert [line[-1] for line in lines[1:4]] == ["1", "0", "0"]


def test_what_a_terminal_would_obey_is_printed_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil.db"
    store = kindstore.connect(path)
    put(store, ("Thing", "a\x1b[2Jb"), {"text\x07": "\x1b]0;title\x07 [bold]x[/bold]", "list": ["\r\n"]})
    store.close()
    assert ask(path, "SELECT * FROM Thing") == 0
    text = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\r"} & {*text}
    assert "[bold]x[/bold]" in text


@pytest.mark.parametrize("limit", [None, 0, 1, 500, 501, 1200, 5000])
def test_results_come_by_pages_and_each_once(
    tmp_path: Path, limit: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.db"
    store = kindstore.connect(path)
    numbers = range(1203)
    mutations = [Upsert(Entity.of(Key.of(store.partition(), ("N", n + 1)), {"n": n})) for n in numbers]
    store.run(store.commit(mutations))
    store.close()
    query = "SELECT * FROM N ORDER BY n" + ("" if limit is None else f" LIMIT {limit} OFFSET 2")
    assert ask(path, query, "--json") == 0
    wanted = list(numbers) if limit is None else list(numbers)[2 : 2 + limit]
    assert [each["properties"]["n"] for each in document(capsys)["results"]] == wanted
    assert ask(path, query) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == (f"{len(wanted):,} result{'s' * (len(wanted) > 1)}" if wanted else "nothing")
    assert [line for line in lines if line.startswith("__key__")] == lines[:1] * bool(wanted)
    assert len(lines) == (len(wanted) + 2 if wanted else 1)


def test_properties_that_only_later_results_have_begin_another_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mixed.db"
    store = kindstore.connect(path)
    for n in range(600):
        put(store, ("N", n + 1), {"old": n} if n < 550 else {"new": n})
    store.close()
    assert ask(path, "SELECT * FROM N") == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line.split() for line in lines if line.startswith("__key__")]
    assert heads == [["__key__", "old"], ["__key__", "old", "new"]]
    assert len(lines) == 600 + 2 + 1 + 1  # two heads, an empty line, the number of results


def test_aggregations_are_printed_by_name(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT COUNT(*) AS n, SUM(born), AVG(born) AS mean FROM Author"
    assert ask(database, query) == 0
    assert capsys.readouterr().out == "n           2\nproperty_1  3721\nmean        1860.5\n"
    assert ask(database, query, "--json") == 0
    assert document(capsys) == {"ok": True, "aggregations": {"n": 2, "property_1": 3721, "mean": 1860.5}}


def test_an_error_in_the_text_is_shown_with_its_place(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(database, "SELECT * FROM Author WHERE name LIKE 'A'") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    _, text, caret, hint = printed.err.splitlines()
    assert text[caret.index("^") :].startswith("LIKE")
    assert hint.startswith("GQL has no LIKE")


def test_a_query_that_the_datastore_does_not_have_is_refused(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(database, "SELECT * FROM Author ORDER BY born LIMIT 99999999999999999999", "--json") == 1
    assert document(capsys)["ok"] is False
    assert ask(database, "SELECT * WHERE born > 1") == 1
    assert "kindstore gql: " in capsys.readouterr().err


def test_explain_tells_the_plan(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT * FROM Author WHERE born > 1800"
    assert ask(database, query, "--explain") == 0
    plan, indexes, rows, results = capsys.readouterr().out.splitlines()
    assert plan.startswith("Plan: IndexScan(Author.born ")
    assert indexes == "Indexes: Author.born"
    assert rows == "Rows: 2 in the ranges that are read"
    assert results.startswith("Results: 2 in ")
    assert ask(database, query, "--explain", "--json") == 0
    found = document(capsys)
    assert (found["ok"], found["indexes"], found["rows"], found["results"]) == (True, ["Author.born"], 2, 2)
    assert found["plan"][0].startswith("IndexScan(Author.born ")


def test_explain_counts_what_each_scan_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "many.db"
    store: Any = kindstore.connect(path)
    home = store.partition()
    numbers = range(200)
    entities = [Entity.of(Key.of(home, ("N", n + 1)), {"a": n % 4, "b": n, "c": [n % 2, 7]}) for n in numbers]
    store.run(store.commit([Upsert(each) for each in entities]))

    def read(condition: str) -> tuple[list[str], int]:
        assert ask(path, f"SELECT * FROM N {condition}", "--explain", "--json") == 0
        found = document(capsys)
        return found["indexes"], found["rows"]

    assert read("") == ([], 200)
    assert read("LIMIT 3") == ([], 200)
    assert read("WHERE __key__ > KEY(N, 150)") == ([], 50)
    assert read("WHERE a = 1") == (["N.a"], 50)
    assert read("WHERE b >= 190") == (["N.b"], 10)
    assert read("WHERE a = 1 AND b >= 190") == (["N.b"], 10)
    assert read("WHERE a = 1 AND b < 5 AND c < 100") == (["N.a"], 50)
    assert read("WHERE a = 1 OR b = 2") == (["N.a", "N.b"], 50 + 1)
    assert read("ORDER BY a, b") == (["N.a", "N.b"], 400)
    assert read("WHERE nothing = 1") == (["N.nothing"], 0)
    assert ask(path, "SELECT * FROM Nobody WHERE a = 1 ORDER BY b", "--explain", "--json") == 0
    assert document(capsys)["rows"] == 0

    index = CompositeIndex("N", False, (IndexProperty("a"), IndexProperty("b")))
    store.run(store.create_indexes([index]))
    assert store.run(store.build_index(index)).state is State.SERVING
    assert read("WHERE a = 1 AND b >= 190") == (["N(a, b)"], 2)
    assert read("WHERE a = 1 ORDER BY b") == (["N(a, b)"], 50)
    store.close()


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(tmp_path / "gone.db", "SELECT * FROM A") == 2
    assert "there is no file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(b"no database at all, " * 1000)
    assert ask(path, "SELECT * FROM A", "--json") == 2
    printed = capsys.readouterr()
    assert "cannot be opened" in printed.err
    assert printed.out == ""


def test_a_document_needs_no_extra(database: Path) -> None:
    program = (
        "import sys\nfrom kindstore.cli.main import main\n"
        f"status = main(['gql', {str(database)!r}, 'SELECT * FROM Author', '--json'])\n"
        "sys.exit(status or 'rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
