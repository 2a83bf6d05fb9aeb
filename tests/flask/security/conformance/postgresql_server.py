"""A PostgreSQL server of the tests' own, on a socket in a temporary directory; not durable, for it is thrown away."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are, None if they are not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@contextmanager
def running() -> Generator[Path]:
    """The directory of the socket of a server that runs meanwhile; its user is `postgres`."""
    at = binaries()
    assert at is not None
    # Sockets have short paths: not below pytest's long ones.
    directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    as_server: list[str] = []
    if os.getuid() == 0:  # It refuses to run as root.
        shutil.chown(directory, "postgres")
        as_server = ["runuser", "-u", "postgres", "--"]
    cluster = directory / "cluster"
    control = [*as_server, str(at / "pg_ctl"), "-D", str(cluster), "-w"]
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={directory} "
        "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    )
    try:
        _run([*as_server, str(at / "initdb"), "-D", str(cluster), "-U", "postgres", "-A", "trust", "-N"])
        _run([*control, "-l", str(directory / "log"), "-o", options, "start"])
        try:
            yield directory
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def new_database(server: Path) -> str:
    """The name of a database that was just made."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(host=str(server), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return name


def _run(command: list[str]) -> None:
    subprocess.run(
        command, check=True, timeout=60, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/tmp"
    )
