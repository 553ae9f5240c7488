"""Series of one's own: what licences, log-ins or paper keep from being fetched, in one documented layout.

`series_id,observation_date,value[,published_at]`, one line a series and date. `docs/bring-your-own.md` is made from `SERIES`.
CafeF's answer for the Ho Chi Minh index, https://cafef.vn/du-lieu/lich-su-giao-dich-vnindex-3.chn, is read as it comes: a news site's own
endpoint, undocumented and without published terms.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, Format, LandedFile, PublicationLag, Records
from ingest.reader import (
    all_blank,
    blank_lines,
    header_line,
    json_records,
    match_columns,
    one_by_one,
    plain_headers,
    refuse,
    selection,
    split_kinds,
    text_table,
)

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class OwnSeries:
    """A series the user may bring: what it is, where it can be had, and what it is good for.

    `serves` names claims of the article (`P3-4`) or signals; `stand_in` what is used without it.
    """

    description: str
    unit: str
    cadence: Cadence
    lag: PublicationLag
    source: str
    serves: str
    stand_in: str


SERIES: Mapping[str, OwnSeries] = {
    "lme_copper_open_interest": OwnSeries(
        "Open interest of copper futures at the London Metal Exchange",
        "lots of 25 tonnes",
        Cadence.WEEKLY,
        PublicationLag(1, "24:00", "Europe/London", source="the report of a day appears on the next"),
        "London Metal Exchange, market open interest report (log-in)",
        "P3-4",
        "COMEX copper, code 085692, in cftc_disaggregated",
    ),
    "vietnam_foreign_ownership": OwnSeries(
        "Share of the market value of listed Vietnamese companies that foreigners hold",
        "share",
        Cadence.MONTHLY,
        PublicationLag(30, "24:00", "Asia/Ho_Chi_Minh", source="estimate, on the late side"),
        "State Securities Commission and depository, press and yearbooks",
        "P3-2",
        "none; vietnam_foreign_net_flow shows the direction",
    ),
    "vietnam_foreign_net_flow": OwnSeries(
        "Purchases less sales of foreigners at the Ho Chi Minh exchange",
        "VND a day",
        Cadence.DAILY,
        PublicationLag(0, "24:00", "Asia/Ho_Chi_Minh", source="stands on the page in the evening"),
        "CafeF's answer saved as a file with VNINDEX in its name, or this layout",
        "P3-2, P3-10",
        "none",
    ),
    "msci_acwi_median_pe": OwnSeries(
        "Median price/earnings ratio of the members of MSCI's world index (ACWI)",
        "ratio",
        Cadence.MONTHLY,
        PublicationLag(10, "24:00", source="estimate, on the late side"),
        "MSCI or a data vendor (licence)",
        "P4-6, P4-7",
        "median over US companies from their own filings",
    ),
    "msci_acwi_market_value": OwnSeries(
        "Market value of the members of MSCI's world index (ACWI)",
        "USD",
        Cadence.MONTHLY,
        PublicationLag(10, "24:00", source="estimate, on the late side"),
        "MSCI, fact sheets and index levels (licence)",
        "P4-7",
        "market value of all listed companies, in world_bank_indicator",
    ),
    "sp500_price_earnings": OwnSeries(
        "Price/earnings ratio of the S&P 500, trailing twelve months",
        "ratio",
        Cadence.MONTHLY,
        PublicationLag(10, "24:00", source="estimate, on the late side"),
        "S&P Dow Jones Indices or a data vendor (licence)",
        "P2-7, P4-6",
        "Shiller's price and earnings",
    ),
    "nasdaq_100_price_earnings": OwnSeries(
        "Price/earnings ratio of the Nasdaq-100, trailing twelve months",
        "ratio",
        Cadence.MONTHLY,
        PublicationLag(10, "24:00", source="estimate, on the late side"),
        "Nasdaq or a data vendor (licence)",
        "P2-7",
        "median over technology companies from their own filings",
    ),
    "fed_funds_futures_rate_12m": OwnSeries(
        "Federal funds rate twelve months ahead that futures imply: 100 less the settlement price",
        "percent a year",
        Cadence.DAILY,
        PublicationLag(0, "20:00", "America/Chicago", source="settlement prices are out in the evening"),
        "CME Group, settlement prices (licence)",
        "P2-2, signal policy_path_12m",
        "one-year Treasury yield, which holds a term premium",
    ),
    "wgc_gold_etf_tonnes": OwnSeries(
        "Gold held by all gold-backed exchange-traded funds",
        "tonnes",
        Cadence.MONTHLY,
        PublicationLag(7, "24:00", "Europe/London", source="published in the first week of the next month"),
        "World Gold Council, Goldhub (log-in, restricted terms)",
        "P3-5",
        "SPDR Gold Shares alone, in gld_archive",
    ),
    "gold_etf_peers_tonnes": OwnSeries(
        "Gold held by gold-backed exchange-traded funds other than SPDR Gold Shares",
        "tonnes",
        Cadence.MONTHLY,
        PublicationLag(7, "24:00", "Europe/London", source="published in the first week of the next month"),
        "the funds' own pages, such as IAU, SGOL and Xetra-Gold",
        "P3-5",
        "none",
    ),
    "pif_purchases_usd": OwnSeries(
        "What Saudi Arabia's Public Investment Fund paid for US e-sports and logistics assets",
        "USD a quarter",
        Cadence.QUARTERLY,
        PublicationLag(45, "24:00", source="the deadline of 13F filings, for want of a better rule"),
        "annual reports, filings and press, added up by hand",
        "P3-9",
        "none",
    ),
}

_KNOWN = ", ".join(SERIES)


def _read_csv(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a line. A line of a series that is not declared is quarantined with the names of those that are."""
    number, line, _ = header_line(file.path, re.compile(r"\bseries_id\b", re.IGNORECASE))
    names = next(csv.reader([line.lstrip("\ufeff")]))
    found = match_columns(feed, plain_headers(names))
    table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=",", ragged=True)
    expressions = {
        "series_id": "lower(trim({0}))",
        # a day alone stands for its end
        "published_at": "case when regexp_full_match(trim({0}), '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') then trim({0}) || ' 23:59:59+00' else {0} end",
    }
    selected = selection(feed, found, {}, expressions)
    listed = ", ".join(f"'{name}'" for name in SERIES)
    unknown = f"coalesce({selected['series_id']}, '') not in ({listed}) and not ({all_blank(range(len(names)))})"
    refuse(connection, table, file, unknown, f"'series_id: ' || coalesce({selected['series_id']}, '') || ' is not a known series; known are {_KNOWN}'", names)
    kinds = {"blank": all_blank(range(len(names)))}
    return split_kinds(connection, table, file, kinds, selected, {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)})


