"""Geopolitical Risk Index, Caldara & Iacoviello (2022). Format: https://www.matteoiacoviello.com/gpr.htm"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request
from ingest.reader import find_header, one_by_one, sheet_table, sheets_of, spreadsheet

if TYPE_CHECKING:
    import duckdb

FILES = "https://www.matteoiacoviello.com/gpr_files"


def _read_monthly(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a month and index: every column but the month and the two that describe the columns; empty cells are no records."""
    from warehouse.connection import literal

    rows, number = find_header(sheets_of(file.path), re.compile(r"^month\tGPR", re.IGNORECASE))
    names = [str(cell).strip() for cell in rows[number]]
    table = sheet_table(connection, rows[number + 1 :], len(names))
    indices = {f"c{at}": name for at, name in enumerate(names) if at and name and name.lower() not in ("var_name", "var_label")}
    label = "case column_name " + " ".join(f"when '{column}' then {literal(name)}" for column, name in indices.items()) + " end"
    counts = connection.execute(f"select count(*) filter (where trim(c0) = '') from {table}").fetchone()
    assert counts is not None
    sql = f"""
        select {file.file_id} as _file_id, row_number() over (order by _row_number, position) as _row_number,
               coalesce(last_day(try_strptime(c0, ['%Y-%m-%d', '%m/%d/%Y', '%Y-%m']))::varchar, c0) as observation_date, index_name, value
        from (
            select _row_number, c0, {label} as index_name, value, cast(column_name[2:] as integer) as position
            from (
                unpivot (select _row_number, c0, {", ".join(indices)} from {table} where trim(c0) <> '')
                on {", ".join(indices)} into name column_name value value
            )
            where trim(value) <> ''
        )
    """
    return Records(sql=sql, columns=("observation_date", "index_name", "value"), skipped={file.file_id: {"header": number + 1, "blank": counts[0]}})


def _monthly_requests(window: FetchWindow) -> Iterable[Request]:
    yield Request(f"{FILES}/data_gpr_export.xls", "data_gpr_export.xls")


def _daily_requests(window: FetchWindow) -> Iterable[Request]:
    yield Request(f"{FILES}/data_gpr_daily_recent.xls", "data_gpr_daily_recent.xls")


FEEDS = (
    Feed(
        name="gpr_monthly",
        provider="gpr",
        title="Geopolitical Risk Index, monthly",
        description="Monthly index, its threats and acts parts, the historical index from 1900, and country indices, one row an index and month.",
        url="https://www.matteoiacoviello.com/gpr.htm",
        licence="Free with citation: Caldara & Iacoviello, American Economic Review 2022",
        cadence=Cadence.MONTHLY,
        dated="month end",
        lag=PublicationLag(7, "24:00", source="updated in the first days of the next month"),
        key=("observation_date", "index_name"),
        columns=(
            Column("observation_date", "DATE", "Last day of the month"),
            Column("index_name", "TEXT", "Name of the index in the file: GPR, GPRT, GPRA, GPRH, GPRC_USA, ..."),
            Column("value", "DOUBLE", "Value of the index", "index; 1985-2019 = 100 for GPR, shares in percent"),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(r"(?im)^month\tGPR\t"),
                one_by_one(_read_monthly),
                "Old-format workbook (.xls), one column an index",
                requests=_monthly_requests,
            ),
        ),
    ),
    Feed(
        name="gpr_daily",
        provider="gpr",
        title="Geopolitical Risk Index, daily",
        description="Daily index with its acts and threats parts; recent values are revised.",
        url="https://www.matteoiacoviello.com/gpr.htm",
        licence="Free with citation: Caldara & Iacoviello, American Economic Review 2022",
        cadence=Cadence.DAILY,
        lag=PublicationLag(7, "24:00", source="updated about once a week"),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Day", names=("day", "date")),
            Column("articles", "BIGINT", "Newspaper articles counted", "articles", names=("n10d",), minimum=0, required=False),
            Column("gprd", "DOUBLE", "Daily geopolitical risk index", "index, 1985-2019 = 100", minimum=0),
            Column("gprd_act", "DOUBLE", "Part about acts", "index, 1985-2019 = 100", minimum=0, required=False),
            Column("gprd_threat", "DOUBLE", "Part about threats", "index, 1985-2019 = 100", minimum=0, required=False),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(r"(?im)^(DAY|date)\t.*\bGPRD\b"),
                spreadsheet(r"^(DAY|date)\t.*\bGPRD\b"),
                "Old-format workbook (.xls)",
                requests=_daily_requests,
            ),
        ),
    ),
)
