"""Great Expectations on DuckDB: the execution engine override and the data source that uses it.

The stock engine hands out a result after its connection went back to the pool; DuckDB's driver then has nothing left to fetch
and Great Expectations fails with `list index out of range`. Here every result is read while the connection is held.
`tests/test_expectations_engine.py` fails on the day the stock engine works, so that this file can go
(docs/decisions/0003-gate-engine-override.md).

Importing this module imports Great Expectations (about 6 s): only the gate does, when it runs.
"""

from __future__ import annotations

import builtins
import os

# before the import: Great Expectations reads it once
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """The SQL engine of Great Expectations, with results buffered before the connection is released."""

    def execute_query(self, query: Any) -> Any:
        """Run `query`; the rows returned are already read."""
        with self.get_connection() as connection:
            return self._buffered(self._execute_query_with_recovery(connection, query))

    def execute_query_in_transaction(self, query: Any) -> Any:
        """Run `query` and commit; the rows returned are already read."""
        with self.get_connection() as connection:
            result = self._buffered(self._execute_query_with_recovery(connection, query))
            if connection.in_transaction():
                connection.commit()
            return result

    @staticmethod
    def _buffered(result: Any) -> Any:
        return result.freeze()() if result.returns_rows else result


class DuckDBDatasource(SQLDatasource):
    """One DuckDB file as a data source; all of its queries go through one connection."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> builtins.type[DuckDBExecutionEngine]:
        """The engine that buffers results."""
        return DuckDBExecutionEngine

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        """The execution engine, made once, on the same SQLAlchemy engine that tests the connection."""
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


def add_read_only(context: Any, name: str, path: Path, *, memory_limit: str, threads: int) -> DuckDBDatasource:
    """Add the DuckDB file at `path` to the Great Expectations context, opened read-only with one connection.

    Call `get_engine().dispose()` on the result when done: a file held read-only cannot be opened for writing by this process.
    """
    datasource = context.data_sources.add_duckdb(
        name,
        connection_string=sa.URL.create("duckdb", database=str(path)).render_as_string(),
        create_temp_table=False,
        kwargs={
            "connect_args": {"read_only": True, "config": {"memory_limit": memory_limit, "threads": threads}},
            "poolclass": sa.pool.StaticPool,
        },
    )
    assert isinstance(datasource, DuckDBDatasource)
    return datasource
