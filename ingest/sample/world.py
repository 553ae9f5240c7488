"""The sample world: one coherent, seeded history of markets, 2004 to 2023, in which capital slowly leaves US shares from July 2023.

Everything is simulated once, as it finally turned out, with the times at which the providers published and revised it; the writers
beside this module show what a given day could see. Every random series has its own stream, so adding one leaves the others as they are.

How it hangs together: a market shock moves implied volatility, volatility sets the size of returns, a common stress factor moves
hedging, leverage, flows and positioning, crises (2008, 2011, 2020 and smaller ones) push all of them at once and fade. The retreat
adds a lasting shift, in standard deviations of each core signal's noise, without adding realised volatility. With `strength=0` there
is no retreat and none of the article's figures is planted: only the stationary world with its crises remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.dates import Days, Moments

Floats: TypeAlias = NDArray[np.float64]
Waypoints: TypeAlias = Sequence[tuple[str, float]]

SEED = 20230703
STRENGTH = 1.25  # the article's figures are worth a lasting 1 to 1.5 standard deviations
ONSET = np.datetime64("2023-07-03", "D")
RAMP = 40  # sessions from the first to the full shift
BLOCKS = ("hedging", "leverage", "flows", "positioning", "impact")


@dataclass(frozen=True)
class Revision:
    """Values the provider changed after their first publication: at `at` (UTC) the columns of `days` took the new `values`."""

    at: datetime
    days: Days
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class Late:
    """An observation that was due at `due` and came at `at` (both UTC)."""

    feed: str
    day: np.datetime64
    due: datetime
    at: datetime


@dataclass(frozen=True)
class Table:
    """A series table as first published: `days` (rows), `values` (columns by name), `published` (UTC moment a row), later revisions."""

    days: Days
    values: Mapping[str, Floats]
    published: Moments
    revisions: tuple[Revision, ...] = ()

    def seen_at(self, when: np.datetime64) -> tuple[Days, dict[str, Floats]]:
        """Rows published by `when`, with the revisions made by then."""
        shown = self.published <= when
        values = {name: column.copy() for name, column in self.values.items()}
        for revision in sorted(self.revisions, key=lambda each: each.at):
            if dates.as_moment(revision.at) <= when:
                places = np.searchsorted(self.days, revision.days)
                for name, changed in revision.values.items():
                    values[name][places] = changed
        return self.days[shown], {name: column[shown] for name, column in values.items()}


@dataclass(frozen=True)
class Price:
    """Daily bars of one symbol in today's shares: `bars` has open, high, low, close, volume; `missing` bars the provider shows as null."""

    symbol: str
    days: Days
    bars: Mapping[str, Floats]
    missing: NDArray[np.bool_]
    splits: tuple[tuple[str, int], ...] = ()
    dividend_yield: float = 0.0


@dataclass(frozen=True)
class Fund:
    """Net asset value (USD a share) and shares outstanding of one fund."""

    ticker: str
    days: Days
    net_asset_value: Floats
    shares: Floats


@dataclass(frozen=True)
class Vintages:
    """A revised series: one row a (day, vintage), `from_day` the first day the value was current."""

    series: str
    days: Days
    values: Floats
    from_day: Days


@dataclass(frozen=True)
class Positions:
    """Weekly positions of one futures contract by trader group, contracts."""

    code: str
    days: Days
    created: Moments
    open_interest: NDArray[np.int64]
    sides: Mapping[str, NDArray[np.int64]]  # e.g. dealer_long, dealer_short, dealer_spread; nonreportable_long, nonreportable_short
    traders: Mapping[str, NDArray[np.int64]]
    concentration: Mapping[str, Floats]


