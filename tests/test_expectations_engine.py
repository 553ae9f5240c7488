"""The Great Expectations engine for DuckDB, and whether it is still needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

os.environ["GX_ANALYTICS_ENABLED"] = "false"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table prices as select range as day, range * 1.5 as price from range(100)")
    return path


@pytest.fixture
def context() -> Iterator[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    yield context


def validate(datasource: Any) -> Any:
    import great_expectations as gx

    batch = datasource.add_table_asset("prices", table_name="prices").add_batch_definition_whole_table("all").get_batch()
    suite = gx.ExpectationSuite(
        name="prices",
        expectations=[
            gx.expectations.ExpectTableRowCountToBeBetween(min_value=1),
            gx.expectations.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=200),
            gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query="select day from {batch} where price < 0"),
        ],
    )
    return batch.validate(suite, result_format="COMPLETE")


def test_expectations_pass_on_duckdb(context: Any, table: Path) -> None:
    from expectations.engine import add_read_only

    datasource = add_read_only(context, "data", table, memory_limit="200MB", threads=1)
    result = validate(datasource)
    assert result.success, result
    datasource.get_engine().dispose()
    with duckdb.connect(str(table)) as connection:
        connection.execute("insert into prices values (100, -1)")


def test_rows_are_buffered_and_the_source_is_read_only(context: Any, table: Path) -> None:
    import sqlalchemy as sa

    from expectations.engine import add_read_only

    datasource = add_read_only(context, "data", table, memory_limit="200MB", threads=1)
    engine = datasource.get_execution_engine()
    assert engine is datasource.get_execution_engine()
    first = engine.execute_query(sa.text("select day from prices order by day limit 3"))
    second = engine.execute_query_in_transaction(sa.text("select count(*) from prices"))
    assert [row[0] for row in first.fetchall()] == [0, 1, 2]
    assert second.scalar() == 100
    with pytest.raises(sa.exc.DBAPIError, match="read-only"):
        engine.execute_query(sa.text("delete from prices"))
    datasource.get_engine().dispose()


@pytest.mark.parametrize(("below", "queries"), [(0, 1), (3, 1), (50, 2)])
def test_a_check_is_one_query_and_its_count_one_more_where_the_sample_is_full(context: Any, table: Path, below: int, queries: int) -> None:
    import great_expectations as gx
    import sqlalchemy as sa

    from expectations.check import SAMPLE_ROWS
    from expectations.engine import UnexpectedRows, add_read_only

    datasource = add_read_only(context, "data", table, memory_limit="200MB", threads=1, tables=[("main", "prices")])
    asked: list[str] = []
    sa.event.listen(datasource.get_engine(), "before_cursor_execute", lambda connection, cursor, statement, *rest: asked.append(statement))
    asset = datasource.get_asset("main.prices")
    check = UnexpectedRows(unexpected_rows_query=f"select day from {{batch}} where day < {below} order by day")
    (found,) = asset.get_batch(asset.build_batch_request()).validate(gx.ExpectationSuite(name="prices", expectations=[check]), result_format="COMPLETE").results
    assert found.success == (below == 0)
    assert found.result["observed_value"] == below
    assert found.result["details"]["unexpected_rows"] == [{"day": day} for day in range(min(below, SAMPLE_ROWS))]
    assert sum("day <" in statement for statement in asked) == queries
    datasource.get_engine().dispose()


def test_the_stock_engine_still_fails(context: Any, table: Path) -> None:
    """When this fails, Great Expectations works on DuckDB by itself: remove expectations/engine.py (decision 0003)."""
    datasource = context.data_sources.add_sql(
        "stock", connection_string=f"duckdb:///{table}", create_temp_table=False, kwargs={"connect_args": {"read_only": True}}
    )
    try:
        result = validate(datasource)
        raised = not result.success
    except Exception as error:
        raised = "index out of range" in str(error)
    assert raised, "the stock SqlAlchemyExecutionEngine passes on DuckDB"
