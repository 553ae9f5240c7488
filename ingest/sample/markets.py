"""Markets of the sample world: implied volatility, options, prices, index funds and gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingest.sample import dates, economy
from ingest.sample.dates import Days
from ingest.sample.process import ONSET, Drivers, Waypoints, bridge, interpolated, path, rounded, stream, tied_down
from ingest.sample.tables import Floats, Fund, Price

# --- volatility and options -------------------------------------------------------------------------------------------


def indices(drivers: Drivers) -> dict[str, pd.DataFrame]:
    days, seed = drivers.days, drivers.seed
    # the article's third quarter: implied volatility in the top twentieth of its three years
    bump = (
        0.16
        * drivers.strength
        * np.interp(
            days.astype(np.int64),
            np.array(["2023-08-10", "2023-09-14", "2023-10-27", "2023-12-01"], "datetime64[D]").astype(np.int64),
            [0.0, 1.0, 1.0, 0.0],
        )
    )
    level = drivers.calm_volatility + 0.27 * drivers.shift + bump
    away = level - 2.84
    closes = {
        "VIX": np.exp(level),
        "VIX9D": np.exp(2.80 + 1.12 * away + 0.06 * drivers.noise("VIX9D", days, 0.9)),
        "VIX3M": np.exp(2.93 + 0.76 * away + 0.02 * drivers.noise("VIX3M", days, 0.95)),
        "VVIX": 92 + 22 * away + 7 * drivers.noise("VVIX", days, 0.95),
        "SKEW": 126 + 6.5 * drivers.signal("skew", "hedging", 0.95, crisis=-1.5),
    }
    starts = {"VIX": "2004-01-02", "VIX9D": "2011-01-04", "VIX3M": "2009-09-18", "VVIX": "2006-03-06", "SKEW": "2004-01-02"}
    tables = {}
    for name, close in closes.items():
        rng = stream(seed, f"{name} range")
        close = rounded(close, 2)
        table = pd.DataFrame({"close": close}, index=days)
        if name in ("VIX", "VIX9D", "VIX3M"):
            before = np.concatenate([close[:1], close[:-1]])
            opened = rounded(before * np.exp(0.02 * rng.standard_normal(len(days))), 2)
            spread = 0.03 + 0.02 * np.abs(rng.standard_normal(len(days)))
            table["open"] = opened
            table["high"] = rounded(np.maximum(opened, close) * (1 + spread * rng.uniform(0, 1, len(days))), 2)
            table["low"] = rounded(np.minimum(opened, close) * (1 - spread * rng.uniform(0, 1, len(days))), 2)
        tables[name] = table[table.index >= pd.Timestamp(starts[name])]
    return tables


def options(drivers: Drivers) -> pd.DataFrame:
    """Calls and puts by product and session: columns (measure, product, side)."""
    days, seed = drivers.days, drivers.seed
    growth = interpolated(days, path("2004-01-02 14.0, 2008-10-01 14.85, 2014-01-02 15.0, 2019-10-04 15.15, 2023-12-29 15.95"))
    busy = growth + 0.35 * (drivers.calm_volatility - 2.84) + 0.12 * drivers.noise("option volume", days, 0.7)
    mean_ratio = {"equity": 0.57, "etp": 1.18, "spx": 1.34, "vix": 0.56, "rest": 1.1}
    spread = {"equity": 0.098, "etp": 0.12, "spx": 0.11, "vix": 0.25, "rest": 0.2}
    share = {
        "equity": interpolated(days, path("2004-01-02 0.55, 2019-10-04 0.36, 2021-02-01 0.42, 2023-12-29 0.33")),
        "etp": interpolated(days, path("2004-01-02 0.20, 2019-10-04 0.25, 2023-12-29 0.26")),
        "vix": interpolated(days, path("2004-01-02 0.004, 2012-01-03 0.12, 2023-12-29 0.08")),
        "rest": interpolated(days, path("2004-01-02 0.03, 2023-12-29 0.02")),
    }
    share["spx"] = 1 - np.sum(list(share.values()), axis=0)
    # retail crowds keep the equity ratio below its 2020 crash level afterwards: large deviations are damped
    tame = days > np.datetime64("2020-03-31")
    columns: dict[tuple[str, str, str], NDArray[np.int64]] = {}
    for product, mean in mean_ratio.items():
        slow = drivers.signal(f"put/call {product}", "hedging", 0.9)
        z = 0.86 * (slow - drivers.shift) + 0.51 * stream(seed, f"put/call day {product}").standard_normal(len(days)) + drivers.shift
        if product == "vix":
            z = -0.4 * z
        if product == "rest":
            z = z - drivers.shift
        z = np.where(tame, 2.6 * np.tanh(z / 2.6), z)
        ratio = mean * np.exp(spread[product] * z)
        if product == "equity" and drivers.strength:
            peak = np.searchsorted(days, np.array(HEDGING_PEAK, "datetime64[D]"))
            top = mean * np.exp(spread[product] * 2.2)
            after = days > np.datetime64("2020-03-31")
            ratio = np.where(after, np.minimum(ratio, top), ratio)
            ratio[peak] = np.array([0.7181, 0.7214, 0.7193, 0.7222, 0.7205])
        part = share[product] * np.exp(0.08 * stream(seed, f"share {product}").standard_normal(len(days)))
        total = np.exp(busy) * part
        columns["volume", product, "put"] = (total * ratio / (1 + ratio)).astype(np.int64)
        columns["volume", product, "call"] = (total / (1 + ratio)).astype(np.int64)
        held = np.exp(growth + 3.3 + 0.05 * drivers.noise(f"open interest {product}", days, 0.97)) * share[product]
        standing = {"equity": 0.66, "etp": 1.2, "spx": 1.35, "vix": 0.45, "rest": 0.95}[product] * (1 + 0.03 * z)
        columns["open_interest", product, "put"] = (held * standing / (1 + standing)).astype(np.int64)
        columns["open_interest", product, "call"] = (held / (1 + standing)).astype(np.int64)
    for measure in ("volume", "open_interest"):
        for side in ("call", "put"):
            columns[measure, "index", side] = columns[measure, "spx", side] + columns[measure, "vix", side] + columns[measure, "rest", side]
            columns[measure, "total", side] = columns[measure, "index", side] + columns[measure, "etp", side] + columns[measure, "equity", side]
    table = pd.DataFrame(columns, index=days)
    return table[table.index >= pd.Timestamp("2006-11-01")]


HEDGING_PEAK = ("2023-08-14", "2023-08-15", "2023-08-16", "2023-08-17", "2023-08-18")


# --- prices -----------------------------------------------------------------------------------------------------------


_MARKET: Waypoints = path(
    "2004-01-02 1108.5, 2007-10-09 1565.2, 2008-09-12 1251.7, 2008-10-10 899.2, 2009-03-09 676.5, 2011-04-29 1363.6, "
    "2011-08-08 1119.5, 2015-05-21 2130.8, 2018-09-20 2930.8, 2018-12-24 2351.1, 2020-02-19 3386.2, "
    "2020-03-23 2237.4, 2022-01-03 4796.6, 2022-10-12 3577.0, 2023-06-30 4450.4"
)
_MARKET_RETREAT: Waypoints = path("2023-07-31 4588.9, 2023-10-27 4117.4, 2023-12-29 4769.8")


@dataclass(frozen=True)
class _Symbol:
    beta: float
    own: float  # annual standard deviation of the part of its own
    waypoints: Waypoints
    retreat: Waypoints
    volume: tuple[float, float]  # shares a day in 2004 and 2023
    exchange: str = "XNYS"
    dividend_yield: float = 0.0


# The companies of `company.py` at prices that their cash flow bears: they rise with cash flow a share, which is why some differ from the real ones.
# Technology has its peak at the end of 2021, and falls in the retreat. Volumes are in shares of the world's end, like prices.
_COMPANIES: Mapping[str, _Symbol] = {
    "AAPL": _Symbol(
        1.2,
        0.16,
        path("2004-01-02 17.0, 2022-01-03 182.0, 2023-01-03 125.1, 2023-06-30 193.97"),
        path("2023-10-26 166.9, 2023-12-29 192.5"),
        (4.6e8, 5.8e7),
        dividend_yield=0.006,
    ),
    "MSFT": _Symbol(
        1.1,
        0.14,
        path("2004-01-02 44.0, 2022-01-03 334.8, 2022-11-03 214.3, 2023-06-30 340.54"),
        path("2023-10-26 312.0, 2023-12-29 376.0"),
        (6.5e7, 2.6e7),
        dividend_yield=0.009,
    ),
    "NVDA": _Symbol(
        1.7,
        0.30,
        path("2004-01-02 8.7, 2022-01-03 301.2, 2022-10-14 112.3, 2023-06-30 423.02"),
        path("2023-10-26 361.0, 2023-12-29 441.0"),
        (6.0e7, 4.5e7),
    ),
    "AMZN": _Symbol(
        1.2, 0.20, path("2004-01-02 3.3, 2022-01-03 170.4, 2023-01-03 85.8, 2023-06-30 130.36"), path("2023-10-26 111.0, 2023-12-29 140.0"), (1.6e8, 5.2e7)
    ),
    "HD": _Symbol(1.0, 0.13, path("2004-01-02 45.0, 2022-01-03 370.0, 2023-06-30 310.64"), (), (8.0e6, 3.8e6), dividend_yield=0.024),
    "GME": _Symbol(
        1.3,
        0.50,
        path("2004-01-02 6.0, 2013-11-01 5.2, 2018-06-29 3.6, 2020-07-31 1.1, 2021-01-27 86.9, 2021-02-19 10.2, 2021-06-08 75.0, 2023-06-30 24.25"),
        (),
        (1.2e7, 4.5e6),
    ),
    "GOOGL": _Symbol(
        1.1, 0.16, path("2004-08-19 6.1, 2022-01-03 145.0, 2022-11-03 83.4, 2023-06-30 119.7"), path("2023-10-26 108.0, 2023-12-29 129.0"), (1.6e8, 3.2e7)
    ),
    "META": _Symbol(
        1.3, 0.25, path("2012-05-18 19.0, 2022-01-03 338.5, 2022-11-03 88.9, 2023-06-30 286.98"), path("2023-10-26 262.0, 2023-12-29 318.0"), (5.8e7, 2.2e7)
    ),
    "BRK-B": _Symbol(0.8, 0.09, path("2004-01-02 76.0, 2023-06-30 341.0"), (), (3.5e6, 3.2e6)),
    "JPM": _Symbol(1.1, 0.15, path("2004-01-02 52.0, 2023-06-30 145.44"), (), (1.3e7, 1.0e7), dividend_yield=0.027),
    "BAC": _Symbol(1.2, 0.22, path("2004-01-02 24.0, 2009-03-09 7.1, 2023-06-30 28.69"), (), (2.4e7, 4.3e7), dividend_yield=0.029),
    "UNH": _Symbol(0.7, 0.16, path("2004-01-02 60.0, 2023-06-30 480.64"), (), (6.0e6, 3.1e6), dividend_yield=0.014),
    "JNJ": _Symbol(0.6, 0.10, path("2004-01-02 76.0, 2023-06-30 165.52"), (), (8.0e6, 7.0e6), dividend_yield=0.027),
    "PG": _Symbol(0.5, 0.10, path("2004-01-02 84.0, 2023-06-30 151.74"), (), (8.0e6, 6.2e6), dividend_yield=0.024),
    "WMT": _Symbol(0.5, 0.12, path("2004-01-02 57.0, 2023-06-30 157.18"), (), (1.0e7, 5.8e6), dividend_yield=0.014),
    "CVX": _Symbol(0.9, 0.18, path("2004-01-02 92.0, 2020-03-18 62.0, 2023-06-30 157.35"), (), (8.5e6, 7.6e6), dividend_yield=0.036),
    "NEE": _Symbol(0.6, 0.12, path("2004-01-02 9.5, 2021-12-31 93.4, 2023-06-30 74.2"), (), (6.5e6, 1.1e7), dividend_yield=0.022),
    "LIN": _Symbol(0.9, 0.11, path("2018-10-31 236.0, 2023-06-30 381.08"), (), (2.2e6, 1.8e6), dividend_yield=0.013),
    "BA": _Symbol(1.4, 0.20, path("2004-01-02 62.0, 2019-03-01 165.0, 2020-03-23 78.0, 2023-06-30 211.16"), (), (5.0e6, 5.4e6)),
    "PLD": _Symbol(1.0, 0.15, path("2004-01-02 25.0, 2022-01-03 166.0, 2023-06-30 122.63"), (), (2.5e6, 3.3e6), dividend_yield=0.027),
}

_SYMBOLS: Mapping[str, _Symbol] = {
    "^NDX": _Symbol(1.12, 0.07, path("2004-01-02 1463.6, 2008-12-31 1211.7, 2021-12-31 16320.1, 2022-12-30 10939.8, 2023-06-30 15179.2"), (), (1.6e9, 4.4e9)),
    "^IXIC": _Symbol(
        1.08,
        0.05,
        path("2004-01-02 2006.7, 2008-12-31 1577.0, 2021-12-31 15645.0, 2022-12-30 10466.5, 2023-06-30 13787.9"),
        path("2023-09-29 13219.3"),
        (1.9e9, 4.9e9),
    ),
    "^DJI": _Symbol(
        0.94,
        0.03,
        path("2004-01-02 10409.9, 2007-10-09 14164.5, 2009-03-05 6594.4, 2009-03-06 6626.9, 2009-03-09 6547.1, 2009-03-10 6926.5, 2023-06-30 34407.6"),
        path("2023-12-29 37689.5"),
        (2.2e8, 3.2e8),
    ),
    "QQQ": _Symbol(
        1.12, 0.07, path("2004-01-02 36.5, 2008-12-31 29.7, 2021-12-31 397.9, 2022-12-30 266.3, 2023-06-30 369.4"), (), (9.5e7, 5.2e7), dividend_yield=0.006
    ),
    "XLK": _Symbol(1.12, 0.06, path("2004-01-02 20.9, 2023-06-30 173.9"), (), (3.0e6, 6.5e6), dividend_yield=0.010),
    "XLF": _Symbol(1.15, 0.12, path("2004-01-02 22.9, 2007-10-09 28.1, 2009-03-09 5.1, 2023-06-30 33.7"), (), (7e6, 4.0e7), dividend_yield=0.018),
    "XLV": _Symbol(0.78, 0.07, path("2004-01-02 30.2, 2023-06-30 132.7"), (), (1.5e6, 8e6), dividend_yield=0.015),
    "XLE": _Symbol(1.05, 0.18, path("2004-01-02 27.6, 2014-06-23 100.6, 2020-03-18 24.6, 2023-06-30 81.2"), (), (5e6, 1.8e7), dividend_yield=0.030),
    "XLI": _Symbol(1.02, 0.06, path("2004-01-02 26.7, 2023-06-30 107.3"), (), (1.2e6, 9e6), dividend_yield=0.017),
    "XLP": _Symbol(0.60, 0.07, path("2004-01-02 21.8, 2023-06-30 74.2"), (), (1.4e6, 1.0e7), dividend_yield=0.024),
    "XLU": _Symbol(0.62, 0.12, path("2004-01-02 23.3, 2023-06-30 65.4"), (), (2.2e6, 1.3e7), dividend_yield=0.030),
    "XLY": _Symbol(1.08, 0.07, path("2004-01-02 31.4, 2023-06-30 169.8"), (), (1.4e6, 4.5e6), dividend_yield=0.010),
    "XLB": _Symbol(1.06, 0.09, path("2004-01-02 26.6, 2023-06-30 82.9"), (), (1.9e6, 5e6), dividend_yield=0.018),
    # US real-estate companies
    "IYR": _Symbol(
        1.05,
        0.11,
        path("2004-01-02 49.2, 2007-02-07 94.0, 2009-03-06 22.2, 2019-12-31 93.1, 2020-03-23 59.4, 2021-12-31 116.1, 2023-06-30 86.5"),
        path("2023-10-25 74.0, 2023-12-29 91.4"),
        (5e5, 6e6),
        dividend_yield=0.025,
    ),
    "TSLA": _Symbol(
        1.45,
        0.45,
        path(
            "2010-06-29 1.59, 2013-03-28 2.53, 2013-12-31 10.03, 2019-06-03 11.93, 2020-02-19 61.2, 2020-03-18 24.1, "
            "2021-11-04 409.97, 2023-01-03 108.1, 2023-06-30 261.8"
        ),
        path("2023-07-18 293.3, 2023-07-19 291.3, 2023-08-18 215.5, 2023-09-11 273.6, 2023-10-17 254.9, 2023-10-25 212.4, 2023-10-26 206.8, 2023-12-29 248.5"),
        (1.4e7, 1.2e8),
    ),
    **_COMPANIES,
    "^NSEI": _Symbol(0.35, 0.17, path("2007-09-17 4494.7, 2022-12-30 18105.3, 2023-12-29 21731.4"), (), (1.5e5, 3.0e5), "XBOM"),
    "^JKSE": _Symbol(0.25, 0.16, path("2004-01-02 704.5, 2022-12-30 6850.6"), path("2023-12-28 7672.7"), (9e7, 1.8e8), "XIDX"),
    "^VNINDEX.VN": _Symbol(0.22, 0.19, path("2009-01-02 313.3, 2022-12-30 1007.1, 2023-12-29 1129.9"), (), (2.5e7, 7.5e8), "XSTC"),
}

# Units a dollar, with the noise between waypoints as a share of the level.
_CURRENCIES: Mapping[str, tuple[Waypoints, float]] = {
    "IDR=X": (path("2004-01-02 8420, 2008-11-20 12300, 2011-08-01 8480, 2015-09-29 14690, 2020-03-23 16500, 2022-12-30 15570, 2023-12-29 15390"), 0.012),
    "VND=X": (path("2004-01-02 15640, 2011-02-11 20875, 2015-08-19 22450, 2022-10-25 24860, 2022-12-30 23630, 2023-12-29 24270"), 0.004),
}

# First day in the new shares, and new shares for an old one.
SPLITS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "AAPL": (("2014-06-09", 7), ("2020-08-31", 4)),
    "NVDA": (("2021-07-20", 4),),
    "AMZN": (("2022-06-06", 20),),
    "TSLA": (("2020-08-31", 5), ("2022-08-25", 3)),
    "GME": (("2022-07-22", 4),),
    "GOOGL": (("2022-07-18", 20),),
    "NEE": (("2020-10-27", 4),),
}


def _bars(drivers: Drivers, symbol: str, days: Days, close: Floats, sd: Floats, volume: tuple[float, float]) -> dict[str, Floats]:
    """Open, high, low and volume around a path of closes. Sellers at the close and thinner volume are the retreat's mark here."""
    count, rng = len(days), stream(drivers.seed, f"{symbol} bars")
    before = np.concatenate([close[:1], close[:-1]])
    change = np.log(close / before)
    opened = before * np.exp(0.35 * sd * rng.standard_normal(count))
    span = 1.45 * sd * np.exp(0.25 * rng.standard_normal(count))
    selling = 0.05 * drivers.on(days, drivers.signal("close location", "impact", 0.95, crisis=0.5))
    place = np.clip(0.5 + 0.26 * np.tanh(change / sd) + 0.18 * rng.standard_normal(count) - selling, 0.02, 0.98)
    high = np.maximum(close * np.exp((1 - place) * span), np.maximum(opened, close))
    low = np.minimum(close * np.exp(-place * span), np.minimum(opened, close))
    trend = interpolated(days, [("2004-01-02", np.log(volume[0])), ("2023-12-29", np.log(volume[1]))])
    lively = 0.6 * (drivers.on(days, drivers.calm_volatility) - 2.84) + 0.15 * np.abs(change / sd)
    # turnover of low-volatility utilities rises while the market's falls
    thin = drivers.on(days, drivers.signal("turnover", "impact", 0.98, crisis=0.0))
    rotation = 0.24 * drivers.on(days, drivers.shift) if symbol in ("XLU", "NEE") else 0.0
    traded = np.exp(trend + lively - 0.14 * thin + 0.12 * drivers.noise(f"{symbol} volume", days, 0.6) + rotation)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": np.round(traded)}


