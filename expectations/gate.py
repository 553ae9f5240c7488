"""The gate: run a stage's suites with Great Expectations over DuckDB, and keep the results.

Results are rows of `quality.validation_result` in the warehouse, a JUnit file and a JSON file of failures by build, and Data
Docs. Great Expectations is imported when a gate runs, not before.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree

from expectations import history
from expectations.check import SAMPLE_ROWS, STAGES, BuildBefore, BuildUnderCheck, FeedStatus, Severity, Stage, Suite
from expectations.project import PROJECT
from warehouse.sql import quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow

    from ingest.feed import Feed
    from warehouse.lake import Lake

# The first year for which trading days are known to the checks; no feed of a US exchange reaches further back.
FIRST_TRADING_YEAR = 1990

RESULT_COLUMNS: Mapping[str, tuple[str, str]] = {
    "build_id": ("VARCHAR", "Build that was checked"),
    "stage": ("VARCHAR", "Gate: raw, staging or marts"),
    "suite": ("VARCHAR", "Suite, <stage>.<table>"),
    "table_name": ("VARCHAR", "Table that was checked, with its schema"),
    "expectation": ("VARCHAR", "Check, in a few words"),
    "severity": ("VARCHAR", "critical (stops the publish) or warning"),
    "success": ("BOOLEAN", "Whether the check passed; an absent feed passes"),
    "observed_value": ("VARCHAR", "What was found: rows in the table, rows that break the condition, or why the check could not run"),
    "unexpected_count": ("BIGINT", "Rows that break the condition"),
    "unexpected_sample": ("VARCHAR", f"Up to {SAMPLE_ROWS} of them as a JSON array, key columns first"),
    "description": ("VARCHAR", "What holds when the check passes"),
    "checked_at": ("TIMESTAMP", "When the gate ran, UTC"),
}


class GateError(Exception):
    """The gate could not run; the message says what is missing."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found. `sample` holds up to SAMPLE_ROWS rows as column -> value."""

    suite: str
    table_name: str
    expectation: str
    severity: Severity
    success: bool
    observed_value: str
    unexpected_count: int | None
    description: str
    sample: tuple[Mapping[str, Any], ...] = ()
    is_skipped: bool = False

    def __str__(self) -> str:
        text = f"{self.severity}: {self.suite} / {self.expectation} on {self.table_name}: {self.observed_value}. "
        text += f"Expected: {self.description}"
        return text + (f" For example {_json(self.sample[:3])}" if self.sample else "")


@dataclass(frozen=True)
class GateResult:
    """What a gate found. `success` is False when a critical check failed; `results` has one entry a check or skipped suite."""

    stage: Stage
    build_id: str
    success: bool
    critical_failed: int
    warnings: int
    results: tuple[CheckResult, ...]
    seconds: float
    data_docs: Path = field(repr=False, default=Path())

    @property
    def failures(self) -> list[CheckResult]:
        """Failed checks, critical ones first."""
        return sorted((r for r in self.results if not r.success), key=lambda r: (r.severity != "critical", r.suite, r.expectation))

    @property
    def message(self) -> str:
        """One line on the whole, then one a failed check: suite, check, table, what was found and a sample of keys."""
        checked = sum(not r.is_skipped for r in self.results)
        outcome = "passed" if self.success else "FAILED"
        head = f"{self.stage} gate {outcome}: {checked} checks, {self.critical_failed} critical failures, {self.warnings} warnings"
        return "\n".join([head, *(f"  {failure}" for failure in self.failures)])


