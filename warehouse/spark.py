"""The SQL models on Apache Spark: the same dbt project, target `spark`, over the same tables as Parquet.

`python -m warehouse.spark FOLDER [--master local[2]]` takes the raw tables of a home, builds every SQL model from them and leaves the
tables in the folder. Loading, gates, Python models and publishing stay where they are, on one machine with DuckDB; docs/spark.md says why and how to move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import click

from expectations.project import PROJECT
from warehouse.connection import open_database, warehouse_of
from warehouse.dbt import invoke
from warehouse.lake import Lake
from warehouse.settings import load_settings
from warehouse.spark_dialect import FUNCTIONS, translate
from warehouse.sql import literal, quote

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# what stands before the SQL of a model in a statement of target `spark` (macros/spark.sql)
MARK = "/* translated below */"
# with the 1 GB that Spark takes by itself, the widest models did not come to an end
MEMORY = "4g"
# what makes a session mean by a query what DuckDB means, without a page of its own on a port
CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.enabled": "false",
}


def python_models() -> list[str]:
    """Models that are Python and stay on one node: their tables are inputs on Spark."""
    return sorted(path.stem for path in (PROJECT / "models").rglob("*.py"))


def export(warehouse: Path | Lake, folder: Path, models: Sequence[str] = ()) -> list[str]:
    """Write what the SQL models read and Spark does not build as Parquet: raw and meta tables, seeds, the tables of Python models and of `models`.

    Returns their names, `<schema>.<table>`; each is a file `<folder>/<schema>/<table>.parquet`.
    """
    kept = ", ".join(literal(name) for name in [*python_models(), *models])
    names = []
    with open_database(warehouse, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database() "
            f"and (schema_name in ('raw', 'meta', 'staging') or schema_name = 'intermediate' and table_name in ({kept})) order by all"
        ).fetchall()
        for schema, table in tables:
            (folder / schema).mkdir(parents=True, exist_ok=True)
            file = folder / schema / f"{table}.parquet"
            connection.execute(f"copy (select * from {quote(schema)}.{quote(table)}) to {literal(str(file))} (format parquet)")
            names.append(f"{schema}.{table}")
    return names


def open_session(folder: Path, master: str, memory: str) -> SparkSession:
    """A session whose tables lie in a folder, with so much memory for the driver, in which a local Spark computes.

    Raises
    ------
    ValueError
        When the folder holds tables: Spark does not write over what it does not know.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds the tables of an earlier run; remove it, or name another folder")
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.appName("ebbtide").master(master)
    for name, value in {**CONFIGURATION, "spark.sql.warehouse.dir": str(folder.resolve()), "spark.driver.memory": memory}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def register(session: SparkSession, folder: Path, names: Sequence[str]) -> None:
    """Make the exported files tables of the session, and the functions the translated SQL calls known to it."""
    for schema in sorted({name.split(".")[0] for name in names}):
        session.sql(f"create schema if not exists {schema}")
    for name in names:
        schema, table = name.split(".")
        session.sql(f"create table {schema}.`{table}` using parquet location {literal(str((folder / schema / f'{table}.parquet').resolve()))}")
    for name, body in FUNCTIONS.items():
        session.sql(f"create or replace function default.{name} {body}")


@contextmanager
def translated(session: SparkSession) -> Iterator[None]:
    """While it lasts, dbt-spark hands its statements to this session, those of models in Spark's words."""
    from dbt.adapters.spark.relation import SparkRelation
    from dbt.adapters.spark.session import Cursor

    execute_as_it_is = Cursor.execute

    def execute(cursor: Any, sql: str, *parameters: Any) -> None:
        before, mark, query = sql.partition(MARK)
        execute_as_it_is(cursor, before + translate(query, lambda table: session.table(table).columns) if mark else sql, *parameters)

    def without_database(relation: Any) -> None:
        # sources name DuckDB's catalogue; Spark's adapter has no place for one
        relation.path.database = None

    with patch.object(Cursor, "execute", execute), patch.object(SparkRelation, "__post_init__", without_database):
        yield


def build(session: SparkSession, folder: Path, select: Sequence[str] = ()) -> None:
    """Build the SQL models in the session: all of them, or those of a dbt selection. The tables of Python models must be registered.

    Raises
    ------
    DbtFailed
        When a model fails; the message names each with what Spark says about it.
    """
    with translated(session):
        invoke(
            ["run", *(["--select", *select] if select else []), "--exclude", *python_models()],
            "spark",
            folder / "dbt",
            {},
        )


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--master", default="local[*]", show_default=True, help="Spark in this process.")
@click.option("--memory", default=MEMORY, show_default=True, help="For the driver, in which a local Spark computes.")
@click.option("--select", multiple=True, help="Models to build, in dbt's words; without it all.")
def main(folder: Path, master: str, memory: str, select: tuple[str, ...]) -> None:
    """Build the SQL models on Spark from the raw tables of EBBTIDE_HOME; the tables lie in FOLDER."""
    names = export(warehouse_of(load_settings()), folder / "input")
    session = open_session(folder / "tables", master, memory)
    register(session, folder / "input", names)
    build(session, folder, select)


if __name__ == "__main__":
    main()
