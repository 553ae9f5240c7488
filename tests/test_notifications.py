"""Who is told what: alerts that are new in a build, tasks that failed, through notifiers of Airflow and of one's own."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.test_dags import in_fresh_process
from warehouse import notify
from warehouse.publish import point_current_at
from warehouse.settings import Settings, WrongUse, load_settings

FIRST, SECOND = "20231228T010000000Z", "20231229T010000000Z"

# signal, rule, first day, last day, severity
VIX = ("vix_log", "z", date(2023, 12, 1), None, "information")
OVER = ("skew_21d", "level", date(2022, 3, 1), date(2022, 4, 1), "warning")
LATE = ("gpr_ma30", "z", date(2021, 3, 1), date(2021, 4, 1), "warning")
INDEX = ("retreat_index", "level", date(2023, 12, 29), None, "warning")
MARGIN = ("margin_debt_yoy", "lowest_since", date(2023, 12, 28), None, "critical")

NOTIFIERS = """
import json
from pathlib import Path

from airflow.sdk import BaseNotifier


class Recorded(BaseNotifier):
    template_fields = ("subject", "text", "to")

    def __init__(self, subject, text, to="everyone"):
        super().__init__()
        self.subject, self.text, self.to = subject, text, to

    def notify(self, context):
        told = {"subject": self.subject, "text": self.text, "to": self.to, "task": context["ti"].task_id, "alerts": len(context["ebbtide"]["alerts"])}
        with Path(__file__).with_name("told.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\\n")


class Broken(BaseNotifier):
    def notify(self, context):
        raise ConnectionError("no route")
"""

# the stages are replaced; callbacks, settings and published builds are real
RUNS = """
import json, os, sys, time, types
from pathlib import Path
import warehouse
from warehouse.settings import WrongUse

home = Path(sys.argv[1])
sys.path.append(str(home))
failing = {}

def stage(name):
    def run(*arguments, **dates):
        error = failing.get(" ".join([name, *map(str, arguments)]))
        if error:
            raise error
        return ["a line"] if name == "report" else {}
    return run

refresh = types.ModuleType("warehouse.refresh")
for name in ("open_build", "fetch", "load", "gate", "build_models", "publish", "publish_to_postgres", "report"):
    setattr(refresh, name, stage(name))
refresh.published_facts = dict
sys.modules["warehouse.refresh"] = warehouse.refresh = refresh

from warehouse.orchestration import run_dag

wait = time.sleep
time.sleep = lambda seconds: wait(min(seconds, 0.01))
results = {}

def run(title, notify=None, **settings):
    os.environ.update({f"EBBTIDE_{name}": value for name, value in settings.items()})
    os.environ.pop("EBBTIDE_NOTIFY", None)
    if notify:
        os.environ["EBBTIDE_NOTIFY"] = notify
    outcome = run_dag("warehouse_refresh", home / "airflow")
    told = home / "told.jsonl"
    results[title] = {"outcome": outcome, "told": [json.loads(line) for line in told.read_text("utf-8").splitlines()] if told.exists() else []}
    told.unlink(missing_ok=True)

run("off")
run("whole", "notifiers.Recorded?to=the%20desk")
failing["publish_to_postgres"] = OSError("connection refused")
run("one is broken", "notifiers.Broken, notifiers.Missing, notifiers.Recorded")
failing["gate raw"] = WrongUse("raw gate: 1 critical check failed, {{ not a template }}, key 4711")
run("gate fails", "notifiers.Recorded", FRED_API_KEY="4711")
run("gate fails, off")

