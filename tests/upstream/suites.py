"""Running test files of other projects with `kindstore.ndb` in the place of theirs, and the lists of what to ask for."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import kindstore

HERE = Path(__file__).parent
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) (\w+\.py::\S.*?)(?: - .*)?$", re.MULTILINE)


def listed(name: str) -> dict[str, str]:
    """Node id -> reason ("" where none is given) of a list in this directory."""
    lines = (HERE / name).read_text().splitlines()
    entries = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {node: reason for node, _, reason in entries}


def can_import(python: str, modules: str) -> bool:
    """Whether *python* has all of *modules*."""
    return not subprocess.run(
        [python, "-c", f"import {modules}"], check=False, capture_output=True
    ).returncode


def outcomes(python: str, plugins: Sequence[str], directory: Path, file: str) -> dict[str, str]:
    """What became of the tests of *file* in *directory*: node id -> PASSED, FAILED or ERROR."""
    source = Path(kindstore.__file__).parents[1]
    loaded = [argument for plugin in plugins for argument in ("-p", plugin)]
    done = subprocess.run(
        [
            *(python, "-m", "pytest", *loaded, "--noconftest"),
            *(
                "-c",
                os.devnull,
                f"--rootdir={directory}",
                "-p",
                "no:cacheprovider",
                "-q",
                "-rA",
                "--tb=no",
                file,
            ),
        ],
        cwd=directory,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("DATASTORE_")},
            "PYTHONPATH": os.pathsep.join((str(HERE), str(source))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KINDSTORE_URL": ":memory:",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    found = {node: outcome for outcome, node in OUTCOME.findall(done.stdout)}
    assert found, f"{file} did not run:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return found


def amiss(file: str, found: Mapping[str, str], usable: Mapping[str, str], excluded: Mapping[str, str]) -> str:
    """The usable tests of *file* that did not pass, and the excluded ones that did and are to be struck off."""
    asked = [node for node in usable if node.startswith(f"{file}::")]
    wrong = [
        f"{found.get(node, 'GONE')} {node}"
        for node in asked
        if (found.get(node) == "PASSED") is (node in excluded)
    ]
    return f"{len(wrong)} of {len(asked)}:\n" + "\n".join(wrong) if wrong else ""


def print_counts(found: Mapping[str, Mapping[str, str]], usable: Mapping[str, str]) -> None:
    """Print how many tests of each file are usable and pass, and which of those do not."""
    total: Counter[str] = Counter()
    for file, nodes in found.items():
        asked = [node for node in usable if node.startswith(f"{file}::")]
        passed = [node for node in asked if nodes.get(node) == "PASSED"]
        others = [node for node, outcome in nodes.items() if outcome == "PASSED" and node not in usable]
        counts = Counter(usable=len(asked), passed=len(passed), others_passed=len(others), items=len(nodes))
        total += counts
        print(f"{file:28} {dict(counts)}")
        for node in asked:
            if node not in passed:
                print(f"    {nodes.get(node, 'GONE'):7} {node}")
    print(f"{'all':28} {dict(total)}")
