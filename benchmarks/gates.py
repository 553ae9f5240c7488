"""The quality gates against the same conditions as one hand-written statement a table, in one run.

`python -m benchmarks.gates [--home HOME] [--runs N]`: a copy of the warehouse of a home with a published build is checked as the build after
that one, so that the comparison with the build before is among the conditions. The gate runs as the product runs it, in a process of its own.
Its fixed start, the import of Great Expectations and of the calendars, is what a gate over one table of one row takes, run first in the same
process, and is left out of the ratio. The statements ask for the numbers of unexpected rows only, in plain DuckDB, on a connection that has the
trading days; both must find the same numbers.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import duckdb

from benchmarks.home import refresh
from benchmarks.result import Result, at_most, show, without_bar
from expectations.check import STAGES, Stage
from expectations.gate import held_before, prepare, read_build, run_gate, stage_suites
from expectations.history import hold
from expectations.statement import ROWS, statement
from ingest.feeds import FEEDS
from warehouse.settings import load_settings
from warehouse.sql import literal

MEMORY = "1GB"
THREADS = 2
BUILD_UNDER_CHECK = "29990101T000000000Z"

# Number of unexpected rows by suite and check; rows of the table for the check that it has any.
Counts = dict[tuple[str, str], int]


# -- the two sides, each in a process of its own -----------------------------------------------------------------------


def _by_gate(stage: Stage, folder: Path, warehouse: Path, mart: Path) -> tuple[float, Counts, float]:
    began = time.perf_counter()
    result = run_gate("raw", warehouse=folder / "start.duckdb", quality_dir=folder / "start", feeds={}, memory_limit=MEMORY, threads=THREADS)
    start = time.perf_counter() - began
    if not result.success or len(result.results) != 6:
        raise RuntimeError(f"the gate over one row should pass with the checks of meta.file: {result.message}")
    began = time.perf_counter()
    result = run_gate(stage, warehouse=warehouse, mart=mart if stage == "marts" else None, quality_dir=folder / "quality", memory_limit=MEMORY, threads=THREADS)
    seconds = time.perf_counter() - began
    ran = [each for each in result.results if not each.is_skipped]
    if broken := [str(each) for each in ran if each.observed_value.startswith("could not run")]:
        raise RuntimeError(f"checks of the {stage} gate could not run: {broken[0]}")
    return seconds, {(each.suite, each.expectation): int(each.observed_value.split()[0]) for each in ran}, start


def _by_hand(stage: Stage, folder: Path, warehouse: Path, mart: Path) -> tuple[float, Counts, float]:
    checked_file = mart if stage == "marts" else warehouse
    build = read_build(warehouse, checked_file, FEEDS)
    suites = [suite for suite in stage_suites(stage, build, FEEDS) if suite.skipped is None]
    statements = [statement(suite) for suite in suites]
    before = held_before(warehouse, stage, build.before)
    found: list[dict[str, int]] = []
    with duckdb.connect(str(checked_file), read_only=True, config={"memory_limit": MEMORY, "threads": THREADS}) as connection:
        connection.execute("set enable_progress_bar = false")
        prepare(connection, build.as_of, before)
        began = time.perf_counter()
        hold(connection, suites)
        for text in statements:
            found.append(dict(connection.execute(text).fetchall()))
        seconds = time.perf_counter() - began
    by_suite = zip(suites, found, strict=True)
    return (
        seconds,
        {(suite.name, check.name): numbers[check.name if check.unexpected_rows else ROWS] for suite, numbers in by_suite for check in suite.checks},
        0.0,
    )


# Seconds, what was found, and seconds of the fixed start before.
Side = Callable[[Stage, Path, Path, Path], tuple[float, Counts, float]]


def _child(side: Side, arguments: tuple[Stage, Path, Path, Path], answer: Any) -> None:
    answer.send(side(*arguments))


def measured(side: Side, *arguments: Any) -> tuple[float, Counts, float]:
    """What one side returns, as in a task of its own: nothing is imported or cached from the run before."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(side, arguments, sending))
    process.start()
    sending.close()
    try:
        return receiving.recv()  # type: ignore[no-any-return]
    except EOFError:
        raise RuntimeError(f"{side.__name__} failed, see above") from None
    finally:
        process.join()


