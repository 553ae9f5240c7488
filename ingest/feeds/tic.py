"""US Treasury International Capital: major foreign holders of Treasury securities.

Formats: https://ticdata.treasury.gov/Publish/mfhhis01.txt (history, blocks of a year) and slt_table5.txt (the last 13 months), both
in billions of dollars. The current table wins where both have a month; the history is extended once a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import decode, one_by_one, text_table

if TYPE_CHECKING:
    import duckdb

# "Belgium  5/" carries a footnote mark; the parts of the total are named differently in the two tables.
_COUNTRY = r"""
    case regexp_replace(trim(regexp_replace(country, '\s+\d+/.*$', '')), '^(Of Which:\s*)', '', 'i')
        when 'For. Official' then 'Foreign Official'
        when 'Treasury Bills' then 'Foreign Official Treasury Bills'
        when 'T-Bonds & Notes' then 'Foreign Official T-Bonds & Notes'
        when 'T-Bonds and Notes' then 'Foreign Official T-Bonds & Notes'
        when 'Foreign Official T-Bonds and Notes' then 'Foreign Official T-Bonds & Notes'
        when 'Korea' then 'Korea, South'
        else regexp_replace(trim(regexp_replace(country, '\s+\d+/.*$', '')), '^(Of Which:\s*)', '', 'i')
    end
"""


def _edition(text: str) -> date | None:
    """The date under the last table, `3/18/26`."""
    stated = re.search(r"(?m)^\W*(\d{1,2}/\d{1,2}/\d{2})\s*$", text)
    return datetime.strptime(stated.group(1), "%m/%d/%y").date() if stated else None


def _read_history(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a country, month and survey series.

    Each year is a block: optional lines naming the survey series over the columns, a line of months, a line
    `Country <year> ...`, dashes, one line a country, the total, and the official holders below "Of which".
    At a survey break June is printed twice; the second column is the older series, "shown for comparison only".
    """
    text = decode(file.path.read_bytes())
    width = max(line.count("\t") for line in text.splitlines()[:2000]) + 1
    if width < 2:
        raise UnreadableFile("no tab-separated table in the file; the provider may have changed the format")
    table = text_table(connection, file, skip=0, width=width, delimiter="\t", ragged=True)
    columns = [f"c{i}" for i in range(1, width)]
    connection.execute(
        f"""
        create or replace temp table {table}_block as
        select *, count(*) filter (where trim(c0) = 'Country') over (order by _row_number) as block,
               lag(struct_pack({", ".join(f"{c} := {c}" for c in columns)})) over (order by _row_number) as above,
               lag(struct_pack({", ".join(f"{c} := {c}" for c in columns)}), 2) over (order by _row_number) as two_above
        from {table}
        """
    )
    cells = (
        f"(from (select _row_number, block, c0, {', '.join(columns)} from {table}_block) "
        f"unpivot include nulls (value for column_name in ({', '.join(columns)})))"
    )
    heads = " union all ".join(
        f"select block, '{c}' as column_name, try_strptime(trim(above.{c}) || ' ' || trim({c}), '%b %Y') as month, "
        rf"regexp_extract(two_above.{c}, '^\W*([IVX]+)\W*$', 1) as series from {table}_block where trim(c0) = 'Country'"
        for c in columns
    )
    sql = f"""
        with heads as ({heads}),
        periods as (
            select *, row_number() over (partition by block, month order by cast(column_name[2:] as integer)) as printing
            from heads where month is not null
        ),
        cells as (select * from {cells})
        select {file.file_id} as _file_id, row_number() over (order by cells._row_number, cast(cells.column_name[2:] as integer)) as _row_number,
               {_COUNTRY} as country, last_day(periods.month)::varchar as observation_date,
               case when periods.printing = 1 then 'main' else coalesce(nullif(periods.series, ''), 'comparison') end as series,
               cells.value as holdings
        from (select *, c0 as country from cells) as cells
        join periods using (block, column_name)
        where trim(cells.c0) not in ('', 'Country') and trim(cells.value) not in ('', '------')
            and regexp_matches(cells.value, '[0-9]|^\\s*(n\\.a\\.|\\*+)\\s*$')
    """
    blank = "coalesce(" + ", ".join(f"nullif(trim({c}), '')" for c in ["c0", *columns]) + ") is null"
    kinds = connection.execute(
        f"""
        select case when {blank} then 'blank' when trim(c0) = 'Country' or trim(c1) like '---%' or regexp_matches(c1, '^\\s*[A-Z][a-z]{{2}}\\s*$') then 'header'
                    when block = 0 then 'title' else 'footer' end as kind, count(*)
        from {table}_block where not regexp_matches(c1, '[0-9]') or c1 is null or trim(c0) = 'Country' group by 1
        """
    ).fetchall()
    return Records(
        sql=sql,
        columns=("country", "observation_date", "series", "holdings"),
        skipped={file.file_id: dict(kinds)},
        edition_dates={file.file_id: day} if (day := _edition(text)) else {},
    )


