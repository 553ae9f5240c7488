"""The DAG files: their shape, what importing them costs, and runs in one process with the stages replaced by recorders.

Airflow takes its settings at its first import, so everything here runs in fresh processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from warehouse.orchestration import airflow_environment
from warehouse.settings import REPOSITORY

AFTER_FETCH = ["raw.load", "raw.gate", "staging.build", "staging.gate", "marts.build", "marts.gate", "publish", "publish_to_postgres", "report"]
FEEDS_DIR = REPOSITORY / "ingest" / "feeds"
PROVIDERS = sorted(path.stem for path in FEEDS_DIR.glob("[a-z]*") if path.suffix == ".py" or (path / "__init__.py").exists())
FEED = "cboe_put_call"

DESCRIBE = """
import json, sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import airflow.sdk.exceptions
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
import pendulum

folder = Path(sys.argv[1])
before = set(sys.modules)
bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
imported = sorted({name.partition(".")[0] for name in set(sys.modules) - before})

def next_runs(dag, after, count):
    timetable = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).timetable
    earliest = pendulum.instance(after)
    found, last = [], None
    for _ in range(count):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(earliest=earliest, latest=None, catchup=True))
        last = info.data_interval
        found.append(info.run_after.in_timezone("America/New_York").isoformat())
    return found

def retry_choices(task):
    if task.retry_policy is None:
        return None
    import requests
    from ingest.source import FetchFailed, KeyMissing
    from warehouse.disk import DiskFull
    from warehouse.settings import WrongUse
    errors = [DiskFull("no room")]
    errors += [FetchFailed("503"), KeyMissing("no key"), ConnectionError(), TimeoutError(), requests.Timeout(), FileNotFoundError(), WrongUse(), ValueError()]
    return {f"{type(error).__module__}.{type(error).__name__}": task.retry_policy.evaluate(error, 1, 3).action.value for error in errors}

def is_required(param):
    try:
        param.resolve()
    except airflow.sdk.exceptions.ParamValidationError:
        return True
    return False

def describe(dag):
    return {
        "tasks": {
            task.task_id: {
                "after": sorted(task.upstream_task_ids), "retries": task.retries, "delay": task.retry_delay.total_seconds(),
                "backoff": task.retry_exponential_backoff, "choices": retry_choices(task), "doc": task.doc_md,
                "trigger_rule": task.trigger_rule.value,
                "inlets": [asset.name for asset in task.inlets], "outlets": [asset.name for asset in task.outlets],
            }
            for task in dag.tasks
        },
        "groups": sorted(name for name in dag.task_group.get_task_group_dict() if name),
        "catchup": dag.catchup, "start_date": dag.start_date, "max_active_runs": dag.max_active_runs, "doc": dag.doc_md,
        "description": dag.description,
        "tags": sorted(dag.tags), "scheduled": dag.schedule is not None,
        "params": {name: {"description": param.description, "required": is_required(param), **param.schema}
                   for name, param in ((name, dag.params.get_param(name)) for name in dag.params)},
    }

new_york = ZoneInfo("America/New_York")
refresh = bag.dags["warehouse_refresh"]
print(json.dumps({
    "errors": bag.import_errors, "imported": imported, "dags": {name: describe(dag) for name, dag in bag.dags.items()},
    "runs_over_a_weekend": next_runs(refresh, datetime(2026, 11, 19, 12, tzinfo=new_york), 3),
    "runs_over_the_clock_change": next_runs(refresh, datetime(2027, 3, 12, 12, tzinfo=new_york), 2),
}))
"""

# `warehouse.refresh` with the same functions, which note that they were called; FAILS names the call that raises
RECORDER = """
import contextlib, json, signal, sqlite3, sys, time, types
from pathlib import Path
from filelock import FileLock
import warehouse
from warehouse.settings import WrongUse

calls, fails = [], {}

def recorder(name):
    def stage(*arguments, build_id=None, **dates):
        call = " ".join([name, *map(str, arguments), *(f"{key}={type(value).__name__}:{value}" for key, value in dates.items())])
        call += f" of {build_id}" if build_id else ""
        calls.append(call)
        print("said by", call)
        if fails.get(call) is KeyboardInterrupt:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ValueError("cancelled, as dbt says") from None
        if call in fails:
            raise fails[call]
        if call == "report":
            return ["Retreat Index 50.0"]
        return {"counted": len(calls)} if call != "open_build" else "B1"
    return stage

