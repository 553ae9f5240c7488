"""Running an Airflow DAG to its end in this process: SQLite metadata, no scheduler, no service.

Airflow reads its settings when it is first imported, so `airflow` is imported inside functions here, after the environment is set;
importing this module costs nothing.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from filelock import FileLock, Timeout
from pluggy import HookimplMarker

from ingest.secrets import forms, masked
from warehouse.progress import shown_on
from warehouse.settings import REPOSITORY, WrongUse, load_settings
from warehouse.terminal import coloured, is_terminal, printable, takes_colour

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAGS_DIR = REPOSITORY / "dags"

_hook = HookimplMarker("airflow")


def airflow_environment(home: Path, airflow_dir: Path | None = None) -> dict[str, str]:
    """Environment variables of every process of ours that runs Airflow: in one process, under a scheduler, in a container.

    `home` is the folder for everything Ebbtide writes; Airflow's own files lie in `airflow_dir`, default `<home>/airflow`.
    """
    home = home.expanduser().resolve()
    airflow_dir = (airflow_dir or home / "airflow").expanduser().resolve()
    search_path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {
        "EBBTIDE_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([*search_path, str(REPOSITORY)])),
        "AIRFLOW_HOME": str(airflow_dir),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_DIR),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(airflow_dir / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_dir / 'airflow.db'}",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_dir / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # no program of ours reports its use to anyone
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def run_dag(dag_id: str, airflow_dir: Path, params: Mapping[str, Any] | None = None, import_beside: Mapping[str, Sequence[str]] | None = None) -> bool:
    """Run the DAG `dag_id` of `dags/` with `params`, task after task, and return whether every task succeeded.

    Prints a line for each task with its seconds, how far live fetches are, and for a failed task its message and its log; a terminal shows what is
    under way, too. Everything else that Airflow and the tasks write goes to `<airflow_dir>/logs`, one file a task, laid out as Airflow does.
    `airflow_dir` lies in the home of the warehouse. The environment of this process is changed, and stays so. `import_beside` names modules to import
    while a task runs, by task: they take seconds, and a task that works in the database leaves a core idle.

    Raises WrongUse when there is no such DAG, a parameter is wrong, or another process runs a DAG in `airflow_dir`; RuntimeError
    when Airflow was set up for another folder in this process or a file in `dags/` cannot be imported; KeyboardInterrupt when Ctrl-C was pressed,
    which ends the run with the task that was under way.
    """
    airflow_dir = airflow_dir.expanduser().resolve()
    (airflow_dir / "plugins").mkdir(parents=True, exist_ok=True)
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != str(airflow_dir):
        running = os.environ.get("AIRFLOW_HOME")
        raise RuntimeError(f"Airflow already runs in this process, in {running}; use another process for {airflow_dir}")
    os.environ.update(airflow_environment(airflow_dir.parent, airflow_dir))
    if str(REPOSITORY) not in sys.path:
        sys.path.append(str(REPOSITORY))

    with _only_run(airflow_dir, dag_id), _console_and_logs(airflow_dir / "logs") as output:
        started = time.perf_counter()
        # importing Airflow makes some two million objects that live to the end: collecting garbage meanwhile finds none
        gc.disable()
        output.show("Starting Airflow")
        try:
            _prepare_metadata(airflow_dir)
            _end_killed_runs()
            hide_secrets()
            dag = _load_dag(dag_id)
            if params:
                _check_params(dag, params)
            progress = _Progress(output, started, import_beside or {})
            try:
                with progress.listening(), progress.interruptible(), shown_on(output.console):
                    run = dag.test(run_conf=dict(params) if params else None)
            except KeyboardInterrupt:
                _end_killed_runs()
                raise
            succeeded = str(run.state) == "success"
            if not succeeded:
                progress.not_run([str(task.task_id) for task in run.get_task_instances() if str(task.state) == "upstream_failed"])
            return succeeded
        finally:
            gc.enable()


@contextmanager
def _only_run(airflow_dir: Path, dag_id: str) -> Iterator[None]:
    """Let one process at a time run a DAG here: the stages of two runs must not take turns in one warehouse.

    The lock is the kernel's and falls with its process. Raises WrongUse, naming the process that holds it.
    """
    holder = airflow_dir / "run.json"
    lock = FileLock(airflow_dir / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            other = json.loads(holder.read_text(encoding="utf-8"))
            which = f"process {other['pid']} runs {other['dag_id']} since {other['since']}"
        except (OSError, ValueError):
            which = "another process runs a DAG"
        raise WrongUse(f"{which} in {airflow_dir.parent}; try again when it has finished") from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"pid": os.getpid(), "dag_id": dag_id, "since": since}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


class _Output:
    """The caller's terminal, and the log file that standard output and error go to meanwhile."""

    def __init__(self, console: TextIO, logs_dir: Path) -> None:
        self.console = console
        self.logs_dir = logs_dir
        self.log_path = logs_dir / "airflow.log"

    def say(self, line: str) -> None:
        self._clear()
        print(line, file=self.console, flush=True)

    def show(self, what: str) -> None:
        """Show on a terminal what is under way; the next line takes its place."""
        if is_terminal(self.console):
            self._clear()
            print(f"{what} ...", end="", file=self.console, flush=True)

    def _clear(self) -> None:
        if is_terminal(self.console):
            print("\r\x1b[K", end="", file=self.console, flush=True)

    def coloured(self, word: str) -> str:
        return coloured(word) if takes_colour(self.console) else word

    def log_to(self, path: Path) -> None:
        """Send standard output and error to `path` from here on, whoever writes them: Python, dbt or a C library."""
        sys.stdout.flush()
        sys.stderr.flush()
        path.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        self.log_path = path