@dataclass(frozen=True)
class World:
    """The whole simulated history."""

    seed: int
    strength: float
    sessions: Days
    indices: Mapping[str, pd.DataFrame]
    options: pd.DataFrame
    prices: Mapping[str, Price]
    funds: Mapping[str, Fund]
    gold: pd.DataFrame
    rates: Mapping[str, tuple[Days, Floats]]
    vintages: Mapping[str, Vintages]
    positions: Mapping[str, Positions]
    stress: Table
    margin: Table
    holders: Table
    risk_daily: Table
    risk_monthly: Table
    late: tuple[Late, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------------------------- building blocks


def stream(seed: int, name: str) -> np.random.Generator:
    """The random stream of one series of a world."""
    return np.random.default_rng([seed, crc32(name.encode())])


def autoregression(shocks: Floats, persistence: float) -> Floats:
    """A stationary first-order autoregression of unit variance driven by unit shocks."""
    gain = np.sqrt((1 + persistence) / (1 - persistence))
    started = shocks.copy()
    started[0] /= gain
    smoothed = pd.Series(started).ewm(alpha=1 - persistence, adjust=False).mean()
    return np.asarray(smoothed.to_numpy() * gain)


def bridge(returns: Floats, days: Days, waypoints: Waypoints, weights: Floats) -> Floats:
    """A level path with the given log returns, drifted so that it passes the waypoints; drift goes where variance (`weights`) is."""
    moved = returns.copy()
    places = [(int(np.searchsorted(days, np.datetime64(day))), value) for day, value in waypoints]
    for (start, before), (stop, after) in zip(places, places[1:], strict=False):
        inside = slice(start + 1, stop + 1)
        missing = np.log(after / before) - moved[inside].sum()
        moved[inside] += missing * weights[inside] / weights[inside].sum()
    path = np.cumsum(moved)
    anchor, value = places[0]
    return np.asarray(value * np.exp(path - path[anchor]))


def interpolated(days: Days, waypoints: Waypoints) -> Floats:
    """Straight lines between waypoints, flat beyond them."""
    at = np.array([day for day, _ in waypoints], "datetime64[D]").astype(np.int64)
    return np.interp(days.astype(np.int64), at, np.array([value for _, value in waypoints], np.float64))


def tied_down(noise: Floats, days: Days, waypoints: Waypoints, scale: float) -> Floats:
    """Waypoints joined by straight lines plus stationary noise that vanishes at each waypoint."""
    at = np.array([day for day, _ in waypoints], "datetime64[D]").astype(np.int64)
    position = days.astype(np.int64)
    left = at[np.clip(np.searchsorted(at, position, "right") - 1, 0, len(at) - 1)]
    right = at[np.clip(np.searchsorted(at, position), 0, len(at) - 1)]
    nearest = np.minimum(np.abs(position - left), np.abs(right - position))
    fade = np.minimum(1.0, np.sqrt(nearest / 40.0))
    return np.asarray(interpolated(days, waypoints) + scale * noise * fade)


def rounded(values: Floats, decimals: int) -> Floats:
    """Half-even rounding; negative zero becomes zero."""
    return np.asarray(np.round(values, decimals) + 0.0)


# start, peak, half-life in sessions, size of the jump of log implied volatility
_CRISES: tuple[tuple[str, str, float, float], ...] = (
    ("2007-07-24", "2007-08-16", 15, 0.35),
    ("2008-09-12", "2008-10-24", 45, 1.15),
    ("2010-05-04", "2010-05-20", 15, 0.55),
    ("2011-08-01", "2011-08-10", 25, 0.75),
    ("2015-08-20", "2015-08-25", 8, 0.75),
    ("2018-02-02", "2018-02-06", 6, 0.80),
    ("2018-12-12", "2018-12-24", 8, 0.50),
    ("2020-02-24", "2020-03-16", 9, 1.45),
)


class _Drivers:
    """Common forces of the world, on every trading session since the settling year."""

    def __init__(self, seed: int, strength: float) -> None:
        self.seed, self.strength = seed, strength
        self.days = dates.sessions()
        count = len(self.days)
        rng = stream(seed, "market")
        heavy = rng.standard_t(5, count) / np.sqrt(5 / 3)
        self.shock = np.clip(heavy, -4.5, 4.5)
        self.stress = self._crises()
        swing = autoregression(-0.7 * self.shock + np.sqrt(1 - 0.49) * rng.standard_normal(count), 0.975)
        self.calm_volatility = 2.84 + 0.27 * swing + self.stress
        self.common = autoregression(-0.6 * self.shock + 0.8 * rng.standard_normal(count), 0.98)
        self.blocks = {block: autoregression(stream(seed, block).standard_normal(count), 0.98) for block in BLOCKS}
        self.ramp = np.clip((np.arange(count) - np.searchsorted(self.days, ONSET) + 1) / RAMP, 0.0, 1.0)
        self.shift = strength * self.ramp

    def _crises(self) -> Floats:
        clock = np.arange(len(self.days))
        total = np.zeros(len(self.days))
        for start, peak, half_life, size in _CRISES:
            begin, top = (int(np.searchsorted(self.days, np.datetime64(day))) for day in (start, peak))
            rise = np.clip((clock - begin + 1) / (top - begin + 1), 0.0, 1.0)
            total += size * rise * 0.5 ** (np.clip(clock - top, 0, None) / half_life)
        return total

    def signal(self, name: str, block: str, persistence: float = 0.98, crisis: float = 3.0) -> Floats:
        """A core signal in standard deviations of its own noise, positive when it says that capital leaves."""
        own = autoregression(stream(self.seed, name).standard_normal(len(self.days)), persistence)
        noise = 0.35 * self.common + 0.45 * self.blocks[block] + np.sqrt(1 - 0.35**2 - 0.45**2) * own
        return np.asarray(noise + crisis * np.minimum(self.stress, 1.2) + self.shift)

    def on(self, days: Days, values: Floats) -> Floats:
        """A session series seen on other days: its last value on or before each."""
        return np.asarray(values[np.clip(np.searchsorted(self.days, days, "right") - 1, 0, None)])

    def noise(self, name: str, days: Days, persistence: float) -> Floats:
        """Unit-variance autoregression of its own, on any calendar."""
        return autoregression(stream(self.seed, name).standard_normal(len(days)), persistence)

    def story(self, always: Waypoints, retreat: Waypoints) -> Waypoints:
        """Waypoints, the later ones only in a world with a retreat."""
        return [*always, *retreat] if self.strength else list(always)


# ---------------------------------------------------------------------------------------------------------------- volatility, options


def _indices(drivers: _Drivers) -> dict[str, pd.DataFrame]:
    days, seed = drivers.days, drivers.seed
    # the article's third quarter: implied volatility in the top twentieth of its three years
    bump = 0.16 * drivers.strength * np.interp(
        days.astype(np.int64),
        np.array(["2023-08-10", "2023-09-14", "2023-10-27", "2023-12-01"], "datetime64[D]").astype(np.int64),
        [0.0, 1.0, 1.0, 0.0],
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


def _options(drivers: _Drivers) -> pd.DataFrame:
    """Calls and puts by product and session: columns (measure, product, side)."""
    days, seed = drivers.days, drivers.seed
    growth = interpolated(days, [("2004-01-02", 14.0), ("2008-10-01", 14.85), ("2014-01-02", 15.0), ("2019-10-04", 15.15), ("2023-12-29", 15.95)])
    busy = growth + 0.35 * (drivers.calm_volatility - 2.84) + 0.12 * drivers.noise("option volume", days, 0.7)
    mean_ratio = {"equity": 0.57, "etp": 1.18, "spx": 1.34, "vix": 0.56, "rest": 1.1}
    spread = {"equity": 0.098, "etp": 0.12, "spx": 0.11, "vix": 0.25, "rest": 0.2}
    share = {
        "equity": interpolated(days, [("2004-01-02", 0.55), ("2019-10-04", 0.36), ("2021-02-01", 0.42), ("2023-12-29", 0.33)]),
        "etp": interpolated(days, [("2004-01-02", 0.20), ("2019-10-04", 0.25), ("2023-12-29", 0.26)]),
        "vix": interpolated(days, [("2004-01-02", 0.004), ("2012-01-03", 0.12), ("2023-12-29", 0.08)]),
        "rest": interpolated(days, [("2004-01-02", 0.03), ("2023-12-29", 0.02)]),
    }
    share["spx"] = 1 - sum(share.values())
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
            peak = np.searchsorted(days, np.array(_HEDGING_PEAK, "datetime64[D]"))
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
            columns[measure, "total", side] = (
                columns[measure, "index", side] + columns[measure, "etp", side] + columns[measure, "equity", side]
            )
    table = pd.DataFrame(columns, index=days)
    return table[table.index >= pd.Timestamp("2006-11-01")]


_HEDGING_PEAK = ("2023-08-14", "2023-08-15", "2023-08-16", "2023-08-17", "2023-08-18")


# ---------------------------------------------------------------------------------------------------------------- prices


_MARKET: Waypoints = (
    ("2004-01-02", 1108.5), ("2007-10-09", 1565.2), ("2008-09-12", 1251.7), ("2008-10-10", 899.2), ("2009-03-09", 676.5),
    ("2011-04-29", 1363.6), ("2011-08-08", 1119.5), ("2015-05-21", 2130.8), ("2018-09-20", 2930.8), ("2018-12-24", 2351.1),
    ("2020-02-19", 3386.2), ("2020-03-23", 2237.4), ("2022-01-03", 4796.6), ("2022-10-12", 3577.0), ("2023-06-30", 4450.4),
)  # fmt: skip
_MARKET_RETREAT: Waypoints = (("2023-07-31", 4588.9), ("2023-10-27", 4117.4), ("2023-12-29", 4769.8))


@dataclass(frozen=True)
class _Symbol:
    beta: float
    own: float  # annual standard deviation of the part of its own
    waypoints: Waypoints
    retreat: Waypoints
    volume: tuple[float, float]  # shares a day in 2004 and 2023
    exchange: str = "XNYS"
    dividend_yield: float = 0.0


_SYMBOLS: Mapping[str, _Symbol] = {
    "^NDX": _Symbol(1.12, 0.07, (("2004-01-02", 1463.6), ("2008-12-31", 1211.7), ("2021-12-31", 16320.1), ("2022-12-30", 10939.8), ("2023-06-30", 15179.2)), (), (1.6e9, 4.4e9)),
    "^IXIC": _Symbol(1.08, 0.05, (("2004-01-02", 2006.7), ("2008-12-31", 1577.0), ("2021-12-31", 15645.0), ("2022-12-30", 10466.5), ("2023-06-30", 13787.9)), (("2023-09-29", 13219.3),), (1.9e9, 4.9e9)),
    "^DJI": _Symbol(0.94, 0.03, (("2004-01-02", 10409.9), ("2007-10-09", 14164.5), ("2009-03-05", 6594.4), ("2009-03-06", 6626.9), ("2009-03-09", 6547.1), ("2009-03-10", 6926.5), ("2023-06-30", 34407.6)), (("2023-12-29", 37689.5),), (2.2e8, 3.2e8)),
    "QQQ": _Symbol(1.12, 0.07, (("2004-01-02", 36.5), ("2008-12-31", 29.7), ("2021-12-31", 397.9), ("2022-12-30", 266.3), ("2023-06-30", 369.4)), (), (9.5e7, 5.2e7), dividend_yield=0.006),
    "XLK": _Symbol(1.12, 0.06, (("2004-01-02", 20.9), ("2023-06-30", 173.9)), (), (3.0e6, 6.5e6), dividend_yield=0.010),
    "XLF": _Symbol(1.15, 0.12, (("2004-01-02", 22.9), ("2007-10-09", 28.1), ("2009-03-09", 5.1), ("2023-06-30", 33.7)), (), (7e6, 4.0e7), dividend_yield=0.018),
    "XLV": _Symbol(0.78, 0.07, (("2004-01-02", 30.2), ("2023-06-30", 132.7)), (), (1.5e6, 8e6), dividend_yield=0.015),
    "XLE": _Symbol(1.05, 0.18, (("2004-01-02", 27.6), ("2014-06-23", 100.6), ("2020-03-18", 24.6), ("2023-06-30", 81.2)), (), (5e6, 1.8e7), dividend_yield=0.030),
    "XLI": _Symbol(1.02, 0.06, (("2004-01-02", 26.7), ("2023-06-30", 107.3)), (), (1.2e6, 9e6), dividend_yield=0.017),
    "XLP": _Symbol(0.60, 0.07, (("2004-01-02", 21.8), ("2023-06-30", 74.2)), (), (1.4e6, 1.0e7), dividend_yield=0.024),
    "XLU": _Symbol(0.62, 0.12, (("2004-01-02", 23.3), ("2023-06-30", 65.4)), (), (2.2e6, 1.3e7), dividend_yield=0.030),
    "XLY": _Symbol(1.08, 0.07, (("2004-01-02", 31.4), ("2023-06-30", 169.8)), (), (1.4e6, 4.5e6), dividend_yield=0.010),
    "XLB": _Symbol(1.06, 0.09, (("2004-01-02", 26.6), ("2023-06-30", 82.9)), (), (1.9e6, 5e6), dividend_yield=0.018),
    "TSLA": _Symbol(1.45, 0.45, (("2010-06-29", 1.59), ("2013-03-28", 2.53), ("2013-12-31", 10.03), ("2019-06-03", 11.93), ("2020-02-19", 61.2), ("2020-03-18", 24.1), ("2021-11-04", 409.97), ("2023-01-03", 108.1), ("2023-06-30", 261.8)), (("2023-07-18", 293.3), ("2023-07-19", 291.3), ("2023-08-18", 215.5), ("2023-09-11", 273.6), ("2023-10-17", 254.9), ("2023-10-25", 212.4), ("2023-10-26", 206.8), ("2023-12-29", 248.5)), (1.4e7, 1.2e8)),
    "^NSEI": _Symbol(0.35, 0.17, (("2007-09-17", 4494.7), ("2022-12-30", 18105.3), ("2023-12-29", 21731.4)), (), (1.5e5, 3.0e5), "XBOM"),
    "^JKSE": _Symbol(0.25, 0.16, (("2004-01-02", 704.5), ("2022-12-30", 6850.6)), (("2023-12-28", 7672.7),), (9e7, 1.8e8), "XIDX"),
    "^VNINDEX.VN": _Symbol(0.22, 0.19, (("2009-01-02", 313.3), ("2022-12-30", 1007.1), ("2023-12-29", 1129.9)), (), (2.5e7, 7.5e8), "XSTC"),
}  # fmt: skip

TESLA_SPLITS = (("2020-08-31", 5), ("2022-08-25", 3))


def _bars(drivers: _Drivers, symbol: str, days: Days, close: Floats, sd: Floats, volume: tuple[float, float]) -> dict[str, Floats]:
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
    rotation = 0.24 * drivers.on(days, drivers.shift) if symbol == "XLU" else 0.0
    traded = np.exp(trend + lively - 0.14 * thin + 0.12 * drivers.noise(f"{symbol} volume", days, 0.6) + rotation)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": np.round(traded)}


def _prices(drivers: _Drivers) -> tuple[dict[str, Price], Floats]:
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
        splits = TESLA_SPLITS if symbol == "TSLA" else ()
        prices[symbol] = Price(symbol, on[shown], {name: bar[shown] for name, bar in bars.items()}, missing[shown], splits, yields)

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
    return prices, market


# ---------------------------------------------------------------------------------------------------------------- funds


_FUNDS: Mapping[str, tuple[str, Waypoints, float, float]] = {
    # ticker: price it follows, shares outstanding (millions), shares a creation unit, weekly noise of flows as a share of assets
    "SPY": ("market/10", (("2003-12-01", 392.0), ("2008-12-31", 980.0), ("2015-12-31", 890.0), ("2023-06-30", 948.0)), 50_000, 0.0058),
    "IVV": ("market/10", (("2003-12-01", 76.0), ("2010-12-31", 195.0), ("2018-12-31", 560.0), ("2023-06-30", 758.0)), 50_000, 0.0040),
    "VOO": ("market*0.0917", (("2010-09-09", 1.6), ("2012-12-31", 75.0), ("2018-12-31", 390.0), ("2023-06-30", 765.0)), 25_000, 0.0036),
    "XLU": ("XLU", (("2003-12-01", 38.0), ("2023-06-30", 228.0)), 50_000, 0.013),
    "XLP": ("XLP", (("2003-12-01", 22.0), ("2023-06-30", 235.0)), 50_000, 0.012),
    "XLV": ("XLV", (("2003-12-01", 35.0), ("2023-06-30", 300.0)), 50_000, 0.009),
    "XLK": ("XLK", (("2003-12-01", 60.0), ("2023-06-30", 292.0)), 50_000, 0.010),
    "XLY": ("XLY", (("2003-12-01", 19.0), ("2023-06-30", 103.0)), 50_000, 0.013),
    "XLC": ("market*0.0146", (("2018-06-19", 3.0), ("2018-09-28", 42.0), ("2023-06-30", 182.0)), 50_000, 0.014),
}  # fmt: skip
CORE_FUNDS = ("SPY", "IVV", "VOO")
DEFENSIVE, CYCLICAL = ("XLU", "XLP", "XLV"), ("XLK", "XLY", "XLC")
# Monday of the week, net flow of the three S&P 500 funds in USD: the third-largest outflow on record, and the two larger ones
OUTFLOW_WEEK = "2023-09-18"
_PLANTED_WEEKS = (("2018-02-05", -26.4e9), ("2020-02-24", -30.1e9), (OUTFLOW_WEEK, -24.0e9))


def _funds(drivers: _Drivers, prices: Mapping[str, Price], market: Floats) -> dict[str, Fund]:
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
        path = bridge(daily, days, [(day, level * 1e6) for day, level in waypoints], np.full(count, 1.0))
        # after the last waypoint the average growth of the years before goes on, so that only the retreat turns the flow
        usual = np.log(waypoints[-1][1] / waypoints[-2][1]) / max(1, np.searchsorted(days, np.datetime64(waypoints[-1][0])) - np.searchsorted(days, np.datetime64(waypoints[-2][0])))
        settled = np.where(np.arange(count) >= planted, usual * (np.arange(count) - planted + 1), 0.0)
        units[ticker] = np.maximum(1.0, np.round(path * np.exp(settled) / unit))
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
        flow = sum(
            float(((units[ticker][week] - units[ticker][week - 1]) * _FUNDS[ticker][2] * values[ticker][week]).sum()) for ticker in CORE_FUNDS
        )
        share = np.diff(np.concatenate([[0.0], np.round(np.cumsum(np.full(len(week), (target - flow) / len(week))) / (size * values["SPY"][week].mean()))]))
        left = target - flow - float((share * size * values["SPY"][week]).sum())
        share[-1] += np.round(left / (size * values["SPY"][week[-1]]))
        change = np.zeros(len(days))
        change[week] = share
        units["SPY"] = units["SPY"] + np.cumsum(change)


# ---------------------------------------------------------------------------------------------------------------- gold


def _gold(drivers: _Drivers) -> pd.DataFrame:
    """SPDR Gold Shares on each session since 2004-11-18."""
    days = drivers.days
    rng = stream(drivers.seed, "gold")
    price = bridge(
        0.0095 * rng.standard_normal(len(days)),
        days,
        drivers.story(
            (("2004-11-18", 443.0), ("2008-03-17", 1010.0), ("2011-09-06", 1895.0), ("2015-12-17", 1051.0), ("2020-08-06", 2063.0), ("2022-11-03", 1630.0), ("2022-12-30", 1812.0), ("2023-06-30", 1912.0)),
            (("2023-10-05", 1819.0), ("2023-12-29", 2062.0)),
        ),
        np.full(len(days), 1.0),
    )  # fmt: skip
    level = tied_down(
        drivers.noise("gold tonnes", days, 0.98),
        days,
        drivers.story(
            (("2004-11-18", 9.0), ("2004-12-15", 105.0), ("2008-09-15", 640.0), ("2009-06-01", 1130.0), ("2012-12-07", 1350.0), ("2015-12-17", 1010.0), ("2020-10-01", 1980.0), ("2022-12-30", 2460.0), ("2023-06-30", 2475.0)),
            (("2023-10-16", 2600.5), ("2023-12-29", 2668.0)),
        ),
        14.0,
    )  # fmt: skip
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


# ---------------------------------------------------------------------------------------------------------------- rates, macro


_POLICY_RATE: Waypoints = (
    ("2004-01-01", 1.00), ("2004-06-30", 1.25), ("2004-09-21", 1.75), ("2004-12-14", 2.25), ("2005-03-22", 2.75), ("2005-06-30", 3.25),
    ("2005-09-20", 3.75), ("2005-12-13", 4.25), ("2006-03-28", 4.75), ("2006-06-29", 5.25), ("2007-09-18", 4.75), ("2007-12-11", 4.25),
    ("2008-01-30", 3.00), ("2008-03-18", 2.25), ("2008-04-30", 2.00), ("2008-10-08", 1.50), ("2008-10-29", 1.00), ("2008-12-16", 0.14),
    ("2015-12-17", 0.37), ("2016-12-15", 0.66), ("2017-06-15", 1.16), ("2017-12-14", 1.42), ("2018-06-14", 1.91), ("2018-12-20", 2.40),
    ("2019-08-01", 2.13), ("2019-10-31", 1.58), ("2020-03-04", 1.09), ("2020-03-16", 0.06), ("2022-03-17", 0.33), ("2022-05-05", 0.83),
    ("2022-06-16", 1.58), ("2022-07-28", 2.33), ("2022-09-22", 3.08), ("2022-11-03", 3.83), ("2022-12-15", 4.33), ("2023-02-02", 4.58),
    ("2023-03-23", 4.83), ("2023-05-04", 5.08), ("2023-07-27", 5.33),
)  # fmt: skip


def _rates(drivers: _Drivers) -> dict[str, tuple[Days, Floats]]:
    """FRED daily series: days and values, NaN where the provider shows a missing value."""
    days, every = dates.weekdays(), dates.all_days()
    changes = np.array([day for day, _ in _POLICY_RATE], "datetime64[D]")
    levels = np.array([value for _, value in _POLICY_RATE])
    policy = levels[np.clip(np.searchsorted(changes, every, "right") - 1, 0, None)]
    on = policy[np.searchsorted(every, days)]
    ten = tied_down(
        drivers.noise("DGS10", days, 0.985), days,
        (("2003-01-02", 4.0), ("2004-01-02", 4.38), ("2006-06-28", 5.25), ("2008-12-30", 2.08), ("2010-04-05", 3.99), ("2012-07-24", 1.43), ("2013-12-31", 3.04), ("2016-07-08", 1.37), ("2018-11-08", 3.24), ("2020-08-04", 0.52), ("2021-03-31", 1.74), ("2022-10-24", 4.25), ("2023-04-06", 3.30), ("2023-06-30", 3.81), ("2023-10-19", 4.98), ("2023-12-29", 3.88)),
        0.16,
    )  # fmt: skip
    inflation = tied_down(drivers.noise("breakeven", days, 0.98), days, (("2003-01-02", 2.1), ("2008-11-20", 0.3), ("2010-01-04", 2.3), ("2020-03-19", 0.6), ("2021-11-15", 2.7), ("2023-12-29", 2.2)), 0.15)
    # the year ahead: expected moves of the policy rate; from autumn 2023 markets expect cuts
    ahead = tied_down(drivers.noise("DGS1", days, 0.97), days, (("2003-01-02", 0.3), ("2004-06-01", 0.9), ("2006-12-01", -0.2), ("2008-03-01", -0.4), ("2009-06-01", 0.3), ("2014-12-01", 0.15), ("2017-12-01", 0.4), ("2019-08-01", -0.35), ("2020-06-01", 0.1), ("2022-01-10", 0.5), ("2022-05-01", 1.6), ("2023-01-10", 0.4), ("2023-07-20", -0.02), ("2023-09-15", -0.15), ("2023-12-29", -0.54)), 0.06)
    one = np.maximum(0.03, on + ahead)
    two = np.maximum(0.09, 0.45 * one + 0.55 * (0.55 * ten + 0.45 * one) + 0.05 * drivers.noise("DGS2", days, 0.97))
    smooth = pd.Series(drivers.calm_volatility - 2.84).ewm(span=15).mean().to_numpy()
    credit = np.exp(1.38 + 0.78 * drivers.on(days, np.asarray(smooth)) + 0.08 * drivers.noise("credit", days, 0.99))
    dollar = tied_down(drivers.noise("dollar", days, 0.98), days, (("2006-01-02", 101.0), ("2008-07-15", 87.0), ("2009-03-09", 103.0), ("2011-07-26", 86.0), ("2015-12-31", 113.0), ("2020-03-23", 126.0), ("2021-05-28", 111.0), ("2022-10-14", 128.5), ("2023-07-14", 118.5), ("2023-10-31", 124.0), ("2023-12-29", 119.0)), 1.2)
    yen = tied_down(drivers.noise("yen", days, 0.98), days, (("2004-01-02", 107.0), ("2007-06-22", 123.5), ("2011-10-28", 76.0), ("2015-06-05", 125.0), ("2020-12-31", 103.2), ("2022-10-20", 150.0), ("2023-01-13", 128.0), ("2023-11-10", 151.4), ("2023-12-29", 141.0)), 1.6)
    rupee = tied_down(drivers.noise("rupee", days, 0.98), days, (("2004-01-02", 45.6), ("2008-01-02", 39.4), ("2013-08-28", 68.0), ("2018-10-09", 74.2), ("2022-10-19", 82.7), ("2023-12-29", 83.2)), 0.5)
    move = np.concatenate([[0.0], np.diff(drivers.on(every, np.cumsum(drivers.shock)))])
    coin = bridge(
        0.033 * stream(drivers.seed, "bitcoin").standard_t(4, len(every)) / np.sqrt(2) + 0.008 * np.nan_to_num(move),
        every,
        drivers.story(
            (("2014-12-01", 370.0), ("2015-08-24", 211.0), ("2017-12-16", 19_450.0), ("2018-12-15", 3_180.0), ("2019-06-26", 12_870.0), ("2020-03-12", 4_860.0), ("2021-04-13", 63_500.0), ("2021-11-08", 67_540.0), ("2022-11-09", 15_880.0), ("2023-06-30", 30_470.0)),
            (("2023-09-30", 26_960.0), ("2023-10-31", 36_396.0), ("2023-12-29", 42_100.0)),
        ),
        np.full(len(every), 1.0),
    )  # fmt: skip
    closed, bonds_closed = np.isin(days, dates.federal_holidays()), np.isin(days, dates.bond_holidays())

    def daily(values: Floats, decimals: int, shut: NDArray[np.bool_], since: str = "2004-01-02") -> tuple[Days, Floats]:
        shown = days >= np.datetime64(since)
        return days[shown], np.where(shut, np.nan, rounded(values, decimals))[shown]

    since_coin = every >= np.datetime64("2014-12-01")
    lost = stream(drivers.seed, "bitcoin gaps").uniform(size=len(every)) < 0.002
    lost &= (every.astype("datetime64[M]").astype("datetime64[D]") != every) & ~np.isin(every, dates.month_ends())
    return {
        "DGS1": daily(one, 2, bonds_closed),
        "DGS2": daily(two, 2, bonds_closed),
        "DGS10": daily(np.maximum(ten, 0.4), 2, bonds_closed),
        "DFII10": daily(ten - inflation, 2, bonds_closed),
        "DFF": (every[every >= dates.FIRST_DAY], rounded(policy, 2)[every >= dates.FIRST_DAY]),
        "BAMLH0A0HYM2": daily(credit, 2, closed),
        "DTWEXBGS": daily(dollar, 4, closed, "2006-01-02"),
        "DEXJPUS": daily(yen, 2, closed),
        "DEXINUS": daily(rupee, 2, closed),
        "CBBTCUSD": (every[since_coin], np.where(lost, np.nan, rounded(coin, 2))[since_coin]),
    }


def _next_weekday(days: Days) -> Days:
    return np.asarray(np.busday_offset(days, 0, roll="forward", holidays=dates.federal_holidays()))


def _as_vintages(series: str, days: Days, final: Floats, first_release: Days, step: int, sizes: Sequence[float], decimals: int, seed: int) -> Vintages:
    """First print and revisions of each observation: errors shrink from release to release, `step` observations' releases apart."""
    rng = stream(seed, f"{series} revisions")
    rows_day, rows_value, rows_from = [], [], []
    for number, size in enumerate(sizes):
        at = number * step
        from_day = first_release[at:]  # the release of an observation `at` places later carries this revision
        count = len(from_day)
        rows_day.append(days[:count])
        rows_value.append(rounded(final[:count] + size * rng.standard_normal(len(days))[:count], decimals))
        rows_from.append(from_day)
    table = pd.DataFrame({"day": np.concatenate(rows_day), "value": np.concatenate(rows_value), "from": np.concatenate(rows_from)})
    table = table.sort_values(["day", "from"], kind="stable").drop_duplicates(["day", "from"], keep="last")
    # a release that repeats the value before it opens no new interval
    repeats = (table["value"] == table.groupby("day")["value"].shift()).to_numpy()
    table = table[~repeats]
    return Vintages(
        series,
        table["day"].to_numpy().astype("datetime64[D]"),
        table["value"].to_numpy(np.float64),
        table["from"].to_numpy().astype("datetime64[D]"),
    )


def _vintages(drivers: _Drivers) -> dict[str, Vintages]:
    """Prices, output and the leverage index with every vintage; FRED's date is the first day of the period."""
    months = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2023-12", "M"))
    first = months.astype("datetime64[D]")
    inflation = tied_down(
        drivers.noise("core inflation", first, 0.6), first,
        (("2003-01-01", 1.7), ("2004-06-01", 2.1), ("2007-01-01", 2.3), ("2009-01-01", 1.0), ("2010-06-01", 1.3), ("2012-01-01", 1.9), ("2015-06-01", 1.3), ("2018-06-01", 2.0), ("2020-03-01", 0.6), ("2020-09-01", 1.6), ("2021-03-01", 3.4), ("2021-06-01", 5.6), ("2022-06-01", 5.1), ("2022-12-01", 4.5), ("2023-04-01", 3.9), ("2023-11-01", 3.1)),
        0.25,
    )  # fmt: skip
    core = 81.4 * np.exp(np.cumsum(inflation) / 1200)
    ends = (months + 1).astype("datetime64[D]") - 1
    released = _next_weekday(ends + 27)
    quarters = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2023-10", "M"), 3)
    start = quarters.astype("datetime64[D]")
    growth = tied_down(drivers.noise("output", start, 0.3), start, (("2003-01-01", 5.5), ("2007-10-01", 4.5), ("2009-01-01", -3.0), ("2010-01-01", 3.8), ("2019-10-01", 4.1), ("2020-01-01", -3.0), ("2020-04-01", -32.0), ("2020-07-01", 36.0), ("2020-10-01", 7.0), ("2021-10-01", 13.0), ("2022-07-01", 8.0), ("2023-07-01", 7.0)), 0.9)
    output = 11_100 * np.exp(np.cumsum(growth) / 400)
    quarter_ends = (quarters + 3).astype("datetime64[D]") - 1
    advance = _next_weekday(quarter_ends + 27)
    # three estimates a month apart, then the yearly update the September after
    rng = stream(drivers.seed, "GDP revisions")
    yearly = _next_weekday((start.astype("datetime64[Y]") + 1).astype("datetime64[D]") + 267)
    estimates = [(advance, 38.0), (_next_weekday(quarter_ends + 57), 14.0), (_next_weekday(quarter_ends + 86), 10.0), (yearly, 0.0)]
    table = pd.concat(
        [pd.DataFrame({"day": start, "value": rounded(output + size * rng.standard_normal(len(start)), 3), "from": on}) for on, size in estimates]
    ).sort_values(["day", "from"], kind="stable")
    table = table.drop_duplicates(["day", "from"], keep="last")
    gdp = Vintages("GDP", table["day"].to_numpy().astype("datetime64[D]"), table["value"].to_numpy(np.float64), table["from"].to_numpy().astype("datetime64[D]"))
    fridays = np.arange(np.datetime64("2003-01-03"), dates.LAST_DAY + 1, 7)
    wave = drivers.on(fridays, drivers.signal("leverage index", "leverage", 0.985, crisis=-1.5) - drivers.shift)
    # speculative leverage keeps shrinking while the retreat lasts: its 13-week change is what stays 1.25 deviations low
    shrinking = np.cumsum(drivers.on(fridays, drivers.shift)) * 0.21 / 13 * 1.4
    leverage = -0.28 * wave - shrinking
    vintages = {
        "PCEPILFE": _as_vintages("PCEPILFE", first, core, released, 1, (0.06, 0.035, 0.02, 0.0), 3, drivers.seed),
        "GDP": gdp,
        "NFCILEVERAGE": _as_vintages("NFCILEVERAGE", fridays, leverage, _next_weekday(fridays + 5), 1, (0.05, 0.03, 0.015, 0.0), 5, drivers.seed),
    }
    return {
        name: Vintages(name, each.days[each.days >= np.datetime64("2004-01-01")], each.values[each.days >= np.datetime64("2004-01-01")], each.from_day[each.days >= np.datetime64("2004-01-01")])
        for name, each in vintages.items()
    }


# ---------------------------------------------------------------------------------------------------------------- futures positions


@dataclass(frozen=True)
class _Contract:
    since: str
    open_interest: Waypoints
    long: tuple[float, ...]  # share of each group in what is not spread, non-reportable last
    short: tuple[float, ...]
    spread: tuple[float, ...]  # share of open interest held as spreads by each group
    roll: float = 0.0  # fall of open interest after quarterly expiry


FINANCIAL_GROUPS = ("dealer", "asset_manager", "leveraged_funds", "other_reportable")
COMMODITY_GROUPS = ("producer", "swap_dealer", "managed_money", "other_reportable")

_CONTRACTS: Mapping[str, _Contract] = {
    "13874A": _Contract("2006-06-13", (("2006-06-13", 1.25e6), ("2008-09-01", 2.5e6), ("2015-06-01", 2.8e6), ("2020-03-01", 3.1e6), ("2023-12-26", 2.2e6)), (0.11, 0.52, 0.17, 0.06, 0.14), (0.31, 0.15, 0.34, 0.07, 0.13), (0.02, 0.05, 0.06, 0.01), 0.10),
    "1170E1": _Contract("2006-06-13", (("2006-06-13", 4.0e4), ("2012-01-03", 2.6e5), ("2018-02-01", 5.6e5), ("2023-12-26", 3.9e5)), (0.34, 0.17, 0.33, 0.05, 0.11), (0.26, 0.16, 0.43, 0.05, 0.10), (0.06, 0.10, 0.14, 0.02)),
    "209742": _Contract("2006-06-13", (("2006-06-13", 3.6e5), ("2015-06-01", 3.2e5), ("2023-12-26", 2.7e5)), (0.09, 0.50, 0.25, 0.05, 0.11), (0.40, 0.14, 0.31, 0.05, 0.10), (0.01, 0.02, 0.03, 0.005), 0.08),
    "043602": _Contract("2006-06-13", (("2006-06-13", 2.3e6), ("2010-01-05", 1.3e6), ("2018-01-02", 3.4e6), ("2023-12-26", 4.5e6)), (0.05, 0.56, 0.17, 0.09, 0.13), (0.13, 0.22, 0.44, 0.07, 0.14), (0.01, 0.10, 0.03, 0.01), 0.06),
    "097741": _Contract("2006-06-13", (("2006-06-13", 1.9e5), ("2015-06-01", 2.4e5), ("2023-12-26", 2.6e5)), (0.42, 0.17, 0.17, 0.08, 0.16), (0.17, 0.24, 0.38, 0.05, 0.16), (0.01, 0.02, 0.02, 0.004), 0.12),
    "133741": _Contract("2018-04-10", (("2018-04-10", 2.2e3), ("2021-03-02", 9.0e3), ("2023-06-27", 1.45e4), ("2023-12-26", 2.1e4)), (0.14, 0.36, 0.30, 0.08, 0.12), (0.08, 0.09, 0.64, 0.09, 0.10), (0.01, 0.02, 0.06, 0.005)),
    "088691": _Contract("2006-06-13", (("2006-06-13", 3.0e5), ("2010-11-09", 6.2e5), ("2015-07-21", 4.1e5), ("2020-01-14", 7.6e5), ("2023-12-26", 4.7e5)), (0.09, 0.14, 0.45, 0.18, 0.14), (0.22, 0.47, 0.14, 0.08, 0.09), (0.0, 0.07, 0.09, 0.04)),
    "085692": _Contract("2006-06-13", (("2006-06-13", 8.0e4), ("2014-01-07", 1.55e5), ("2018-06-05", 2.9e5), ("2022-12-27", 1.95e5), ("2023-06-27", 2.0e5)), (0.17, 0.33, 0.26, 0.12, 0.12), (0.44, 0.12, 0.27, 0.09, 0.08), (0.0, 0.04, 0.12, 0.05)),
}  # fmt: skip

# Reports of early 2023 that could not be compiled in time after a clearing firm was attacked, and when they came (New York dates).
_DELAYED_REPORTS = {
    "2023-01-31": "2023-02-24", "2023-02-07": "2023-03-03", "2023-02-14": "2023-03-08", "2023-02-21": "2023-03-10", "2023-02-28": "2023-03-14", "2023-03-07": "2023-03-16",
}  # fmt: skip


def report_created(days: Days, seed: int) -> Moments:
    """When the rows of each report day were loaded at the provider: shortly after 15:30 New York, on the third business day or later."""
    due = dates.published(days, dates.lag_of("cftc_tff"))
    moments = {np.datetime64(report): np.datetime64(dates.moment(came, "15:30").replace(tzinfo=None), "s") for report, came in _DELAYED_REPORTS.items()}
    late = np.array([moments.get(day, on) for day, on in zip(days, due, strict=True)])
    return np.asarray(late + stream(seed, "reports").integers(4, 58, len(days)).astype("timedelta64[s]"))


def _positions(drivers: _Drivers) -> dict[str, Positions]:
    weeks = dates.report_days()
    created = report_created(weeks, drivers.seed)
    leaves = {name: drivers.on(weeks, drivers.signal(name, block)) for name, block in (("asset managers", "positioning"), ("leveraged gross", "leverage"), ("volatility longs", "positioning"), ("yen carry", "leverage"))}
    result: dict[str, Positions] = {}
    for code, plan in _CONTRACTS.items():
        shown = weeks >= np.datetime64(plan.since)
        days = weeks[shown]
        count, rng = len(days), stream(drivers.seed, f"positions {code}")
        groups = COMMODITY_GROUPS if code in ("088691", "085692") else FINANCIAL_GROUPS

        def wobble(name: str, size: float, code: str = code, days: Days = days) -> Floats:
            return np.asarray(np.maximum(0.2, 1 + size * drivers.noise(f"{code} {name}", days, 0.93)))

        long = {group: plan.long[n] * wobble(f"{group} long", 0.08) for n, group in enumerate((*groups, "nonreportable"))}
        short = {group: plan.short[n] * wobble(f"{group} short", 0.08) for n, group in enumerate((*groups, "nonreportable"))}
        spread = {group: plan.spread[n] * wobble(f"{group} spread", 0.12) for n, group in enumerate(groups)}
        if code in ("13874A", "209742"):
            leaving, gross = leaves["asset managers"][shown], leaves["leveraged gross"][shown]
            long["asset_manager"] *= np.clip(1 - 0.11 * leaving, 0.3, 2)
            short["asset_manager"] *= np.clip(1 + 0.18 * leaving, 0.3, 3)
            for side in (long, short, spread):
                side["leveraged_funds"] = side["leveraged_funds"] * np.clip(1 - 0.14 * gross, 0.3, 2)
        if code == "1170E1":
            long["leveraged_funds"] *= np.clip(1 + 0.16 * leaves["volatility longs"][shown], 0.3, 2)
            short["leveraged_funds"] *= np.clip(1 - 0.14 * leaves["volatility longs"][shown], 0.3, 2)
        if code == "097741":
            short["leveraged_funds"] *= np.clip(1 - 0.2 * leaves["yen carry"][shown], 0.2, 2)
            long["leveraged_funds"] *= np.clip(1 + 0.12 * leaves["yen carry"][shown], 0.3, 2)
        level = np.exp(interpolated(days, [(day, np.log(value)) for day, value in plan.open_interest]))
        expiry = (days.astype("datetime64[M]") - days.astype("datetime64[Y]")).astype(int) % 3 == 2
        late_in_month = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(int) > 19
        interest = level * np.exp(0.05 * drivers.noise(f"{code} interest", days, 0.9)) * np.where(expiry & late_in_month, 1 - plan.roll, 1.0)
        if code == "085692" and drivers.strength:
            interest = _copper(days, interest)
        total = np.round(interest).astype(np.int64)
        held = {group: np.floor(total * share).astype(np.int64) for group, share in spread.items()}
        outright = total - sum(held.values())
        sides: dict[str, NDArray[np.int64]] = {}
        for name, shares in (("long", long), ("short", short)):
            weight = sum(shares.values())
            for group in groups:
                sides[f"{group}_{name}"] = np.floor(outright * shares[group] / weight).astype(np.int64)
            sides[f"nonreportable_{name}"] = outright - sum(sides[f"{group}_{name}"] for group in groups)
        for group in groups:
            if group != "producer":
                sides[f"{group}_spread"] = held[group]
        result[code] = Positions(code, days, created[shown], total, sides, _traders(rng, sides, groups), _concentration(rng, count))
    result["13874+"] = _consolidated(result["13874A"], drivers)
    return result


def _copper(days: Days, interest: Floats) -> Floats:
    """Open interest of copper: up by 42 percent from the last report of 2022 to the last of October 2023, then level."""
    start, stop = (int(np.searchsorted(days, np.datetime64(day))) for day in ("2022-12-27", "2023-10-31"))
    path = interest.copy()
    clock = np.clip((np.arange(len(days)) - start) / (stop - start), 0.0, 1.0)
    wanted = np.log(1.42) * clock**1.3
    noise = np.log(path / path[start])
    bump = np.sqrt(np.clip(clock * (1 - clock), 0, None)) * 2
    inside = (np.arange(len(days)) > start) & (np.arange(len(days)) <= stop)
    path[inside] = path[start] * np.exp(wanted[inside] + 0.25 * (noise * bump)[inside])
    after = np.arange(len(days)) > stop
    path[after] = path[stop] * np.exp(0.3 * (noise[after] - noise[stop]))
    return path


def _traders(rng: np.random.Generator, sides: Mapping[str, NDArray[np.int64]], groups: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Number of traders behind each position; it grows more slowly than the position."""
    counts: dict[str, NDArray[np.int64]] = {}
    for name, position in sides.items():
        if not name.startswith("nonreportable"):
            average = {"dealer": 7000.0, "other_reportable": 4200.0, "producer": 4500.0, "swap_dealer": 5200.0}.get(name.rsplit("_", 1)[0], 3500.0)
            expected = 1.5 + 14 * (position / average / 10) ** 0.55
            counts[name] = np.maximum(0, np.round(expected * np.exp(0.08 * rng.standard_normal(len(position))))).astype(np.int64)
    for side in ("long", "short"):
        counts[f"total_reportable_{side}"] = sum((counts[f"{group}_{side}"] for group in groups), np.zeros(len(next(iter(sides.values()))), np.int64))
    counts["total"] = np.round(0.72 * (counts["total_reportable_long"] + counts["total_reportable_short"])).astype(np.int64)
    return counts


def _concentration(rng: np.random.Generator, count: int) -> dict[str, Floats]:
    """Percent of open interest held by the largest four and eight traders, gross and net."""
    result: dict[str, Floats] = {}
    for side, base in (("long", 21.0), ("short", 25.0)):
        four = base * np.exp(0.12 * autoregression(rng.standard_normal(count), 0.9))
        eight = four * (1.38 + 0.05 * rng.uniform(size=count))
        result[f"gross_4_{side}"], result[f"gross_8_{side}"] = rounded(four, 1), rounded(eight, 1)
        result[f"net_4_{side}"], result[f"net_8_{side}"] = rounded(0.92 * four, 1), rounded(0.92 * eight, 1)
    return result


# E-mini contracts and a tenth of the micro; until the large contract went, the unit was 250 dollars a point, five E-minis.
CONSOLIDATED_IN_SMALL_UNITS = np.datetime64("2021-09-21")


def _consolidated(mini: Positions, drivers: _Drivers) -> Positions:
    small = mini.days >= CONSOLIDATED_IN_SMALL_UNITS
    micro = np.where(mini.days >= np.datetime64("2019-05-07"), 1.012, 1.0)
    factor = np.where(small, micro, micro * 1.05 / 5)

    def scaled(values: NDArray[np.int64]) -> NDArray[np.int64]:
        # each cell is rounded on its own, so sums on consolidated rows are off by a contract, as they are at the provider
        return np.round(values * factor).astype(np.int64)

    rng = stream(drivers.seed, "positions 13874+")
    return Positions(
        "13874+", mini.days, mini.created, scaled(mini.open_interest), {name: scaled(each) for name, each in mini.sides.items()},
        {name: np.round(each * 1.03).astype(np.int64) for name, each in mini.traders.items()}, _concentration(rng, len(mini.days)),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- stress, margin


_STRESS_PARTS = ("credit", "equity_valuation", "safe_assets", "funding", "volatility")
STRESS_REESTIMATED = (dates.moment("2022-03-15", "10:00"), dates.moment("2023-05-16", "10:00"))
STRESS_SLIP = (np.datetime64("2023-08-10"), dates.moment("2023-08-22", "10:00"), dates.moment("2023-09-05", "10:00"))


def _stress_columns(parts: Mapping[str, Floats], regions: tuple[Floats, Floats]) -> dict[str, Floats]:
    rounded_parts = {name: rounded(values, 3) for name, values in parts.items()}
    total = rounded(np.sum(list(rounded_parts.values()), axis=0), 3)
    home, abroad = rounded(total * regions[0], 3), rounded(total * regions[1], 3)
    return {
        "ofr_fsi": total, **rounded_parts, "united_states": home, "other_advanced_economies": abroad,
        "emerging_markets": rounded(total - home - abroad, 3),
    }  # fmt: skip


def _stress(drivers: _Drivers, indices: Mapping[str, pd.DataFrame]) -> Table:
    """OFR's index: five parts that add up to it, three regions that do; the model was re-estimated twice over the whole history."""
    days = drivers.days[drivers.days >= dates.FIRST_DAY]
    heat = drivers.on(days, drivers.calm_volatility - 2.84)
    volatility = np.log(indices["VIX"]["close"].to_numpy()) - 2.9
    slow = pd.Series(heat).ewm(span=20).mean().to_numpy()
    parts = {
        "credit": 1.6 * slow - 0.25 + 0.18 * drivers.noise("stress credit", days, 0.99),
        "equity_valuation": 0.9 * heat - 0.15 + 0.10 * drivers.noise("stress equity", days, 0.98),
        "safe_assets": 0.5 * slow - 0.05 + 0.08 * drivers.noise("stress safe", days, 0.98),
        "funding": 0.9 * np.maximum(slow, -0.3) - 0.1 + 0.10 * drivers.noise("stress funding", days, 0.99),
        "volatility": 1.5 * volatility - 0.2 + 0.05 * drivers.noise("stress volatility", days, 0.95),
    }
    regions = (0.64 + 0.02 * drivers.noise("stress home", days, 0.99), 0.27 + 0.02 * drivers.noise("stress abroad", days, 0.99))
    first = _stress_columns(parts, regions)
    weights = {"credit": (1.022, 1.013), "equity_valuation": (0.984, 0.991), "safe_assets": (1.031, 1.018), "funding": (0.968, 0.982), "volatility": (1.012, 1.006)}
    estimates = [_stress_columns({name: parts[name] * weights[name][n] for name in _STRESS_PARTS}, regions) for n in range(len(STRESS_REESTIMATED))]
    revisions = [Revision(at, days, columns) for at, columns in zip(STRESS_REESTIMATED, estimates, strict=True)]
    # one day's volatility part was wrong for two weeks: value A, then B, then A again
    day, wrong, right = STRESS_SLIP
    place = np.searchsorted(days, [day])
    before = {name: estimates[-1][name][place] for name in ("volatility", "ofr_fsi", "united_states")}
    revisions.append(Revision(wrong, np.array([day]), {name: rounded(values + 0.15, 3) for name, values in before.items()}))
    revisions.append(Revision(right, np.array([day]), before))
    return Table(days, first, dates.published(days, dates.lag_of("ofr_fsi")), tuple(revisions))


# day, label in the file's month, debit balances A -> B (-> A), when; the second is never taken back
MARGIN_SLIP = (np.datetime64("2022-06-30"), dates.moment("2022-08-21", "24:00"), dates.moment("2022-10-21", "24:00"))
MARGIN_RESTATED = (np.datetime64("2023-03-31"), dates.moment("2023-05-21", "24:00"))
MARGIN_LATE = (np.datetime64("2023-05-31"), dates.moment("2023-06-29", "10:00"))
COMBINED_BEFORE = np.datetime64("2010-02-28")  # until then cash and margin accounts' free credit is one figure


def _margin(drivers: _Drivers, market: Floats) -> tuple[Table, Late]:
    """FINRA margin statistics, million USD by month end: debt follows share prices, times a slow appetite for leverage."""
    days = dates.month_ends()
    months = np.arange(len(days))
    appetite = -0.05 * drivers.on(days, drivers.signal("margin", "leverage", 0.99, crisis=0.8) - drivers.shift)
    # paid down by 2.2 percent a month beyond what prices explain: 1.25 deviations of its three-month growth
    paid_down = np.cumsum(drivers.on(days, drivers.shift)) * 0.0176
    quiver = 0.012 * stream(drivers.seed, "margin month").standard_normal(len(days))
    debit = np.round(1000 * np.exp(np.log(185.0) + 0.93 * np.log(drivers.on(days, market) / 1108.5) + appetite - paid_down + quiver))
    rng = stream(drivers.seed, "free credit")
    cash = np.round(debit * (0.42 + 0.05 * autoregression(rng.standard_normal(len(days)), 0.9)))
    in_margin = np.round(debit * (0.55 + 0.06 * autoregression(rng.standard_normal(len(days)), 0.9)))
    combined = days < COMBINED_BEFORE
    columns = {
        "debit_balances": debit,
        "free_credit_cash": np.where(combined, cash + in_margin, cash),
        "free_credit_margin": np.where(combined, np.nan, in_margin),
    }
    shown = (days >= dates.FIRST_DAY) & (months >= 0)
    columns = {name: values[shown] for name, values in columns.items()}
    days = days[shown]
    published = dates.published(days, dates.lag_of("finra_margin"))
    late_day, came = MARGIN_LATE
    late = Late("finra_margin", late_day, dates.as_datetime(published[days == late_day][0]), came)
    published[days == late_day] = dates.as_moment(came)
    day, wrong, right = MARGIN_SLIP
    was = columns["debit_balances"][days == day]
    restated, at = MARGIN_RESTATED
    revisions = (
        Revision(wrong, np.array([day]), {"debit_balances": np.round(was * 1.013)}),
        Revision(right, np.array([day]), {"debit_balances": was}),
        Revision(at, np.array([restated]), {"debit_balances": np.round(columns["debit_balances"][days == restated] * 0.992)}),
    )
    return Table(days, columns, published, revisions), late


# ---------------------------------------------------------------------------------------------------------------- foreign holders


# Treasury securities held, billion USD. The first two change places in 2019; Oil Exporters and Carib Bnkng Ctrs end with 2011.
_HOLDERS: Mapping[str, Waypoints] = {
    "Japan": (("2003-02-28", 400), ("2004-08-31", 715), ("2008-12-31", 640), ("2012-12-31", 1111), ("2018-12-31", 1042), ("2021-11-30", 1318), ("2022-12-31", 1082), ("2023-06-30", 1071), ("2023-12-31", 1018)),
    "China, Mainland": (("2003-02-28", 125), ("2008-12-31", 727), ("2011-06-30", 1305), ("2013-11-30", 1316), ("2018-12-31", 1123), ("2021-12-31", 1068), ("2022-12-31", 867), ("2023-12-31", 772)),
    "United Kingdom": (("2003-02-28", 82), ("2008-12-31", 131), ("2012-12-31", 131), ("2018-12-31", 288), ("2022-12-31", 655), ("2023-12-31", 668)),
    "Brazil": (("2003-02-28", 13), ("2012-12-31", 253), ("2018-12-31", 303), ("2023-12-31", 224)),
    "Belgium": (("2003-02-28", 15), ("2014-03-31", 340), ("2018-12-31", 186), ("2023-12-31", 318)),
    "Luxembourg": (("2003-02-28", 24), ("2012-12-31", 154), ("2023-12-31", 345)),
    "Switzerland": (("2003-02-28", 45), ("2012-12-31", 195), ("2023-12-31", 288)),
    "Ireland": (("2003-02-28", 9), ("2012-12-31", 100), ("2020-12-31", 316), ("2023-12-31", 300)),
    "Taiwan": (("2003-02-28", 38), ("2012-12-31", 195), ("2023-12-31", 250)),
    "Hong Kong": (("2003-02-28", 48), ("2012-12-31", 142), ("2023-12-31", 222)),
    "Singapore": (("2003-02-28", 18), ("2012-12-31", 99), ("2023-12-31", 207)),
    "India": (("2003-02-28", 10), ("2012-12-31", 59), ("2023-12-31", 238)),
    "Canada": (("2003-02-28", 11), ("2012-12-31", 62), ("2023-12-31", 346)),
    "France": (("2003-02-28", 17), ("2012-12-31", 55), ("2023-12-31", 242)),
    "Norway": (("2003-02-28", 7), ("2012-12-31", 74), ("2023-12-31", 141)),
    "Korea, South": (("2003-02-28", 37), ("2012-12-31", 48), ("2023-12-31", 109)),
    "Germany": (("2003-02-28", 36), ("2012-12-31", 64), ("2023-12-31", 92)),
    "Cayman Islands": (("2003-02-28", 30), ("2012-12-31", 110), ("2023-12-31", 318)),
    "Saudi Arabia": (("2003-02-28", 12), ("2016-01-31", 124), ("2023-12-31", 119)),
    "Mexico": (("2003-02-28", 25), ("2012-12-31", 37), ("2023-12-31", 66)),
    "All Other": (("2003-02-28", 300), ("2012-12-31", 790), ("2023-12-31", 1230)),
}  # fmt: skip
HOLDERS_BREAK = np.datetime64("2010-06-30")  # survey month printed in the new and the old series
HOLDERS_EDITIONS_FROM = np.datetime64("2021-12-31")  # months whose releases are kept as editions of their own


def _holders(drivers: _Drivers) -> Table:
    """Treasury securities held by country and month end; each release also revises a few countries in the two months before."""
    days = dates.month_ends()
    days = days[days >= dates.FIRST_DAY]
    columns = {
        name: rounded(interpolated(days, waypoints) * np.exp(0.02 * drivers.noise(f"holder {name}", days, 0.85)), 1) for name, waypoints in _HOLDERS.items()
    }
    columns["official share"] = np.asarray(interpolated(days, [("2004-01-31", 0.62), ("2010-06-30", 0.71), ("2023-12-31", 0.485)]))
    columns["bills share"] = np.asarray(interpolated(days, [("2004-01-31", 0.20), ("2010-06-30", 0.13), ("2023-12-31", 0.075)]))
    published = dates.published(days, dates.lag_of("tic_major_foreign_holders"))
    rng = stream(drivers.seed, "holder revisions")
    revised: dict[str, Floats] = {name: values.copy() for name, values in columns.items()}
    revisions = []
    names = list(_HOLDERS)
    for place in np.flatnonzero(days > HOLDERS_EDITIONS_FROM):  # the values before a revision stand in the edition before it
        for back in (1, 2):
            changed = {}
            for name in rng.choice(names, 4, replace=False):
                value = rounded(revised[name][[place - back]] + rng.normal(0, 2.4 / back), 1)
                revised[name][place - back] = value[0]
                changed[str(name)] = value
            revisions.append(Revision(dates.as_datetime(published[place]), days[[place - back]], changed))
    return Table(days, columns, published, tuple(revisions))


# ---------------------------------------------------------------------------------------------------------------- geopolitical risk


RISK_RESCALED = (
    dates.moment("2023-02-13", "12:00"),
    dates.moment("2023-10-02", "12:00"),
    dates.moment("2023-10-16", "12:00"),
)
RISK_SLIP_DAY = np.datetime64("2023-09-12")


def _risk(drivers: _Drivers) -> tuple[Table, Table]:
    """Geopolitical risk by day and by month. The last weeks of the daily series are re-scaled when more newspapers are in."""
    months = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2024-01", "M"))
    first = months.astype("datetime64[D]")
    level = interpolated(first, [("2003-01-01", 120), ("2004-06-01", 98), ("2008-01-01", 82), ("2012-01-01", 84), ("2014-09-01", 118), ("2019-06-01", 102), ("2020-06-01", 76), ("2020-12-01", 82), ("2021-12-01", 82), ("2022-02-01", 130), ("2022-03-01", 225), ("2022-04-01", 165), ("2022-08-01", 120), ("2023-06-01", 106), ("2023-09-01", 112), ("2023-10-01", 184), ("2023-11-01", 148), ("2023-12-01", 142.3)])
    value = level * np.exp(0.07 * drivers.noise("GPR", first, 0.5))
    in_2021 = first.astype("datetime64[Y]") == np.datetime64("2021", "Y")
    value[in_2021] *= 82.1 / value[in_2021].mean()
    if drivers.strength:
        value[-1], value[-2] = 142.3, 146.8
    ends = (months + 1).astype("datetime64[D]") - 1
    columns: dict[str, Floats] = {"GPR": value}
    for name, share, size in (("GPRT", 1.05, 0.05), ("GPRA", 0.93, 0.08), ("GPRH", 0.92, 0.05), ("GPRHT", 0.95, 0.07), ("GPRHA", 0.88, 0.09)):
        columns[name] = value * share * np.exp(size * drivers.noise(name, first, 0.4))
    shown = ends >= dates.FIRST_DAY
    columns = {name: values[shown] for name, values in columns.items()}
    monthly = Table(ends[shown], columns, dates.published(ends[shown], dates.lag_of("gpr_monthly")))

    days = dates.all_days()
    rng = stream(drivers.seed, "GPRD")
    wave = np.exp(0.22 * autoregression(rng.standard_normal(len(days)), 0.55) + 0.18 * rng.standard_normal(len(days)))
    month = (days.astype("datetime64[M]") - months[0]).astype(int)
    mean = np.bincount(month, wave) / np.bincount(month)
    daily = value[month] * wave / mean[month]
    acts = daily * 0.9 * np.exp(0.3 * rng.standard_normal(len(days)))
    threats = daily * 1.05 * np.exp(0.2 * rng.standard_normal(len(days)))
    articles = np.round(np.where(np.isin((days.astype("datetime64[D]").astype(int) + 3) % 7, (5, 6)), 880, 1240) * np.exp(0.05 * rng.standard_normal(len(days))))
    first_print = {name: rounded(values, 2) for name, values in (("gprd", daily), ("gprd_act", acts), ("gprd_threat", threats))}
    first_print["articles"] = articles
    published = dates.published(days, dates.lag_of("gpr_daily"))
    revisions = []
    now = {name: values.copy() for name, values in first_print.items()}
    for number, at in enumerate(RISK_RESCALED):
        known = np.flatnonzero(published <= dates.as_moment(at))
        recent = known[-30:]
        scale = (0.965, 1.03, 0.98)[number]
        slip = int(np.searchsorted(days, RISK_SLIP_DAY))
        recent = recent[recent != slip]
        changed = {name: rounded(now[name][recent] * scale, 2) for name in ("gprd", "gprd_act", "gprd_threat")}
        for name, values in changed.items():
            now[name][recent] = values
        revisions.append(Revision(at, days[recent], changed))
    # one day was counted twice over for two weeks: value A, then B, then A again
    was = first_print["gprd"][[slip]]
    revisions.append(Revision(RISK_RESCALED[1], days[[slip]], {"gprd": rounded(was * 1.8, 2)}))
    revisions.append(Revision(RISK_RESCALED[2], days[[slip]], {"gprd": was}))
    after = days >= dates.FIRST_DAY
    return Table(days[after], {name: values[after] for name, values in first_print.items()}, published[after], tuple(revisions)), monthly


# ---------------------------------------------------------------------------------------------------------------- the world


@lru_cache(maxsize=4)
def world(seed: int = SEED, strength: float = STRENGTH) -> World:
    """The world of a seed; `strength` is the retreat's lasting shift in standard deviations, 0 for a world without one."""
    drivers = _Drivers(seed, strength)
    indices = _indices(drivers)
    options = _options(drivers)
    prices, market = _prices(drivers)
    funds = _funds(drivers, prices, market)
    margin, late = _margin(drivers, market)
    risk_daily, risk_monthly = _risk(drivers)
    return World(
        seed=seed,
        strength=strength,
        sessions=drivers.days[drivers.days >= dates.FIRST_DAY],
        indices={name: table[table.index >= pd.Timestamp(str(dates.FIRST_DAY))] for name, table in indices.items()},
        options=options,
        prices={name: _from_first_day(price) for name, price in prices.items()},
        funds=funds,
        gold=_gold(drivers),
        rates=_rates(drivers),
        vintages=_vintages(drivers),
        positions=_positions(drivers),
        stress=_stress(drivers, indices),
        margin=margin,
        holders=_holders(drivers),
        risk_daily=risk_daily,
        risk_monthly=risk_monthly,
        late=(late,),
    )


def _from_first_day(price: Price) -> Price:
    shown = price.days >= dates.FIRST_DAY
    bars = {name: bar[shown] for name, bar in price.bars.items()}
    return Price(price.symbol, price.days[shown], bars, price.missing[shown], price.splits, price.dividend_yield)


def truth(seed: int = SEED, strength: float = STRENGTH) -> dict[str, Any]:
    """What is true of the world and a method should find: the retreat's onset, its strength by block, planted figures and revisions.

    `onset`, `full_from` are dates; `strength_sd` is the lasting shift by block in standard deviations of a signal's own noise;
    `figures` are the article's figures as they stand in this world (units in the names); `revisions` and `late` list what the providers
    changed or published late. A world with `strength=0` has no onset and no figures.
    """
    made = world(seed, strength)
    full = dates.sessions()[int(np.searchsorted(dates.sessions(), ONSET)) + RAMP - 1]
    retreat = bool(strength)
    return {
        "seed": seed,
        "onset": _day(ONSET) if retreat else None,
        "full_from": _day(full) if retreat else None,
        "ramp_sessions": RAMP,
        "strength_sd": dict.fromkeys(BLOCKS, strength),
        "figures": _figures(made) if retreat else {},
        "revisions": {
            "ofr_fsi": sorted({each.at for each in made.stress.revisions}),
            "finra_margin": sorted({each.at for each in made.margin.revisions}),
            "tic_major_foreign_holders": sorted({each.at for each in made.holders.revisions}),
            "gpr_daily": sorted({each.at for each in made.risk_daily.revisions}),
        },
        "values_taken_back": {
            "ofr_fsi": _day(STRESS_SLIP[0]),
            "finra_margin": _day(MARGIN_SLIP[0]),
            "gpr_daily": _day(RISK_SLIP_DAY),
        },
        "late": [{"feed": each.feed, "observation_date": _day(each.day), "due": each.due, "published": each.at} for each in made.late],
        "late_positions_reports": {date.fromisoformat(report): date.fromisoformat(came) for report, came in _DELAYED_REPORTS.items()},
    }


def _day(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))


def _figures(made: World) -> dict[str, Any]:
    def close(symbol: str, day: str, bar: str = "close") -> float:
        price = made.prices[symbol]
        return float(price.bars[bar][np.searchsorted(price.days, np.datetime64(day), "right") - 1])

    def rate(series: str, day: str) -> float:
        days, values = made.rates[series]
        return float(values[np.searchsorted(days, np.datetime64(day), "right") - 1])

    equity = made.options["volume"]["equity"]
    copper = made.positions["085692"]
    interest = {str(day): int(copper.open_interest[np.searchsorted(copper.days, np.datetime64(day))]) for day in ("2022-12-27", "2023-10-31")}
    flows = weekly_flow(made)
    days, holders = made.holders.seen_at(dates.as_moment(dates.END))
    return {
        "put_call_equity_peak": float((equity["put"] / equity["call"]).loc[pd.DatetimeIndex(_HEDGING_PEAK)].mean()),
        "put_call_equity_peak_week": (date.fromisoformat(_HEDGING_PEAK[0]), date.fromisoformat(_HEDGING_PEAK[-1])),
        "etf_core_flow_week": date.fromisoformat(OUTFLOW_WEEK),
        "etf_core_flow_usd": float(flows.loc[pd.Timestamp(OUTFLOW_WEEK)]),
        "etf_core_flow_rank": int((flows < flows.loc[pd.Timestamp(OUTFLOW_WEEK)]).sum()) + 1,
        "tesla_high_usd": close("TSLA", "2023-07-19", "high"),
        "tesla_close_usd": close("TSLA", "2023-10-26"),
        "jakarta_composite_year_share": close("^JKSE", "2023-12-28") / close("^JKSE", "2022-12-31") - 1,
        "bitcoin_october_share": rate("CBBTCUSD", "2023-10-31") / rate("CBBTCUSD", "2023-09-30") - 1,
        "dow_low_2009": close("^DJI", "2009-03-06", "low"),
        "dow_end": close("^DJI", "2023-12-29"),
        "nasdaq_annual_share": (close("^IXIC", "2023-09-29") / close("^IXIC", "2008-12-31")) ** (1 / 14.75) - 1,
        "copper_open_interest_share": interest["2023-10-31"] / interest["2022-12-27"] - 1,
        "gold_tonnes_end": float(made.gold["tonnes_in_trust"].iloc[-1]),
        "japan_holdings_usd_bn": float(holders["Japan"][days == np.datetime64("2023-10-31")][0]),
        "gpr_mean_2021": float(made.risk_monthly.values["GPR"][made.risk_monthly.days.astype("datetime64[Y]") == np.datetime64("2021", "Y")].mean()),
        "gpr_end_2023": float(made.risk_monthly.values["GPR"][-1]),
        "policy_rate_end_percent": rate("DFF", "2023-12-29"),
    }


def weekly_flow(made: World) -> pd.Series:
    """Net flow of SPY, IVV and VOO in USD by calendar week (Monday), from the week after all three exist."""
    total = sum(
        pd.Series(np.concatenate([[0.0], np.diff(fund.shares)]) * fund.net_asset_value, index=pd.DatetimeIndex(fund.days))
        for fund in (made.funds[ticker] for ticker in CORE_FUNDS)
    )
    assert isinstance(total, pd.Series)
    daily = total.dropna()
    weekly = daily.groupby(daily.index - pd.to_timedelta(daily.index.dayofweek, unit="D")).sum()
    return weekly[weekly.index >= pd.Timestamp("2010-09-13")]