def run_gate(
    stage: Stage,
    *,
    warehouse: Path | Lake,
    mart: Path | None = None,
    quality_dir: Path,
    feeds: Mapping[str, Feed] | None = None,
    project: Path = PROJECT,
    memory_limit: str = "1GB",
    threads: int = 2,
) -> GateResult:
    """Check the tables of `stage` and record what was found.

    Parameters
    ----------
    warehouse
        `warehouse.duckdb`, which no process may hold open for writing, or the lake; results are appended to its `quality.validation_result`.
    mart
        The file about to be published; needed by the marts gate.
    quality_dir
        Where `<build id>.<stage>.xml` (JUnit), `<build id>.json` (failures) and `data_docs/index.html` are written.
    feeds, project
        Feed declarations and dbt project, for tests; default the project's own.
    memory_limit, threads
        What DuckDB may use.

    Raises GateError when a file or the build record is missing. A failed check does not raise: see `GateResult.success`.
    """
    started = time.monotonic()
    if stage not in STAGES:
        raise ValueError(f"no gate {stage!r}; there are {', '.join(STAGES)}")
    if feeds is None:
        from ingest.feeds import FEEDS

        feeds = FEEDS
    checked = warehouse
    if stage == "marts":
        if mart is None:
            raise ValueError("the marts gate needs the mart file")
        checked = mart
    from warehouse.connection import open_database

    # DuckDB keeps a file open for both that way; a lake has nothing to keep
    with open_database(warehouse, read_only=True) if isinstance(warehouse, Path) and warehouse.exists() else nullcontext():
        build = read_build(warehouse, checked, feeds)
        before = held_before(warehouse, stage, build.before)
    suites = stage_suites(stage, build, feeds, project)
    results, pages, held = _validate(checked, suites, build.as_of, before, memory_limit, threads)
    results = [*_skipped(suites), *results]
    checked_at = datetime.now(UTC).replace(tzinfo=None)
    rows = [_row(build.build_id, stage, result, checked_at) for result in results]
    critical = sum(not r.success and r.severity == "critical" for r in results)
    _write_rows(warehouse, build, stage, rows, held if critical == 0 else None)
    warned = sum(not r.success and r.severity == "warning" for r in results)
    quality_dir.mkdir(parents=True, exist_ok=True)
    _write_junit(quality_dir / f"{build.build_id}.{stage}.xml", stage, results)
    _write_failures(quality_dir / f"{build.build_id}.json", build, stage, results, checked_at)
    from expectations.data_docs import write_data_docs

    index = write_data_docs(quality_dir / "data_docs", build, stage, results, pages, checked_at)
    return GateResult(stage, build.build_id, critical == 0, critical, warned, tuple(results), time.monotonic() - started, index)


def stage_suites(stage: Stage, build: BuildUnderCheck, feeds: Mapping[str, Feed], project: Path = PROJECT) -> list[Suite]:
    """The suites of a stage, those that are not run included."""
    from expectations import marts, raw, staging

    if stage == "raw":
        return raw.suites(build, feeds)
    if stage == "staging":
        return staging.suites(build, project)
    return marts.suites(build, feeds, project)


def read_build(warehouse: Path | Lake, checked: Path | Lake, feeds: Mapping[str, Feed]) -> BuildUnderCheck:
    """The build in progress, the status of each feed, and the tables of the database under check.

    Raises GateError when a database or the row of `meta.build_in_progress` is missing.
    """
    from warehouse.connection import open_database

    for database in {warehouse, checked}:
        if not database.exists():
            raise GateError(f"{database} does not exist: run the stages before this gate first")
    with open_database(warehouse, read_only=True) as connection:
        tables = _columns(connection)
        if ("meta", "build_in_progress") not in tables:
            raise GateError(f"{warehouse} has no table meta.build_in_progress: no build has been opened")
        found = connection.execute("select build_id, source, as_of from meta.build_in_progress").fetchall()
        if len(found) != 1:
            raise GateError(f"meta.build_in_progress in {warehouse} has {len(found)} rows, not one: no build is in progress")
        loaded: dict[str, bool] = {}
        if ("meta", "file") in tables:
            loaded = dict(connection.execute("select feed, bool_or(status = 'loaded') from meta.file where status <> 'dropped' group by feed").fetchall())
        # a build as of an earlier day holds rows of files whose later editions it leaves out
        for name in feeds:
            if not loaded.get(name) and ("raw", name) in tables:
                has_rows = connection.execute(f"select count(*) > 0 from raw.{quote(name)}").fetchall()[0][0]
                loaded.update({name: True} if has_rows else {})
        before = _build_before(connection, tables, found[0][0])
    if checked != warehouse:
        with open_database(checked, read_only=True) as connection:
            tables = _columns(connection)
    statuses: dict[str, FeedStatus] = dict.fromkeys(feeds, "absent")
    statuses.update({name: "landed" if was_loaded else "quarantined" for name, was_loaded in loaded.items()})
    build_id, source, as_of = found[0]
    return BuildUnderCheck(build_id, source, as_of, statuses, {table: tuple(types) for table, types in tables.items()}, tables, before)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, str]]:
    """SQL type of each column, in order, by schema and table."""
    rows = connection.execute(
        """
        select table_schema, table_name, list(column_name order by ordinal_position), list(data_type order by ordinal_position)
        from information_schema.columns
        where table_catalog = current_database()
        group by all
        """
    ).fetchall()
    return {(schema, table): dict(zip(columns, types, strict=True)) for schema, table, columns, types in rows}


