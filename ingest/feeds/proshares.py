"""ProShares: daily net asset value, shares and assets of leveraged and inverse index funds, with which speculators bet for and against shares.

Format: the file "NAV History" of a fund's page, `Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),Shares Outstanding
(000),Assets Under Management`, the whole history with the newest day first. It is undocumented; public programs that read it agree on
the columns, and that files of 2011 and 2012 end before the last one. The same columns for all funds: etfdata/historical_nav.csv.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, Provider, PublicationLag, Request
from ingest.reader import delimited

# Leveraged funds on broad US share indices, by ticker with the multiple of the index's daily return they aim at. The seed leveraged_fund
# of the dbt project says the same.
FUNDS = {
    "SSO": 2, "UPRO": 3, "SDS": -2, "SPXU": -3,  # S&P 500
    "QLD": 2, "TQQQ": 3, "QID": -2, "SQQQ": -3,  # Nasdaq-100
    "DDM": 2, "UDOW": 3, "DXD": -2, "SDOW": -3,  # Dow Jones Industrial Average
    "UWM": 2, "URTY": 3, "TWM": -2, "SRTY": -3,  # Russell 2000
    "MVV": 2, "UMDD": 3, "MZZ": -2, "SMDD": -3,  # S&P MidCap 400
}  # fmt: skip

PROVIDER = Provider(1.0)

_HEADER = r'^\W*Date"?\s*,\s*"?ProShares? Name"?\s*,\s*"?Ticker"?\s*,'


def _requests(window: FetchWindow) -> Iterable[Request]:
    # a split rewrites the whole history, so the whole of it is asked for
    for ticker in FUNDS:
        name = f"{ticker}-historical_nav.csv"
        yield Request(f"https://accounts.profunds.com/etfdata/ByFund/{name}", name)


FEEDS = (
    Feed(
        name="proshares_nav",
        provider="proshares",
        title="ProShares leveraged funds: net asset value and assets",
        description=(
            "Net asset value, shares outstanding and assets by fund and day since the fund's first. A split rewrites value and shares of all earlier "
            "days, so that those of funds with many reverse splits are huge and tiny; assets are as they were, and are not their product to the dollar."
        ),
        url="https://www.proshares.com/our-etfs/find-leveraged-and-inverse-etfs",
        licence="Fund manager's website terms: no redistribution",
        cadence=Cadence.DAILY,
        dated="trading day",
        lag=PublicationLag(1, "08:00", business_days=True, source="the file ends with the day before; public programs saw it renewed in the evening"),
        key=("ticker", "observation_date"),
        columns=(
            Column("ticker", "TEXT", "Ticker of the fund"),
            Column("observation_date", "DATE", "Trading day", names=("date",)),
            Column("fund_name", "TEXT", "Name of the fund", names=("proshares_name", "proshare_name"), required=False),
            Column("net_asset_value", "DOUBLE", "Net asset value of a share, in shares of the file's day", "USD a share", names=("nav",), minimum=0),
            Column("prior_net_asset_value", "DOUBLE", "That of the day before", "USD a share", names=("prior_nav",), minimum=0, required=False),
            Column(
                "shares_outstanding",
                "DOUBLE",
                "Shares outstanding, of the file's day",
                "thousand shares",
                names=("shares_outstanding_000",),
                minimum=0,
            ),
            Column("assets", "DOUBLE", "Assets under management", "USD", names=("assets_under_management",), minimum=0, required=False),
        ),
        formats=(
            Format(
                "nav_csv",
                Access.LIVE,
                re.compile(_HEADER, re.IGNORECASE),
                delimited(_HEADER, expressions={"ticker": "upper(trim({0}))"}),
                "Whole history of one fund, newest day first; the file of all funds has the same columns",
                requests=_requests,
            ),
        ),
    ),
)