refresh = types.ModuleType("warehouse.refresh")
for name in ("open_build", "fetch", "load", "gate", "build_models", "publish", "publish_to_postgres", "report"):
    setattr(refresh, name, recorder(name))
refresh.published_facts = lambda: {"build_id": "B1", "retreat_index": 50.0}
sys.modules["warehouse.refresh"] = warehouse.refresh = refresh

from warehouse.orchestration import run_dag

# after a failure `dag.test` waits a second for each task it will not run
wait = time.sleep
time.sleep = lambda seconds: wait(min(seconds, 0.01))

airflow_dir = Path(sys.argv[1]) / "airflow"
results = {}

def run(title, dag_id="warehouse_refresh", params=None, failing=None):
    calls.clear(); fails.clear(); fails.update(failing or {})
    print("---", title, flush=True)
    try:
        outcome = run_dag(dag_id, airflow_dir, params)
    except (Exception, KeyboardInterrupt) as error:
        outcome = f"{type(error).__name__}: {error}"
    results[title] = {"outcome": outcome, "calls": list(calls)}

run("whole")
# as if this run had been killed while it loads, and one of a scheduler were under way
with contextlib.closing(sqlite3.connect(airflow_dir / "airflow.db")) as metadata:
    metadata.execute("update dag_run set state = 'running', end_date = null")
    metadata.execute("update task_instance set state = 'running', end_date = null where task_id = 'raw.load'")
    names = [column[1] for column in metadata.execute("pragma table_info(dag_run)")]
    other = dict(zip(names, metadata.execute("select * from dag_run").fetchone()))
    other |= {"id": other["id"] + 1000, "run_id": "of a scheduler", "triggered_by": "UI", "logical_date": "2026-01-01 00:00:00.000000"}
    metadata.execute(f"insert into dag_run ({', '.join(names)}) values ({', '.join('?' * len(names))})", [other[name] for name in names])
    metadata.commit()
with FileLock(airflow_dir / "run.lock"):
    (airflow_dir / "run.json").write_text(json.dumps({"pid": 7, "dag_id": "warehouse_refresh", "since": "2026-11-23T16:00:00+00:00"}))
    run("while another runs")
run("after a killed one")
with contextlib.closing(sqlite3.connect(airflow_dir / "airflow.db")) as metadata:
    loads = "select task_instance.state from task_instance join dag_run using (run_id) where task_id = 'raw.load' order by dag_run.id"
    results["states"] = {
        "runs": metadata.execute("select state from dag_run order by id").fetchall(),
        "load": metadata.execute(loads).fetchall(),
    }
run("raw gate fails", failing={"gate raw of B1": WrongUse("raw gate: 1 critical check failed")})
run("marts gate fails", failing={"gate marts of B1": ValueError("2 critical checks failed")})
run(
        "provider's folder is missing, and PostgreSQL is out of reach",
        failing={f"fetch {sys.argv[2]}": FileNotFoundError("no such folder"), "publish_to_postgres": OSError("connection refused")},
    )
run("no provider answers", failing={f"fetch {path}": FileNotFoundError("no such folder") for path in sys.argv[4].split(",")})
run("Ctrl-C", failing={"build_models staging of B1": KeyboardInterrupt})
with contextlib.closing(sqlite3.connect(airflow_dir / "airflow.db")) as metadata:
    state = metadata.execute("select state from dag_run order by id desc limit 1").fetchall()
    results["after Ctrl-C"] = {"runs": state, "left": (airflow_dir / "run.json").exists()}