def _build_before(connection: duckdb.DuckDBPyConnection, tables: Iterable[tuple[str, str]], build_id: str) -> BuildBefore | None:
    """The newest published build whose figures are kept, other than the one in progress."""
    if not {("meta", "build"), ("quality", "column_by_year")} <= set(tables):
        return None
    found = connection.execute(
        """
        select build_id, as_of
        from meta.build
        where status = 'published' and build_id <> ? and build_id in (select build_id from quality.column_by_year)
        order by build_id desc
        limit 1
        """,
        [build_id],
    ).fetchone()
    return BuildBefore(*found) if found else None


# -- running ---------------------------------------------------------------------------------------------------------


def _validate(
    database: Path | Lake, suites: Sequence[Suite], as_of: datetime, before: pyarrow.Table, memory_limit: str, threads: int
) -> tuple[list[CheckResult], dict[str, str], pyarrow.Table | None]:
    """Results of the suites that run, Great Expectations' page for each by suite name, and what the tables hold; None where no suite runs."""
    to_run = [suite for suite in suites if suite.skipped is None]
    if not to_run:
        return [], {}, None
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.core import RunIdentifier
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from expectations.data_docs import render_page
    from expectations.engine import add_read_only

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    tables = dict.fromkeys((suite.schema, suite.table) for suite in to_run)
    datasource = add_read_only(context, "warehouse", database, memory_limit=memory_limit, threads=threads, tables=tables)
    results: list[CheckResult] = []
    pages = {}
    run_id = RunIdentifier(run_time=datetime.now(UTC))
    try:
        with datasource.get_engine().connect() as connection:
            # the driver's connection hands everything on to DuckDB's
            own = cast("duckdb.DuckDBPyConnection", connection.connection.dbapi_connection)
            prepare(own, as_of, before)
            held = history.hold(own, to_run)
        engine = datasource.get_execution_engine()
        for suite in to_run:
            engine.without_rows = _without_rows(own, suite)
            # not as a checkpoint: that keeps, and reads back, definitions which live no longer than the gate
            asset = datasource.get_asset(f"{suite.schema}.{suite.table}")
            found = asset.get_batch(asset.build_batch_request()).validate(_expectations(suite), result_format="COMPLETE")
            found.meta["run_id"] = run_id  # the page says when
            results += [_check_result(suite, each) for each in found.results]
            pages[suite.name] = render_page(found)
    finally:
        datasource.get_engine().dispose()
    return results, pages, held


def _without_rows(connection: duckdb.DuckDBPyConnection, suite: Suite) -> frozenset[str]:
    """Queries of unexpected rows that return none; nothing is known where one of the suite cannot be computed, and each is then run by itself."""
    import duckdb

    from expectations.statement import counts

    try:
        found = counts(connection, suite)
    except duckdb.Error:
        return frozenset()
    return frozenset(check.unexpected_rows for check in suite.checks if check.unexpected_rows and found[check.name] == 0)


def _expectations(suite: Suite) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.metadata_types import FailureSeverity

    from expectations.engine import UnexpectedRows

    return gx.ExpectationSuite(
        name=suite.name,
        expectations=[
            gx.expectations.ExpectTableRowCountToBeBetween(
                min_value=1, severity=FailureSeverity(check.severity), description=check.description, meta={"check": check.name}
            )
            if check.unexpected_rows is None
            else UnexpectedRows(
                unexpected_rows_query=check.unexpected_rows, severity=FailureSeverity(check.severity), description=check.description, meta={"check": check.name}
            )
            for check in suite.checks
        ],
    )


