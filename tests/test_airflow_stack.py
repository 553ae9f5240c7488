"""A refresh under a real scheduler and API server, as processes: triggered over the REST API and watched to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
import requests

from ingest import sample
from warehouse.orchestration import airflow_environment

pytestmark = pytest.mark.stack

UP_WITHIN = 240  # seconds until the API knows the DAG; about 20 on two idle cores
DONE_WITHIN = 420  # seconds from trigger to end of the run, on a machine that is busy with other things too


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listening in sockets:
            listening.bind(("127.0.0.1", 0))
        return [listening.getsockname()[1] for listening in sockets]


class Stack:
    """Airflow as it is deployed: a scheduler, a DAG processor and an API server, each with a process group of its own.

    They are started one by one rather than by `airflow standalone`, which adds a triggerer that no task here needs and, ended
    from outside, leaves its children behind.
    """

    def __init__(self, home: Path, files: Path) -> None:
        self.home = home
        api_port, worker_log_port = free_ports(2)
        self.url = f"http://127.0.0.1:{api_port}"
        self.airflow_home = Path(airflow_environment(home)["AIRFLOW_HOME"])
        self.output = home / "stack.log"
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy has no part in this
        self.environment = {
            **os.environ,
            **airflow_environment(home),
            "EBBTIDE_SOURCE": f"replay:{files}",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api_port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_log_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "NO_PROXY": "127.0.0.1",
        }
        self.components: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Create the metadata database, then start the components."""
        with self.output.open("wb") as output:
            migration = ["airflow", "db", "migrate"]
            subprocess.run(migration, env=self.environment, cwd=self.home, stdout=output, stderr=subprocess.STDOUT, timeout=UP_WITHIN, check=True)
            for name in ("api-server", "scheduler", "dag-processor"):
                self.components[name] = subprocess.Popen(
                    ["airflow", name], env=self.environment, cwd=self.home, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )

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
                    pytest.fail(f"airflow {name} ended with {component.returncode} before {what}\n{self.tail()}")
            try:
                if found := answer():
                    return found
            except requests.ConnectionError:
                pass  # the API server is not up yet
            time.sleep(0.5)
        return pytest.fail(f"no {what} within {within} seconds\n{self.tail()}")

    def log_in(self) -> bool:
        """Take a token of the generated administrator; False while the server has not written the password yet."""
        passwords = self.airflow_home / "simple_auth_manager_passwords.json.generated"
        if not passwords.exists() or not (text := passwords.read_text(encoding="utf-8").strip()):
            return False
        answer = self.session.post(f"{self.url}/auth/token", json={"username": "admin", "password": json.loads(text)["admin"]}, timeout=30)
        if answer.status_code != 201:
            return False
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return True

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.url}/api/v2/{path}", timeout=30)

    def tail(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")[-4000:]

    def end(self) -> None:
        """End every process group, kindly at first, then whatever of the stack has left them."""
        for ask in (signal.SIGTERM, signal.SIGKILL):
            left = self.processes()
            for component in self.components.values():
                with suppress(ProcessLookupError):
                    os.killpg(component.pid, ask)
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(ask)
            for component in self.components.values():
                with suppress(subprocess.TimeoutExpired):
                    component.wait(timeout=15)
            psutil.wait_procs(left, timeout=5)
            if not self.processes():
                break
        self.session.close()


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
            lines += [path.read_text(encoding="utf-8")[-3000:] for path in stack.airflow_home.glob(f"logs/*/*/task_id={task['task_id']}/*.log")]
    return "\n".join(lines)


def test_refresh_triggered_over_the_rest_api_succeeds_and_leaves_no_process(stack: Stack) -> None:
    stack.wait_for("token", UP_WITHIN, stack.log_in)
    stack.wait_for("DAG warehouse_refresh", UP_WITHIN, lambda: stack.get("dags/warehouse_refresh").status_code == 200)
    assert stack.get("importErrors").json()["total_entries"] == 0

    refused = requests.post(f"{stack.url}/api/v2/dags/warehouse_refresh/dagRuns", json={"logical_date": None}, timeout=30)
    assert refused.status_code == 401
    triggered = stack.session.post(f"{stack.url}/api/v2/dags/warehouse_refresh/dagRuns", json={"logical_date": None}, timeout=30)
    assert triggered.status_code == 200, triggered.text
    run = f"dags/warehouse_refresh/dagRuns/{triggered.json()['dag_run_id']}"

    ended = stack.wait_for("end of the run", DONE_WITHIN, lambda: (state := stack.get(run).json()["state"]) in ("success", "failed") and state)
    assert ended == "success", why_it_failed(stack, run)
    tasks = stack.get(f"{run}/taskInstances?limit=100").json()["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}
    assert {task["try_number"] for task in tasks} == {1}

    # each task ran in a process of its own, and the build they made together is readable while the stack is up
    with duckdb.connect(str(stack.home / "published" / "current.duckdb"), read_only=True) as published:
        assert published.execute("select count(*) > 0 from signals.fct_signal_daily").fetchone() == (True,)

    assert len(stack.processes()) > len(stack.components), "the scheduler's workers should be seen, or their end proves nothing"
    stack.end()
    assert stack.processes() == []