run("build cannot be opened", failing={"open_build": WrongUse("in use")})
period = {"start": "2020-01-01", "end": "2021-06-30"}
run("backfill", "warehouse_backfill", {"provider": sys.argv[2], "days_a_piece": 365, **period})
run("backfill of one day", "warehouse_backfill", {"provider": sys.argv[2], "start": "2020-01-01", "end": "2020-01-01"})
run("backfill of a feed", "warehouse_backfill", {"feed": sys.argv[3], "start": "2020-01-01", "end": "2020-01-01", "again": True})
run("backfill of neither", "warehouse_backfill", period)
run("backfill of both", "warehouse_backfill", {"provider": sys.argv[2], "feed": sys.argv[3], **period})
run("backfill of no such feed", "warehouse_backfill", {"feed": "nothing", **period})
run("backfill backwards", "warehouse_backfill", {"provider": sys.argv[2], "start": "2020-02-01", "end": "2020-01-01"})
run("unknown DAG", "warehouse_refesh")
run("unknown provider", "warehouse_backfill", {"provider": "nobody", **period})
run("no start", "warehouse_backfill", {"provider": sys.argv[2]})
run("unknown parameter", "warehouse_backfill", {"provider": sys.argv[2], "begin": "2020-01-01", **period})
airflow_dir = airflow_dir.parent / "other" / "airflow"
run("another folder")
print("=== " + json.dumps(results))
"""


def in_fresh_process(script: str, home: Path, *arguments: str) -> str:
    """Standard output of `script`, run by this interpreter with Airflow's environment for `home`."""
    environment = {**os.environ, **airflow_environment(home)}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = in_fresh_process(DESCRIBE, tmp_path_factory.mktemp("describe"), str(REPOSITORY / "dags"))
    description: dict[str, Any] = json.loads(output.splitlines()[-1])
    return description


@pytest.fixture(scope="module")
def refresh(described: dict[str, Any]) -> dict[str, Any]:
    dag: dict[str, Any] = described["dags"]["warehouse_refresh"]
    return dag


@pytest.fixture(scope="module")
def backfill(described: dict[str, Any]) -> dict[str, Any]:
    dag: dict[str, Any] = described["dags"]["warehouse_backfill"]
    return dag


class Runs:
    """What the runs in one process did: their outcomes, the stages they called, and what they printed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        printed, _, results = in_fresh_process(RECORDER, home, str(home), PROVIDERS[0], FEED, ",".join(PROVIDERS)).partition("=== ")
        self._results = json.loads(results)
        self._printed = {title: text for title, _, text in (part.partition("\n") for part in printed.split("--- ")[1:])}

    @property
    def states(self) -> dict[str, list[list[str]]]:
        """States of the runs after one was killed, in the order they are in Airflow's metadata, and of their load."""
        found: dict[str, list[list[str]]] = self._results["states"]
        return found

    @property
    def after_interrupt(self) -> dict[str, Any]:
        """State of the run that Ctrl-C ended, and whether it left a note that it runs."""
        found: dict[str, Any] = self._results["after Ctrl-C"]
        return found

    def outcome(self, title: str) -> Any:
        return self._results[title]["outcome"]

    def calls(self, title: str) -> list[str]:
        calls: list[str] = self._results[title]["calls"]
        return calls

    def printed(self, title: str) -> list[str]:
        return self._printed[title].splitlines()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


def test_dag_files_import_cleanly(described: dict[str, Any]) -> None:
    assert described["errors"] == {}
    assert sorted(described["dags"]) == ["lake_maintenance", "warehouse_backfill", "warehouse_refresh"]


def test_dag_files_import_nothing_heavy(described: dict[str, Any]) -> None:
    assert "dags" in described["imported"]
    assert not {"dbt", "great_expectations", "pandas", "duckdb", "numpy", "ingest", "warehouse"} & set(described["imported"])


def test_refresh_fetches_each_provider_side_by_side(refresh: dict[str, Any]) -> None:
    fetches = [f"fetch.{provider}" for provider in PROVIDERS]
    assert fetches
    assert sorted(refresh["tasks"]) == sorted(["open_build", *fetches, *AFTER_FETCH])
    assert refresh["tasks"]["open_build"]["after"] == []
    assert all(refresh["tasks"][fetch]["after"] == ["open_build"] for fetch in fetches)
    assert refresh["tasks"]["raw.load"]["after"] == fetches


@pytest.mark.parametrize("dag_id", ["warehouse_refresh", "warehouse_backfill"])
def test_stages_after_the_fetches_form_one_chain(described: dict[str, Any], dag_id: str) -> None:
    tasks = described["dags"][dag_id]["tasks"]
    for before, after in pairwise(AFTER_FETCH[:-1]):
        assert tasks[after]["after"] == [before]
    # the report waits for PostgreSQL, and needs the build to be published to files only
    assert tasks["report"]["after"] == ["publish", "publish_to_postgres"]
    assert described["dags"][dag_id]["groups"] == ["fetch", "marts", "raw", "staging"]