@functools.cache
def _trading_days(end: date) -> tuple[list[date], list[date]]:
    """Sessions of the NYSE up to a day, and the holidays of the government."""
    import exchange_calendars

    from ingest.load import federal_calendar

    sessions = exchange_calendars.get_calendar("XNYS", start=date(FIRST_TRADING_YEAR, 1, 1).isoformat(), end=end.isoformat()).sessions
    return [session.date() for session in sessions], federal_calendar().holidays.tolist()


def prepare(connection: duckdb.DuckDBPyConnection, as_of: datetime, before: pyarrow.Table) -> None:
    """Give a connection the temporary tables that checks read beside the table under check.

    `trading_day` holds the sessions of the NYSE, and on which the government is closed; `build_before` what the tables held in the build
    before, as `held_before` returns it.
    """
    days, closed = _trading_days(as_of.date() + timedelta(days=31))
    connection.execute(
        "create temp table trading_day as select day as trading_day, list_contains(cast(? as date[]), day) as is_federal_holiday "
        "from (select unnest(cast(? as date[])) as day)",
        [closed, days],
    )
    connection.register("held_before", before)
    connection.execute("create temp table build_before as from held_before")
    connection.unregister("held_before")


def _check_result(suite: Suite, found: Any) -> CheckResult:
    check = suite.check(found.expectation_config.meta["check"])
    table = f"{suite.schema}.{suite.table}"
    if problem := _exception(found.exception_info):
        # a check that cannot be judged must not let a build through, whatever its severity
        return CheckResult(suite.name, table, check.name, "critical", False, f"could not run: {problem}", None, check.description)
    observed = found.result["observed_value"]
    if check.unexpected_rows is None:
        return CheckResult(suite.name, table, check.name, check.severity, found.success, f"{observed} rows", None, check.description)
    rows = found.result["details"]["unexpected_rows"]
    return CheckResult(
        suite.name,
        table,
        check.name,
        check.severity,
        found.success,
        f"{observed} unexpected row{'' if observed == 1 else 's'}",
        observed,
        check.description,
        tuple(dict(row) for row in rows),
    )


def _exception(info: Mapping[str, Any]) -> str | None:
    """The message when the check raised; Great Expectations reports one exception, or one by metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry["raised_exception"]:
            return str(entry["exception_message"]).strip().splitlines()[0]
    return None


def _skipped(suites: Iterable[Suite]) -> list[CheckResult]:
    return [
        CheckResult(
            suite.name,
            f"{suite.schema}.{suite.table}",
            "suite_run",
            suite.skipped_severity or "warning",
            suite.skipped_severity is None,
            suite.skipped,
            None,
            "The table's input is there, so that its suite can run.",
            is_skipped=True,
        )
        for suite in suites
        if suite.skipped is not None
    ]


# -- keeping the results ---------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A value JSON can hold: dates as ISO text, not-a-number and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows], ensure_ascii=False)


def _row(build_id: str, stage: Stage, result: CheckResult, checked_at: datetime) -> dict[str, Any]:
    return {
        "build_id": build_id,
        "stage": stage,
        "suite": result.suite,
        "table_name": result.table_name,
        "expectation": result.expectation,
        "severity": result.severity,
        "success": result.success,
        "observed_value": result.observed_value,
        "unexpected_count": result.unexpected_count,
        "unexpected_sample": _json(result.sample),
        "description": result.description,
        "checked_at": checked_at,
    }


def held_before(warehouse: Path | Lake, stage: Stage, before: BuildBefore | None) -> pyarrow.Table:
    """What the tables of a stage held in the build before, by year and column; no rows where there is none."""
    from warehouse.connection import open_database

    with open_database(warehouse, read_only=True) as connection:
        if before is None:
            empty = ", ".join(f"null::{kind} as {name}" for name, (kind, _) in history.COLUMNS.items())
            return connection.execute(f"select {empty} where false").to_arrow_table()
        return connection.execute("from quality.column_by_year where build_id = ? and stage = ?", [before.build_id, stage]).to_arrow_table()


def _keep_history(connection: duckdb.DuckDBPyConnection, build: BuildUnderCheck, stage: Stage, held: pyarrow.Table) -> None:
    """Keep what the checked tables hold, beside the figures of the build before, which a repeated gate needs again."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in history.COLUMNS.items())
    connection.register("held_now", held)
    connection.execute(f"create table if not exists quality.column_by_year ({columns})")
    connection.execute("comment on table quality.column_by_year is 'What the tables of a build held, by year and column, for the next to compare'")
    for name, (_, comment) in history.COLUMNS.items():
        connection.execute(f"comment on column quality.column_by_year.{name} is '{comment}'")
    connection.execute(
        "delete from quality.column_by_year where stage = ? and (build_id = ? or build_id is distinct from ?)",
        [stage, build.build_id, build.before.build_id if build.before else None],
    )
    connection.execute("insert into quality.column_by_year by position select ?, ?, * from held_now", [build.build_id, stage])


