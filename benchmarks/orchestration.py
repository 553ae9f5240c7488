"""What orchestration costs: a whole refresh under Airflow, dbt and Great Expectations, against the same load and models in one DuckDB session.

`python -m benchmarks.orchestration [--first-year Y] [--runs N]`: a home is refreshed once, which makes Airflow's metadata, dbt's parse cache and the
compiled SQL. Then, in turn, its raw rows and models are taken away, so that every landed file has to be loaded again, and it is refreshed by
`ebbtide refresh` in a process of its own; and another process does the same work bare: it calls the load, runs the compiled SQL of every seed and
model one after the other, and writes the marts into a file. What the bare run leaves out are Airflow, dbt with its tests and comments, the gates, the
swap of the published file with its Parquet copy, and the report. The marts of both must be equal.

Fetching is left out on both sides: with the sample world it is the making of invented files, not work of the warehouse.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import re
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks.home import refresh
from benchmarks.result import Result, at_most, show
from expectations.project import PROJECT
from ingest.feeds import FEEDS
from ingest.landing import Landing
from ingest.load import load_landed
from ingest.sample import END
from warehouse.build import start_build
from warehouse.connection import connect, literal, quote
from warehouse.orchestration import airflow_environment
from warehouse.settings import Settings, load_settings

GATES = ("raw.gate", "staging.gate", "marts.gate")
# A line of the refresh: a task, or that Airflow is ready, and its seconds.
TIMED = re.compile(r"^(\S.*?) +([\d.]+) s$", re.MULTILINE)
# What the stages of a refresh import, each at the price of a process that imports nothing else of it.
IMPORTS = {
    "Airflow": "airflow.sdk, airflow.dag_processing.dagbag, airflow.models",
    "dbt": "dbt.cli.main, dbt.adapters.duckdb",
    "Great Expectations": "great_expectations",
}


class Different(Exception):
    """The marts of the two sides are not equal."""


@dataclass(frozen=True)
class Refresh:
    """Seconds of one refresh: of its process from start to end, and of each stage as the refresh prints them."""

    seconds: float
    stages: Mapping[str, float]

    @property
    def fetching(self) -> float:
        return sum(seconds for stage, seconds in self.stages.items() if stage.startswith("fetch."))

    @property
    def work(self) -> float:
        """All of it but fetching."""
        return self.seconds - self.fetching

    @property
    def without_gates(self) -> float:
        """A gate is a stage of its own, so a refresh without gates is one less their seconds."""
        return self.work - sum(self.stages[gate] for gate in GATES)

    def parts(self) -> Iterator[tuple[str, float]]:
        """Where the time goes: each stage, fetching as one, and what lies before the first and after the last."""
        yield "start and end of the process", self.seconds - sum(self.stages.values())
        for stage, seconds in self.stages.items():
            if not stage.startswith("fetch."):
                yield stage, seconds
        yield "fetch (left out)", self.fetching


@dataclass(frozen=True)
class Bare:
    """Seconds of one bare run: of its process from start to end, of the load, and of all models."""

    seconds: float
    load: float
    models: float


def timed_refresh(settings: Settings) -> Refresh:
    """`ebbtide refresh` in a process of its own. Raises RuntimeError with what it printed when it fails."""
    seconds, printed = refresh(settings.home, SAMPLE_FIRST_YEAR=settings.sample_first_year)
    return Refresh(seconds, {stage: float(taken) for stage, taken in TIMED.findall(printed)})


def empty_tables(settings: Settings) -> None:
    """Take away the raw rows and everything built from them; what has landed, what was published and the caches stay."""
    for path in settings.home.glob("warehouse.duckdb*"):
        path.unlink()


def bare(settings: Settings, folder: Path) -> Bare:
    """The load and the models of a refreshed home in one DuckDB session, in a process of its own, into `folder`."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[tuple[float, float]] = context.Queue()
    began = time.perf_counter()
    process = context.Process(target=_bare, args=(settings.home, folder, answer))
    process.start()
    process.join()
    seconds = time.perf_counter() - began
    if process.exitcode:
        raise RuntimeError(f"the bare run ended with exit code {process.exitcode}")
    return Bare(seconds, *answer.get())


