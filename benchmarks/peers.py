"""The marts of the daily signals and of the Retreat Index, from the events of all signals: our models against the same in pandas and in Polars.

`python -m benchmarks.peers [--years N] [--home FOLDER] [--runs N]`. All three read the same rows (`int_signal_event`, the seed `signal`, the trading
days): ours as tables of the warehouse, the peers as Parquet. All three write `fct_signal_daily` and `fct_retreat_index_daily`, ours as tables, the
peers as Parquet; every run is compared value by value. Ours is `dbt run` of the eight models in between, from the start of the first to the end of the last.

The peers are `peers_pandas` and `peers_polars`. What depends on the step before (the chart and its freeze, "highest since") and the deviation from a moving
median have no fast function in either library: there both share the arrays and lists of `peers_steps`, written for them.

Regime and evidence (`int_retreat_regime`, `int_retreat_evidence`) are numpy in our models and would be the same numpy in a peer: they are left out,
and stand ready for our models, which join them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
import duckdb

from benchmarks import peers_pandas, peers_polars
from benchmarks.peers_steps import DAILY, Method
from benchmarks.result import Result, at_least, show
from benchmarks.signals import feeds_of_signals, load_world
from ingest.sample import END
from warehouse.connection import literal, quote
from warehouse.dbt import run_dbt
from warehouse.settings import Settings, load_settings

MODELS = (
    "int_signal_observation", "int_signal_native", "int_signal_score", "int_signal_extreme", "int_signal_daily", "int_retreat_aggregate",
    "fct_signal_daily", "fct_retreat_index_daily",
)  # fmt: skip
READ = ("int_signal_event", "int_trading_day")
JOINED = ("int_retreat_regime", "int_retreat_evidence")
# of the size of a figure; the running sums of pandas and Polars lose digits over decades, which the chart of a signal of large numbers shows
TOLERANCE, TOLERANCE_OF_CHART = 1e-9, 1e-6
PEERS: dict[str, Callable[[Path, Method], None]] = {"pandas": peers_pandas.write_marts, "Polars": peers_polars.write_marts}
BARS = {"pandas": 5, "Polars": 1}


def build_world(folder: Path, years: int) -> Path:
    """The warehouse of a sample world of so many years, built up to what this benchmark reads; returns its file."""
    settings = Settings.model_validate({"home_setting": folder, "as_of": END, "sample_first_year": END.year - years + 1})
    load_world(settings, feeds_of_signals())
    behind = [f"+{name}" for name in (*READ, *JOINED)]
    run_dbt(
        ["build", "--select", "resource_type:seed", *behind, "--exclude-resource-type", "unit_test", "test"],
        warehouse=settings.warehouse_path,
        mart=settings.next_mart_path,
        target=settings.home / "dbt",
    )
    return settings.warehouse_path


def prepare(built: Path, folder: Path) -> int:
    """Copy from a built warehouse what is read, into `folder/warehouse.duckdb` for ours and as Parquet for the peers; returns the number of events."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"attach {literal(built)} as built (read_only)")
        for schema in ("raw", "meta", "staging", "intermediate"):
            connection.execute(f"create schema {schema}")
        connection.execute("create table meta.build_in_progress as from built.meta.build_in_progress")
        connection.execute("create table staging.signal as from built.staging.signal")
        for name in (*READ, *JOINED):
            connection.execute(f"create table intermediate.{quote(name)} as from built.intermediate.{quote(name)}")
        for schema, name in (("staging", "signal"), *(("intermediate", name) for name in READ)):
            connection.execute(f"copy {schema}.{quote(name)} to {literal(folder / f'{name}.parquet')} (format parquet)")
        row = connection.execute("select count(*) from intermediate.int_signal_event").fetchone()
    assert row is not None
    return int(row[0])


def run_models(folder: Path) -> float:
    """Run the models as a refresh does; seconds from the start of the first to the end of the last, as dbt recorded them."""
    (folder / "mart.duckdb").unlink(missing_ok=True)
    run_dbt(["run", "--select", *MODELS], warehouse=folder / "warehouse.duckdb", mart=folder / "mart.duckdb", target=folder / "dbt")
    results = json.loads((folder / "dbt" / "run_results.json").read_text(encoding="utf-8"))["results"]
    moments = [datetime.fromisoformat(step[end]) for result in results for step in result["timing"] for end in ("started_at", "completed_at")]
    return (max(moments) - min(moments)).total_seconds()


