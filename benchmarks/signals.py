"""The signal layer on worlds of 5, 10 and 20 years: seconds, and how they grow with the rows.

`python -m benchmarks.signals [--runs N]`: for each length the sample world's files of the feeds behind the schema `signals` are loaded, and every model of
that schema and behind it, but for staging views, is built several times. The time is that from the start of the first model to the end of
the last, which leaves out parsing the project; what the models take in a warehouse without rows is taken off for the second slope. A warehouse that
compares every day with every other would show a slope of 2.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import duckdb
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.result import Result, at_most, show
from expectations.project import feeds_behind, read_models
from ingest.feeds import FEEDS
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from ingest.sample import END, render
from warehouse.build import start_build
from warehouse.connection import connect, connect_published, quote
from warehouse.dbt import run_dbt
from warehouse.settings import Settings, load_settings

YEARS = (5, 10, 20)
LAYER = "+marts.signals"


@dataclass(frozen=True)
class Measurement:
    """Seconds of each run over a world of some years, with the raw rows behind the signals and the rows of the daily signals."""

    years: int
    raw_rows: int
    signal_rows: int
    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def feeds_of_signals() -> list[str]:
    """Raw tables behind the marts of the schema `signals`."""
    models = read_models()
    behind = {feed for model in models.values() if (model.layer, model.schema) == ("marts", "signals") for feed in feeds_behind(model, models)}
    return sorted(behind & FEEDS.keys())


def load_world(settings: Settings, feeds: list[str]) -> int:
    """Land and load the sample world's files of these feeds; returns how many raw rows there are."""
    landing = Landing(settings.landing_dir)
    if feeds:
        landed = {FEEDS[name].landed_with or name for name in feeds}
        files = render(END, first_year=settings.sample_first_year, feeds=landed)
        landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in files), "sample")
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    with connect(settings) as connection:
        build_id = start_build(connection, settings)
        load_landed(connection, [FEEDS[name] for name in feeds], landing, build_id)
        return sum(_count(connection, f"raw.{quote(name)}") for name in feeds)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])


def build_once(settings: Settings) -> float:
    """Build the layer; seconds from the start of the first model to the end of the last, as dbt recorded them."""
    target = settings.home / "dbt"
    run_dbt(["run", "--select", LAYER, "--exclude", "staging"], warehouse=settings.warehouse_path, mart=settings.next_mart_path, target=target)
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    steps = [step for result in results for step in result["timing"]]
    moments = [datetime.fromisoformat(step[end]) for step in steps for end in ("started_at", "completed_at")]
    return (max(moments) - min(moments)).total_seconds()


def measure(folder: Path, years: int, runs: int) -> Measurement:
    """Load a world of some years, or nothing for none, and build its signals several times, after one build that is not counted."""
    # by itself, not from the environment: a world is the same wherever it is measured
    settings = Settings.model_validate({"home_setting": folder, "as_of": END, "sample_first_year": END.year - max(years, 2) + 1})
    raw_rows = load_world(settings, feeds_of_signals() if years else [])
    run_dbt(
        ["build", "--select", "resource_type:seed", "staging", "--exclude-resource-type", "unit_test", "test"],
        warehouse=settings.warehouse_path,
        mart=settings.next_mart_path,
        target=settings.home / "dbt",
    )
    seconds = []
    for run in range(runs + 1):
        taken = build_once(settings)
        click.echo(f"{years} years, run {run} of {runs}: {taken:.2f} s{'' if run else ' (not counted)'}", err=True)
        if run:
            seconds.append(taken)
    with connect_published(settings, settings.next_mart_path) as connection:
        return Measurement(years, raw_rows, _count(connection, "signals.fct_signal_daily"), seconds)


def slope(measurements: Sequence[Measurement], fixed: float = 0) -> float:
    """Slope of log seconds, less fixed ones, on log raw rows: 1 where time grows like the rows, 2 where it grows like their square."""
    rows = np.log([each.raw_rows for each in measurements])
    return float(np.polyfit(rows, np.log([each.median - fixed for each in measurements]), 1)[0])


def show_measurements(measurements: Sequence[Measurement]) -> None:
    table = Table(title="Signal layer")
    for heading in ("years", "raw rows", "rows of daily signals", "seconds, median", "fastest", "slowest"):
        table.add_column(heading, justify="right")
    for each in measurements:
        rows = (f"{each.raw_rows:,}", f"{each.signal_rows:,}")
        table.add_row(str(each.years), *rows, *(f"{value:.2f}" for value in (each.median, min(each.seconds), max(each.seconds))))
    Console().print(table)


def results_of(empty: Measurement, measurements: Sequence[Measurement]) -> list[Result]:
    """The slope of all the seconds, and of those that rows cost."""
    first, last = measurements[0], measurements[-1]
    name = f"signals: {last.years} years against {first.years}: log-log slope of seconds on rows"
    return [
        at_most(name, last.median, first.median, slope(measurements), 1.3),
        at_most(f"{name}, less an empty warehouse", last.median - empty.median, first.median - empty.median, slope(measurements, empty.median), 1.3),
    ]


def results(folder: Path, runs: int = 3) -> list[Result]:
    """Seconds of the signal layer by years of history, and how they grow."""
    measurements = []
    for years in (0, *YEARS):
        measurements.append(measure(folder / str(years), years, runs))
        shutil.rmtree(folder / str(years))
    show_measurements(measurements)
    return results_of(measurements[0], measurements[1:])


@click.command()
@click.option("--runs", default=3, show_default=True, help="times each world's signals are built; the median counts")
def main(runs: int) -> None:
    """Build the signal layer on worlds of 5, 10 and 20 years and print seconds and the slope against rows."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), runs), load_settings().home)


if __name__ == "__main__":
    main()
