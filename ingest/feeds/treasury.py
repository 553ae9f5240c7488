"""US Treasury: par yields of its securities by maturity, and the cash the government holds.

Formats: https://home.treasury.gov/resource-center/data-chart-center/interest-rates/TextView and
https://fiscaldata.treasury.gov/api-documentation/.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import all_blank, blank_lines, header_line, json_records, one_by_one, text_table, unpivoted

if TYPE_CHECKING:
    import duckdb

YIELDS = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
CASH = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts/operating_cash_balance"
PAGE_ROWS = 10_000

_MATURITY = re.compile(r"(?P<count>\d+(\.\d+)?)\s*(?P<unit>mo(nth)?|yr)", re.IGNORECASE)


def months_to_maturity(heading: str) -> float | None:
    """Months named by a heading such as `1 Mo`, `1.5 Month`, `10 Yr`, `10 YR`; None for another heading."""
    found = _MATURITY.fullmatch(heading.strip())
    if not found:
        return None
    return float(found["count"]) * (12 if found["unit"].lower() == "yr" else 1)


def _read_yields(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a day and maturity that was offered on it. Maturities came one after another, so each file has other columns."""
    number, line, _ = header_line(file.path, re.compile(r"^\W*Date\W*,", re.IGNORECASE))
    names = next(csv.reader([line.lstrip("\ufeff")]))
    maturities = {at: months for at, name in enumerate(names) if (months := months_to_maturity(name)) is not None}
    if not maturities:
        raise UnreadableFile(f"no column is a maturity such as '10 Yr'; the file has {', '.join(names)}")
    table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=",")
    # an empty cell is a maturity that was not offered on that day
    return unpivoted(
        connection,
        table,
        file,
        {at: {"maturity_months": f"{months:g}"} for at, months in maturities.items()},
        row={"observation_date": "c0"},
        value="par_yield_percent",
        kinds={"blank": all_blank(range(len(names)))},
        above={"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)},
        absent="not offered",
    )


def _yield_requests(window: FetchWindow) -> Iterable[Request]:
    for year in range(window.start.year, window.end.year + 1):
        parameters = {"type": "daily_treasury_yield_curve", "field_tdr_date_value": str(year), "page": "", "_format": "csv"}
        yield Request(f"{YIELDS}/{year}/all", f"daily-treasury-rates-{year}.csv", parameters)


def _read_cash(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a day and account line. Missing values are the text `null`."""
    row = '[{"record_date": "VARCHAR", "account_type": "VARCHAR", "open_today_bal": "VARCHAR", "close_today_bal": "VARCHAR"}]'
    return json_records(
        feed,
        files,
        f"select _file_id, unnest(from_json(document -> '$.data', '{row}')) as line from documents",
        {
            "observation_date": "line.record_date",
            "account_line": "line.account_type",
            "opening_balance": "line.open_today_bal",
            "closing_balance": "line.close_today_bal",
        },
    )


def _cash_page(window: FetchWindow, page: int) -> Request:
    def following(answer: bytes) -> Iterable[Request]:
        try:
            pages = int(json.loads(answer)["meta"]["total-pages"])
        except (ValueError, KeyError, TypeError):
            return []  # not an answer of this service: loading says so
        return [_cash_page(window, page + 1)] if page < pages else []

    parameters = {
        "filter": f"record_date:gte:{window.start},record_date:lte:{window.end}",
        "sort": "record_date",
        "page[size]": str(PAGE_ROWS),
        "page[number]": str(page),
        "format": "json",
    }
    return Request(CASH, f"operating_cash_balance_{window.start}_{window.end}_{page}.json", parameters, following=following)


FEEDS = (
    Feed(
        name="treasury_par_yield",
        provider="treasury",
        title="Treasury par yield curve",
        description="Yields at which Treasury securities would trade at par, by maturity and day, from bid prices near 15:30 New York time.",
        url="https://home.treasury.gov/resource-center/data-chart-center/interest-rates/TextView?type=daily_treasury_yield_curve",
        licence="US government, public domain",
        cadence=Cadence.DAILY,
        dated="federal business day",
        lag=PublicationLag(0, "18:00", source="published between 15:30 and 18:00 New York time on the same day"),
        key=("maturity_months", "observation_date"),
        columns=(
            Column("maturity_months", "DOUBLE", "Time to maturity: 1 to 360; 1.5 since 2025", "months", minimum=0),
            Column("observation_date", "DATE", "Day", names=("date",)),
            Column("par_yield_percent", "DOUBLE", "Par yield, bond-equivalent; may be negative", "percent a year"),
        ),
        formats=(
            Format(
                "yearly_csv",
                Access.LIVE,
                re.compile(r'(?i)^\W*Date"?,"?\d+(\.\d+)? (mo|month|yr)"?,'),
                one_by_one(_read_yields),
                "One file a year, newest day first; maturities without a value were not offered",
                requests=_yield_requests,
            ),
        ),
    ),
    Feed(
        name="treasury_cash_balance",
        provider="treasury",
        title="Operating cash balance of the Treasury",
        description=(
            "Lines of the Daily Treasury Statement, table I. Since 2022 the closing balance of the general account stands in the opening "
            "balance of a line of its own, whose closing balance is empty."
        ),
        url="https://fiscaldata.treasury.gov/datasets/daily-treasury-statement/operating-cash-balance",
        licence="US government, public domain",
        cadence=Cadence.DAILY,
        dated="federal business day",
        lag=PublicationLag(1, "16:00", business_days=True, source="the Daily Treasury Statement appears at 16:00 on the next business day"),
        key=("account_line", "observation_date"),
        columns=(
            Column("account_line", "TEXT", "Account or line of the table, as published", names=("account_type",)),
            Column("observation_date", "DATE", "Business day", names=("record_date",)),
            Column("opening_balance", "DOUBLE", "Opening balance of the day, or the line's own amount", "million USD", required=False),
            Column("closing_balance", "DOUBLE", "Closing balance of the day; empty since 2022", "million USD", required=False),
        ),
        formats=(
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'"record_date"\s*:.*"(open|close)_today_bal"\s*:', re.DOTALL),
                _read_cash,
                "Answer of the Fiscal Data service, a file a page of 10,000 rows",
                requests=lambda window: [_cash_page(window, 1)],
            ),
        ),
    ),
)
