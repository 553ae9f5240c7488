"""What there is in the published build: its tables and their columns, with what they mean."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import duckdb

from warehouse.connection import connect_published
from warehouse.settings import Settings, WrongUse
from warehouse.sql import literal

# Schemas of the build's own record stand behind the marts.
_MARTS_FIRST = "schema_name in ('meta', 'quality'), schema_name, table_name"


def published_build(connection: duckdb.DuckDBPyConnection) -> tuple[str, str, datetime]:
    """Name, source and as-of (UTC) of the build of a published file."""
    (found,) = connection.execute("select build_id, source, as_of from meta.build where status = 'published' order by build_id desc limit 1").fetchall()
    return found


def tables_of(settings: Settings) -> list[tuple[str, int, str]]:
    """Name with schema, rows and description of each published table. Raises WrongUse when nothing has been published yet."""
    with connect_published(settings) as connection:
        return connection.execute(
            f"select schema_name || '.' || table_name, estimated_size, coalesce(comment, '') from duckdb_tables() where not internal order by {_MARTS_FIRST}"
        ).fetchall()


def table_named(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, str, str]:
    """Schema, name and description of the published table that goes by a name, with its schema or without.

    Raises WrongUse when there is none, naming those that look like it, or when several do.
    """
    tables = connection.execute(
        f"select schema_name, table_name, coalesce(comment, '') from duckdb_tables() where not internal order by {_MARTS_FIRST}"
    ).fetchall()
    found = [table for table in tables if name in (table[1], f"{table[0]}.{table[1]}")]
    if len(found) > 1:
        raise WrongUse(f"several tables are called {name!r}: {', '.join(f'{schema}.{table}' for schema, table, _ in found)}")
    if not found:
        like = connection.execute(
            f"""
            select schema_name || '.' || table_name as named
            from duckdb_tables()
            where not internal
            order by greatest(jaro_winkler_similarity(table_name, {literal(name)}), jaro_winkler_similarity(named, {literal(name)})) desc, named
            limit 3
            """
        ).fetchall()
        raise WrongUse(f"no table {name!r}; the nearest names are {', '.join(named for (named,) in like)}; `ebbtide tables` lists all")
    return found[0]


def columns_of(settings: Settings, name: str) -> list[tuple[str, str, str, str]]:
    """Name, type, unit and description of each column of a published table, in order.

    Units are those of the newest dbt build of the home; a column that it does not know has none. Raises WrongUse as `table_named` does.
    """
    with connect_published(settings) as connection:
        schema, table, _ = table_named(connection, name)
        rows = connection.execute(
            # a parameter would make DuckDB import pandas, which takes seconds
            f"""
            select column_name, data_type, coalesce(comment, '')
            from duckdb_columns()
            where schema_name = {literal(schema)} and table_name = {literal(table)}
            order by column_index
            """
        ).fetchall()
    units = _units(settings, schema, table)
    return [(column, data_type, units.get(column, ""), description) for column, data_type, description in rows]


def _units(settings: Settings, schema: str, table: str) -> dict[str, str]:
    manifest = settings.dbt_dir / "manifest.json"
    if not manifest.exists():
        return {}
    nodes: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    for node in nodes.values():
        if node["resource_type"] == "model" and (node["schema"], node["name"]) == (schema, table):
            return {name: str(column["config"]["meta"].get("unit", "")) for name, column in node["columns"].items()}
    return {}
