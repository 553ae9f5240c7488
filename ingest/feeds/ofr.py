"""Office of Financial Research: Financial Stress Index, Hedge Fund Monitor and Short-term Funding Monitor.

Formats: https://www.financialresearch.gov/financial-stress-index/, https://www.financialresearch.gov/hedge-fund-monitor/api/ and
https://www.financialresearch.gov/short-term-funding-monitor/api/. Both monitors answer in one form; the prefix of a series tells them apart.
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
# What hedge funds borrow and lend through sponsors at the clearing house, each day since 2020-03-23.
SPONSORED_SERIES = ("FICC-SPONSORED_REPO_VOL", "FICC-SPONSORED_REVREPO_VOL")

# Repo by market (tri-party, cleared bilateral, interdealer): each preliminary (-P) and final (-F).
REPO_MARKETS = ("TRI", "DVP", "GCF")
REPO_SERIES = tuple(f"REPO-{market}_{measure}-{vintage}" for vintage in "PF" for market in REPO_MARKETS for measure in ("TV_TOT", "AR_OO"))
MONEY_FUND_SERIES = tuple(f"MMF-MMF_{part}-M" for part in ("TOT", "RP_TOT", "RP_wFR", "T_TOT"))
RATE_SERIES = tuple(f"FNYR-{rate}-A" for rate in ("SOFR", "EFFR", "BGCR", "TGCR"))
DEALER_SERIES = ("NYPD-PD_AFtD_TOT-A", "NYPD-PD_AFtR_TOT-A")
FUNDING_SERIES = (*REPO_SERIES, *MONEY_FUND_SERIES, *RATE_SERIES, *DEALER_SERIES)

MONITORS = "https://data.financialresearch.gov"


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.financialresearch.gov/financial-stress-index/data/fsi.csv", "fsi.csv")


def _monitor(*prefixes: str) -> re.Pattern[str]:
    """Head of an answer about series with these prefixes; that of a data set names it and holds its series under `timeseries`."""
    before = r'(?:"(?:short_name|long_name|timeseries)"\s*:\s*(?:"[^"]*"\s*,\s*|\{\s*))*'
    return re.compile(rf'^\W*\{{\s*{before}"(?:{"|".join(prefixes)})-[A-Za-z0-9_-]+"\s*:\s*\{{.*?"aggregation"\s*:', re.DOTALL)


def _read_monitor(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a series and date. Null means withheld for confidentiality, or not traded, never zero. The file says when it was last updated."""
    rows = """
        select _file_id, series, unnest(from_json(document -> series -> 'timeseries' -> 'aggregation', '[["VARCHAR"]]')) as pair,
               document -> series -> 'metadata' -> 'unit' as unit
        from (
            select _file_id, document, unnest(json_keys(document)) as series
            from (select _file_id, coalesce(document -> 'timeseries', document) as document from documents)
        )
    """
    columns = {"series_id": "series", "observation_date": "pair[1]", "value": "pair[2]", "unit": "unit ->> 'name'", "magnitude": "unit ->> 'magnitude'"}
    return json_records(
        feed,
        files,
        rows,
        {name: expression for name, expression in columns.items() if name in {column.name for column in feed.columns}},
        edition="""left(
            coalesce(document -> 'timeseries', document) -> (json_keys(coalesce(document -> 'timeseries', document))[1])
            -> 'metadata' -> 'schedule' ->> 'last_update', 10
        )""",
        connection=connection,
    )


def _series_requests(path: str, names: Sequence[str]) -> Iterable[Request]:
    # a series of any age is rewritten at each release, so the whole of it is asked for
    for series in names:
        yield Request(f"{MONITORS}/{path}/series/full", f"{series}.json", {"mnemonic": series})


def _hedge_fund_requests(window: FetchWindow) -> Iterable[Request]:
    return _series_requests("hf/v1", (*HEDGE_FUND_SERIES, *SPONSORED_SERIES))