def check(folder: Path, peer: str, method: Method) -> int:
    """Compare the marts of a peer with ours: the same rows, every column, figures to 1e-9 of their size, the chart to 1e-6; returns how many.

    Raises
    ------
    ValueError
        When a row is on one side alone or a value differs; the message names the mart and the columns.
    """
    compared = 0
    with duckdb.connect(str(folder / "mart.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        marts = {
            "fct_signal_daily": ("daily", ["observation_date", "signal_id"], DAILY),
            "fct_retreat_index_daily": ("index", ["observation_date"], method.index_columns),
        }
        for mart, (name, key, columns) in marts.items():
            described = connection.execute(f"describe signals.{quote(mart)}").fetchall()
            types = {row[0]: row[1] for row in described}
            theirs = ", ".join(f"cast({quote(column)} as {types[column]}) as {quote(column)}" for column in columns)
            differences = ", ".join(f"count(*) filter (where {_differs(column, types[column])}) as {quote(column)}" for column in columns if column not in key)
            matched = " and ".join(f"ours.{quote(column)} = theirs.{quote(column)}" for column in key)
            relation = connection.execute(f"""
                select
                    count(*) as "rows", count(*) filter (where ours.observation_date is null or theirs.observation_date is null) as unmatched, {differences}
                from signals.{quote(mart)} as ours
                full join (select {theirs} from read_parquet({literal(folder / f"{peer.lower()}_{name}.parquet")})) as theirs on {matched}
            """)
            counts = dict(zip([column[0] for column in relation.description], relation.fetchone() or (), strict=True))
            rows, wrong = counts.pop("rows"), {column: count for column, count in counts.items() if count}
            if wrong or not rows:
                raise ValueError(f"{mart} in {peer} differs from ours in {wrong} of {rows:,} rows: the benchmark compares different things, mend one of them")
            compared += rows * len(columns)
    return compared


def _differs(column: str, type_: str) -> str:
    ours, theirs = f"ours.{quote(column)}", f"theirs.{quote(column)}"
    if type_ != "DOUBLE":
        return f"{ours} is distinct from {theirs}"
    tolerance = TOLERANCE_OF_CHART if column.startswith("cusum") else TOLERANCE
    return f"({ours} is null) <> ({theirs} is null) or not abs({ours} - {theirs}) <= {tolerance} * greatest(1, abs({ours}))"


def results(folder: Path, built: Path | None = None, years: int = 20, runs: int = 5) -> list[Result]:
    """Run all three in turn, after one turn that is not counted, and compare what they write each time.

    Parameters
    ----------
    built
        Warehouse to take the events from; without one, a sample world of so many `years` is built in the folder.
    """
    method, work = Method.read(), folder / "work"
    work.mkdir(parents=True)
    if built is None:
        (folder / "world").mkdir()
        built = build_world(folder / "world", years)
    events = prepare(built, work)
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *PEERS)}
    for run in range(runs + 1):
        taken, compared = {"ours": run_models(work)}, 0
        for name, peer in PEERS.items():
            began = time.perf_counter()
            peer(work, method)
            taken[name] = time.perf_counter() - began
            compared += check(work, name, method)
        told = ", ".join(f"{name} {value:.2f} s" for name, value in taken.items())
        click.echo(f"{events:,} events, run {run} of {runs}: {told}; {compared:,} values equal{'' if run else ' (not counted)'}", err=True)
        if run:
            for name, value in taken.items():
                seconds[name].append(value)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    of = f"peers: daily signals and index from {events:,} events"
    return [at_least(f"{of}, speed against {name}", median["ours"], median[name], median[name] / median["ours"], bar) for name, bar in BARS.items()]


@click.command()
@click.option("--years", default=20, show_default=True, help="length of the sample world that is built")
@click.option("--home", type=click.Path(path_type=Path, exists=True, file_okay=False), help="take the events of this home instead; it is only read")
@click.option("--runs", default=5, show_default=True, help="times each is run, in turn; the median counts")
def main(years: int, home: Path | None, runs: int) -> None:
    """Compute the marts of the daily signals in our models, pandas and Polars, and print how fast each is."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), None if home is None else home / "warehouse.duckdb", years, runs), load_settings().home)


if __name__ == "__main__":
    main()