def _read_foreign_trade(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a day: net value in VND. Days are written day first."""
    return json_records(
        feed,
        files,
        "select _file_id, unnest(json_extract(document, '$.Data.Data[*]')) as line from documents",
        {
            "series_id": "'vietnam_foreign_net_flow'",
            "observation_date": "coalesce(try_strptime(line ->> 'Ngay', '%d/%m/%Y')::date::varchar, line ->> 'Ngay')",
            "value": "line ->> 'GTDGRong'",
        },
    )


FEEDS = (
    Feed(
        name="own_series",
        provider="own",
        title="Series of one's own",
        description="A closed list of series that cannot be fetched, in a layout of this project; docs/bring-your-own.md lists them.",
        url="https://cafef.vn/du-lieu/",
        licence="That of the source the user takes them from",
        cadence=Cadence.MONTHLY,
        lag=PublicationLag(30, "24:00", source="by series; a line may carry its own publication time"),
        lag_by={name: series.lag for name, series in SERIES.items()},
        key=("series_id", "observation_date"),
        columns=(
            Column("series_id", "TEXT", f"Series: {_KNOWN}"),
            Column("observation_date", "DATE", "Day, or end of the month, quarter or year"),
            Column("value", "DOUBLE", "Value", "that of the series"),
            Column("published_at", "TIMESTAMP", "When the value was published, UTC where it names no zone; a day alone stands for its end", required=False),
        ),
        published_column="published_at",
        formats=(
            Format(
                "own_csv",
                Access.BRING_YOUR_OWN,
                re.compile(r"(?i)\A\W*(?=[^\n]*\bseries_id\b)(?=[^\n]*\bobservation_date\b)(?=[^\n]*\bvalue\b)[^\n{\[]*,"),
                one_by_one(_read_csv),
                "series_id,observation_date,value[,published_at]",
            ),
            Format(
                "cafef_json",
                Access.BRING_YOUR_OWN,
                re.compile(r'(?s)\A\s*\{(?=.*"Ngay"\s*:)(?=.*"GTDGRong"\s*:)'),
                _read_foreign_trade,
                "CafeF's answer on foreigners' trades in the Ho Chi Minh index, saved with VNINDEX in its name",
                file_name=re.compile(r"(?i)vn-?index"),
            ),
        ),
    ),
)
