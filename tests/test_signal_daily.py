"""Every day of every signal against a plain loop: random values, delays, gaps and revisions, and what a reader of that evening would have known."""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks.detection import parameters
from tests.test_retreat import reference, spread
from warehouse.dbt import SIGNALS, run_dbt
from warehouse.retreat import Yardstick

FIRST, LAST = date(2014, 1, 1), date(2019, 12, 31)
STEP = {"daily": 1, "weekly": 7, "twice a month": 15, "monthly": 30, "quarterly": 91}


@dataclass(frozen=True)
class Version:
    """One version of one observation: what day it is about, when it became known, its value."""

    observed: date
    known: datetime
    value: float


def signals() -> list[dict[str, str]]:
    with SIGNALS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def versions(signal: dict[str, str], seed: int) -> list[Version]:
    """Random history: values that hang together and drift, late days, missing days, two revisions of some observations."""
    generator = np.random.default_rng(seed)
    found = []
    day, level = FIRST, 0.0
    # a quarter of the signals moves in steps, so that many values are equal
    steps = seed % 4 == 0
    while day <= LAST:
        level = 0.9 * level + generator.standard_normal() + (0.02 if day.year >= 2018 else 0)
        value = round(level) / 2 if steps else level
        if generator.random() > 0.03 and not (signal["cadence"] == "daily" and day.isoweekday() > 5):
            known = datetime.combine(day, datetime.min.time()) + timedelta(days=int(signal["publication_lag_days"]), hours=20)
            known += timedelta(days=int(generator.integers(1, 12))) if generator.random() < 0.05 else timedelta()
            found.append(Version(day, known, value))
            for _ in range(int(generator.integers(1, 3)) if generator.random() < 0.1 else 0):
                known += timedelta(hours=int(generator.integers(1, 100)))
                found.append(Version(day, known, value + (generator.integers(-1, 2) / 2 if steps else 0.3 * generator.standard_normal())))
        day += timedelta(days=STEP[signal["cadence"]])
    return sorted(found, key=lambda version: (version.known, version.observed))


def events(history: list[Version]) -> list[Version]:
    """What a model of a signal hands on: each change of the newest observation or of its value, at most one a moment."""
    shown: list[Version] = []
    for version in history:
        if shown and version.observed < shown[-1].observed:
            continue
        if shown and version.known == shown[-1].known:
            shown.pop()
        if not shown or (version.observed, version.value) != (shown[-1].observed, shown[-1].value):
            shown.append(version)
    return shown


Row = tuple[date, float, str, float | None, float | None, float | None, float]


def by_evening(signal: dict[str, str], shown: list[Version], days: list[date]) -> dict[date, Row]:
    """Of each day: observation and value shown, status and value of z, percentile rank, chart, weight. One thing after the other."""
    settings = parameters()["robust_z"][signal["cadence"]]
    yardstick, clip = Yardstick(**settings), parameters()["z_clip"]
    direction = int(signal["direction"])

    # what was shown at the end of each calendar day on which something came
    evenings: dict[date, Version] = {}
    for version in shown:
        evenings[version.known.date()] = version
    native: list[Version] = []
    for _, version in sorted(evenings.items()):
        if all(version.observed != earlier.observed for earlier in native[-1:]):
            native.append(version)
    position = {version.observed: number for number, version in enumerate(native)}
    first_known: dict[date, datetime] = {}
    for version in shown:
        first_known.setdefault(version.observed, version.known)

    signed = [direction * version.value for version in native]
    judged = reference(signed, yardstick, clip)

    result: dict[date, Row] = {}
    known = [version.known for version in shown]
    for day in days:
        end = datetime.combine(day, datetime.min.time()) + timedelta(days=1)
        newest = bisect_left(known, end) - 1
        if newest < 0:
            continue
        version = shown[newest]
        n = position[version.observed]
        window = judged[n].window
        status, z = "short history", None
        if len(window) >= yardstick.minimum:
            median = float(np.median(window))
            scale = spread(window)
            status = "computed" if scale > 0 else "flat"
            z = min(clip, max(-clip, (direction * version.value - median) / scale)) if scale > 0 else None
        before = [each.value for each in native[max(0, n - yardstick.window) : n]]
        rank = (1 + sum(value <= version.value for value in before)) / (1 + len(before)) if status != "short history" else None
        chart = judged[n].cusum
        age = (end - first_known[version.observed]).total_seconds() / 86400 / int(signal["cadence_days"])
        result[day] = (version.observed, version.value, status, z, rank, None if chart != chart else chart, max(0.0, min(1.0, 3 - age)))
    return result


