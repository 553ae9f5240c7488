"""Coin Metrics: price, supply and market value of bitcoin by day, from the community data that need no key.

Formats: https://docs.coinmetrics.io/api/v4/ (timeseries/asset-metrics, JSON in pages) and https://github.com/coinmetrics/data (csv/btc.csv,
the same metrics, one file an asset). A row is named after the day that begins at its time: that of 31 October covers the day to
1 November 00:00 UTC, and its price is that of this moment. Metrics that are no longer free make the whole answer a 403; the service is
told to leave those out (`ignore_forbidden_errors`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request
from ingest.reader import delimited, json_records

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(requests_a_second=1.0, limit_source="10 requests in 6 seconds without a key: https://docs.coinmetrics.io/api/v4/#tag/Rate-limits")

ASSETS = ("btc",)
METRICS = {"price_usd": "PriceUSD", "market_value_usd": "CapMrktCurUSD", "supply": "SplyCur"}
PAGE_ROWS = 10_000


def _read_api(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record an asset and day; a metric the service left out, or has no value of, is missing."""
    return json_records(
        feed,
        files,
        "select _file_id, unnest(json_extract(document, '$.data[*]')) as line from documents",
        {
            "asset": "line ->> 'asset'",
            "observation_date": "left(line ->> 'time', 10)",
            **{column: f"line ->> '{metric}'" for column, metric in METRICS.items()},
        },
    )


def _requests(window: FetchWindow) -> Iterable[Request]:
    parameters = {
        "assets": ",".join(ASSETS),
        "metrics": ",".join(METRICS.values()),
        "frequency": "1d",
        "start_time": str(window.start),
        "end_time": str(window.end),
        "page_size": str(PAGE_ROWS),
        "paging_from": "start",
        "ignore_forbidden_errors": "true",
        "ignore_unsupported_errors": "true",
    }
    yield _page("https://community-api.coinmetrics.io/v4/timeseries/asset-metrics", f"{window.start}_{window.end}", parameters, 1)


def _page(url: str, span: str, parameters: Mapping[str, str], number: int) -> Request:
    def following(answer: bytes) -> Iterable[Request]:
        try:
            after = json.loads(answer).get("next_page_url")
        except (ValueError, AttributeError):
            return []  # not an answer of this service: loading says so
        # the address of the next page is complete
        return [_page(after, span, {}, number + 1)] if after else []

    return Request(url, f"asset_metrics_{'_'.join(ASSETS)}_{span}_{number}.json", parameters, following=following)


def _asset_of_name(file: LandedFile, title: str) -> Mapping[str, str]:
    return {"asset": file.parameters["asset"].lower()}


FEEDS = (
    Feed(
        name="coin_metrics",
        provider="coin_metrics",
        title="Bitcoin: price, supply and market value",
        description=(
            "Day by day, in UTC. The day in `observation_date` ends at 00:00 UTC of the next: what is dated 31 October is the price at the start of 1 November."
        ),
        url="https://docs.coinmetrics.io/api/v4/",
        licence="CC BY-NC 4.0: attribution, no commercial use",
        cadence=Cadence.DAILY,
        lag=PublicationLag(1, "24:00", "UTC", source="computed in the hours after the day has ended at 00:00 UTC"),
        key=("asset", "observation_date"),
        columns=(
            Column("asset", "TEXT", "Asset as the provider writes it: btc"),
            Column("observation_date", "DATE", "UTC day; its values are those at its end", names=("time", "date")),
            Column("price_usd", "DOUBLE", "Price at the end of the day", "USD", names=("PriceUSD", "price(USD)"), minimum=0, required=False),
            Column("market_value_usd", "DOUBLE", "Price times supply", "USD", names=("CapMrktCurUSD", "marketcap(USD)"), minimum=0, required=False),
            Column("supply", "DOUBLE", "Coins issued until the end of the day", "coins", names=("SplyCur",), minimum=0, required=False),
        ),
        formats=(
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'^\s*\{\s*"data"\s*:\s*\[\s*\{\s*"asset"\s*:\s*"[^"]+"\s*,\s*"time"\s*:'),
                _read_api,
                "Answer of timeseries/asset-metrics, a file a page",
                requests=_requests,
            ),
            Format(
                "mirror_csv",
                Access.BRING_YOUR_OWN,
                re.compile(r"(?i)^\W*(time|date),[^\n]*\b(PriceUSD|CapMrktCurUSD|SplyCur)\b"),
                delimited(
                    r"^\W*(time|date),.*\b(PriceUSD|CapMrktCurUSD|SplyCur)\b",
                    values=_asset_of_name,
                    expressions={"observation_date": "left(trim({0}), 10)"},
                ),
                "A file of the provider's mirror, csv/<asset>.csv, with all its metrics",
                file_name=re.compile(r"(?i)^(?P<asset>[a-z0-9_]+)\.csv$"),
            ),
        ),
    ),
)
