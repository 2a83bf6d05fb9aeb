"""The parent's end of a worker: starts it, asks it, ends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent


class WorkerProcess:
    """A peer's worker, as a context manager; `ask` sends one command and waits for its answer."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", name, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Where `bench` is importable, wherever the caller stands.
            cwd=ROOT,
        )

    def ask(self, command: str, *arguments: object) -> Any:
        """The worker's answer; RuntimeError when it died (its traceback is on standard error)."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.name} died during {command!r}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.ask("close")
        else:
            self._child.kill()
        self._child.communicate()