@contextmanager
def _console_and_logs(logs_dir: Path) -> Iterator[_Output]:
    """Keep the terminal for progress and send everything else to log files; both are as before when the block ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    try:
        with os.fdopen(os.dup(1), "w", encoding="utf-8") as console:
            output = _Output(console, logs_dir)
            output.log_to(output.log_path)
            yield output
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in enumerate(saved, start=1):
            os.dup2(copy, descriptor)
            os.close(copy)


class _Progress:
    """Listens to Airflow's task events and says what happens."""

    def __init__(self, output: _Output, started: float, import_beside: Mapping[str, Sequence[str]]) -> None:
        self.output = output
        self.started = started
        self.import_beside = import_beside
        self.ready = False
        self.interrupted = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the run. Airflow takes it for a failure of the task under way, and so does dbt, and would go on with the next."""

        def note(number: int, frame: Any) -> None:
            self.interrupted = True
            raise KeyboardInterrupt

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def listening(self) -> Iterator[None]:
        from airflow.sdk.listener import get_listener_manager

        manager = get_listener_manager()
        manager.pm.register(self)
        try:
            yield
        finally:
            manager.pm.unregister(self)

    @_hook
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        if not self.ready:
            self.ready = True
            gc.freeze()
            # dbt and Great Expectations make millions of objects too, most of which live to the end of their task
            gc.set_threshold(200_000, 50, 50)
            gc.enable()
            self.output.say(f"{'Airflow ready':<32}{self._seconds()}")
        parts = [f"dag_id={task_instance.dag_id}", f"run_id={task_instance.run_id}", f"task_id={task_instance.task_id}"]
        if task_instance.map_index >= 0:
            parts.append(f"map_index={task_instance.map_index}")
        if modules := self.import_beside.get(task_instance.task_id):
            threading.Thread(target=lambda: [importlib.import_module(name) for name in modules], daemon=True).start()
        self.output.log_to(self.output.logs_dir.joinpath(*parts, f"attempt={task_instance.try_number}.log"))
        self.started = time.perf_counter()
        # fetches have bars of their own
        if not task_instance.task_id.startswith("fetch."):
            self.output.show(self._name(task_instance))

    @_hook
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        self.output.say(f"{self._name(task_instance):<32}{self._seconds()}")

    @_hook
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: BaseException | str | None) -> None:
        if self.interrupted:
            self.output.say(f"{self._name(task_instance):<32}{self._seconds()}  interrupted")
            raise KeyboardInterrupt
        again = str(task_instance.state) == "up_for_retry"
        self.output.say(f"{self._name(task_instance):<32}{self._seconds()}  {'failed, will be tried again' if again else self.output.coloured('FAILED')}")
        self.output.say(textwrap.indent(printable(masked(error_message(error), load_settings().secrets())), "    "))
        if not again:
            self.output.say(f"    log: {self.output.log_path}")

    def not_run(self, tasks: list[str]) -> None:
        if tasks:
            self.output.say(f"not run because of it: {', '.join(tasks)}")

    def _name(self, task_instance: Any) -> str:
        piece = f" [{task_instance.map_index + 1}]" if task_instance.map_index >= 0 else ""
        return f"{task_instance.task_id}{piece}"

    def _seconds(self) -> str:
        return f"{time.perf_counter() - self.started:7.1f} s"


def error_message(error: BaseException | str | None) -> str:
    """The message of an error; its type too, unless the error is one of ours, whose messages speak for themselves."""
    if not isinstance(error, BaseException):
        return str(error or "no message")
    ours = type(error).__module__.partition(".")[0] in ("warehouse", "ingest", "expectations")
    return str(error) if ours and str(error) else f"{type(error).__name__}: {error}"


def hide_secrets() -> None:
    """Have Airflow replace the secrets of the settings in everything it logs from here on, tracebacks included."""
    from airflow.sdk.log import mask_secret

    for secret in load_settings().secrets():
        for form in forms(secret):
            mask_secret(form)


def _prepare_metadata(airflow_dir: Path) -> None:
    """Create or upgrade Airflow's metadata database, unless this version of Airflow has already done so."""
    stamp = airflow_dir / "metadata-version"
    installed = version("apache-airflow")
    if (airflow_dir / "airflow.db").exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == installed:
        return
    from airflow.utils.db import initdb

    initdb()
    stamp.write_text(installed, encoding="utf-8")