def prices(drivers: Drivers) -> tuple[dict[str, Price], Floats]:
    """Bars by symbol, and the S&P 500 on every session."""
    days = drivers.days
    sd = 0.80 * np.exp(drivers.calm_volatility) / 100 / np.sqrt(252)
    market = bridge(sd * drivers.shock, days, drivers.story(_MARKET, _MARKET_RETREAT), sd**2)
    move = np.concatenate([[0.0], np.diff(np.log(market))])
    prices: dict[str, Price] = {}

    def add(symbol: str, on: Days, close: Floats, scale: Floats, volume: tuple[float, float], yields: float = 0.0) -> None:
        bars = _bars(drivers, symbol, on, close, scale, volume)
        if symbol == "^DJI":
            bars["low"] = np.maximum(bars["low"], 6472.0)
            bars["low"][on == np.datetime64("2009-03-06")] = 6469.95
        if symbol == "TSLA" and drivers.strength:
            year = on >= np.datetime64("2023-06-01")
            before = year & (on < np.datetime64("2023-10-26")) & (on > np.datetime64("2023-07-19"))
            bars["close"] = np.where(before, np.maximum(bars["close"], 211.4), bars["close"])
            bars["close"] = np.where(year, np.minimum(bars["close"], 296.0), bars["close"])
            bars["high"] = np.where(year, np.minimum(np.maximum(bars["high"], bars["close"]), 298.4), bars["high"])
            bars["open"] = np.where(year, np.minimum(bars["open"], bars["high"]), bars["open"])
            bars["low"] = np.minimum(bars["low"], np.minimum(bars["open"], bars["close"]))
            bars["high"][on == np.datetime64("2023-07-19")] = 299.29
        missing = np.zeros(len(on), bool)
        if symbol in ("^NSEI", "^JKSE", "^VNINDEX.VN"):
            missing = stream(drivers.seed, f"{symbol} gaps").uniform(size=len(on)) < 0.006
            year_end = np.concatenate([on[1:].astype("datetime64[Y]") != on[:-1].astype("datetime64[Y]"), [True]])
            missing &= ~year_end & (on < np.datetime64("2023-12-20"))
        first = np.datetime64(_SYMBOLS[symbol].waypoints[0][0]) if symbol in _SYMBOLS else dates.FIRST_DAY
        shown = on >= first
        prices[symbol] = Price(symbol, on[shown], {name: bar[shown] for name, bar in bars.items()}, missing[shown], SPLITS.get(symbol, ()), yields)

    add("^GSPC", days, market, sd, (1.4e9, 3.9e9))
    fund = market / 10 * np.exp(0.0002 * stream(drivers.seed, "SPY premium").standard_normal(len(days)))
    add("SPY", days, fund, sd, (4.0e7, 8.0e7), 0.017)
    for symbol, plan in _SYMBOLS.items():
        on = dates.sessions(plan.exchange)
        daily = plan.own / np.sqrt(252)
        abroad = plan.exchange != "XNYS"
        # exchanges east of New York react to the session before
        earlier = np.clip(np.searchsorted(days, on) - (1 if abroad else 0), 0, len(days) - 1)
        own = stream(drivers.seed, f"{symbol} return").standard_t(6, len(on)) / np.sqrt(1.5) * daily
        scale = np.sqrt((plan.beta * sd[earlier]) ** 2 + daily**2)
        close = bridge(plan.beta * move[earlier] + own, on, drivers.story(plan.waypoints, plan.retreat), scale**2)
        add(symbol, on, close, scale, plan.volume, plan.dividend_yield)
    return prices | {symbol: _currency(drivers, symbol) for symbol in (*_CURRENCIES, "INR=X", "DX-Y.NYB")}, market