def _bare(home: Path, folder: Path, answer: multiprocessing.Queue[tuple[float, float]]) -> None:
    graph = json.loads((home / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    settings = Settings.model_validate({"home_setting": folder, "as_of": END})
    settings.published_dir.mkdir(parents=True)
    began = time.perf_counter()
    with connect(settings) as connection:
        connection.execute("set enable_progress_bar = false")
        load_landed(connection, list(FEEDS.values()), Landing(home / "landing"), start_build(connection, settings))
        loaded = time.perf_counter()
        connection.execute(f"attach {literal(folder / 'mart.duckdb')} as mart")
        # as in dbt_project/profiles.yml
        connection.execute("set preserve_insertion_order = false; set memory_limit = '1GB'")
        nodes = _in_order(graph)
        for database, schema in sorted({(node["database"], node["schema"]) for node in nodes}):
            connection.execute(f"create schema if not exists {quote(database)}.{quote(schema)}")
        for node in nodes:
            _build(connection, node, home / "dbt" / "compiled" / "ebbtide" / node["original_file_path"])
    answer.put((loaded - began, time.perf_counter() - loaded))


def _in_order(graph: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Seeds and models of dbt's graph, each after what it reads."""
    nodes = {key: node for key, node in graph["nodes"].items() if node["resource_type"] in ("seed", "model")}
    order = TopologicalSorter({key: [parent for parent in node["depends_on"].get("nodes", []) if parent in nodes] for key, node in nodes.items()})
    return [nodes[key] for key in order.static_order()]


def _build(connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any], compiled: Path) -> None:
    """Make the table or view of a seed or model: from the seed's file, from the compiled SQL, or by calling the Python model."""
    relation = node["relation_name"]
    if node["resource_type"] == "seed":
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in node["config"]["column_types"].items())
        declared = f", types = {{{types}}}" if types else ""
        connection.execute(f"create table {relation} as from read_csv({literal(PROJECT / node['original_file_path'])}, header = true{declared})")
    elif node["language"] == "python":
        module = runpy.run_path(str(compiled))
        module["model"](module["dbtObj"](lambda name: connection.query(f"select * from {name}")), connection).create(relation)
    else:
        connection.execute(f"create {node['config']['materialized']} {relation} as ({compiled.read_text(encoding='utf-8')}\n)")


def compare(published: Path, bare_marts: Path) -> int:
    """Rows of all marts. Raises Different naming the marts whose rows, values or sums of numbers are not the same."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"attach {literal(published.resolve())} as ours (read_only); attach {literal(bare_marts)} as bare (read_only)")
        columns: dict[str, list[str]] = {}
        for schema, table, column, kind in connection.execute(
            """
            select schema_name, table_name, column_name, data_type from duckdb_columns()
            where database_name = 'ours' and schema_name not in ('meta', 'quality') order by all
            """
        ).fetchall():
            name = quote(column)
            facts = columns.setdefault(f"{quote(schema)}.{quote(table)}", ["count(*)"])
            facts.append(f"count({name})")
            if kind in ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
                facts.append(f"sum(abs({name}::double))")
        rows, different = 0, []
        for table, facts in columns.items():
            ours, theirs = (connection.execute(f"select {', '.join(facts)} from {side}.{table}").fetchone() for side in ("ours", "bare"))
            assert ours is not None and theirs is not None
            # sums of doubles differ in their last digits from run to run
            if not all(a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9)) for a, b in zip(ours, theirs, strict=True)):
                different.append(f"{table}: {ours} in the refresh, {theirs} in the bare run")
            rows += ours[0]
    if different or not rows:
        raise Different("the marts are not equal: " + ("; ".join(different) or "there are none"))
    return rows


def import_seconds(home: Path) -> dict[str, float]:
    """Seconds that each of the large libraries takes to import, in a process of its own, less those of the bare interpreter; the median of three.

    Airflow reads its settings as it is imported: it is given those of `home`.
    """
    environment = os.environ | airflow_environment(home)

    def seconds(statement: str) -> float:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], env=environment, check=True, capture_output=True)
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    start = seconds("pass")
    return {"interpreter": start} | {name: seconds(f"import {modules}") - start for name, modules in IMPORTS.items()}


def show_parts(refreshes: Sequence[Refresh], bares: Sequence[Bare]) -> None:
    """Print where the time of a refresh goes, by stage, medians, beside that of the bare run."""
    parts = [dict(each.parts()) for each in refreshes]
    beside = {
        "start and end of the process": statistics.median(each.seconds - each.load - each.models for each in bares),
        "raw.load": statistics.median(each.load for each in bares),
        "marts.build": statistics.median(each.models for each in bares),
    }
    table = Table(title="Where the time of a refresh goes", caption="The bare run builds all models at once; its seconds stand beside the marts.")
    for heading in ("stage", "refresh, s", "bare, s"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in parts[0]:
        table.add_row(stage, f"{statistics.median(part[stage] for part in parts):.1f}", f"{beside[stage]:.1f}" if stage in beside else "")
    Console(stderr=True).print(table)


def results(folder: Path, first_year: int = 2016, runs: int = 3) -> list[Result]:
    """A refresh that loads all the files of a sample world from `first_year`, with and without gates, against the bare run; medians."""
    settings = Settings.model_validate({"home_setting": folder / "home", "as_of": END, "sample_first_year": first_year})
    click.echo(f"a first refresh of the sample world from {first_year}, not counted", err=True)
    timed_refresh(settings)
    refreshes, bares = [], []
    for run in range(runs):
        empty_tables(settings)
        refreshes.append(timed_refresh(settings))
        bares.append(bare(settings, folder / f"bare{run}"))
        rows = compare(settings.current_path, folder / f"bare{run}" / "mart.duckdb")
        said = f"refresh {refreshes[-1].work:.1f} s, {refreshes[-1].without_gates:.1f} s without gates; bare {bares[-1].seconds:.1f} s"
        click.echo(f"run {run + 1} of {runs}: {said}; {rows:,} rows of marts equal", err=True)
    show_parts(refreshes, bares)
    for name, seconds in import_seconds(settings.home).items():
        click.echo(f"import of {name}: {seconds:.1f} s" if name in IMPORTS else f"{name}: {seconds:.1f} s", err=True)
    baseline = statistics.median(each.seconds for each in bares)
    work, without_gates = (statistics.median(values) for values in zip(*((each.work, each.without_gates) for each in refreshes), strict=True))
    name = f"orchestration: refresh of the sample world from {first_year}"
    return [
        at_most(f"{name}, against its load and models bare", work, baseline, work / baseline, 1.5),
        at_most(f"{name}, less its gates", without_gates, baseline, without_gates / baseline, 1.2),
    ]


@click.command()
@click.option("--first-year", default=2016, show_default=True, help="first year of the sample world, which ends in 2023")
@click.option("--runs", default=3, show_default=True, help="refreshes and bare runs, in turn")
def main(first_year: int, runs: int) -> None:
    """Refresh a sample world and do the same work bare, in turn, and print the ratios and where the time goes."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), first_year, runs), load_settings().home)


if __name__ == "__main__":
    main()
