"""Bank for International Settlements: effective exchange rates.

Format: https://stats.bis.org/api-doc/v2/ (SDMX-CSV). A value may stand with its label, `M: Monthly`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, Provider, PublicationLag, Request
from ingest.reader import delimited, period_end

PROVIDER = Provider(1.0)

# The dollar, the currencies money goes to from it, and those it is held in.
AREAS = ("US", "XM", "JP", "GB", "CH", "CN", "IN", "ID", "KR", "SG", "SA", "BR", "MX", "CA", "AU")

_CODE = "trim(split_part({0}, ':', 1))"
_EXPRESSIONS = {
    **dict.fromkeys(("rate_type", "basket", "area", "frequency"), _CODE),
    "observation_date": period_end("{0}"),
    "rate": "nullif(trim({0}), 'NaN')",  # SDMX for a value that is missing
}
_HEADER = r"^\W*(?:[A-Z_]+\W+)*?FREQ\b(?=.*\bEER_TYPE\b)(?=.*\bEER_BASKET\b)(?=.*\bOBS_VALUE\b)"


def _requests(window: FetchWindow) -> Iterable[Request]:
    # the rates are computed anew when weights change, so the whole of each series is asked for
    key = f"M.N+R.B.{'+'.join(AREAS)}"
    yield Request(f"https://stats.bis.org/api/v2/data/dataflow/BIS/WS_EER/1.0/{key}", "WS_EER.csv", {"format": "csv"})


FEEDS = (
    Feed(
        name="bis_exchange_rate",
        provider="bis",
        title="Effective exchange rates",
        description=(
            "Value of a currency against those of its trading partners, broad basket, nominal and real, monthly averages. A rise is an appreciation. "
            "The history is computed anew when the weights of trade or the base year change."
        ),
        url="https://data.bis.org/topics/EER",
        licence="BIS terms: free with attribution",
        cadence=Cadence.MONTHLY,
        lag=PublicationLag(
            20, "24:00", "Europe/Zurich", source="BIS, about foreign-exchange statistics: updated in the middle of each month; the 20th is taken"
        ),
        key=("rate_type", "basket", "area", "frequency", "observation_date"),
        columns=(
            Column("rate_type", "TEXT", "N (nominal) or R (real, by consumer prices)", names=("eer_type",)),
            Column("basket", "TEXT", "B (broad) or N (narrow)", names=("eer_basket",)),
            Column("area", "TEXT", "Country of two letters; XM is the euro area", names=("ref_area",)),
            Column("frequency", "TEXT", "M; D where daily rates were saved", names=("freq",)),
            Column("observation_date", "DATE", "Last day of the month", names=("time_period",)),
            Column("rate", "DOUBLE", "Effective exchange rate; null where none is published", "index", names=("obs_value",), minimum=0),
        ),
        formats=(
            Format(
                "sdmx_csv",
                Access.LIVE,
                re.compile(_HEADER, re.IGNORECASE),
                delimited(
                    _HEADER,
                    expressions=_EXPRESSIONS,
                ),
                "Monthly series of all countries asked for, one file",
                requests=_requests,
            ),
        ),
    ),
)
