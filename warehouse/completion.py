"""What a shell completes after `ebbtide`: feeds, providers, kept builds, published tables and their columns.

A shell asks at each press of the key, in a process of its own: nothing heavy is imported, and what cannot be read completes to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click import Context, Parameter

from warehouse.home import home_of


def _published() -> Path:
    # the typed settings take half a second to import
    return home_of(os.environ.get("EBBTIDE_HOME"), os.environ.get("EBBTIDE_SOURCE", "sample")) / "published"


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def feeds(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Names of feeds."""
    from ingest.feeds import FEEDS

    return _starting(FEEDS, incomplete)


def providers(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Names of providers."""
    from ingest.feeds import PROVIDERS

    return _starting(PROVIDERS, incomplete)


def feeds_and_providers(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Names of feeds and of providers."""
    return sorted({*feeds(context, parameter, incomplete), *providers(context, parameter, incomplete)})


def builds(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Kept builds, the newest first."""
    return _starting((path.stem for path in _published().glob("[0-9]*.duckdb")), incomplete)[::-1]


def tables(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Published tables with their schema; without it, where what is typed so far has none."""
    named = [path.stem for path in (_published() / "current").glob("*.parquet")]
    return _starting(named, incomplete) or _starting((name.partition(".")[2] for name in named), incomplete)


def conditions(context: Context, parameter: Parameter, incomplete: str) -> list[str]:
    """Columns of the table that stands before, as the start of a condition."""
    return [f"{name}=" for name in _starting(_columns(context.params.get("model")), incomplete)]


def _columns(table: Any) -> list[str]:
    """Columns of a published table, named with its schema or without."""
    import duckdb

    from warehouse.sql import literal

    schema, _, name = str(table).rpartition(".")
    # a parameter would make DuckDB import pandas, which takes seconds
    of_schema = f"and schema_name = {literal(schema)}" if schema else ""
    try:
        with duckdb.connect(str(_published() / "current.duckdb"), read_only=True) as connection:
            rows = connection.execute(f"select column_name from duckdb_columns() where table_name = {literal(name)} {of_schema} and not internal").fetchall()
    except duckdb.Error:
        return []
    return [row[0] for row in rows]
