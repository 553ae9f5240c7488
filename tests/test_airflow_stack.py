"""The services of docker-compose.yml as processes: a real PostgreSQL, their own commands, environments and health checks.

A refresh is triggered over the REST API and watched to its end. What a container adds (image, users, networks, limits) is not
shown here; tests/test_compose.py reads it in the file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import psutil
import psycopg2
import pytest
import requests

from ingest import sample
from tests import compose, postgres
from tests.conftest import ROOT

pytestmark = pytest.mark.stack

UP_WITHIN = 240  # seconds until every service is healthy and the API knows the DAG; about 30 on two idle cores
DONE_WITHIN = 420  # seconds from trigger to end of the run, on a machine that is busy with other things too


class Stack:
    """The services of docker-compose.yml on this machine, each with a process group of its own.

    Names of hosts become addresses of this machine, folders of the image those of the test; the rest of a service's environment is
    as the file says, and nothing of the caller's is passed on.
    """

    def __init__(self, folder: Path, files: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.programs = postgres.programs()
        self.database_user = postgres.user()
        # its user cannot enter the folders of pytest
        self.database = Path(tempfile.mkdtemp(prefix="ebbtide-postgres-"))
        if self.database_user:
            shutil.chown(self.database, self.database_user)
        self.database_port, self.api_port, self.worker_log_port, self.trigger_log_port = postgres.free_ports(4)
        self.secrets = compose.new_env_file(folder)
        self.secrets["PUBLISHER"] = "the publisher's own"
        bi = f"postgresql://ebbtide:{quote(self.secrets['PUBLISHER'])}@127.0.0.1:{self.database_port}/bi"
        self.values = self.secrets | {"EBBTIDE_SOURCE": f"replay:{files}", "AIRFLOW_PORT": str(self.api_port), "EBBTIDE_BI_POSTGRES_URL": bi}
        self.services: dict[str, dict[str, Any]] = compose.read(self.values)["services"]
        self.url = self.here(self.services["api-server"]["environment"]["AIRFLOW__API__BASE_URL"])
        self.output = folder / "stack.log"
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy has no part in this
        self.components: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: str) -> str:
        """A value of the file with the hosts and folders of containers replaced by those of this machine."""
        places = {
            "@postgres:5432": f"@127.0.0.1:{self.database_port}",
            "//api-server:8080": f"//127.0.0.1:{self.api_port}",
            "//localhost:": "//127.0.0.1:",
            "/var/lib/ebbtide": str(self.home),
            "/opt/ebbtide": str(ROOT),
        }
        return compose.placed(text, places)

    def environment(self, service: str) -> dict[str, str]:
        """Environment of a service's processes."""
        of_this_machine = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(self.programs), os.environ["PATH"]]),
            "HOME": str(self.home),
            "PGPORT": str(self.database_port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.api_port),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self.worker_log_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.trigger_log_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        } | {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
        return {name: self.here(value) for name, value in compose.environment(self.services[service], self.values).items()} | of_this_machine

    def begin(self, service: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a command of a service, in a session of its own."""
        database = service == "postgres"
        with self.output.open("ab") as output:
            return subprocess.Popen(
                command,
                env=self.environment(service),
                user=self.database_user if database else None,
                cwd=self.database if database else self.home,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, command: list[str]) -> None:
        """Run a command of a service to its end, which must be a good one."""
        ended = self.begin(service, command).wait(timeout=UP_WITHIN)
        assert ended == 0, f"{' '.join(command)} ended with {ended}\n{self.tail()}"

    def healthy(self, service: str) -> bool:
        """What the service's own health check says now."""
        kind, *test = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(test, env=self.environment(service), cwd=self.home, capture_output=True, timeout=60, check=False).returncode == 0

    def start(self) -> None:
        """Start the services in the order of their `depends_on`, each when what it depends on is healthy or has ended well."""
        postgres = self.services["postgres"]
        data = self.database / "data"
        secret = self.database / "password"
        secret.write_text(postgres["environment"]["POSTGRES_PASSWORD"], encoding="utf-8")
        # what the image does before it starts the server for the first time
        account = ["--username", postgres["environment"]["POSTGRES_USER"], "--pwfile", str(secret), "--auth", "scram-sha-256"]
        self.run("postgres", ["initdb", "--pgdata", str(data), *account, *postgres["environment"]["POSTGRES_INITDB_ARGS"].split()])
        here = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.database_port}", "-c", "unix_socket_directories="]
        self.components["postgres"] = self.begin("postgres", ["postgres", "-D", str(data), *here])
        self.wait_for("health of postgres", UP_WITHIN, lambda: self.healthy("postgres"))
        with closing(self.connect("postgres")) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"create database {postgres['environment']['POSTGRES_DB']}")
            # where the build is published to, prepared as docs/bi.md says; here the server of the metadata has it, too
            cursor.execute("create role ebbtide_reader nologin")
            cursor.execute("create user ebbtide password %s", (self.secrets["PUBLISHER"],))
            cursor.execute("create database bi owner ebbtide")
            cursor.execute("create user analyst password 'a' in role ebbtide_reader")

        self.run("init", self.services["init"]["command"])
        # the scheduler would wait for the API server: that order costs the test time and shows nothing
        for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
            self.components[name] = self.begin(name, self.services[name]["command"])
        for name in self.components:
            self.wait_for(f"health of {name}", UP_WITHIN, lambda name=name: self.healthy(name))

    def connect(self, database: str = "airflow", user: str = "airflow", password: str | None = None) -> Any:
        """A connection to PostgreSQL, with the password of `.env` unless another is given."""
        secret = password or self.values["POSTGRES_PASSWORD"]
        return psycopg2.connect(host="127.0.0.1", port=self.database_port, user=user, password=secret, dbname=database)

    def processes(self) -> list[psutil.Process]:
        """Every living process of this stack: of a component's session, or started in the stack's home."""
        sessions = {component.pid for component in self.components.values()}
        found = []
        for process in psutil.process_iter():
            try:
                ours = os.getsid(process.pid) in sessions or Path(process.cwd()) == self.home
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def wait_for(self, what: str, within: float, answer: Callable[[], Any]) -> Any:
        """The first true answer; fails with the end of the log when there is none in time or the stack has ended."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            for name, component in self.components.items():
                if component.poll() is not None:
                    pytest.fail(f"{name} ended with {component.returncode} before {what}\n{self.tail()}")
            try:
                if found := answer():
                    return found
            except requests.ConnectionError:
                pass  # the API server is not up yet
            time.sleep(0.5)
        return pytest.fail(f"no {what} within {within} seconds\n{self.tail()}")

    def log_in(self, password: str) -> int:
        """Take a token of the administrator for what is asked from now on; returns the status of the answer, 201 when the password is right."""
        answer = self.session.post(f"{self.url}/auth/token", json={"username": "admin", "password": password}, timeout=30)
        if answer.status_code == 201:
            self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.status_code

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.url}/api/v2/{path}", timeout=30)

    def tail(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")[-4000:]

    def end(self) -> None:
        """End every process group, kindly at first, then whatever of the stack has left them; the database last, as its clients need it."""
        database = self.components.get("postgres")
        for ask in (signal.SIGTERM, signal.SIGKILL):
            left = self.processes()
            for name, component in self.components.items():
                if name != "postgres":
                    with suppress(ProcessLookupError):
                        os.killpg(component.pid, ask)
            for process in left:
                with suppress(psutil.Error):
                    if not database or os.getsid(process.pid) != database.pid:
                        process.send_signal(ask)
            for name, component in self.components.items():
                if name != "postgres":
                    with suppress(subprocess.TimeoutExpired):
                        component.wait(timeout=15)
            if database:
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    # the signal the image asks for: connections are closed, and the database is left whole
                    database.send_signal(signal.SIGINT if ask == signal.SIGTERM else ask)
                    database.wait(timeout=15)
            psutil.wait_procs(left, timeout=5)
            if not self.processes():
                break
        self.session.close()
        shutil.rmtree(self.database, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # a few files of the sample world to replay: what is shown here is the stack, not the width of the data
    files = tmp_path_factory.mktemp("files")
    for file in sample.render(sample.END, first_year=2019, feeds=["cboe_index_history", "ofr_fsi", "finra_margin"]):
        (files / file.name).write_bytes(file.content)
    running = Stack(tmp_path_factory.mktemp("stack"), files)
    try:
        running.start()
        yield running
    finally:
        running.end()


def why_it_failed(stack: Stack, run: str) -> str:
    """States of the tasks of a run, and the end of the log of each that failed."""
    tasks = stack.get(f"{run}/taskInstances?limit=100").json()["task_instances"]
    lines = [f"{task['task_id']}: {task['state']}" for task in tasks]
    for task in tasks:
        if task["state"] == "failed":
            lines += [path.read_text(encoding="utf-8")[-3000:] for path in (stack.home / "airflow").glob(f"logs/*/*/task_id={task['task_id']}/*.log")]
    return "\n".join(lines)


def backup_and_restore(stack: Stack) -> None:
    """Run the commands of docs/compose.md, into a database and a folder that are new, and find everything there."""

    def run(service: str, program: str, **instead: str) -> None:
        command = compose.documented(service, program)
        for there, here in instead.items():
            assert command.count(there) == 1
            command = command.replace(there, here)
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", stack.here(command)],
            env=stack.environment(service) | {"PGHOST": "127.0.0.1", "PGPASSWORD": stack.values["POSTGRES_PASSWORD"]},
            cwd=stack.folder,
            check=True,
            timeout=UP_WITHIN,
        )

    run("postgres", "pg_dump")
    with closing(stack.connect("postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute("create database restored")
    run("postgres", "pg_restore", **{"--dbname airflow": "--dbname restored"})
    with closing(stack.connect()) as one, closing(stack.connect("restored")) as other:
        tables = ("dag_run", "task_instance", "ab_user", "alembic_version")
        counts = " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)
        found = []
        for connection in (one, other):
            with connection.cursor() as cursor:
                cursor.execute(counts)
                found.append(dict(cursor.fetchall()))
    assert found[0] == found[1] and all(found[0].values())

    copy = stack.folder / "restored"
    copy.mkdir()
    run("scheduler", "tar --create")
    run("scheduler", "tar --extract", **{"/var/lib/ebbtide": str(copy)})
    assert not (copy / "airflow").exists()
    with duckdb.connect(str(copy / "published" / "current.duckdb"), read_only=True) as published:
        assert published.execute("select count(*) > 0 from signals.fct_signal_daily").fetchone() == (True,)


def pages_of_the_build(stack: Stack) -> None:
    """The report and Data Docs are served to who is logged in, and nothing else of the home is."""
    answer = stack.session.get(f"{stack.url}/ebbtide/data_docs/", timeout=30)
    assert answer.status_code == 200 and "Quality gates" in answer.text and "<style>" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'sha256-")
    report = stack.session.get(f"{stack.url}/ebbtide/report/", timeout=30)
    script = re.search(r"<script>(.*?)</script>", report.text, re.DOTALL)
    assert report.status_code == 200 and script
    assert base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode() in report.headers["Content-Security-Policy"]
    suite = stack.session.get(f"{stack.url}/ebbtide/data_docs/raw/raw.cboe_index_history.html", timeout=30)
    assert suite.status_code == 200 and suite.headers["X-Content-Type-Options"] == "nosniff"
    (stack.home / "quality" / "data_docs" / "elsewhere.html").symlink_to(stack.home / "home.json")
    for path in (
        "report/no.html",
        "data_docs/no.html",
        "data_docs/raw.fragment",
        "data_docs/elsewhere.html",
        "data_docs/..%2f..%2fhome.json",
        "data_docs/%2fetc/",
        "x/",
    ):
        answer = stack.session.get(f"{stack.url}/ebbtide/{path}", timeout=30)
        assert (answer.status_code, answer.text) == (404, "There is no such page, or no refresh has written it yet."), path
    assert stack.session.post(f"{stack.url}/ebbtide/data_docs/", timeout=30).status_code == 405
    stranger = requests.get(f"{stack.url}/ebbtide/data_docs/", timeout=30, allow_redirects=False)
    assert stranger.status_code == 307 and stranger.headers["Location"].startswith(f"{stack.url}/auth/login/?next=")
    forged = requests.get(f"{stack.url}/ebbtide/data_docs/", headers={"Authorization": "Bearer nothing"}, timeout=30, allow_redirects=False)
    assert forged.status_code == 403 and "Quality" not in forged.text


def build_read_through_postgres(stack: Stack) -> None:
    """A member of the reading role finds every table of the published file in PostgreSQL, with as many rows, and the same index."""
    index = "select observation_date, retreat_index, regime from signals.fct_retreat_index_daily order by observation_date"
    with closing(stack.connect("bi", "analyst", "a")) as connection, connection.cursor() as cursor:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        with duckdb.connect(str(stack.home / "published" / "current.duckdb"), read_only=True) as published:
            tables = published.execute("select schema_name || '.' || table_name from duckdb_tables() order by 1").fetchall()
            counts = " union all ".join(f"select '{table}' as name, count(*) from {table}" for (table,) in tables) + " order by name"
            assert len(tables) > 40
            assert dict(ask(counts)) == dict(published.execute(counts).fetchall())
            found = ask(index)
            assert len(found) > 1_000 and found == published.execute(index).fetchall()
        assert ask("select build_id from meta.build") == [((stack.home / "published" / "current.duckdb").resolve().stem,)]


def assets_of_the_build(stack: Stack) -> None:
    """Every asset has had its event, and the one others are scheduled on tells the build."""
    assets = {asset["name"]: asset for asset in stack.get("assets?limit=100").json()["assets"]}
    assert len(assets) > 30 and all(asset["last_asset_event"]["id"] for asset in assets.values())
    (event,) = stack.get(f"assets/events?asset_id={assets['ebbtide.published']['id']}").json()["asset_events"]
    current = (stack.home / "published" / "current.duckdb").resolve()
    assert event["source_task_id"] == "publish"
    assert (event["extra"]["build_id"], event["extra"]["path"], event["extra"]["source"]) == (current.stem, str(current), "replay")
    assert set(event["extra"]) >= {"as_of", "observation_date", "retreat_index", "regime"}


def test_refresh_triggered_over_the_rest_api_succeeds_and_leaves_no_process(stack: Stack) -> None:
    assert stack.log_in("admin") == 401
    assert stack.log_in(stack.values["AIRFLOW_ADMIN_PASSWORD"]) == 201
    stack.wait_for("DAG warehouse_refresh", UP_WITHIN, lambda: stack.get("dags/warehouse_refresh").status_code == 200)
    assert stack.get("importErrors").json()["total_entries"] == 0

    refused = requests.post(f"{stack.url}/api/v2/dags/warehouse_refresh/dagRuns", json={"logical_date": None}, timeout=30)
    assert refused.status_code == 401
    triggered = stack.session.post(f"{stack.url}/api/v2/dags/warehouse_refresh/dagRuns", json={"logical_date": None}, timeout=30)
    assert triggered.status_code == 200, triggered.text
    run = f"dags/warehouse_refresh/dagRuns/{triggered.json()['dag_run_id']}"

    # `init` once more, as with every `docker compose up`: it leaves what is there, and a new password in `.env` holds from then on
    before = stack.values["AIRFLOW_ADMIN_PASSWORD"]
    stack.services["init"]["environment"]["AIRFLOW_ADMIN_PASSWORD"] = "another password"
    stack.run("init", stack.services["init"]["command"])
    assert stack.log_in(before) == 401
    assert stack.log_in("another password") == 201

    ended = stack.wait_for("end of the run", DONE_WITHIN, lambda: (state := stack.get(run).json()["state"]) in ("success", "failed") and state)
    assert ended == "success", why_it_failed(stack, run)
    tasks = stack.get(f"{run}/taskInstances?limit=100").json()["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}
    assert {task["try_number"] for task in tasks} == {1}

    # PostgreSQL holds the metadata, and nothing has fallen back to SQLite
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select dag_id, state from dag_run")
        assert cursor.fetchall() == [("warehouse_refresh", "success")]
    assert not list(stack.home.rglob("airflow.db"))

    # each task ran in a process of its own, and the build they made together is readable while the stack is up
    with duckdb.connect(str(stack.home / "published" / "current.duckdb"), read_only=True) as published:
        assert published.execute("select count(*) > 0 from signals.fct_signal_daily").fetchone() == (True,)

    build_read_through_postgres(stack)
    pages_of_the_build(stack)
    assets_of_the_build(stack)
    backup_and_restore(stack)
    # no secret has reached a log, a configuration file or the warehouse
    written = [path for path in [stack.output, *stack.home.rglob("*")] if path.is_file()]
    assert any(path.suffix == ".log" for path in written) and stack.home / "airflow" / "airflow.cfg" in written
    leaks = [(name, path) for path in written for name, value in stack.secrets.items() if value.encode() in path.read_bytes()]
    assert not leaks

    assert len(stack.processes()) > len(stack.components), "the scheduler's workers should be seen, or their end proves nothing"
    stack.end()
    assert stack.processes() == []