def _currency(drivers: Drivers, symbol: str) -> Price:
    """Weekdays of a currency or of the dollar index, around the clock and without volume."""
    on = dates.weekdays()
    if symbol in _CURRENCIES:
        waypoints, scale = _CURRENCIES[symbol]
        close = interpolated(on, waypoints) * np.exp(tied_down(drivers.noise(symbol, on, 0.98), on, [(day, 0.0) for day, _ in waypoints], scale))
    else:
        # the series FRED publishes days later
        close = economy.rupee(drivers) if symbol == "INR=X" else 0.86 * economy.dollar(drivers)
    opened = np.concatenate([close[:1], close[:-1]])
    span = 0.002 * np.abs(stream(drivers.seed, f"{symbol} bars").standard_normal(len(on)))
    bars = {"open": opened, "high": np.maximum(opened, close) * (1 + span), "low": np.minimum(opened, close) * (1 - span), "close": close}
    return Price(symbol, on, bars | {"volume": np.zeros(len(on))}, np.zeros(len(on), bool))


# --- funds ------------------------------------------------------------------------------------------------------------


_FUNDS: Mapping[str, tuple[str, Waypoints, float, float]] = {
    # ticker: price it follows, shares outstanding (millions), shares a creation unit, weekly noise of flows as a share of assets
    "SPY": ("market/10", path("2003-12-01 392.0, 2008-12-31 980.0, 2015-12-31 890.0, 2023-06-30 948.0"), 50_000, 0.0058),
    "IVV": ("market/10", path("2003-12-01 76.0, 2010-12-31 195.0, 2018-12-31 560.0, 2023-06-30 758.0"), 50_000, 0.0040),
    "VOO": ("market*0.0917", path("2010-09-09 1.6, 2012-12-31 75.0, 2018-12-31 390.0, 2023-06-30 765.0"), 25_000, 0.0036),
    "XLU": ("XLU", path("2003-12-01 38.0, 2023-06-30 228.0"), 50_000, 0.013),
    "XLP": ("XLP", path("2003-12-01 22.0, 2023-06-30 235.0"), 50_000, 0.012),
    "XLV": ("XLV", path("2003-12-01 35.0, 2023-06-30 300.0"), 50_000, 0.009),
    "XLK": ("XLK", path("2003-12-01 60.0, 2023-06-30 292.0"), 50_000, 0.010),
    "XLY": ("XLY", path("2003-12-01 19.0, 2023-06-30 103.0"), 50_000, 0.013),
    "XLC": ("market*0.0146", path("2018-06-19 3.0, 2018-09-28 42.0, 2023-06-30 182.0"), 50_000, 0.014),
}
CORE_FUNDS = ("SPY", "IVV", "VOO")
DEFENSIVE, CYCLICAL = ("XLU", "XLP", "XLV"), ("XLK", "XLY", "XLC")
# Monday of the week, net flow of the three S&P 500 funds in USD: the third-largest outflow on record, and the two larger ones
OUTFLOW_WEEK = "2023-09-18"
_PLANTED_WEEKS = (("2018-02-05", -26.4e9), ("2020-02-24", -30.1e9), (OUTFLOW_WEEK, -24.0e9))