@pytest.fixture(scope="module")
def built(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A warehouse in which the models behind fct_signal_daily were built on random events of all signals."""

    def make(folder: Path) -> None:
        rows: list[dict[str, Any]] = []
        for number, signal in enumerate(signals()):
            history = events(versions(signal, number))
            first = {version.observed: version.known for version in reversed(history)}
            rows += [
                {"signal_id": signal["signal_id"], "source_observation_date": each.observed, "available_at": each.known, "value": each.value}
                | {"first_available_at": first[each.observed], "row_key": str(each.observed)}
                for each in history
            ]
        frame = pd.DataFrame(rows)  # noqa: F841, DuckDB reads it by its name
        warehouse = folder / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("create schema raw; create schema meta; create schema intermediate")
            connection.execute(
                "create table meta.build_in_progress as select 'build' as build_id, 'sample' as source, "
                f"timestamp '{LAST} 23:59:59' as as_of, timestamp '2026-01-01' as started_at, '0' as code_version"
            )
            connection.execute(
                """
                create table intermediate.int_signal_event as
                select * replace (source_observation_date::date as source_observation_date),
                       null::double as value_1w_earlier, null::double as value_4w_earlier, null::double as value_13w_earlier,
                       'real' as vintage_kind, 1::bigint as file_id
                from frame
                """
            )
        models = ["int_trading_day", "int_signal_observation", "int_signal_native", "int_signal_score", "int_signal_daily"]
        run_dbt(
            ["build", "--select", "resource_type:seed", *models, "--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"],
            warehouse=warehouse,
            mart=folder / "mart.duckdb",
        )

    return shared("signal_daily", make)


def test_every_day_of_every_signal_equals_the_plain_loop(built: Path) -> None:
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        sessions = connection.execute("select observation_date from intermediate.int_trading_day where observation_date >= ? order by 1", [FIRST])
        days = [row[0] for row in sessions.fetchall()]
        found = connection.execute(
            """
            select signal_id, observation_date, source_observation_date, value, z_status, z_score, percentile_rank, cusum, weight
            from intermediate.int_signal_daily
            """
        ).fetchall()
    by_signal: dict[str, dict[date, Row]] = {}
    for signal_id, day, *row in found:
        by_signal.setdefault(signal_id, {})[day] = tuple(row)
    compared, statuses = 0, set()
    for number, signal in enumerate(signals()):
        expected = by_evening(signal, events(versions(signal, number)), days)
        actual = by_signal[signal["signal_id"]]
        assert actual.keys() == expected.keys(), signal["signal_id"]
        for day, row in expected.items():
            assert actual[day][:1] == row[:1], (signal["signal_id"], day)
            assert actual[day][2] == row[2], (signal["signal_id"], day)
            for name, is_, should_be in zip(("value", "z", "rank", "chart", "weight"), (actual[day][1], *actual[day][3:]), (row[1], *row[3:]), strict=True):
                assert is_ == (should_be if should_be is None else pytest.approx(should_be, rel=1e-6, abs=1e-9)), (signal["signal_id"], day, name)
            compared += 1
            statuses.add(row[2])
    assert compared > 38 * 1200
    assert statuses >= {"computed", "short history"}
