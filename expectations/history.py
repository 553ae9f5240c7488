"""What a build's tables held, by year and column, and the check that compares the next build with it.

A model that turns a unit round, joins rows away or reads the wrong column gives figures that look right by themselves. What is over does
not change, though: the rows, dates, sizes and signs of past years are those of the build before, but for revisions. Every gate that passes
keeps a few figures of its tables in `quality.column_by_year`; the gate of the next build compares with those of the newest published one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from expectations.check import BuildBefore, BuildUnderCheck, Check, Suite, day, identifier, literal, query
from warehouse import sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow

# What is kept: column -> (type, comment).
COLUMNS: Mapping[str, tuple[str, str]] = {
    "build_id": ("VARCHAR", "Build the table belongs to"),
    "stage": ("VARCHAR", "Gate that kept the figures: raw, staging or marts"),
    "table_name": ("VARCHAR", "Table, with its schema"),
    "in_year": ("INTEGER", "Year of the date that the grain names first; null for a table without one"),
    "rows_held": ("BIGINT", "Rows of that year"),
    "column_name": ("VARCHAR", "Column the figures after this one are about"),
    "present": ("BIGINT", "Rows in which it has a value"),
    "size": ("DOUBLE", "Mean of its absolute value; of a date, mean of the days since 2000-01-01; null for text"),
    "negative": ("BIGINT", "Rows in which it is below 0"),
    "newest": ("DATE", "Newest of its dates; null for other columns"),
}

# Past years: factor by which the mean size of a column may change and share of the rows whose sign or presence may, as revisions do.
SETTLED_SIZE, SETTLED_SHARE = 1.1, 0.02
# The year under way, whose rows still come, and tables without a date.
OPEN_SIZE, OPEN_SHARE = 3, 0.3
# Mean of the dates of a past year: a shift by a day moves it by one.
SETTLED_DAYS = 0.5
# Rows by which the number of a past year may grow and it still counts as the same year.
SAME_ROWS = 1.01
# The newest row may be older than in the build before, or further ahead, from each build's as-of, by so many usual steps between dates and days beside.
STEPS, STEP_DAYS = 2, 7
# Rows below which a year under way says nothing.
LEAST_ROWS = 20

# Columns that say which file a row came from: their numbers mean nothing, and change with every edition.
LINEAGE = ("file_id", "file_row_number", "_file_id", "_row_number")

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_DATES = ("DATE", "TIMESTAMP")


def is_number(sql_type: str) -> bool:
    """Whether a column of this SQL type holds numbers."""
    return sql_type.startswith(_NUMBERS)


def is_date(sql_type: str) -> bool:
    """Whether a column of this SQL type holds dates or times."""
    return sql_type.startswith(_DATES)


def date_column(types: Mapping[str, str], grain: Iterable[str]) -> str | None:
    """The date a row is about: the first column of the grain that is one."""
    return next((column for column in grain if is_date(types.get(column, ""))), None)


def by_year(types: Mapping[str, str], grain: Iterable[str]) -> str:
    """SQL query on `{batch}`: a row a year and column, with the figures of COLUMNS after `table_name`."""
    date = date_column(types, grain)
    year = f"year({identifier(date)})" if date else "null::integer"
    figures = ",\n        ".join(_figures(column, sql_type) for column, sql_type in types.items())
    return (
        f"select in_year, rows_held, unnest(figures, recursive := true)\nfrom (\n    select {year} as in_year, count(*) as rows_held, [\n"
        f"        {figures}\n    ] as figures\n    from {{batch}}\n    group by all\n)"
    )


def _figures(column: str, sql_type: str) -> str:
    name = identifier(column)
    size, negative, newest = "null::double", "0", "null::date"
    if is_number(sql_type) and column not in LINEAGE:
        # infinite values are for the bounds to find
        size, negative = f"avg(abs(cast({name} as double))) filter (where isfinite(cast({name} as double)))", f"count(*) filter ({name} < 0)"
    elif is_date(sql_type):
        size, newest = f"avg(date_diff('day', date '2000-01-01', cast({name} as date)))", f"max(cast({name} as date))"
    return f"struct_pack(column_name := {literal(column)}, present := count({name}), size := {size}, negative := {negative}, newest := {newest})"


def with_history(build: BuildUnderCheck, suite: Suite, grain: Iterable[str]) -> Suite:
    """The suite with what is kept of its table, and the check that it still holds what it held in the newest published build, where there is one."""
    types = build.types.get((suite.schema, suite.table))
    if not types:
        return suite
    columns = tuple(grain)
    added = tuple(_compared(build, build.before, types, columns, suite)) if build.before else ()
    return replace(suite, checks=suite.checks + added, history=by_year(types, columns))


def hold(connection: duckdb.DuckDBPyConnection, suites: Iterable[Suite]) -> pyarrow.Table:
    """Make the temporary table `held_now`, which the comparison reads: what the tables of the suites hold, the columns of COLUMNS from `table_name` on."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items() if name not in ("build_id", "stage"))
    connection.execute(f"create temp table held_now ({columns})")
    for suite in suites:
        if suite.history is not None:
            held = suite.history.format(batch=f"{sql.quote(suite.schema)}.{sql.quote(suite.table)}")
            connection.execute(f"insert into held_now by position select {sql.literal(f'{suite.schema}.{suite.table}')}, * from ({held})")
    return connection.execute("from held_now").to_arrow_table()