def funds(drivers: Drivers, prices: Mapping[str, Price], market: Floats) -> dict[str, Fund]:
    days = drivers.days
    count = len(days)
    # a week's flow is partly a slow tide common to all funds, partly the week's own noise
    tide = drivers.signal("core flow", "flows", 0.97, crisis=1.2)
    rotation = drivers.signal("rotation", "flows", 0.97, crisis=1.0)
    values: dict[str, Floats] = {}
    units: dict[str, Floats] = {}
    for ticker, (follows, waypoints, unit, noise) in _FUNDS.items():
        if follows.startswith("market"):
            factor = 0.1 if follows.endswith("/10") else float(follows.rsplit("*", 1)[1])
            own = np.cumsum(0.004 * stream(drivers.seed, f"{ticker} value").standard_normal(count)) if ticker == "XLC" else np.zeros(count)
            values[ticker] = rounded(market * factor * np.exp(own), 6)
        else:
            price = prices[follows]
            close = np.interp(days.astype(np.int64), price.days.astype(np.int64), price.bars["close"])
            values[ticker] = rounded(close * np.exp(0.0002 * stream(drivers.seed, f"{ticker} value").standard_normal(count)), 6)
        rng = stream(drivers.seed, f"{ticker} flow")
        core = ticker in CORE_FUNDS
        sign = 1.0 if core or ticker in CYCLICAL else -1.0
        slow = 0.0036 * tide if core else 0.0075 * rotation * sign
        planted = np.searchsorted(days, ONSET)
        daily = -slow / 5 + noise * rng.standard_normal(count) / np.sqrt(5)
        outstanding = bridge(daily, days, [(day, level * 1e6) for day, level in waypoints], np.full(count, 1.0))
        # after the last waypoint the average growth of the years before goes on, so that only the retreat turns the flow
        usual = np.log(waypoints[-1][1] / waypoints[-2][1]) / max(
            1, np.searchsorted(days, np.datetime64(waypoints[-1][0])) - np.searchsorted(days, np.datetime64(waypoints[-2][0]))
        )
        settled = np.where(np.arange(count) >= planted, usual * (np.arange(count) - planted + 1), 0.0)
        units[ticker] = np.maximum(1.0, np.round(outstanding * np.exp(settled) / unit))
    if drivers.strength:
        _plant_outflows(days, units, values)
    funds = {}
    for ticker, (_, waypoints, unit, _noise) in _FUNDS.items():
        first = max(dates.FIRST_DAY, np.datetime64(waypoints[0][0]))
        shown = days >= first
        funds[ticker] = Fund(ticker, days[shown], values[ticker][shown], units[ticker][shown] * unit)
    return funds


