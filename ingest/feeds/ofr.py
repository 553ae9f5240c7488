"""Office of Financial Research: Financial Stress Index. Format: https://www.financialresearch.gov/financial-stress-index/"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, PublicationLag, Request
from ingest.reader import delimited


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.financialresearch.gov/financial-stress-index/data/fsi.csv", "fsi.csv")


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
)
