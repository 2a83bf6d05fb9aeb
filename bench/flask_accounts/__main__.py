"""`python -m bench.flask_accounts`: Flask-Security under gunicorn with four workers, on Kindstore and on Flask-SQLAlchemy.

One application, two databases in one SQLite file each, both in WAL mode with synchronous=FULL; rounds alternate.
Each round logs in, edits a profile and reads it back, 2,000 times by 16 browsers at once on 200 accounts, and then counts in the
database what was acknowledged.  Prints a table in Markdown; exit status 1 if Kindstore made an error or lost an edit.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import report
from bench.flask_accounts import load

BEGIN, END = "<!-- flask-accounts:begin -->", "<!-- flask-accounts:end -->"
SIDES = ("kindstore", "sqlalchemy")
PASSWORD = "a password of the bench"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Round:
    """One side in one round."""

    rate: float
    """Requests a second."""
    cpu: float
    """Processor ms of the workers a request."""
    slow: float
    """ms of the slowest request but 1 in 100."""
    errors: list[str]
    lost_edits: int
    lost_log_ins: int


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.flask_accounts", description=__doc__)
    parser.add_argument("--visits", type=int, default=2000, help="log-ins with their edits, a round (2,000)")
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--browsers", type=int, default=16)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strong", action="store_true", help="argon2id as Flask-Security sets it up")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")
    options = parser.parse_args()
    rounds: dict[str, list[Round]] = {side: [] for side in SIDES}
    with TemporaryDirectory() as top:
        for number in range(options.rounds):
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                folder = Path(top) / f"{side}-{number}"
                folder.mkdir()
                rounds[side].append(_round(side, folder, options))
                print(f"round {number + 1}, {side}: {rounds[side][-1]}", file=sys.stderr)
    table = _table(rounds, options)
    print(table)
    if options.write:
        report.write(options.write, table, BEGIN, END)
    return int(any(each.errors or each.lost_edits or each.lost_log_ins for each in rounds["kindstore"]))


def _round(side: str, folder: Path, options: argparse.Namespace) -> Round:
    emails = [f"user{number}@example.com" for number in range(options.accounts)]
    before = _stored(side, folder, options.strong, emails)
    with _gunicorn(side, folder, options) as (port, master):
        load.run(port, emails, PASSWORD, 8 * options.workers, options.browsers)  # warm up every worker
        warm = _stored(side, folder, options.strong)
        begin = _cpu(master)
        tally = load.run(port, emails, PASSWORD, options.visits, options.browsers, seed=2)
        spent = _cpu(master) - begin
    after = _stored(side, folder, options.strong)
    if set(after) != set(before):
        raise SystemExit(f"{side}: accounts were lost")
    edits = sum(after[email][0] - warm[email][0] for email in emails)
    log_ins = sum(after[email][1] - warm[email][1] for email in emails)
    slowest = sorted(tally.times)[-max(1, len(tally.times) // 100)]
    return Round(
        rate=tally.requests / tally.seconds,
        cpu=spent / max(1, tally.requests) * 1e3,
        slow=slowest * 1e3,
        errors=tally.errors,
        lost_edits=sum(tally.edits.values()) - edits,
        lost_log_ins=sum(tally.log_ins.values()) - log_ins,
    )


def _stored(side: str, folder: Path, strong: bool, emails: list[str] | None = None) -> dict[str, list[int]]:
    """By address, how many edits and log-ins are stored; *emails* are made accounts first.  By a process of its own."""
    command = [sys.executable, "-m", "bench.flask_accounts.application", side, str(folder), str(strong)]
    done = subprocess.run(
        [*command, ",".join(emails or ()), PASSWORD], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


@contextmanager
def _gunicorn(side: str, folder: Path, options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """The application served; its port, and the process id of gunicorn's master."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    factory = f"bench.flask_accounts.application:create_app({side!r}, {str(folder)!r}, {options.strong})"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--workers",
        str(options.workers),
        "--bind",
        f"127.0.0.1:{port}",
    ]
    command += ["--worker-class", "gthread", "--threads", "4", "--log-level", "warning", factory]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait(port, server, folder)
            yield port, server.pid
        finally:
            server.terminate()
            server.wait(30)


def _wait(port: int, server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/login")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("gunicorn did not start")


def _cpu(master: int) -> float:
    """Processor seconds of the workers of *master* up to now."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == master:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


def _table(rounds: dict[str, list[Round]], options: argparse.Namespace) -> str:
    lines = [
        (
            f"{options.rounds} rounds of {options.visits:,} visits (log-in, edit, look) by {options.browsers} browsers on "
            f"{options.accounts} accounts; {options.workers} workers of four threads; argon2id "
            f"{'as Flask-Security sets it up' if options.strong else 'with its least work'}."
        ),
        "",
        "|  | requests a second, median (best) | CPU of the workers a request, ms, least | 99 of 100 within, ms | errors | lost edits | lost log-in counts |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for side, name in zip(SIDES, ("Kindstore", "Flask-SQLAlchemy, SQLite"), strict=True):
        each = rounds[side]
        lines.append(
            f"| {name} | {statistics.median(one.rate for one in each):,.0f} ({max(one.rate for one in each):,.0f}) "
            f"| {min(one.cpu for one in each):.2f} | {statistics.median(one.slow for one in each):,.0f} "
            f"| {sum(len(one.errors) for one in each)} | {sum(one.lost_edits for one in each)} "
            f"| {sum(one.lost_log_ins for one in each)} |"
        )
    ours, theirs = (statistics.median(one.rate for one in rounds[side]) for side in SIDES)
    lines.append("")
    lines.append(f"Kindstore answers {ours / theirs:.2f} times as many requests a second.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