def _plant_outflows(days: Days, units: dict[str, Floats], values: Mapping[str, Floats]) -> None:
    """Set the net flow of the core funds in the planted weeks by redeeming units of SPY, the one that trades the most."""
    size = _FUNDS["SPY"][2]
    for monday, target in _PLANTED_WEEKS:
        week = np.flatnonzero((days >= np.datetime64(monday)) & (days < np.datetime64(monday) + 7))
        flow = sum(float(((units[ticker][week] - units[ticker][week - 1]) * _FUNDS[ticker][2] * values[ticker][week]).sum()) for ticker in CORE_FUNDS)
        share = np.diff(np.concatenate([[0.0], np.round(np.cumsum(np.full(len(week), (target - flow) / len(week))) / (size * values["SPY"][week].mean()))]))
        left = target - flow - float((share * size * values["SPY"][week]).sum())
        share[-1] += np.round(left / (size * values["SPY"][week[-1]]))
        change = np.zeros(len(days))
        change[week] = share
        units["SPY"] = units["SPY"] + np.cumsum(change)


# --- gold -------------------------------------------------------------------------------------------------------------


def haven_funds(drivers: Drivers, ten_year: tuple[Days, Floats], gold_trust: pd.DataFrame) -> dict[str, Fund]:
    """Funds of long Treasuries and of gold, which take in what leaves shares: net asset value and shares outstanding."""
    days = drivers.days[drivers.days >= dates.FIRST_DAY]
    known = ~np.isnan(ten_year[1])
    long_rate = np.interp(days.astype(np.int64), ten_year[0][known].astype(np.int64), ten_year[1][known]) + 0.35
    held = gold_trust.index.to_numpy().astype("datetime64[D]")
    price = (gold_trust["net_asset_value_per_share"] / gold_trust["ounces_per_share"]).to_numpy()
    metal = days[days >= np.datetime64("2005-01-28")]
    expense = np.exp(-0.0025 / 252 * np.arange(len(metal)))
    made = {
        # a bond of 17 years' duration; the shares of gold hold a fiftieth of an ounce, less expenses
        "TLT": (
            days,
            100 * np.exp(-0.17 * (long_rate - 4.0)),
            "2004-01-02 6.0, 2008-12-31 20.0, 2014-12-31 51.0, 2020-12-31 110.0, 2023-06-30 375.0",
            "2023-12-29 510.0",
        ),
        "IAU": (
            metal,
            price[np.searchsorted(held, metal)] * 0.02 * expense,
            "2005-01-28 2.0, 2010-12-31 180.0, 2020-10-01 870.0, 2023-06-30 775.0",
            "2023-12-29 830.0",
        ),
    }
    funds = {}
    for ticker, (on, value, always, retreat) in made.items():
        count = tied_down(drivers.noise(f"{ticker} shares", on, 0.97), on, drivers.story(path(always), path(retreat)), 0.8)
        funds[ticker] = Fund(ticker, on, rounded(value, 6), np.maximum(1.0, np.round(count * 1e6 / 50_000)) * 50_000)
    return funds