def _prepare_files(folder: Path, home: Path) -> tuple[Path, Path]:
    """Copies of a home's warehouse, as the build after the published one, and mart, and the warehouse of one row."""
    warehouse, mart = folder / "warehouse.duckdb", folder / "mart.duckdb"
    shutil.copyfile(home / "warehouse.duckdb", warehouse)
    shutil.copyfile(home / "published" / "current.duckdb", mart)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update meta.build_in_progress set build_id = ?", [BUILD_UNDER_CHECK])
        connection.execute(f"attach {literal(folder / 'start.duckdb')} as start")
        connection.execute("create schema start.meta")
        connection.execute("create table start.meta.build_in_progress as from meta.build_in_progress")
        connection.execute("create table start.meta.quarantine as from meta.quarantine limit 0")
        connection.execute(
            "create table start.meta.file as select * replace (0 as rows_read, 0 as rows_loaded, 0 as rows_quarantined, 0 as rows_unchanged) "
            "from meta.file where status = 'loaded' limit 1"
        )
    return warehouse, mart


def sample_home(folder: Path) -> Path:
    """A home in the folder with the sample world of 20 years, built and published. Raises RuntimeError with the output when that fails."""
    refresh(folder / "home", SOURCE="sample")
    return folder / "home"


def results(folder: Path, home: Path | None = None, runs: int = 3) -> list[Result]:
    """A ratio a stage, and the share of the fixed start. Raises RuntimeError when gate and statements do not find the same.

    Parameters
    ----------
    home
        Home with a published build, which is only read; without one, the sample world is built in the folder.
    """
    warehouse, mart = _prepare_files(folder, home or sample_home(folder))
    seconds: dict[tuple[str, str], list[float]] = {}
    for run in range(runs):
        for stage in STAGES:
            found = {}
            for name, side in (("hand", _by_hand), ("gate", _by_gate)):
                taken, found[name], start = measured(side, stage, folder, warehouse, mart)
                seconds.setdefault((stage, name), []).append(taken)
            seconds.setdefault((stage, "start"), []).append(start)
            if found["gate"] != found["hand"]:
                differing = sorted(key for key in found["gate"] | found["hand"] if found["gate"].get(key) != found["hand"].get(key))
                raise RuntimeError(f"gate and statements differ in the {stage} gate: {differing[:5]}")
            click.echo(
                f"run {run + 1} of {runs}, {stage}: gate {seconds[stage, 'gate'][-1]:.2f} s after a fixed start of {seconds[stage, 'start'][-1]:.2f} s, "
                f"statements {seconds[stage, 'hand'][-1]:.2f} s, {len(found['gate'])} conditions with the same numbers",
                err=True,
            )
    measurements = []
    for stage in STAGES:
        gate, hand, start = (statistics.median(seconds[stage, name]) for name in ("gate", "hand", "start"))
        measurements += [
            at_most(f"gates: {stage}, less its fixed start, against one statement a table", gate, hand, gate / hand, 2),
            without_bar(f"gates: {stage}, fixed start against all its time", start, start + gate, start / (start + gate)),
        ]
    return measurements


@click.command()
@click.option("--home", type=click.Path(exists=True, file_okay=False, path_type=Path), help="check a copy of this home instead of the sample world")
@click.option("--runs", default=3, show_default=True, help="times each gate runs, in turn with its statements and its fixed start")
def main(home: Path | None, runs: int) -> None:
    """Run the gates on the sample world and print their time against one statement a table."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), home, runs), load_settings().home)


if __name__ == "__main__":
    main()
