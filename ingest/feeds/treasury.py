"""US Treasury: par yields of its securities by maturity, nominal and real, and the cash the government holds.

Formats: https://home.treasury.gov/resource-center/data-chart-center/interest-rates/TextView and
https://fiscaldata.treasury.gov/api-documentation/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Reader, Records, Request, Requests
from ingest.reader import columns_as_rows, json_records
from warehouse.sql import literal

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


def _curve(first_heading: str) -> Reader:
    """Reader of a year's curve. Maturities came one after another, so each file has other columns; an empty cell was not offered."""

    def maturity(heading: str) -> str | None:
        months = months_to_maturity(heading)
        return None if months is None else f"{months:g}"

    return columns_as_rows(
        first_heading,
        name="maturity_months",
        value="par_yield_percent",
        name_of=maturity,
        absent="not offered",
    )


def _yield_requests(kind: str, name: str) -> Requests:
    def requests(window: FetchWindow) -> Iterable[Request]:
        for year in range(window.start.year, window.end.year + 1):
            parameters = {"type": kind, "field_tdr_date_value": str(year), "page": "", "_format": "csv"}
            yield Request(f"{YIELDS}/{year}/all", f"{name}-{year}.csv", parameters)

    return requests


def _read_cash(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a day and account line. Missing values are the text `null`."""
    row = '[{"record_date": "VARCHAR", "account_type": "VARCHAR", "open_today_bal": "VARCHAR", "close_today_bal": "VARCHAR"}]'
    return json_records(
        feed,
        files,
        f"select _file_id, unnest(from_json(document -> '$.data', {literal(row)})) as line from documents",
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


def _curve_feed(name: str, title: str, description: str, kind: str, measure: Column, maturity: Column, header: str, files: str) -> Feed:
    return Feed(
        name=name,
        provider="treasury",
        title=title,
        description=description,
        url=f"https://home.treasury.gov/resource-center/data-chart-center/interest-rates/TextView?type={kind}",
        licence="US government, public domain",
        cadence=Cadence.DAILY,
        dated="federal business day",
        lag=PublicationLag(0, "18:00", source="published between 15:30 and 18:00 New York time on the same day"),
        key=("maturity_months", "observation_date"),
        columns=(maturity, Column("observation_date", "DATE", "Day", names=("date",)), measure),
        formats=(
            Format(
                "yearly_csv",
                Access.LIVE,
                re.compile(header, re.IGNORECASE),
                _curve(header),
                "One file a year, newest day first; maturities without a value were not offered",
                requests=_yield_requests(kind, files),
            ),
        ),
    )


FEEDS = (
    _curve_feed(
        "treasury_par_yield",
        "Treasury par yield curve",
        "Yields at which Treasury securities would trade at par, by maturity and day, from bid prices near 15:30 New York time.",
        "daily_treasury_yield_curve",
        Column("par_yield_percent", "DOUBLE", "Par yield, bond-equivalent; may be negative", "percent a year"),
        Column("maturity_months", "DOUBLE", "Time to maturity: 1 to 360; 1.5 since 2025", "months", minimum=0),
        r'^\W*Date"?,"?\d+(\.\d+)? mo',
        "daily-treasury-rates",
    ),
    _curve_feed(
        "treasury_real_yield",
        "Treasury par real yield curve",
        "Yields above inflation at which inflation-indexed Treasury securities would trade at par, by maturity and day, since 2003.",
        "daily_treasury_real_yield_curve",
        Column("par_yield_percent", "DOUBLE", "Par real yield, bond-equivalent; may be negative", "percent a year"),
        Column("maturity_months", "DOUBLE", "Time to maturity: 60, 84, 120, 240, 360", "months", minimum=0),
        r'^\W*Date"?,"?\d+ yr',
        "daily-treasury-real-rates",
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
