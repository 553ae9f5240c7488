"""A real PostgreSQL for tests: where its programs are, who may run it, and a server of one's own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

UP_WITHIN = 60  # seconds; two on an idle machine


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listening in sockets:
            listening.bind(("127.0.0.1", 0))
        return [listening.getsockname()[1] for listening in sockets]


def programs() -> Path:
    """The folder of PostgreSQL's server programs, the newest where there are several; skips where there are none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return pytest.skip("no PostgreSQL server on this machine: install the package postgresql")


def user() -> str | None:
    """Who runs PostgreSQL, which refuses to run as root: the user of its package, or None for the user of the tests; skips where root has none."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return pytest.skip("the tests run as root, PostgreSQL does not, and there is no user postgres: install the package postgresql")


class Server:
    """A server on this machine; `admin` is its superuser."""

    password = "the superuser's own"

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, database: str = "postgres", user: str = "admin", password: str = password) -> Any:
        """A connection, each statement a transaction of its own."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=user, password=password, dbname=database)
        connection.autocommit = True
        return connection

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as superuser."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@contextmanager
def running_server() -> Iterator[Server]:
    """A new server, which is gone with its files when the block ends; skips where there is no PostgreSQL."""
    folder, account = programs(), user()
    # its user cannot enter the folders of pytest
    home = Path(tempfile.mkdtemp(prefix="ebbtide-postgres-"))
    try:
        if account:
            shutil.chown(home, account)
        secret = home / "password"
        secret.write_text(Server.password, encoding="utf-8")
        (port,) = free_ports(1)
        data = home / "data"
        initialise = [folder / "initdb", "--pgdata", data, "--username", "admin", "--pwfile", secret, "--auth", "scram-sha-256", "--no-sync"]
        subprocess.run(initialise, user=account, cwd=home, check=True, capture_output=True, timeout=UP_WITHIN)
        here = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([folder / "postgres", "-D", data, *here], user=account, cwd=home, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_until_up(Server(port))
            yield Server(port)
        finally:
            process.send_signal(signal.SIGINT)  # connections are closed at once
            process.wait(timeout=UP_WITHIN)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_up(server: Server) -> None:
    until = time.monotonic() + UP_WITHIN
    while True:
        try:
            server.connect().close()
            return
        except psycopg2.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