from warehouse.notify import make_notifier
smtp = make_notifier("airflow.providers.smtp.notifications.smtp.SmtpNotifier", {"to": "desk@example.org"}, {"title": "t", "message": "m", "html": "h"})
smtp.render_template_fields({"ebbtide": {"title": "1 new alert", "html": "<pre>why</pre>"}})
results["smtp"] = [smtp.to, smtp.subject, smtp.html_content]
print("=== " + json.dumps(results))
"""


def publish(settings: Settings, build_id: str, alerts: list[tuple[Any, ...]], newest: date) -> None:
    """A published build that holds these alerts and is the current one."""
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.published_dir / f"{build_id}.duckdb")) as connection:
        connection.execute("create schema signals; create table signals.fct_signal_daily as select ?::date as observation_date", [newest])
        connection.execute(
            "create table signals.fct_signal_alert (signal_id varchar, rule varchar, start_date date, end_date date, severity varchar, "
            "reason_en varchar, reason_zh varchar)"
        )
        for alert in alerts:
            connection.execute("insert into signals.fct_signal_alert values (?, ?, ?, ?, ?, ?, ?)", [*alert, f"{alert[0]} high", f"{alert[0]} 高"])
    point_current_at(settings, build_id)


@pytest.fixture
def two_builds() -> Settings:
    settings = load_settings()
    publish(settings, FIRST, [VIX, OVER], date(2023, 12, 28))
    publish(settings, SECOND, [VIX, OVER, LATE, INDEX, MARGIN], date(2023, 12, 29))
    return settings


def names(alerts: list[dict[str, Any]]) -> list[str]:
    return [alert["signal_id"] for alert in alerts]


def test_nothing_is_news_where_nothing_is_published() -> None:
    assert notify.new_alerts(load_settings()) == []


def test_a_first_build_tells_the_alerts_that_last() -> None:
    settings = load_settings()
    publish(settings, FIRST, [VIX, OVER], date(2023, 12, 28))
    assert names(notify.new_alerts(settings)) == ["vix_log"]


def test_a_later_build_tells_what_is_new_and_severe_alerts_first(two_builds: Settings) -> None:
    """An alert of 2021 that only a longer history shows is no news."""
    assert names(notify.new_alerts(two_builds)) == ["margin_debt_yoy", "retreat_index"]


def test_after_a_build_without_alerts_all_that_last_are_told(two_builds: Settings) -> None:
    (two_builds.published_dir / f"{FIRST}.duckdb").unlink()
    with duckdb.connect(str(two_builds.published_dir / f"{FIRST}.duckdb")) as connection:
        connection.execute("create schema signals; create table signals.fct_signal_daily as select date '2023-12-28' as observation_date")
    assert names(notify.new_alerts(two_builds)) == ["margin_debt_yoy", "retreat_index", "vix_log"]


def test_the_message_counts_and_lists(two_builds: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LISTED", 1)
    title, text = notify.alert_message(two_builds, notify.new_alerts(two_builds))
    assert title == "Ebbtide: 2 new alerts, 1 critical, 1 warning (sample world: invented figures)"
    assert text == "critical, 2023-12-28: margin_debt_yoy high\n  margin_debt_yoy 高\nand 1 more in signals.fct_signal_alert"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("a.B", [("a.B", {})]),
        (" a.b.C?to=x%2Cy&cc= , d.E", [("a.b.C", {"to": "x,y", "cc": ""}), ("d.E", {})]),
    ],
)
def test_notifiers_are_paths_with_arguments(setting: str, expected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_NOTIFY", setting)
    assert notify.notifier_paths(load_settings().notify or "") == expected


@pytest.mark.parametrize("setting", ["desk@example.org", "slack", "a.B?to", "a.B c.D"])
def test_a_setting_that_is_no_path_is_named(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_NOTIFY", setting)
    with pytest.raises(WrongUse, match=r"EBBTIDE_NOTIFY: use package\.module\.Class"):
        load_settings()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What runs of `warehouse_refresh` in one process told, by title."""
    home = tmp_path_factory.mktemp("told")
    settings = Settings.model_validate({"home_setting": home})
    publish(settings, FIRST, [VIX], date(2023, 12, 28))
    publish(settings, SECOND, [VIX, INDEX], date(2023, 12, 29))
    (home / "notifiers.py").write_text(NOTIFIERS, encoding="utf-8")
    results: dict[str, Any] = json.loads(in_fresh_process(RUNS, home, str(home)).partition("=== ")[2])
    return results


def test_nobody_is_told_unless_asked(told: dict[str, Any]) -> None:
    assert told["off"] == {"outcome": True, "told": []}
    assert told["gate fails, off"] == {"outcome": False, "told": []}


def test_a_run_tells_its_new_alerts_once(told: dict[str, Any]) -> None:
    assert told["whole"]["outcome"] is True
    assert told["whole"]["told"] == [
        {
            "subject": "Ebbtide: 1 new alert, 1 warning (sample world: invented figures)",
            "text": "warning, 2023-12-29: retreat_index high\n  retreat_index 高",
            "to": "the desk",
            "task": "report",
            "alerts": 1,
        }
    ]


def test_a_notifier_that_fails_keeps_nobody_else_from_being_told(told: dict[str, Any]) -> None:
    assert told["one is broken"]["outcome"] is True
    assert [(each["to"], each["task"]) for each in told["one is broken"]["told"]] == [("everyone", "publish_to_postgres"), ("everyone", "report")]
    assert "Readers of files have the new build, those of PostgreSQL keep the one before" in told["one is broken"]["told"][0]["text"]


def test_a_failed_gate_is_told_without_secrets(told: dict[str, Any]) -> None:
    """What the message quotes is taken as it is, not as a template."""
    assert told["gate fails"]["outcome"] is False
    (message,) = told["gate fails"]["told"]
    assert (message["subject"], message["task"]) == ("Ebbtide: raw gate failed in warehouse_refresh", "raw.gate")
    assert message["text"].startswith("raw gate: 1 critical check failed, {{ not a template }}, key ***\n")


def test_mail_gets_subject_and_text(told: dict[str, Any]) -> None:
    assert told["smtp"] == ["desk@example.org", "1 new alert", "<pre>why</pre>"]
