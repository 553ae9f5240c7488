"""US Treasury International Capital: major foreign holders of Treasury securities, and holdings and transactions by country.

Formats: https://ticdata.treasury.gov/Publish/mfhhis01.txt (history, blocks of a year) and slt_table5.txt (the last 13 months), both
in billions of dollars; the current table wins where both have a month, and the history is extended once a year. slt_table1 to 4
(one line a country and month) and cslt.zip (one document with every series) are in millions, and name their columns and series
alike: `for_lt_eqty_net` is what foreigners bought net of long-term US equity. Codes of countries: https://home.treasury.gov/data/
treasury-international-capital-tic-system-home-page/using-tic/country-names-and-country-codes-reference-lists
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Delay, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import all_blank, array_lines, blank_lines, decode, header_line, one_by_one, stated_in, text_table, unpivoted
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

DOCUMENTS = "https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents"

# Releases fall on a weekday in the middle of the month, 45 to 49 days after the month they are about. The longest of these is taken,
# so that no month counts as known before it was; a file that was fetched earlier says when it was known.
RELEASE = PublicationLag(
    49,
    "16:00",
    source="Release Dates of TIC Data: 16:00 on a day in the middle of the second month after, at most 49 days after the month "
    "(October 2023 on 2023-12-19, December 2025 on 2026-02-18, September 2026 on 2026-11-18)",
    delays=(
        Delay(
            ((date(2025, 8, 31), date(2025, 11, 18)),),
            "Treasury: August 2025 came with September, after the shutdown; the day is that of September by the rule",
        ),
    ),
)

# A column or series is named by who holds, the term (none: all terms), what is held, and what is measured.
_SERIES = r"(for|us)_(?:(lt|st)_)?([a-z]\w*?)_(pos|net|valchg|sale|pur)"

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
        f"select block, {literal(c)} as column_name, try_strptime(trim(above.{c}) || ' ' || trim({c}), '%b %Y') as month, "
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
        where trim(cells.c0) <> 'Country' and trim(cells.value) not in ('', '------')
            -- lines without a country are those of the headings, unless they have numbers
            and (trim(cells.c0) <> '' or regexp_matches(cells.value, '[0-9]'))
    """
    # amounts under a heading that names no month
    other = connection.execute(
        f"""
        with heads as ({heads}), cells as (select * from {cells})
        select count(*) from cells join heads using (block, column_name)
        where heads.month is null and trim(cells.c0) not in ('', 'Country') and regexp_matches(cells.value, '[0-9]')
        """
    ).fetchone()
    assert other is not None
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
        skipped={file.file_id: dict(kinds) | ({"other column": other[0]} if other[0] else {})},
        edition_dates={file.file_id: day} if (day := _edition(text)) else {},
    )


