"""The SQL models on Apache Spark against DuckDB: whether their tables are equal, and what they cost.

`python -m benchmarks.spark HOME [--master local[2]]`: builds all SQL models of a refreshed home on Spark, from the same raw tables, and compares every
table and view with DuckDB's, row by row. Exits with 1 when a model fails or differs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb
from rich.console import Console
from rich.table import Table

from expectations.project import Model, read_models
from tests.equal import assert_equal
from warehouse.dbt import DbtFailed
from warehouse.spark import MEMORY, build, export, open_session, python_models, register
from warehouse.sql import literal, quote

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# types that hold the same number in another width; a contract fixes the width of a mart's columns, nothing does in the layers before
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


def differences(session: SparkSession, folder: Path, home: Path, models: Sequence[Model], ignore: Sequence[str] = ()) -> dict[str, str]:
    """How each model's table on Spark differs from DuckDB's in a refreshed home: an empty text where it does not.

    Parameters
    ----------
    folder
        A folder for the rows as Spark has them.
    ignore
        Columns that may differ.
    """
    found = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach {literal(str(home / 'warehouse.duckdb'))} as warehouse (read_only)")
        connection.execute(f"attach {literal(str((home / 'published' / 'current.duckdb').resolve()))} as mart (read_only)")
        for model in models:
            rows = folder / f"{model.name}.parquet"
            try:
                session.table(f"{model.schema}.{model.name}").write.mode("overwrite").parquet(str(rows))
                ours = f"{'mart' if model.layer == 'marts' else 'warehouse'}.{quote(model.schema)}.{quote(model.name)}"
                theirs = f"read_parquet({literal(str(rows / '*.parquet'))})"
                for engine, side in zip(("duckdb", "spark"), _with_equal_types(connection, ours, theirs), strict=True):
                    connection.execute(f"create or replace temp view on_{engine} as from {side}")
                assert_equal(connection, "on_duckdb", "on_spark", model.grain, ignore=ignore)
                found[model.name] = ""
            except AssertionError as error:
                found[model.name] = str(error)
            except Exception as error:  # whatever stopped Spark belongs into the report
                found[model.name] = f"cannot be read: {str(error).splitlines()[0]}"
    return found


def _with_equal_types(connection: duckdb.DuckDBPyConnection, ours: str, theirs: str) -> tuple[str, str]:
    """Both sides with numbers as doubles, and dates as timestamps, where the other side has them in another width."""
    types = [{row[0]: row[1].partition("(")[0] for row in connection.execute(f"describe select * from {side}").fetchall()} for side in (ours, theirs)]
    columns = []
    for name, type_ in types[0].items():
        pair = {type_, types[1].get(name, type_)}
        common = "double" if len(pair) == 2 and pair <= set(_NUMBERS) else "timestamp" if pair == {"DATE", "TIMESTAMP"} else None
        columns.append(f"cast({quote(name)} as {common}) as {quote(name)}" if common else quote(name))
    missing = set(types[0]) ^ set(types[1])
    assert not missing, f"columns that one side lacks: {sorted(missing)}"
    listed = ", ".join(columns)
    return f"(select {listed} from {ours})", f"(select {listed} from {theirs})"


@click.command()
@click.argument("home", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--master", default="local[2]", show_default=True, help="Spark in this process.")
@click.option("--memory", default=MEMORY, show_default=True, help="For the driver, in which a local Spark computes.")
@click.option("--select", multiple=True, help="Models to build, in dbt's words; without it all.")
def main(home: Path, master: str, memory: str, select: tuple[str, ...]) -> None:
    """Build the SQL models of HOME on Spark and compare them with DuckDB's."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        began = time.perf_counter()
        names = export(home / "warehouse.duckdb", folder / "input")
        click.echo(f"exported {len(names)} tables in {time.perf_counter() - began:.0f} s", err=True)
        session = open_session(folder / "tables", master, memory)
        register(session, folder / "input", names)
        began = time.perf_counter()
        failed = ""
        try:
            build(session, folder, select)
        except DbtFailed as error:
            failed = str(error)
        seconds = time.perf_counter() - began
        built = {row.tableName for schema in session.sql("show schemas").collect() for row in session.sql(f"show tables in {schema[0]}").collect()}
        models = [model for name, model in sorted(read_models().items()) if name in built and name not in python_models()]
        found = differences(session, folder / "rows", home, models)
        session.stop()
    if failed:
        click.echo(failed, err=True)
    table = Table("model", "what differs")
    for name, difference in found.items():
        if difference:
            table.add_row(name, difference[:2000])
    Console().print(table)
    equal = sum(not difference for difference in found.values())
    click.echo(f"{len(models)} models built on Spark in {seconds:.0f} s, {equal} equal to DuckDB's")
    sys.exit(1 if failed or equal < len(models) else 0)


if __name__ == "__main__":
    main()
