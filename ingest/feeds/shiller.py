"""Robert Shiller: S&P Composite price, dividends, earnings, consumer prices, long rate and CAPE by month since 1871.

Format: sheet `Data` of `ie_data.xls`, https://shillerdata.com/. The headings stand in several rows one above the other, and some of the
lowest repeat (`Price` is once the real price and once the real total return price). Months are written as numbers in which October is
2026.1, so the column `Date Fraction` (the middle of the month as a year) is read with it. Below the data stand notes such as "Sept price
is Sept 1st close".

The address of the workbook changes with each update and is read from the page. The copy at econ.yale.edu ends in September 2023 and is
not asked for.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import all_blank, find_header, match_columns, one_by_one, plain_headers, selection, sheet_table, sheets_of, split_kinds, stacked_headings

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(0.5, "none stated; one page and one workbook a fetch")

PAGE = "https://shillerdata.com/"
_LINK = re.compile(r"""(?:https?:)?//[^"'\s<>]+/ie_data\.xlsx?(?:\?[^"'\s<>]*)?""", re.IGNORECASE)
_HEADER = re.compile(r"^Date\s*\tP\s*\tD\s*\tE\s*\tCPI\s*\t", re.IGNORECASE)

# Rows above the lowest headings that tell repeated ones apart.
_STACKED = 3


def _month_end(date_at: int, fraction_at: int | None) -> str:
    """SQL of the last day of the month a row is about; a row whose two ways of writing the month differ keeps both, which is no date."""
    written = f"trim(c{date_at})"
    number = f"try_cast({written} as double)"
    # 2026.1 is October: the number has lost its trailing zero
    month = f"cast(round(({number} - floor({number})) * 100) as bigint)"
    by_date = f"floor({number}) * 12 + {month} - 1"
    fraction, by_fraction = (
        ("null", "null") if fraction_at is None else (f"nullif(trim(c{fraction_at}), '')", f"floor(try_cast(c{fraction_at} as double) * 12)")
    )
    return (
        f"case when {month} between 1 and 12 and coalesce({by_fraction}, {by_date}) = {by_date} "
        f"then last_day(make_date(cast(floor({number}) as bigint), {month}, 1))::varchar "
        f"else 'month ' || {written} || coalesce(' with fraction ' || {fraction}, '') end"
    )


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a month that is over.

    The newest month is left out while it runs, since its price is that of the days so far: the note below the table says so, or the
    time at which the file was current does. The real columns of a month without earnings hold a zero, which is a missing value.
    """
    rows, number = find_header(sheets_of(file.path), _HEADER)
    headings = stacked_headings(rows, number, _STACKED)
    found = match_columns(feed, plain_headers(headings))
    fraction = next((at for at, name in enumerate(plain_headers(headings)) if name in ("fraction", "date_fraction")), None)
    table = sheet_table(connection, rows[number + 1 :], len(headings))
    date_at = found["observation_date"]
    is_month = f"regexp_matches(trim(c{date_at}), '^[0-9]{{4}}([.][0-9]+)?$')"
    notes = " || ' ' || ".join(f"coalesce(c{at}, '')" for at in range(len(headings)))
    month = _month_end(date_at, fraction)
    running = (
        f"_row_number = (select max(_row_number) from {table} where {is_month}) "
        f"and exists (select 1 from {table} where not {is_month} and regexp_matches({notes}, '(?i)price is .*close'))"
    )
    if file.edition_at:
        running = f"({running}) or try_cast({month} as date) > date '{file.edition_at.date() + timedelta(days=1)}'"
    kinds = {
        "blank": all_blank(sorted(found.values())),
        "footer": f"not coalesce({is_month}, false) or {all_blank([at for name, at in found.items() if name != 'observation_date'])}",
        "month not over": running,
    }
    absent = f"coalesce(trim(c{found['earnings']}), '') = '' and try_cast({{0}} as double) = 0"
    without_zero = f"case when {absent} then '' else {{0}} end"
    selected = selection(feed, found, {}, {"real_earnings": without_zero, "real_total_return_scaled_earnings": without_zero})
    return split_kinds(connection, table, file, kinds, selected | {"observation_date": month}, {"title": number, "header": 1})


def _workbook(answer: bytes) -> Iterable[Request]:
    """The workbook the page links to. Raises UnreadableFile when it links to none."""
    text = html.unescape(answer.decode("utf-8", errors="replace").replace("\\/", "/").replace("\\u002F", "/"))
    link = _LINK.search(text)
    if not link:
        raise UnreadableFile(f"{PAGE} links to no ie_data.xls any more; save the workbook from there and replay it")
    yield Request(urljoin(PAGE, link.group()), "ie_data.xls")


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request(PAGE, "shillerdata.html", following=_workbook, lands=False)


FEEDS = (
    Feed(
        name="shiller_market",
        provider="shiller",
        title="Shiller's stock market data",
        description=(
            "Monthly average of daily closing prices of the S&P Composite, dividends and earnings of the last twelve months, consumer prices, "
            "the ten-year rate, and the cyclically adjusted price-earnings ratio. The real columns are in prices of the newest month, so each "
            "update rewrites them; earnings come one or two quarters late. A month appears here when it is over."
        ),
        url=PAGE,
        licence="Free, cite Robert Shiller, Irrational Exuberance",
        cadence=Cadence.MONTHLY,
        dated="month end",
        read_by_edition=True,
        lag=PublicationLag(
            15, "24:00", source="updated in the first half of the next month, after consumer prices: the workbook with June 2026 was saved on 13 July"
        ),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Last day of the month", names=("date",)),
            Column("price", "DOUBLE", "S&P Composite, average of the month's daily closes", "index points", names=("p",), minimum=0),
            Column("dividend", "DOUBLE", "Dividends of the last twelve months, interpolated between quarters", "index points", names=("d",), minimum=0),
            Column("earnings", "DOUBLE", "Earnings of the last twelve months, interpolated between quarters", "index points", names=("e",)),
            Column("consumer_price_index", "DOUBLE", "Consumer price index; estimated for the newest month", "index", names=("cpi",), minimum=0),
            Column("long_interest_rate_percent", "DOUBLE", "Yield of ten-year Treasury bonds", "percent a year", names=("rate_gs10",)),
            Column("real_price", "DOUBLE", "Price in consumer prices of the newest month", "index points", names=("price",), minimum=0),
            Column("real_dividend", "DOUBLE", "Dividends in consumer prices of the newest month", "index points", names=("dividend",), required=False),
            Column("real_total_return_price", "DOUBLE", "Real price with dividends reinvested", "index points", required=False),
            Column("real_earnings", "DOUBLE", "Earnings in consumer prices of the newest month", "index points", names=("earnings",), required=False),
            Column(
                "real_total_return_scaled_earnings",
                "DOUBLE",
                "Real earnings scaled to the total return price",
                "index points",
                names=("real_tr_scaled_earnings",),
                required=False,
            ),
            Column("cape", "DOUBLE", "Real price / ten-year average of real earnings; from 1881", "ratio", minimum=0),
            Column("total_return_cape", "DOUBLE", "The same on the total return price", "ratio", names=("tr_cape",), minimum=0, required=False),
            Column(
                "excess_cape_yield",
                "DOUBLE",
                "1 / CAPE less the ten-year rate after the inflation of the last ten years",
                "fraction a year",
                names=("yield", "cape_yield"),
                required=False,
            ),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(_HEADER.pattern, re.IGNORECASE | re.MULTILINE),
                one_by_one(_read),
                "Old-format workbook (.xls), sheet Data, headings in several rows, notes below",
                requests=_requests,
            ),
        ),
    ),
)
