"""Prices of emerging markets and their currencies: what is asked for, whose days the bars are of, and that the sample hangs together."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from raw_store import RawStore

from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.sample import END, render


def chart(symbol: str, opened: list[datetime], close: list[float | None], zone: str = "Europe/London") -> str:
    """An answer of the chart service for a market that is closed."""
    seconds = [int(moment.timestamp()) for moment in opened]
    period = {"timezone": zone, "start": seconds[-1], "end": seconds[-1] + 86_340, "gmtoffset": 0}
    meta = {"symbol": symbol, "exchangeTimezoneName": zone, "regularMarketTime": period["end"], "currentTradingPeriod": {"regular": period}}
    quote = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": [0] * len(close)}
    return json.dumps({"chart": {"result": [{"meta": meta, "timestamp": seconds, "indicators": {"quote": [quote]}}], "error": None}})


def test_a_currency_has_the_days_of_london_in_summer_and_winter(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    opened = [datetime(2026, 1, 5, 0, 0, tzinfo=UTC), datetime(2026, 7, 5, 23, 0, tzinfo=UTC), datetime(2026, 7, 6, 23, 0, tzinfo=UTC)]
    taken = store.take("price_daily", "VND=X_chart.json", chart("VND=X", opened, [24_900.0, 25_100.5, None]))
    assert (taken["rows_loaded"], taken["skipped"]) == (2, {"blank": 1})
    found = store.rows("select symbol, observation_date::varchar, close, volume from raw.price_daily order by 2")
    assert found == [("VND=X", "2026-01-05", 24_900, 0), ("VND=X", "2026-07-06", 25_100.5, 0)]


def test_indices_currencies_and_the_dollar_are_asked_for() -> None:
    declared = FEEDS["price_daily"].format("chart_json")
    assert declared.requests
    asked = {request.url.rpartition("/")[2] for request in declared.requests(FetchWindow(date(2026, 1, 1), date(2026, 9, 30)))}
    assert {"%5ENSEI", "%5EJKSE", "%5EVNINDEX.VN", "INR%3DX", "IDR%3DX", "VND%3DX", "DX-Y.NYB"} <= asked


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's prices and FRED series, landed and loaded."""
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS["price_daily"], FEEDS["fred_series"]])
    for file in render(END, first_year=2022, feeds=["price_daily", "fred_series"]):
        if file.feed == "price_daily" or file.name.startswith("DEXINUS"):
            store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    assert store.load().rows_quarantined == 0
    return store


def test_the_sample_has_every_symbol_and_closes_within_the_range(sampled: RawStore) -> None:
    symbols = {symbol for (symbol,) in sampled.rows("select distinct symbol from raw.price_daily")}
    assert {"^NSEI", "^JKSE", "^VNINDEX.VN", "INR=X", "IDR=X", "VND=X", "DX-Y.NYB"} <= symbols
    assert sampled.rows("select count(*) from raw.price_daily where low > close * 1.0001 or close > high * 1.0001") == [(0,)]


def test_the_rupee_is_that_of_fred_and_known_earlier(sampled: RawStore) -> None:
    rows = sampled.rows(
        """
        select price.close, fred.value, price._available_at < fred._available_at
        from raw.price_daily as price
        inner join raw.fred_series as fred on fred.observation_date = price.observation_date and fred.series_id = 'DEXINUS' and fred.value is not null
        where price.symbol = 'INR=X'
        """
    )
    assert len(rows) > 400
    assert np.allclose([row[0] for row in rows], [row[1] for row in rows], atol=0.011)
    assert all(earlier for _, _, earlier in rows)
