"""SPDR Gold Shares: the trust's daily archive. Format: https://www.spdrgoldshares.com/usa/historical-data/

The workbook (sheet `US GLD Historical Archive`, after one with a disclaimer) names its columns otherwise than the text file it replaced, and
`US Holiday` fills every column of a day on which the exchange was closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, PublicationLag, Request
from ingest.reader import delimited, spreadsheet


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request(
        "https://api.spdrgoldshares.com/api/v1/historical-archive",
        "GLD_historical_archive.xlsx",
        {"product": "gld", "exchange": "NYSE", "lang": "en"},
        headers={"Referer": "https://www.spdrgoldshares.com/"},
    )


FEEDS = (
    Feed(
        name="gld_archive",
        provider="spdr",
        title="SPDR Gold Shares archive",
        description="Gold held by the trust, its net asset value and trading, by day. Tonnes drip by the 0.40% yearly expense, which is not outflow.",
        url="https://www.spdrgoldshares.com/usa/historical-data/",
        licence="SPDR Gold Shares website terms: no redistribution",
        cadence=Cadence.DAILY,
        dated="trading day",
        lag=PublicationLag(1, "08:00", business_days=True, source="the archive shows a day on the next morning"),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Trading day", names=("date",)),
            Column("close", "DOUBLE", "Closing price of a share", "USD", names=("gld_close", "closing_price"), minimum=0),
            Column(
                "net_asset_value_per_share",
                "DOUBLE",
                "Net asset value of a share at the morning price fixing",
                "USD",
                names=("nav_share_at_10_30_a_m_nyt", "nav_share_at_10_30am_nyt"),
                minimum=0,
            ),
            Column("share_volume", "BIGINT", "Shares traded", "shares", names=("daily_share_volume",), minimum=0),
            Column(
                "ounces_in_trust",
                "DOUBLE",
                "Gold held",
                "troy ounces",
                names=(
                    "total_net_asset_value_ounces_in_the_trust_as_at_4_15_p_m_nyt",
                    "total_ounces_of_gold_in_the_trust",
                    "total_net_asset_value_ounces_in_the_trust",
                    "total_net_asset_value_ounces_in_the_trust_as_at_4_15pm_nyt",
                ),
                minimum=0,
            ),
            Column(
                "tonnes_in_trust",
                "DOUBLE",
                "Gold held",
                "tonnes",
                names=("total_net_asset_value_tonnes_in_the_trust_as_at_4_15_p_m_nyt", "tonnes_of_gold", "total_net_asset_value_tonnes_in_the_trust"),
                minimum=0,
            ),
            Column(
                "total_net_asset_value",
                "DOUBLE",
                "Value of the trust",
                "USD",
                names=("total_net_asset_value_in_the_trust", "total_nav_in_the_trust"),
                minimum=0,
            ),
        ),
        formats=(
            Format(
                "archive_xlsx",
                Access.LIVE,
                re.compile(r"(?i)^Date\t.*Tonnes of Gold", re.MULTILINE),
                spreadsheet(r"^Date\t.*Tonnes of Gold", skip={"holiday": "c1 ilike '%holiday%'"}),
                "Workbook with a disclaimer sheet first",
                requests=_requests,
            ),
            Format(
                "archive_csv",
                Access.REPLAY,
                re.compile(r"(?im)^\W*Date,\s*GLD Close,"),
                delimited(r"^\W*Date,\s*GLD Close,", skip={"holiday": "c1 ilike '%holiday%'"}),
                "Archive served until 2025, with or without lines above the header",
            ),
        ),
    ),
)