def gold(drivers: Drivers) -> pd.DataFrame:
    """SPDR Gold Shares on each session since 2004-11-18."""
    days = drivers.days
    rng = stream(drivers.seed, "gold")
    price = bridge(
        0.0095 * rng.standard_normal(len(days)),
        days,
        drivers.story(
            path(
                "2004-11-18 443.0, 2008-03-17 1010.0, 2011-09-06 1895.0, 2015-12-17 1051.0, 2020-08-06 2063.0, "
                "2022-11-03 1630.0, 2022-12-30 1812.0, 2023-06-30 1912.0"
            ),
            path("2023-10-05 1819.0, 2023-12-29 2062.0"),
        ),
        np.full(len(days), 1.0),
    )
    level = tied_down(
        drivers.noise("gold tonnes", days, 0.98),
        days,
        drivers.story(
            path(
                "2004-11-18 9.0, 2004-12-15 105.0, 2008-09-15 640.0, 2009-06-01 1130.0, 2012-12-07 1350.0, 2015-12-17 1010.0, "
                "2020-10-01 1980.0, 2022-12-30 2460.0, 2023-06-30 2475.0"
            ),
            path("2023-10-16 2600.5, 2023-12-29 2668.0"),
        ),
        14.0,
    )
    # creations happen on some days only; between them the trust pays its expenses out of gold, 0.40 percent a year
    traded = rng.uniform(size=len(days)) < 0.45
    traded[np.isin(days, np.array(["2004-11-18", "2022-12-30", "2023-06-30", "2023-12-29"], "datetime64[D]"))] = True
    last = np.maximum.accumulate(np.where(traded, np.arange(len(days)), 0))
    tonnes = np.maximum(level[last], 8.0) * np.exp(-0.004 / 252 * (np.arange(len(days)) - last))
    ounces = rounded(tonnes * 32150.7466, 2)
    per_share = 0.1 * np.exp(-0.004 / 252 * np.arange(len(days)))
    worth = rounded(price * per_share * np.exp(0.001 * rng.standard_normal(len(days))), 8)
    table = pd.DataFrame(
        {
            "close": rounded(price * per_share, 2),
            "ounces_per_share": rounded(per_share, 8),
            "net_asset_value_per_share": worth,
            "indicative": rounded(price * per_share * 1.0002, 3),
            "middle": rounded(price * per_share * 1.0001, 2),
            "premium": rounded(0.08 * rng.standard_normal(len(days)), 4),
            "share_volume": np.round(np.exp(15.9 + 0.4 * rng.standard_normal(len(days)))),
            "ounces_in_trust": ounces,
            "tonnes_in_trust": rounded(ounces / 32150.7466, 2),
            "total_net_asset_value": rounded(ounces * worth / per_share, 2),
        },
        index=days,
    )
    return table[table.index >= pd.Timestamp("2004-11-18")]
