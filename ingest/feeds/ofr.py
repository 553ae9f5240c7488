"""Office of Financial Research: Financial Stress Index and Hedge Fund Monitor.

Formats: https://www.financialresearch.gov/financial-stress-index/ and https://www.financialresearch.gov/hedge-fund-monitor/api/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request
from ingest.reader import delimited, json_records

if TYPE_CHECKING:
    import duckdb

# Strategies as the series are named: RV is relative value, FUTURES managed futures.
STRATEGIES = ("EQUITY", "CREDIT", "MACRO", "MULTI", "EVENT", "RV", "FUTURES", "OTHER")

# Series the marts need: all qualifying hedge funds, then assets and net assets by strategy.
HEDGE_FUND_SERIES = (
    *(f"FPF-ALLQHF_LEVERAGERATIO_{measure}" for measure in ("GAVWMEAN", "NAVWMEAN", "P5", "P50", "P95")),
    *(f"FPF-ALLQHF_{measure}_SUM" for measure in ("NAV", "GAV", "GNE", "BORROWING")),
    "FPF-ALLQHF_COUNT",
    *(f"FPF-STRATEGY_{strategy}_{measure}_SUM" for strategy in STRATEGIES for measure in ("NAV", "GAV")),
    "FPF-STRATEGY_EQUITY_LEVERAGERATIO_GAVWMEAN",
)


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.financialresearch.gov/financial-stress-index/data/fsi.csv", "fsi.csv")


def _read_hedge_fund(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a series and date. Null means withheld for confidentiality, never zero. The file says when it was last updated."""
    rows = """
        select _file_id, series, unnest(from_json(document -> series -> 'timeseries' -> 'aggregation', '[["VARCHAR"]]')) as pair,
               document -> series -> 'metadata' -> 'unit' ->> 'name' as unit
        from (select _file_id, document, unnest(json_keys(document)) as series from documents)
    """
    return json_records(
        feed,
        files,
        rows,
        {"series_id": "series", "observation_date": "pair[1]", "value": "pair[2]", "unit": "unit"},
        edition="left(document -> (json_keys(document)[1]) -> 'metadata' -> 'schedule' ->> 'last_update', 10)",
        connection=connection,
    )


def _hedge_fund_requests(window: FetchWindow) -> Iterable[Request]:
    # a series of any age is rewritten at each release, so the whole of it is asked for
    for series in HEDGE_FUND_SERIES:
        yield Request("https://data.financialresearch.gov/hf/v1/series/full", f"{series}.json", {"mnemonic": series})


def _part(name: str, header: str) -> Column:
    return Column(name, "DOUBLE", f"Contribution of {header.lower()} to the index", "index points", names=(header,))


FEEDS = (
    Feed(
        name="ofr_fsi",
        provider="ofr",
        title="Financial Stress Index",
        description="Daily stress index of world markets, 0 on average, with its parts by category and region. The whole history is re-estimated.",
        url="https://www.financialresearch.gov/financial-stress-index/",
        licence="US government, public domain",
        cadence=Cadence.DAILY,
        lag=PublicationLag(2, "12:00", business_days=True, source="published two business days later"),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Day", names=("date",)),
            Column("ofr_fsi", "DOUBLE", "OFR Financial Stress Index", "index points, 0 = average stress"),
            _part("credit", "Credit"),
            _part("equity_valuation", "Equity valuation"),
            _part("safe_assets", "Safe assets"),
            _part("funding", "Funding"),
            _part("volatility", "Volatility"),
            _part("united_states", "United States"),
            _part("other_advanced_economies", "Other advanced economies"),
            _part("emerging_markets", "Emerging markets"),
        ),
        formats=(
            Format(
                "csv",
                Access.LIVE,
                re.compile(r"(?i)^\W*Date,\s*OFR FSI,"),
                delimited(r"^\W*Date,\s*OFR FSI,"),
                "Whole history, dates ISO or M/D/YYYY",
                requests=_requests,
            ),
        ),
    ),
    Feed(
        name="ofr_hfm",
        provider="ofr",
        title="Hedge Fund Monitor",
        description=(
            "Leverage, assets and borrowing of hedge funds that report on Form PF, all together and by strategy. Every release rewrites "
            "history; the provider keeps no vintages."
        ),
        url="https://www.financialresearch.gov/hedge-fund-monitor/",
        licence="US government, public domain",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(170, "24:00", source="released about 170 days after the quarter: that of 2026-03-31 by September 2026"),
        key=("series_id", "observation_date"),
        columns=(
            Column("series_id", "TEXT", "Series (mnemonic) of the monitor, FPF- for Form PF"),
            Column("observation_date", "DATE", "End of the quarter"),
            Column("value", "DOUBLE", "Value; null where withheld for confidentiality", "as in `unit`", required=False),
            Column("unit", "TEXT", "Unit the provider states: U.S. dollars, ratio, count", required=False),
        ),
        formats=(
            Format(
                "series_json",
                Access.LIVE,
                re.compile(r'^\s*\{\s*"(FPF|FICC|TFF|SCOOS)-[A-Z0-9_-]+"\s*:\s*\{.*?"aggregation"\s*:', re.DOTALL),
                _read_hedge_fund,
                "Answer of series/full or series/multifull: observations and metadata by series",
                requests=_hedge_fund_requests,
            ),
        ),
    ),
)
