"""The heavy path on Apache Spark: lines of filings to manager rotation, and the history of signals. Skipped where there is no Spark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.spark import differences
from expectations.project import read_models
from warehouse.dbt import DbtFailed
from warehouse.spark import build, export, open_session, register

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("pyspark", reason="PySpark is not installed: make spark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java 17 or later", allow_module_level=True)

pytestmark = pytest.mark.spark

# from filings and their lines to what managers did
ROTATION = [
    "stg_sec__form_13f_filing",
    "stg_sec__form_13f_holding",
    "int_form_13f_filing",
    "int_manager_report",
    "int_manager_report_position",
    "int_manager_quarter",
    "fct_manager_position_quarterly",
    "fct_manager_rotation_quarterly",
]
# from the events of all signals to each day
HISTORY = ["int_signal_event", "int_signal_observation", "int_signal_daily", "int_signal_score", "fct_signal_daily"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, whole_sample: Path) -> Iterator[tuple[SparkSession, Path]]:
    """A session that knows the raw tables and, as DuckDB has them, the models that are not built here."""
    folder = tmp_path_factory.mktemp("spark")
    given = [name for name, model in read_models().items() if model.layer == "intermediate" and name not in {*ROTATION, *HISTORY}]
    names = export(whole_sample / "warehouse.duckdb", folder / "input", given)
    session = open_session(folder / "tables", "local[2]", "2g")
    register(session, folder / "input", names)
    yield session, folder
    session.stop()


@pytest.mark.parametrize("models", [ROTATION, HISTORY], ids=["rotation", "history"])
def test_models_are_equal_to_those_of_duckdb(models: list[str], session: tuple[SparkSession, Path], whole_sample: Path) -> None:
    spark, folder = session
    build(spark, folder, models)
    known = read_models()
    found = differences(spark, folder / "rows", whole_sample, [known[name] for name in models])
    assert found == dict.fromkeys(models, "")


def test_a_model_that_spark_cannot_run_is_named(session: tuple[SparkSession, Path]) -> None:
    spark, folder = session
    spark.sql("drop table raw.sec_13f_holding")
    with pytest.raises(DbtFailed, match=r"stg_sec__form_13f_holding.*TABLE_OR_VIEW_NOT_FOUND"):
        build(spark, folder, ["stg_sec__form_13f_holding"])