def test_assets_lead_from_the_providers_to_the_published_build(refresh: dict[str, Any]) -> None:
    """Read as a graph of assets, the tasks are the way of the data: each but the landed files is made from what another task made."""
    landed = [f"ebbtide.landed.{provider}" for provider in PROVIDERS]
    marts = [f"ebbtide.marts.{schema}" for schema in ("signals", "migration", "valuation", "scenarios")]
    tasks = {name: (task["inlets"], task["outlets"]) for name, task in refresh["tasks"].items()}
    assert [tasks.pop(f"fetch.{provider}") for provider in PROVIDERS] == [([], [asset]) for asset in landed]
    assert tasks == {
        "open_build": ([], []),
        "raw.load": (landed, ["ebbtide.raw"]),
        "raw.gate": (["ebbtide.raw"], ["ebbtide.quality"]),
        "staging.build": (["ebbtide.raw"], ["ebbtide.staging"]),
        "staging.gate": (["ebbtide.staging"], ["ebbtide.quality"]),
        "marts.build": (["ebbtide.staging"], marts),
        "marts.gate": (marts, ["ebbtide.quality"]),
        "publish": ([*marts, "ebbtide.quality"], ["ebbtide.published"]),
        "publish_to_postgres": ([], []),
        "report": (["ebbtide.published"], ["ebbtide.report"]),
    }
    models = REPOSITORY / "dbt_project" / "models" / "marts"
    assert {path.name for path in models.iterdir() if path.is_dir()} == {name.rpartition(".")[2] for name in marts}


@pytest.mark.parametrize("dag_id", ["warehouse_refresh", "warehouse_backfill"])
def test_a_failed_task_stops_all_that_follow_except_a_fetch_and_postgres(described: dict[str, Any], dag_id: str) -> None:
    rules = {name: task["trigger_rule"] for name, task in described["dags"][dag_id]["tasks"].items()}
    assert rules.pop("raw.load") == rules.pop("report") == "all_done_min_one_success"
    assert set(rules.values()) == {"all_success"}


@pytest.mark.parametrize("dag_id", ["warehouse_refresh", "warehouse_backfill"])
def test_only_fetches_are_tried_again_and_only_for_network_faults(described: dict[str, Any], dag_id: str) -> None:
    tasks = described["dags"][dag_id]["tasks"]
    fetches = [name for name in tasks if name.startswith("fetch.") and name != "fetch.pieces"]
    assert {name for name, task in tasks.items() if task["retries"]} == set(fetches)
    for name in fetches:
        assert (tasks[name]["retries"], tasks[name]["delay"], tasks[name]["backoff"]) == (3, 20, 3)
        assert tasks[name]["choices"] == {
            "warehouse.disk.DiskFull": "fail",
            "ingest.source.FetchFailed": "default",
            "ingest.source.KeyMissing": "fail",
            "builtins.ConnectionError": "default",
            "builtins.TimeoutError": "default",
            "requests.exceptions.Timeout": "default",
            "builtins.FileNotFoundError": "fail",
            "warehouse.settings.WrongUse": "fail",
            "builtins.ValueError": "fail",
        }


def test_refresh_runs_on_weekday_evenings_in_new_york(described: dict[str, Any], refresh: dict[str, Any]) -> None:
    assert described["runs_over_a_weekend"] == ["2026-11-19T20:30:00-05:00", "2026-11-20T20:30:00-05:00", "2026-11-23T20:30:00-05:00"]
    assert described["runs_over_the_clock_change"] == ["2027-03-12T20:30:00-05:00", "2027-03-15T20:30:00-04:00"]
    # with one, a new installation would at once make up for the evening before
    assert refresh["scheduled"] and refresh["start_date"] is None


@pytest.mark.parametrize("dag_id", ["warehouse_refresh", "warehouse_backfill"])
def test_one_run_at_a_time_without_catching_up(described: dict[str, Any], dag_id: str) -> None:
    assert described["dags"][dag_id]["max_active_runs"] == 1
    assert described["dags"][dag_id]["catchup"] is False