def _compared(build: BuildUnderCheck, before: BuildBefore, types: Mapping[str, str], grain: Iterable[str], suite: Suite) -> Iterable[Check]:
    date, table = date_column(types, grain), f"{suite.schema}.{suite.table}"
    # a feed's freshness is judged by its cadence and lag
    if date and suite.schema != "raw":
        yield _newest_row_as_before(build, before, date, table)
    yield _as_in_build_before(before, types, date, table)


def _newest_row_as_before(build: BuildUnderCheck, before: BuildBefore, date: str, table: str) -> Check:
    days_between = (build.as_of.date() - before.as_of.date()).days
    return Check(
        "newest_row_as_before",
        f"The newest row is as old as in the build before, {before.build_id}, by {STEPS} usual steps between dates and {STEP_DAYS} days at most.",
        "warning",
        query(
            f"""
            with newest_dates as (
                select distinct cast({identifier(date)} as date) as row_date
                from {{batch}}
                where {identifier(date)} is not null
                order by row_date desc
                limit 50
            ),
            steps as (
                select row_date, row_date - lag(row_date) over (order by row_date) as days
                from newest_dates
            ),
            now as (
                select
                    max(row_date) as newest_now, {STEPS} * quantile_cont(days, 0.9) + {STEP_DAYS} as days_ahead,
                    -- events come at no fixed step: the longest wait so far is nothing new
                    greatest(days_ahead, max(days) + {STEP_DAYS}) as days_older
                from steps
            ),
            before as (
                select max(newest) as newest_before
                from build_before
                where table_name = {literal(table)} and column_name = {literal(date)}
            )
            select newest_before, newest_now, days_older, days_ahead
            from before
            cross join now
            where
                {days_between} - (newest_now - newest_before) > days_older
                -- rows of the time to come reach no further than they did
                or newest_now - {day(build.as_of.date())} > greatest(newest_before - {day(before.as_of.date())}, 0) + days_ahead
            """
        ),
    )


def _as_in_build_before(before: BuildBefore, types: Mapping[str, str], date: str | None, table: str) -> Check:
    dates = ", ".join(literal(column) for column, sql_type in types.items() if is_date(sql_type)) or "null"
    settled = before.as_of.year
    text = query(
        f"""
        with now as (
            -- Great Expectations wants the table named; of an empty one nothing is held
            select * from held_now where table_name = {literal(table)} and exists (from {{batch}})
        ),
        compared as (
            select
                before.in_year, before.column_name, before.rows_held as rows_before, coalesce(now.rows_held, 0) as rows_now,
                before.present as present_before, now.present as present_now, before.size as size_before, now.size as size_now,
                before.negative as negative_before, now.negative as negative_now,
                coalesce(before.in_year < {settled}, false) as is_settled,
                rows_now between rows_before and {SAME_ROWS} * rows_before as is_same,
                is_settled and is_same as is_strict,
                case when is_strict then {SETTLED_SHARE} else {OPEN_SHARE} end as share,
                case when is_strict then {SETTLED_SIZE} else {OPEN_SIZE} end as factor
            from build_before as before
            left join now on now.column_name = before.column_name and now.in_year is not distinct from before.in_year
            where before.table_name = {literal(table)}
        ),
        judged as (
            select
                *,
                case
                    when is_settled and rows_now < rows_before then 'fewer rows'
                    -- a year ahead of the build is a path, which shortens as time passes
                    when in_year is null and rows_now < (1 - {SETTLED_SHARE}) * rows_before then 'fewer rows'
                    when not is_settled and rows_now < rows_before / 2 then 'fewer rows'
                    when in_year >= {settled} and (rows_before < {LEAST_ROWS} or rows_now > 1.5 * rows_before) then null
                    when present_now / rows_now < present_before / rows_before - share then 'values missing'
                    -- other dates of a row, as when it became known or last changed, move with revisions
                    when column_name = {literal(date or "")} and is_strict and abs(size_now - size_before) >= {SETTLED_DAYS} then 'other dates'
                    when column_name in ({dates}) then null
                    when greatest(size_now, size_before) > factor * least(size_now, size_before) then 'other size'
                    when abs(negative_now / nullif(present_now, 0) - negative_before / nullif(present_before, 0)) > share then 'other sign'
                end as finding
            from compared
        )
        select
            column_name, finding, count(*) as years, max(in_year) as newest_year,
            arg_max(rows_before, coalesce(in_year, 0)) as rows_before, arg_max(rows_now, coalesce(in_year, 0)) as rows_now,
            arg_max(size_before, coalesce(in_year, 0)) as size_before, arg_max(size_now, coalesce(in_year, 0)) as size_now
        from judged
        where finding is not null
        group by column_name, finding
        order by column_name, finding
        """
    )
    return Check(
        "as_in_build_before",
        f"Past years have the rows, dates, presence, size and sign they had in the build before, {before.build_id}; the year under way roughly so.",
        "warning",
        text,
    )
