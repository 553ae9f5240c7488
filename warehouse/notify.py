"""Telling people: new alerts of a build and failed tasks, through Airflow's own notifiers. Off unless `EBBTIDE_NOTIFY` is set.

A notifier is any subclass of Airflow's `BaseNotifier`: those of the provider packages (SMTP, Slack and others), which keep addresses and
passwords in an Airflow connection, or one of one's own. What goes wrong here is logged and never changes the state of a task.
"""

from __future__ import annotations

import html
import importlib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

import duckdb

from ingest.secrets import masked
from warehouse.connection import connect_published
from warehouse.orchestration import error_message
from warehouse.publish import published_builds
from warehouse.settings import Settings, WrongUse, load_settings

# Alerts a message lists; the rest is counted.
LISTED = 20
SEVERITIES = ("critical", "warning", "information")

# What constructors of notifiers call the parts of a message, and which part of ours it is. The first body a notifier takes is used.
TITLES = ("title", "subject")
BODIES = {"text": "message", "body": "message", "message": "message", "message_body": "message", "html_content": "html"}

_log = logging.getLogger(__name__)


def tell_alerts(context: Mapping[str, Any]) -> None:
    """Tell what alerts the published build has that the one before did not have. Airflow calls it when the report is done."""
    settings = load_settings()
    # a build as of an earlier day lies beside the one readers see, and what it finds is no news
    if not settings.notify or (settings.as_of and settings.as_of != settings.home_as_of):
        return
    alerts = new_alerts(settings)
    if alerts:
        send(settings, context, *alert_message(settings, alerts), alerts=alerts)


def tell_failure(context: Mapping[str, Any]) -> None:
    """Tell that a task has failed for good, and why: of a gate, the checks that were not met. Airflow calls it."""
    settings = load_settings()
    if not settings.notify:
        return
    task_id = context["ti"].task_id
    stage, _, step = task_id.rpartition(".")
    what = f"{stage} gate failed" if step == "gate" else f"{task_id} failed"
    kept = "Readers keep the build that was published before; `ebbtide builds` shows the failed one."
    if task_id == "publish_to_postgres":
        kept = "Readers of files have the new build, those of PostgreSQL keep the one before; `ebbtide publish` tries again."
    message = f"{error_message(context.get('exception'))}\n\n{kept}"
    send(settings, context, f"Ebbtide: {what} in {context['ti'].dag_id}", message, alerts=[])


def new_alerts(settings: Settings) -> list[dict[str, Any]]:
    """Alerts of the current build that start on the newest day of the build before or later and that it did not have; severe ones first.

    Where there is no build before, all that are on. Alerts that a new signal or a longer history adds to days long past are no news.
    """
    kept = published_builds(settings)
    current = next((build.build_id for build in kept if build.current), None)
    if current is None:
        return []
    before = max((build.build_id for build in kept if build.build_id < current), default=None)
    with connect_published(settings) as connection:
        alerts = _rows(connection, "select * from signals.fct_signal_alert")
    seen, newest = _seen(settings, before) if before else (set(), None)
    if newest is None:
        new = [alert for alert in alerts if alert["end_date"] is None]
    else:
        new = [alert for alert in alerts if alert["start_date"] >= newest and _key(alert) not in seen]
    return sorted(new, key=lambda alert: (SEVERITIES.index(alert["severity"]), alert["signal_id"] != "retreat_index", *_key(alert)))


def _seen(settings: Settings, build_id: str) -> tuple[set[tuple[Any, ...]], Any]:
    """Keys of the alerts of a kept build and its newest day; no day where it was made before there were alerts."""
    with connect_published(settings, settings.published_dir / f"{build_id}.duckdb") as connection:
        try:
            alerts = _rows(connection, "select signal_id, rule, start_date from signals.fct_signal_alert")
        except duckdb.CatalogException:
            return set(), None
        newest = connection.execute("select max(observation_date) from signals.fct_signal_daily").fetchone()
    return {_key(alert) for alert in alerts}, newest[0] if newest else None


