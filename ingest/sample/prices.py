"""Yahoo's chart answers, one file a symbol. A split rewrites the whole history, so the file of a company has editions around each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ingest.feeds.prices import COMPANIES
from ingest.sample import dates
from ingest.sample.file import SampleFile, View
from ingest.sample.tables import Floats, Price
from ingest.sample.world import World

# exchange: Yahoo's name, its full name, time zone, its short form, currency, opening and closing time
_EXCHANGES = {
    "XNYS": ("PCX", "NYSEArca", "America/New_York", "EST", "USD", "09:30", "16:00"),
    "XBOM": ("NSI", "NSE", "Asia/Kolkata", "IST", "INR", "09:15", "15:30"),
    "XIDX": ("JKT", "Jakarta", "Asia/Jakarta", "WIB", "IDR", "09:00", "16:00"),
    "XSTC": ("VSE", "Vietnam", "Asia/Ho_Chi_Minh", "ICT", "VND", "09:00", "15:00"),
    "IDR": ("CCY", "CCY", "Europe/London", "GMT", "IDR", "00:00", "23:59"),
    "INR": ("CCY", "CCY", "Europe/London", "GMT", "INR", "00:00", "23:59"),
    "VND": ("CCY", "CCY", "Europe/London", "GMT", "VND", "00:00", "23:59"),
    "ICE": ("NYB", "ICE Futures", "America/New_York", "EST", "USD", "00:00", "17:00"),
}
_ABROAD = {"^NSEI": "XBOM", "^JKSE": "XIDX", "^VNINDEX.VN": "XSTC", "IDR=X": "IDR", "INR=X": "INR", "VND=X": "VND", "DX-Y.NYB": "ICE"}


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One answer a symbol; for a symbol that split, also the last before and the first after each split."""
    for symbol, price in world.prices.items():
        published = dates.published(price.days, dates.lag_of("price_daily"))
        around: list[datetime] = []
        for day, _ in price.splits:
            place = int(np.searchsorted(price.days, np.datetime64(day)))
            around += [dates.as_datetime(published[place - 1]), dates.as_datetime(published[place])]
        for when in view.editions(around):
            shown = view.shows(price.days, published, when)
            if shown.any():
                body = json.dumps(_chart(price, shown), separators=(",", ":"))
                yield SampleFile("price_daily", "chart_json", f"{symbol.strip('^')}_chart.json", dates.as_datetime(when), body.encode())


def _stored(values: Floats) -> Floats:
    """Prices as Yahoo keeps them: cents in single precision, written out in double."""
    return np.round(values, 2).astype(np.float32).astype(np.float64)


def _chart(price: Price, shown: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    exchange, full_name, zone, zone_name, currency, opens, closes = _EXCHANGES[_ABROAD.get(price.symbol, "XNYS")]
    days = price.days[shown]
    seconds = dates.local_to_utc(days, opens, zone).astype(np.int64)
    close_second = int(dates.local_to_utc(days[-1:], closes, zone).astype(np.int64)[0])
    # bars are kept in today's shares; a split that has not happened yet does not adjust them
    ahead = float(np.prod([ratio for day, ratio in price.splits if np.datetime64(day) > days[-1]], initial=1.0))
    missing = price.missing[shown]

    def array(values: Floats) -> list[float | None]:
        listed: list[float | None] = values.tolist()
        for place in np.flatnonzero(missing).tolist():
            listed[place] = None
        return listed

    bars = {name: _stored(price.bars[name][shown] * ahead) for name in ("open", "high", "low", "close")}
    volume: list[int | None] = [None if gone else int(v) for v, gone in zip((price.bars["volume"][shown] / ahead).tolist(), missing.tolist(), strict=True)]
    age = (days[-1] - days).astype(np.int64)
    meta = {
        "currency": currency, "symbol": price.symbol, "exchangeName": exchange, "fullExchangeName": full_name,
        "instrumentType": _instrument(price), "firstTradeDate": int(seconds[0]),
        "regularMarketTime": close_second, "gmtoffset": int(_offset(days[-1], zone)), "timezone": zone_name, "exchangeTimezoneName": zone,
        "regularMarketPrice": float(bars["close"][-1]), "chartPreviousClose": float(bars["close"][0]), "priceHint": 2,
        "currentTradingPeriod": {"regular": {"timezone": zone_name, "start": int(seconds[-1]), "end": close_second, "gmtoffset": int(_offset(days[-1], zone))}},
        "dataGranularity": "1d", "range": "", "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }  # fmt: skip
    result: dict[str, Any] = {"meta": meta, "timestamp": seconds.tolist()}
    happened = [(np.datetime64(day), ratio) for day, ratio in price.splits if days[0] <= np.datetime64(day) <= days[-1]]
    if happened:
        stamps = {str(int(seconds[np.searchsorted(days, day)])): ratio for day, ratio in happened}
        result["events"] = {
            "splits": {
                stamp: {"date": int(stamp), "numerator": float(ratio), "denominator": 1.0, "splitRatio": f"{ratio}:1"} for stamp, ratio in stamps.items()
            }
        }
    result["indicators"] = {
        "quote": [{name: array(bars[name]) for name in ("open", "high", "low", "close")} | {"volume": volume}],
        # re-based at every dividend, so past values differ from day to day
        "adjclose": [{"adjclose": array(np.round(bars["close"] * np.exp(-price.dividend_yield * age / 365.25), 6))}],
    }
    return {"chart": {"result": [result], "error": None}}


def _instrument(price: Price) -> str:
    if price.symbol.endswith("=X"):
        return "CURRENCY"
    return "INDEX" if price.symbol.startswith("^") or price.symbol == "DX-Y.NYB" else "EQUITY" if price.symbol in COMPANIES else "ETF"


def _offset(day: np.datetime64, zone: str) -> float:
    noon = datetime.fromisoformat(str(day)) + timedelta(hours=12)
    offset = noon.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset.total_seconds()