def _end_killed_runs() -> None:
    """Mark as failed the runs whose process was killed: nothing goes on with them, and a scheduler started here would take them for running.

    The caller holds the lock of runs, so that no run of another process of this kind is under way; those of a scheduler are left alone.
    """
    from airflow.models import DagRun, TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import or_, select, update

    with create_session() as session:
        unfinished = DagRun.state.in_((DagRunState.QUEUED, DagRunState.RUNNING))
        for run in session.scalars(select(DagRun).where(unfinished, DagRun.triggered_by == DagRunTriggeredByType.TEST)):
            waiting = or_(TaskInstance.state.is_(None), TaskInstance.state.in_([state for state in State.unfinished if state]))
            tasks = update(TaskInstance).where(TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id, waiting)
            session.execute(tasks.values(state=TaskInstanceState.FAILED).execution_options(synchronize_session=False))
            run.state = DagRunState.FAILED


def _load_dag(dag_id: str) -> DAG:
    """The DAG of `dags/`. Raises WrongUse when there is none of that name, RuntimeError when a file cannot be imported."""
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(dag_folder=DAGS_DIR, bundle_path=DAGS_DIR, bundle_name="dags-folder")
    if bag.import_errors:
        raise RuntimeError("\n".join(f"{path}: {message}" for path, message in bag.import_errors.items()))
    if dag_id not in bag.dags:
        raise WrongUse(f"there is no DAG {dag_id}; there are {', '.join(sorted(bag.dags))}")
    return bag.dags[dag_id]


def _check_params(dag: DAG, params: Mapping[str, Any]) -> None:
    """Raise WrongUse, in words, when a parameter is unknown, missing or of the wrong kind."""
    from airflow.sdk.exceptions import ParamValidationError

    if unknown := set(params) - set(dag.params):
        raise WrongUse(f"{dag.dag_id} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(dag.params) or 'none'}")
    asked = dag.params.__copy__()
    try:
        for name, value in params.items():
            asked[name] = value
        asked.validate()
    except (ParamValidationError, ValueError) as error:
        # the first line says it; jsonschema adds the schema below
        raise WrongUse(f"{dag.dag_id}: {str(error).splitlines()[0]}") from None
