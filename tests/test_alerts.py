"""Alerts and `highest since` on the small raw store of test_dbt_project, with its revisions, late rows and gaps, against slow references."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from expectations.project import PROJECT
from tests.equal import assert_equal
from tests.test_dbt_project import EARLIER, builds, later_warehouse, marts  # noqa: F401

THRESHOLDS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]["alert"]
KEY = ("signal_id", "rule", "start_date")
# what an episode that still lasts learns later; all else is of its first day
OPEN = ("end_date", "worst_severity", "extreme_value", "extreme_date", "trading_days")


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def test_past_alerts_do_not_change_with_later_knowledge(builds: Path) -> None:  # noqa: F811
    connection = marts(builds / "earlier.duckdb", builds / "later.duckdb")
    counts = connection.execute("select count(*), count(end_date) from earlier.signals.fct_signal_alert").fetchone()
    assert counts is not None and 0 < counts[1] < counts[0], "the comparison needs episodes that are over and some that last"
    begun = f"(select * from later.signals.fct_signal_alert where start_date <= date '{EARLIER}')"
    assert_equal(connection, "(select * from earlier.signals.fct_signal_alert)", begun, KEY, ignore=OPEN)
    over = f"(select * from later.signals.fct_signal_alert where end_date <= date '{EARLIER}')"
    assert_equal(connection, "(select * from earlier.signals.fct_signal_alert where end_date is not null)", over, KEY)


def test_highest_and_lowest_since_are_those_of_a_search_day_by_day(builds: Path) -> None:  # noqa: F811
    """Each value shown is looked for backwards through the first prints of earlier observations."""
    prints: dict[str, list[tuple[date, float]]] = defaultdict(list)
    native = later_warehouse(builds).execute("select signal_id, source_observation_date, value from intermediate.int_signal_native order by known_day")
    for signal, observed, value in native.fetchall():
        prints[signal].append((observed, value))
    place = {(signal, observed): at for signal, found in prints.items() for at, (observed, _) in enumerate(found)}
    shown = rows(marts(builds / "later.duckdb"), "select * from later.signals.fct_signal_daily")
    revised = wrong = 0
    for row in shown:
        signal, observed, value = row["signal_id"], row["source_observation_date"], row["value"]
        at = place[signal, observed]
        revised += prints[signal][at][1] != value
        before = prints[signal][:at][::-1]
        highest = next((day for day, earlier in before if earlier >= value), None)
        lowest = next((day for day, earlier in before if earlier <= value), None)
        wrong += (row["highest_since"], row["lowest_since"]) != (highest, lowest)
    assert len(shown) > 20_000 and revised > 10
    assert wrong == 0


def episodes(days: list[dict[str, Any]], enters: str, leaves: str) -> list[tuple[date, date | None]]:
    """First day and day of the end of each episode, one day after another."""
    found: list[tuple[date, date | None]] = []
    on = False
    for day in days:
        if on and day[leaves]:
            found[-1] = (found[-1][0], day["observation_date"])
            on = False
        elif not on and day[enters] and not day[leaves]:
            found.append((day["observation_date"], None))
            on = True
    return found


@pytest.mark.parametrize("rule", ["z", "cusum", "highest_since", "lowest_since", "level"])
def test_episodes_are_those_of_a_walk_through_the_days(builds: Path, rule: str) -> None:  # noqa: F811
    connection = marts(builds / "later.duckdb")
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(connection, "select * from later.signals.fct_signal_daily order by observation_date"):
        days[row["signal_id"]].append(row)
    begins = {signal: min(row["source_observation_date"] for row in found) for signal, found in days.items()}
    expected = {}
    for signal, found in days.items():
        since_last = THRESHOLDS["since"]["leave_trading_days"]
        for row in found:
            if rule in ("z", "cusum"):
                measure = row["z_score"] if rule == "z" else None if row["cusum"] is None else row["cusum"] / row["cusum_threshold"]
                row["enters"] = measure is not None and measure >= THRESHOLDS[rule]["enter"]
                row["leaves"] = measure is None or measure < THRESHOLDS[rule]["leave"]
            elif rule == "level":
                line = THRESHOLDS["level"].get(signal)
                if line is None:
                    row["enters"], row["leaves"] = False, True
                    continue
                sign = 1 if line["leave"] <= line["enter"] else -1
                row["enters"] = sign * row["value"] >= sign * line["enter"]
                row["leaves"] = sign * row["value"] < sign * line["leave"]
            else:
                since = row[rule] or begins[signal]
                row["enters"] = (row["source_observation_date"] - since).days >= THRESHOLDS["since"]["enter"]
                since_last = 0 if row["enters"] else since_last + 1
                row["leaves"] = since_last >= THRESHOLDS["since"]["leave_trading_days"]
            row["leaves"] = row["leaves"] or not row["is_live"]
        expected.update({(signal, start): end for start, end in episodes(found, "enters", "leaves")})
    alerts = rows(connection, f"select * from later.signals.fct_signal_alert where rule = '{rule}' and signal_id <> 'retreat_index'")
    assert len(expected) > 2
    assert {(row["signal_id"], row["start_date"]): row["end_date"] for row in alerts} == expected


@pytest.mark.parametrize(("rule", "column"), [("z", "z_score"), ("level", "retreat_index")])
def test_episodes_of_the_index_are_those_of_a_walk_through_the_days(builds: Path, rule: str, column: str) -> None:  # noqa: F811
    connection = marts(builds / "later.duckdb")
    line = THRESHOLDS["level"]["retreat_index"] if rule == "level" else THRESHOLDS["z"]
    days = rows(connection, "select * from later.signals.fct_retreat_index_daily order by observation_date")
    for day in days:
        day["enters"] = day[column] is not None and day[column] >= line["enter"]
        day["leaves"] = day[column] is None or day[column] < line["leave"]
    expected = episodes(days, "enters", "leaves")
    assert expected
    sql = f"select start_date, end_date from later.signals.fct_signal_alert where rule = '{rule}' and signal_id = 'retreat_index' order by 1"
    assert connection.execute(sql).fetchall() == expected