@pytest.mark.parametrize("dag_id", ["warehouse_refresh", "warehouse_backfill"])
def test_everything_is_documented(described: dict[str, Any], dag_id: str) -> None:
    dag = described["dags"][dag_id]
    assert dag["doc"] and dag["description"] and "ebbtide" in dag["tags"]
    assert [name for name, task in dag["tasks"].items() if not task["doc"]] == []
    assert [name for name, param in dag["params"].items() if not param["description"]] == []


def test_backfill_parameters_are_typed(backfill: dict[str, Any]) -> None:
    params = backfill["params"]
    assert not backfill["scheduled"]
    assert list(params) == ["provider", "feed", "start", "end", "days_a_piece", "again"]
    assert params["provider"]["enum"] == [None, *PROVIDERS]
    assert params["start"]["required"]
    assert not any(params[name]["required"] for name in ("provider", "feed", "end", "again"))
    assert params["start"]["format"] == params["end"]["format"] == "date"
    assert (params["days_a_piece"]["type"], params["days_a_piece"]["minimum"]) == ("integer", 1)


def test_a_run_calls_each_stage_once_in_order(runs: Runs) -> None:
    calls = runs.calls("whole")
    assert runs.outcome("whole") is True
    assert calls[0] == "open_build"
    assert sorted(calls[1 : 1 + len(PROVIDERS)]) == [f"fetch {provider}" for provider in PROVIDERS]
    assert calls[1 + len(PROVIDERS) :] == [
        "load of B1",
        "gate raw of B1",
        "build_models staging of B1",
        "gate staging of B1",
        "build_models marts of B1",
        "gate marts of B1",
        "publish of B1",
        "publish_to_postgres",
        "report",
    ]


def test_a_run_prints_a_line_a_task_with_its_seconds_and_nothing_else(runs: Runs) -> None:
    lines = [line.split() for line in runs.printed("whole")]
    assert lines[0][:2] == ["Airflow", "ready"]
    assert sorted(line[0] for line in lines[1:]) == sorted(["open_build", *(f"fetch.{provider}" for provider in PROVIDERS), *AFTER_FETCH])
    assert all(line[-1] == "s" and float(line[-2]) >= 0 for line in lines)


def test_what_a_task_writes_is_kept_in_its_log(runs: Runs) -> None:
    written = [path.read_text(encoding="utf-8") for path in runs.home.glob("airflow/logs/dag_id=*/run_id=*/task_id=publish/attempt=1.log")]
    assert written
    assert all("said by publish" in text for text in written)
    report = next(iter(runs.home.glob("airflow/logs/dag_id=*/run_id=*/task_id=report/attempt=1.log"))).read_text(encoding="utf-8")
    assert "Retreat Index 50.0" in report


@pytest.mark.parametrize(
    ("title", "last_call", "shown"),
    [
        ("raw gate fails", "gate raw of B1", "raw gate: 1 critical check failed"),
        ("marts gate fails", "gate marts of B1", "ValueError: 2 critical checks failed"),
    ],
)
def test_a_failed_gate_stops_the_run_before_publishing(runs: Runs, title: str, last_call: str, shown: str) -> None:
    assert runs.outcome(title) is False
    assert runs.calls(title)[-1] == last_call
    assert runs.calls(title).count(last_call) == 1
    lines = runs.printed(title)
    failed = next(number for number, line in enumerate(lines) if line.endswith("FAILED"))
    assert lines[failed + 1].strip() == shown
    log = Path(lines[failed + 2].strip().removeprefix("log: "))
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert lines[-1].startswith("not run because of it: ") and "publish" in lines[-1]


def test_a_fault_that_is_not_the_networks_is_not_tried_again_and_what_needs_it_not_goes_on(runs: Runs) -> None:
    title = "provider's folder is missing, and PostgreSQL is out of reach"
    assert runs.outcome(title) is True
    assert runs.calls(title).count(f"fetch {PROVIDERS[0]}") == 1
    assert runs.calls(title)[-9:] == runs.calls("whole")[-9:]
    lines = runs.printed(title)
    failed, other = (number for number, line in enumerate(lines) if line.endswith("FAILED"))
    assert lines[failed].startswith(f"fetch.{PROVIDERS[0]}") and "no such folder" in lines[failed + 1]
    assert lines[other].startswith("publish_to_postgres") and "connection refused" in lines[other + 1]


