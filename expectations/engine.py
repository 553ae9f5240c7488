"""Great Expectations on DuckDB: the execution engine override, the data source that uses it, and the expectation of the gate's checks.

The stock engine hands out a result after its connection went back to the pool; DuckDB's driver then has nothing left to fetch
and Great Expectations fails with `list index out of range`. Here every result is read while the connection is held.
`tests/test_expectations_engine.py` fails on the day the stock engine works, so that the override can go
(docs/decisions/0003-gate-engine-override.md).

Importing this module imports Great Expectations (about 6 s): only the gate does, when it runs.
"""

from __future__ import annotations

import builtins
import os
import warnings
from collections.abc import Iterable

# before the import: Great Expectations reads it once
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

from pathlib import Path
from typing import Any, ClassVar, Literal

import duckdb_engine
import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.datasource.fluent.sql_datasource import TableAsset
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core import UnexpectedRowsExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider

from expectations.check import SAMPLE_ROWS
from warehouse.connection import open_database
from warehouse.lake import Lake


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """The SQL engine of Great Expectations, with results buffered before the connection is released.

    `without_rows` holds queries of unexpected rows that are known to return none, and need not be run.
    """

    without_rows: frozenset[str] = frozenset()

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
    """A database as a data source; all of its queries go through one connection."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> builtins.type[DuckDBExecutionEngine]:
        """The engine that buffers results."""
        return DuckDBExecutionEngine

    def test_connection(self, test_assets: bool = True) -> None:
        """Test the connection alone: the gate has looked which tables there are, and to run every view once more costs as much as some checks do."""
        super().test_connection(test_assets=False)

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        """The execution engine, made once, on the same SQLAlchemy engine that tests the connection."""
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


def add_read_only(
    context: Any, name: str, database: Path | Lake, *, memory_limit: str, threads: int, tables: Iterable[tuple[str, str]] = ()
) -> DuckDBDatasource:
    """Add a DuckDB file, or the lake, to the Great Expectations context, opened read-only with one connection.

    `tables`, schema and name of each, become assets called `<schema>.<name>`; added one by one, each would write all of them anew into the context.
    Call `get_engine().dispose()` on the result when done: a file held read-only cannot be opened for writing by this process.
    """
    with warnings.catch_warnings():
        # a schema per asset is what one connection to one file needs
        warnings.filterwarnings("ignore", message=".*schema_name.*", category=DeprecationWarning)
        datasource = context.data_sources.add_duckdb(
            name,
            connection_string="duckdb:///",
            create_temp_table=False,
            assets=[TableAsset(name=f"{schema}.{table}", table_name=table, schema_name=schema) for schema, table in tables],
            kwargs={
                "creator": lambda: duckdb_engine.ConnectionWrapper(
                    open_database(database, read_only=True, config={"memory_limit": memory_limit, "threads": threads})
                ),
                "poolclass": sa.pool.StaticPool,
            },
        )
    assert isinstance(datasource, DuckDBDatasource)
    return datasource


class UnexpectedRowsFound(QueryMetricProvider):
    """The first `SAMPLE_ROWS` rows of a query, and how many it returns in all: one query, two where there are more, none where none is needed."""

    metric_name = "unexpected_rows_query.found"
    value_keys = ("unexpected_rows_query",)
    query_param_name: ClassVar[str] = "unexpected_rows_query"

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: DuckDBExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[list[dict[str, Any]], int]:
        template = cls._get_query_from_metric_value_kwargs(metric_value_kwargs)
        if template in execution_engine.without_rows:
            return [], 0
        batch, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        query = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(query=template, batch_selectable=batch, execution_engine=execution_engine)
        with execution_engine.get_connection() as connection:
            rows = [row._asdict() for row in connection.execute(sa.text(query)).fetchmany(SAMPLE_ROWS)]
            if len(rows) < SAMPLE_ROWS:
                return rows, len(rows)
            return rows, int(connection.execute(sa.text(f"select count(*) from ({query}) as unexpected")).scalar_one())


class UnexpectedRows(UnexpectedRowsExpectation):
    """The query returns no rows. The stock expectation runs it twice, for the rows and for their number."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.found",)

    def _validate(self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None = None, execution_engine: Any = None) -> dict[str, Any]:
        rows, count = metrics["unexpected_rows_query.found"]
        return {"success": count == 0, "result": {"observed_value": count, "details": {"unexpected_rows": rows}}}