def _read_current(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a country and month: title lines, `Country` and months newest first, countries, totals, then `Notes:`."""
    from warehouse.connection import literal

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
        f"select _row_number, {at} as position, c0 as country, {literal(month)} as month, c{at} as value from {table}"
        for at, month in enumerate(months, 1)
        if month
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


# --- holdings and transactions by country and instrument --------------------------------------------------------------


def _table_number(names: Sequence[str]) -> str:
    """Which of the four tables has these columns."""
    if any(name.endswith(("_sale", "_pur")) for name in names):
        return "4"
    if any(name.startswith("for_treas_") for name in names):
        return "3"
    return "1" if any(name.startswith("for_") for name in names) else "2"


def _read_table(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a country, month and column with a value.

    Above the lines stand titles and two header rows, one for people and one for machines, which is read: `country`, `country_code`,
    `date`, then columns such as `for_lt_treas_pos`. A cell without a value is empty or `n.a.`; notes follow the lines.
    """
    number, line, _ = header_line(file.path, re.compile(r'^\W*country"?\s*\t\W*country_?code\W*\t', re.IGNORECASE))
    names = [name.strip().strip('"\ufeff').lower() for name in line.split("\t")]
    cells = {}
    for at, name in enumerate(names):
        if found := re.fullmatch(_SERIES, name):
            direction, term, instrument, measure = found.groups()
            cells[at] = {"direction": direction, "term": term or "total", "instrument": instrument, "measure": measure}
    if not cells or "date" not in names:
        named = ", ".join(name for name in names if name)
        raise UnreadableFile(f"no column is named like for_lt_treas_pos, or none is `date`; the file has {named}; the provider may have changed the format")
    country, code, month = names.index("country"), next(at for at, name in enumerate(names) if name in ("country_code", "countrycode")), names.index("date")
    # quotes are taken off here: the notes below the table use them as they like
    lines = text_table(connection, file, skip=number + 1, width=len(names), delimiter="\t", ragged=True, quoted=False)
    table = "(select _row_number, " + ", ".join(f"trim(c{at}, ' \"') as c{at}" for at in range(len(names))) + f" from {lines})"
    return unpivoted(
        connection,
        table,
        file,
        cells,
        row={
            "source_table": f"'{_table_number(names)}'",
            "country": f"c{country}",
            "country_code": f"c{code}",
            "observation_date": f"last_day(strptime(c{month}, '%Y-%m'))::varchar",
        },
        value="amount",
        kinds={"blank": all_blank(range(len(names))), "footer": rf"not regexp_full_match(coalesce(c{month}, ''), '\d{{4}}-(0[1-9]|1[0-2])')"},
        above={
            "title": number - 1 if number else 0,
            "header": 2 if number else 1,
            "blank": blank_lines(file.path, number + 1),
            "other column": stated_in(connection, lines, [at for at in range(len(names)) if at not in (*cells, country, code, month)]),
        },
        absent="not published",
    )


def _sent(outside: str, newest: date | None) -> date | None:
    """The day a document was sent, where that is after the release its newest month belongs to: the release was late.

    It is sent some days before the release it is for, and such a day says nothing about when it became known.
    """
    stated = re.search(r'"transmissionDt"\s*:\s*"\s*(\d{4}-\d{2}-\d{2}|\d{8}|\d{1,2}/\d{1,2}/\d{4})', outside)
    if not stated or not newest:
        return None
    text = stated.group(1)
    form = "%Y-%m-%d" if "-" in text else "%m/%d/%Y" if "/" in text else "%Y%m%d"
    try:
        sent = datetime.strptime(text, form).date()
    except ValueError:
        return None
    return sent if sent > newest + timedelta(days=RELEASE.days) else None


def _read_continuous(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
    """One record a series and month; `["2026-06-01", "813432.0"]` is the month and the amount as text, newest first.

    The document has over 4,000 series of 500 months, and is read series by series.
    """
    for file in files:
        with array_lines(file.path, "series") as (lines, outside):
            series = f"""
                read_json({literal(lines)}, format = 'newline_delimited', columns = {{
                    source_id: 'VARCHAR', metadata: 'STRUCT(title VARCHAR)', observations: 'VARCHAR[][]'
                }})
            """
            known = f"regexp_full_match(source_id, '{_SERIES}_\\d+')"
            newest = "last_day(max(try_cast(greatest(observations[1][1], observations[-1][1]) as date)))"
            counts = connection.execute(f"select count(*) filter (where not coalesce({known}, false)), {newest} from {series}").fetchone()
            assert counts is not None
            parts = f"regexp_extract(source_id, '^{_SERIES}_(\\d+)$', ['direction', 'term', 'instrument', 'measure', 'country_code'])"
            sql = f"""
                select {file.file_id} as _file_id, row_number() over () as _row_number, parts.direction as direction,
                       coalesce(nullif(parts.term, ''), 'total') as term, parts.instrument as instrument, parts.measure as measure,
                       parts.country_code as country_code, country,
                       coalesce(last_day(try_cast(pair[1] as date))::varchar, pair[1]) as observation_date, pair[2] as amount
                from (
                    select {parts} as parts, nullif(trim(regexp_extract(metadata.title, ':\\s*([^:]+)$', 1)), '') as country, unnest(observations) as pair
                    from {series} where {known}
                )
            """
            sent = _sent(outside, counts[1])
            yield Records(
                sql=sql,
                columns=("direction", "term", "instrument", "measure", "country_code", "country", "observation_date", "amount"),
                files=(file.file_id,),
                skipped={file.file_id: {"other series": counts[0]}} if counts[0] else {},
                edition_dates={file.file_id: sent} if sent else {},
            )


_FLOW_COLUMNS = (
    Column("direction", "TEXT", "for: US securities held by foreigners; us: foreign securities held by US residents"),
    Column("term", "TEXT", "lt (original maturity over a year, and equity), st (a year or less), total (all terms)"),
    Column("instrument", "TEXT", "eqty (equity), treas (Treasury), agcy (agency bonds), corp (corporate bonds), total; abroad govt_bond, corp_bond, ..."),
    Column(
        "measure",
        "TEXT",
        "pos (held at the end of the month), net (bought net by the holder in the month), valchg (change of value of what is held); "
        "sale and pur: gross sales to and purchases from foreigners by US residents",
    ),
    Column("country_code", "TEXT", "Code of the country or group; 99996 is the grand total"),
    Column("country", "TEXT", "Name of the country or group as published", required=False),
    Column("observation_date", "DATE", "Last day of the month"),
    Column("amount", "DOUBLE", "Amount; null where the provider states none", "million USD", required=False),
)


def _flow_requests(window: FetchWindow) -> Iterable[Request]:
    for table in (1, 2, 3, 4):
        yield Request(f"{DOCUMENTS}/slt_table{table}.txt", f"slt_table{table}.txt")


def _continuous_requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://ticdata.treasury.gov/Publish/cslt.zip", "cslt.zip")


# --- major foreign holders --------------------------------------------------------------------------------------------


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request(f"{DOCUMENTS}/slt_table5.txt", "slt_table5.txt")


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
        lag=RELEASE,
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
    Feed(
        name="tic_cslt",
        provider="tic",
        title="Continuous series of cross-border holdings and transactions",
        description=(
            "What foreigners hold and buy of US securities, and US residents of foreign ones, by country, instrument and month since 1984, with "
            "the change of value of what is held; estimated as one continuous series over all surveys (Bertaut and Judson). Every release "
            "rewrites history. Holdings stand with the country of the custodian, so Belgium, the Cayman Islands, Ireland, Luxembourg, Switzerland "
            "and the United Kingdom are centres of custody."
        ),
        url="https://home.treasury.gov/data/treasury-international-capital-tic-system",
        licence="US government, public domain",
        cadence=Cadence.MONTHLY,
        dated="month end",
        lag=RELEASE,
        key=("direction", "term", "instrument", "measure", "country_code", "observation_date"),
        columns=_FLOW_COLUMNS,
        formats=(
            Format(
                "series_json",
                Access.LIVE,
                re.compile(r'"source_id"\s*:\s*"(for|us)_[a-z]+_|"transmissionDt"\s*:'),
                _read_continuous,
                "cslt.zip with one document, cslt.json, of over 4,000 series",
                requests=_continuous_requests,
            ),
        ),
    ),
    Feed(
        name="tic_slt",
        provider="tic",
        title="Cross-border holdings and transactions by country",
        description=(
            "The published tables of Form SLT: US long-term securities held by foreigners (1), foreign ones held by US residents (2), Treasury "
            "securities held by foreigners (3), gross sales and purchases (4), by country and month. Series break: net transactions and changes of "
            "value are collected since 2023-02 and empty before; what was published before stood on another form and is not comparable. "
            "Tables 1 and 3 overlap and are kept apart by `source_table`."
        ),
        url="https://home.treasury.gov/data/treasury-international-capital-tic-system",
        licence="US government, public domain",
        cadence=Cadence.MONTHLY,
        dated="month end",
        lag=RELEASE,
        key=("source_table", "direction", "term", "instrument", "measure", "country_code", "observation_date"),
        columns=(Column("source_table", "TEXT", "Number of the table, 1 to 4"), *_FLOW_COLUMNS),
        formats=(
            Format(
                "table_text",
                Access.LIVE,
                re.compile(r'(?im)^\W*country"?\t\W*country_?code\W*\t\W*date\W'),
                one_by_one(_read_table),
                "slt_table1 to slt_table4, tab-separated, with a header row for machines",
                requests=_flow_requests,
            ),
        ),
    ),
)