def _funding_requests(window: FetchWindow) -> Iterable[Request]:
    return _series_requests("v1", FUNDING_SERIES)


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
            "Leverage, assets and borrowing of hedge funds that report on Form PF, all together and by strategy, and what is borrowed and lent "
            "through sponsors at the clearing house each day. Every release rewrites history; the provider keeps no vintages."
        ),
        url="https://www.financialresearch.gov/hedge-fund-monitor/",
        licence="US government, public domain",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(170, "24:00", source="released about 170 days after the quarter: that of 2026-03-31 by September 2026"),
        lag_by=dict.fromkeys(SPONSORED_SERIES, PublicationLag(30, "24:00", source="that of 2026-07-20 was the newest in mid-August 2026")),
        key=("series_id", "observation_date"),
        columns=(
            Column("series_id", "TEXT", "Series (mnemonic) of the monitor: FPF- of Form PF, FICC- of the clearing house"),
            Column("observation_date", "DATE", "End of the quarter; the day for FICC-"),
            Column("value", "DOUBLE", "Value; null where withheld for confidentiality", "as in `unit`", required=False),
            Column("unit", "TEXT", "Unit the provider states: U.S. dollars, ratio, count", required=False),
        ),
        formats=(
            Format(
                "series_json",
                Access.LIVE,
                _monitor("FPF", "FICC", "TFF", "SCOOS"),
                _read_monitor,
                "Answer of series/full, series/multifull or series/dataset: observations and metadata by series",
                requests=_hedge_fund_requests,
            ),
        ),
    ),
    Feed(
        name="ofr_stfm",
        provider="ofr",
        title="Short-term Funding Monitor",
        description=(
            "Volumes and rates of repo by market, preliminary and final; assets of money-market funds; reference rates of the Federal Reserve Bank of "
            "New York; fails of primary dealers. Daily, monthly and weekly series; history is revised, and the provider keeps no vintages."
        ),
        url="https://www.financialresearch.gov/short-term-funding-monitor/",
        licence="US government, public domain; reference rates under the terms of the Federal Reserve Bank of New York",
        cadence=Cadence.DAILY,
        dated="federal business day",
        lag=PublicationLag(1, "17:00", business_days=True, source="preliminary repo and reference rates: updated each business day with the day before"),
        lag_by={
            **dict.fromkeys(
                (name for name in REPO_SERIES if name.endswith("-F")),
                PublicationLag(107, "24:00", source="final about three and a half months later: that of 2026-06-30 by October 2026"),
            ),
            **dict.fromkeys(MONEY_FUND_SERIES, PublicationLag(16, "24:00", source="in the middle of the next month: that of 2023-02 on 2023-03-14")),
            **dict.fromkeys(DEALER_SERIES, PublicationLag(9, "24:00", source="the week to Wednesday is published on the Thursday after; here a day later")),
        },
        key=("series_id", "observation_date"),
        columns=(
            Column(
                "series_id",
                "TEXT",
                "Series (mnemonic): REPO- repo, MMF- money-market funds, FNYR- reference rates, NYPD- primary dealers; ends in -P preliminary, -F final",
            ),
            Column("observation_date", "DATE", "Day; end of the month for MMF-, Wednesday for NYPD-"),
            Column("value", "DOUBLE", "Value; null where withheld or not traded", "as in `unit`", required=False),
            Column("unit", "TEXT", "Unit the provider states: Percent, USD", required=False),
            Column("magnitude", "BIGINT", "Power of ten by which the value is to be multiplied, 0 where none is", "power of ten", required=False),
        ),
        formats=(
            Format(
                "series_json",
                Access.LIVE,
                _monitor("REPO", "MMF", "FNYR", "NYPD", "TYLD"),
                _read_monitor,
                "Answer of series/full, series/multifull or series/dataset: observations and metadata by series",
                requests=_funding_requests,
            ),
        ),
    ),
)
