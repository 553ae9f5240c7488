"""What a million rows cost on one machine, in DuckDB and in Spark, as the heavy path meets them: lines of filings to what each manager did.

`python -m benchmarks.sizing [--rows 20] [--cores 1 --cores 2]`: each run is a process of its own, over the same Parquet; the answers must agree.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import duckdb
from rich.console import Console
from rich.table import Table

from warehouse.sql import literal

MANAGERS, SECURITIES, QUARTERS = 5_000, 20_000, 8

# Lines of Form 13F: managers hold securities for some quarters, and report them in lines that add up.
LINES = f"""
select
    hash(i) % {MANAGERS} as manager_id, hash(i // 7) % {SECURITIES} as cusip, date '2022-03-31' + to_months(cast(3 * (i % {QUARTERS}) as integer)) as quarter,
    1 + hash(i + 1) % 10000 as shares
from range({{rows}}) as lines(i)
"""
PRICES = f"""
select cusip, cast(date '2022-01-03' + to_days(cast(day as integer)) as date) as observation_date, 10 + hash(cusip + day) % 200 as price
from range({SECURITIES}) as securities(cusip), range(0, 730, 30) as days(day)
"""

# Positions of a quarter, their price as it was known then, what changed since the quarter before, and the whole by manager.
STATEMENT = """
with position as (
    select manager_id, cusip, cast(quarter as date) as quarter, sum(shares) as shares from lines group by manager_id, cusip, quarter
),
spell as (
    select *, lead(observation_date) over (partition by cusip order by observation_date) as until_date from prices
),
priced as (
    select position.*, spell.price
    from position
    inner join spell
        on position.cusip = spell.cusip and position.quarter >= spell.observation_date and (spell.until_date is null or position.quarter < spell.until_date)
),
compared as (
    select *, lag(shares) over (partition by manager_id, cusip order by quarter) as shares_before from priced
)
select
    manager_id, quarter, count(*) as positions, sum(shares * price) as value_usd, sum((shares - coalesce(shares_before, 0)) * price) as active_change_usd
from compared group by manager_id, quarter
"""
ANSWER = "select count(*) as managers, cast(sum(positions) as bigint) as positions, cast(sum(value_usd) as bigint) as value_usd, " + (
    "cast(sum(active_change_usd) as bigint) as active_change_usd from ({statement}) as answer"
)


def duckdb_run(folder: Path, cores: int) -> tuple[int, ...]:
    """The answer by DuckDB with so many threads."""
    with duckdb.connect(config={"threads": cores, "memory_limit": "4GB", "temp_directory": str(folder / "spill")}) as connection:
        for name in ("lines", "prices"):
            connection.execute(f"create view {name} as from read_parquet({literal(folder / f'{name}.parquet')})")
        row = connection.execute(ANSWER.format(statement=STATEMENT)).fetchone()
    assert row is not None
    return tuple(int(value) for value in row)


def spark_run(folder: Path, cores: int) -> tuple[int, ...]:
    """The answer by a local Spark of so many cores, by the statement as models are translated."""
    from warehouse.spark import open_session
    from warehouse.spark_dialect import translate

    with tempfile.TemporaryDirectory() as tables:
        session = open_session(Path(tables) / "tables", f"local[{cores}]", "4g")
        for name in ("lines", "prices"):
            session.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
        (row,) = session.sql(translate(ANSWER.format(statement=STATEMENT), lambda table: session.table(table).columns)).collect()
        session.stop()
    return tuple(int(value) for value in row)


ENGINES = {"duckdb": duckdb_run, "spark": spark_run}


@click.command()
@click.option("--rows", default=20, show_default=True, help="Lines, in millions.")
@click.option("--cores", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--run", type=click.Choice(list(ENGINES)), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(rows: int, cores: tuple[int, ...], run: str | None, folder: Path | None) -> None:
    """Seconds and cost of a million lines, by engine and cores; start of the engine included."""
    if run and folder:
        click.echo(" ".join(str(value) for value in ENGINES[run](folder, cores[0])))
        return
    table = Table("engine", "cores", "seconds", "seconds a million lines")
    answers = set()
    with tempfile.TemporaryDirectory() as made:
        with duckdb.connect() as connection:
            for name, sql in (("lines", LINES.format(rows=rows * 1_000_000)), ("prices", PRICES)):
                connection.execute(f"copy ({sql}) to {literal(Path(made) / f'{name}.parquet')} (format parquet, row_group_size 500000)")
        for engine in ENGINES:
            for count in cores:
                started = time.perf_counter()
                command = [sys.executable, "-m", "benchmarks.sizing", "--run", engine, "--folder", made, "--cores", str(count)]
                answers.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
                seconds = time.perf_counter() - started
                click.echo(f"{engine} {count}: {seconds:.1f} s", err=True)
                table.add_row(engine, str(count), f"{seconds:.1f}", f"{seconds / rows:.2f}")
    Console().print(table)
    if len(answers) != 1:
        raise click.ClickException(f"the answers differ: {answers}")


if __name__ == "__main__":
    main()