@pytest.mark.parametrize("title", ["no provider answers", "build cannot be opened"])
def test_without_a_fetch_nothing_is_loaded(runs: Runs, title: str) -> None:
    assert runs.outcome(title) is False
    assert not any(call.startswith(("load", "publish", "report")) for call in runs.calls(title))


def test_a_run_whose_process_was_killed_has_failed_and_a_schedulers_goes_on(runs: Runs) -> None:
    assert runs.outcome("after a killed one") is True
    assert runs.states["runs"] == [["failed"], ["running"], ["success"]]
    assert runs.states["load"] == [["failed"], ["success"]]


def test_ctrl_c_ends_the_run_with_the_task_under_way(runs: Runs) -> None:
    """Airflow and dbt take it for a failure of the task; the run must not go on with the next."""
    assert runs.outcome("Ctrl-C") == "KeyboardInterrupt: "
    assert runs.calls("Ctrl-C")[-1] == "build_models staging of B1"
    assert runs.printed("Ctrl-C")[-1].split() == ["staging.build", runs.printed("Ctrl-C")[-1].split()[1], "s", "interrupted"]
    assert runs.after_interrupt == {"runs": [["failed"]], "left": False}


def test_backfill_fetches_the_period_in_pieces(runs: Runs) -> None:
    assert runs.outcome("backfill") is True
    assert sorted(runs.calls("backfill")[1:3]) == [
        f"fetch {PROVIDERS[0]} start=date:2020-01-01 end=date:2020-12-30 again=bool:False",
        f"fetch {PROVIDERS[0]} start=date:2020-12-31 end=date:2021-06-30 again=bool:False",
    ]
    assert runs.calls("backfill")[3:5] == ["load of B1", "gate raw of B1"]
    assert runs.calls("backfill")[-3:] == ["publish of B1", "publish_to_postgres", "report"]
    assert runs.calls("backfill of one day")[1] == f"fetch {PROVIDERS[0]} start=date:2020-01-01 end=date:2020-01-01 again=bool:False"


def test_backfill_of_one_feed(runs: Runs) -> None:
    assert runs.outcome("backfill of a feed") is True
    assert runs.calls("backfill of a feed")[1] == f"fetch {FEED} start=date:2020-01-01 end=date:2020-01-01 again=bool:True"


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("backfill of neither", "give a provider or a feed, one of the two"),
        ("backfill of both", "give a provider or a feed, one of the two"),
        ("backfill of no such feed", "there is no feed nothing; there are "),
    ],
)
def test_backfill_needs_a_provider_or_a_feed(runs: Runs, title: str, says: str) -> None:
    assert runs.outcome(title) is False
    assert any(says in line for line in runs.printed(title))
    assert not any(call.startswith("fetch") for call in runs.calls(title))


def test_backfill_refuses_a_period_that_ends_before_it_starts(runs: Runs) -> None:
    assert runs.outcome("backfill backwards") is False
    assert any("2020-01-01 lies before the first day 2020-02-01" in line for line in runs.printed("backfill backwards"))


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("unknown DAG", "WrongUse: there is no DAG warehouse_refesh; there are lake_maintenance, warehouse_backfill, warehouse_refresh"),
        ("unknown provider", "WrongUse: warehouse_backfill: Invalid input for param provider: 'nobody' is not one of"),
        ("no start", "WrongUse: warehouse_backfill: "),
        ("unknown parameter", "WrongUse: warehouse_backfill has no parameter begin; it has provider, feed, start, end, days_a_piece, again"),
        ("while another runs", "WrongUse: process 7 runs warehouse_refresh since 2026-11-23T16:00:00+00:00 in "),
        ("another folder", "RuntimeError: Airflow already runs in this process"),
    ],
)
def test_wrong_use_is_named(runs: Runs, title: str, message: str) -> None:
    assert str(runs.outcome(title)).startswith(message)
    assert runs.calls(title) == []


def test_importing_the_runner_does_not_import_airflow(tmp_path: Path) -> None:
    output = in_fresh_process("import sys, warehouse.orchestration; print('airflow' in sys.modules, 'duckdb' in sys.modules)", tmp_path)
    assert output.split() == ["False", "False"]