def _read_current(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a country and month: title lines, `Country` and months newest first, countries, totals, then `Notes:`."""
    lines = decode(file.path.read_bytes()).splitlines()
    try:
        number = next(i for i, line in enumerate(lines) if re.match(r"Country\s*\t\s*\d{4}-\d{2}", line))
    except StopIteration:
        raise UnreadableFile("no line `Country <months>`; the provider may have changed the format") from None
    end = next((i for i, line in enumerate(lines) if i > number and line.strip().lower().startswith("notes")), len(lines))
    months = [cell.strip() for cell in lines[number].split("\t")[1:]]
    width = len(lines[number].split("\t"))
    table = text_table(connection, file, skip=number + 1, width=width, delimiter="\t", ragged=True)
    body = " union all ".join(
        f"select _row_number, {at} as position, c0 as country, '{month}' as month, c{at} as value from {table}" for at, month in enumerate(months, 1) if month
    )
    blank = sum(1 for line in lines[number + 1 : end] if not line.strip())
    sql = f"""
        select {file.file_id} as _file_id, row_number() over (order by _row_number, position) as _row_number, {_COUNTRY} as country,
               last_day(strptime(month, '%Y-%m'))::varchar as observation_date, 'main' as series, value as holdings
        from ({body})
        where _row_number <= {end - number - 1 - blank} and trim(country) <> '' and nullif(trim(value), '') is not null
    """
    skipped = {"title": number, "header": 1, "blank": blank, "footer": len(lines) - end}
    return Records(sql=sql, columns=("country", "observation_date", "series", "holdings"), skipped={file.file_id: {k: v for k, v in skipped.items() if v}})


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/slt_table5.txt", "slt_table5.txt")


def _history_requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://ticdata.treasury.gov/Publish/mfhhis01.txt", "mfhhis01.txt")


FEEDS = (
    Feed(
        name="tic_major_foreign_holders",
        provider="tic",
        title="Major foreign holders of Treasury securities",
        description=(
            "Holdings at month end by country, with the totals and the official holders as rows of their own. Belgium, Luxembourg, "
            "the Cayman Islands and the United Kingdom are custody centres. Everything is revised for over a year."
        ),
        url="https://home.treasury.gov/data/treasury-international-capital-tic-system",
        licence="US government, public domain",
        cadence=Cadence.MONTHLY,
        dated="month end",
        lag=PublicationLag(47, "16:00", source="released in the middle of the second month after, 16:00 New York time"),
        key=("country", "observation_date", "series"),
        columns=(
            Column("country", "TEXT", "Country or group, footnote marks removed; totals: Grand Total, All Other, Foreign Official, ..."),
            Column("observation_date", "DATE", "Last day of the month"),
            Column("series", "TEXT", "main; where a survey break prints a month twice, the older series, shown for comparison, has its number (XI)"),
            Column("holdings", "DOUBLE", "Treasury securities held", "billion USD"),
        ),
        formats=(
            Format(
                "history_text",
                Access.LIVE,
                re.compile(r"(?i)MAJOR FOREIGN HOLDERS OF TREASURY SECURITIES[\s\S]*^Country\W+\d{4}\b(?!-)", re.MULTILINE),
                one_by_one(_read_history),
                "History from 2000-03, extended to the last full year",
                requests=_history_requests,
            ),
            Format("current_text", Access.LIVE, re.compile(r"(?im)^Country\t\d{4}-\d{2}"), one_by_one(_read_current), "The last 13 months", requests=_requests),
        ),
    ),
)