def _key(alert: Mapping[str, Any]) -> tuple[Any, ...]:
    return alert["signal_id"], alert["rule"], alert["start_date"]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def alert_message(settings: Settings, alerts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Title and text of a message on new alerts."""
    counts = {severity: sum(alert["severity"] == severity for alert in alerts) for severity in SEVERITIES}
    counted = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    invented = " (sample world: invented figures)" if settings.source_kind == "sample" else ""
    title = f"Ebbtide: {len(alerts)} new alert{'s' if len(alerts) > 1 else ''}, {counted}{invented}"
    lines = [f"{alert['severity']}, {alert['start_date']}: {alert['reason_en']}\n  {alert['reason_zh']}" for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        lines.append(f"and {len(alerts) - LISTED} more in signals.fct_signal_alert")
    return title, "\n".join(lines)


def send(settings: Settings, context: Mapping[str, Any], title: str, message: str, alerts: Sequence[Mapping[str, Any]]) -> None:
    """Give a message to every notifier; one that fails is logged and does not keep it from the others."""
    title, message = masked(title, settings.secrets()), masked(message, settings.secrets())
    said = {"title": title, "message": message, "html": f"<pre>{html.escape(message)}</pre>", "alerts": list(alerts)}
    for path, arguments in notifier_paths(settings.notify or ""):
        try:
            notifier = make_notifier(path, arguments, said)
            notifier.notify = _without_secrets(notifier.notify, settings)
            notifier({**context, "ebbtide": said})
        except Exception as error:
            why = str(error) if isinstance(error, NotTold) else f"{type(error).__name__}: {error}"
            _log.error("%s has not been told: %s", path, masked(why, settings.secrets()))


class NotTold(Exception):
    """A notifier failed; the message says how, without secrets."""


def _without_secrets(notify: Callable[[Any], None], settings: Settings) -> Callable[[Any], None]:
    """What a notifier does, with secrets masked in its failure: `BaseNotifier` logs that before anybody else sees it."""

    def run(context: Any) -> None:
        try:
            notify(context)
        except Exception as error:
            said = masked(f"{type(error).__name__}: {error}", settings.secrets())
        else:
            return
        raise NotTold(said)

    return run


def notifier_paths(setting: str) -> list[tuple[str, dict[str, str]]]:
    """Import path and arguments of each notifier of the setting: `package.module.Class?name=value&name=value`, separated by commas."""
    found = []
    for part in filter(None, (part.strip() for part in setting.split(","))):
        path, _, query = part.partition("?")
        found.append((path, dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))))
    return found


def make_notifier(path: str, arguments: Mapping[str, str], said: Mapping[str, Any]) -> Any:
    """The notifier at an import path, with its arguments and with the message under the names its constructor has for it.

    One that has none of those names finds the message in `context["ebbtide"]`. Raises WrongUse when there is no such notifier.
    """
    from airflow.sdk import BaseNotifier

    module, _, name = path.rpartition(".")
    try:
        notifier = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(f"EBBTIDE_NOTIFY: {path} cannot be imported: {error}") from None
    if not (isinstance(notifier, type) and issubclass(notifier, BaseNotifier)):
        raise WrongUse(f"EBBTIDE_NOTIFY: {path} is no class of airflow.sdk.BaseNotifier")
    takes = inspect.signature(notifier).parameters
    parts = {title: "title" for title in TITLES if title in takes}
    body = next((body for body in BODIES if body in takes), None)
    if body:
        parts[body] = BODIES[body]
    # templates are rendered again by Airflow: what a message quotes must not be taken for one
    told = {name: f"{{{{ ebbtide.{part} }}}}" if name in notifier.template_fields else said[part] for name, part in parts.items()}
    return cast(Any, notifier)(**{**told, **arguments})