def _write_rows(warehouse: Path | Lake, build: BuildUnderCheck, stage: Stage, rows: list[dict[str, Any]], held: pyarrow.Table | None) -> None:
    """Replace the rows of this build and stage, so that a repeated gate leaves one set, and keep what its tables held where that is given."""
    import pyarrow as pa

    from warehouse.connection import open_database

    arrow_types = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "BIGINT": pa.int64(), "TIMESTAMP": pa.timestamp("us")}
    table = pa.Table.from_pylist(rows, pa.schema([(name, arrow_types[kind]) for name, (kind, _) in RESULT_COLUMNS.items()]))
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in RESULT_COLUMNS.items())
    with open_database(warehouse) as connection:
        connection.register("checked", table)
        connection.execute("begin")
        connection.execute("create schema if not exists quality")
        connection.execute(f"create table if not exists quality.validation_result ({columns})")
        connection.execute("comment on table quality.validation_result is 'Results of the quality gates, one row a build and check'")
        for name, (_, comment) in RESULT_COLUMNS.items():
            connection.execute(f"comment on column quality.validation_result.{name} is '{comment}'")
        connection.execute("delete from quality.validation_result where build_id = ? and stage = ?", [build.build_id, stage])
        connection.execute("insert into quality.validation_result by name select * from checked")
        if held is not None:
            _keep_history(connection, build, stage, held)
        connection.execute("commit")


def _write_junit(path: Path, stage: Stage, results: Sequence[CheckResult]) -> None:
    """One test suite a suite, one test case a check; a failed warning is a skipped case, as JUnit has no third outcome."""
    root = ElementTree.Element("testsuites", name=f"{stage} gate")
    for suite in dict.fromkeys(result.suite for result in results):
        of_suite = [result for result in results if result.suite == suite]
        critical = sum(not r.success and r.severity == "critical" for r in of_suite)
        set_aside = sum(r.is_skipped or (not r.success and r.severity == "warning") for r in of_suite)
        counts = {"name": suite, "tests": str(len(of_suite)), "failures": str(critical), "skipped": str(set_aside)}
        element = ElementTree.SubElement(root, "testsuite", counts)
        for result in of_suite:
            case = ElementTree.SubElement(element, "testcase", classname=suite, name=result.expectation)
            if not result.success and result.severity == "critical":
                ElementTree.SubElement(case, "failure", message=_xml(result.observed_value)).text = _xml(str(result))
            elif not result.success or result.is_skipped:
                ElementTree.SubElement(case, "skipped", message=_xml(str(result) if not result.success else result.observed_value))
    ElementTree.indent(root)
    _replace(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _xml(text: str) -> str:
    """`text` without the control characters XML does not allow."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def _write_failures(path: Path, build: BuildUnderCheck, stage: Stage, results: Sequence[CheckResult], checked_at: datetime) -> None:
    """The build's file of failures; this stage's part replaces its earlier one."""
    # the file may hold other stages, and failures of stages that are not gates
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record["build_id"] = build.build_id
    failed = [result for result in results if not result.success]
    record.setdefault("stages", {})[stage] = {
        "success": not any(result.severity == "critical" for result in failed),
        "critical_failed": sum(result.severity == "critical" for result in failed),
        "warnings": sum(result.severity == "warning" for result in failed),
        "checked_at": checked_at.isoformat(timespec="seconds") + "Z",
        "failures": [
            {
                "suite": result.suite,
                "table": result.table_name,
                "expectation": result.expectation,
                "severity": result.severity,
                "observed_value": result.observed_value,
                "unexpected_count": result.unexpected_count,
                "unexpected_sample": json.loads(_json(result.sample)),
                "description": result.description,
            }
            for result in failed
        ],
    }
    _replace(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
