"""Futures positions of the sample world, by contract, week and trader group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.feeds.cftc import OUTAGE_2023
from ingest.sample import dates
from ingest.sample.dates import Days, Moments
from ingest.sample.process import Drivers, Waypoints, autoregression, interpolated, path, rounded, stream
from ingest.sample.tables import Floats, Positions


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
    "13874A": _Contract(
        "2006-06-13",
        path("2006-06-13 1.25e6, 2008-09-01 2.5e6, 2015-06-01 2.8e6, 2020-03-01 3.1e6, 2023-12-26 2.2e6"),
        (0.11, 0.52, 0.17, 0.06, 0.14),
        (0.31, 0.15, 0.34, 0.07, 0.13),
        (0.02, 0.05, 0.06, 0.01),
        0.10,
    ),
    "1170E1": _Contract(
        "2006-06-13",
        path("2006-06-13 4.0e4, 2012-01-03 2.6e5, 2018-02-01 5.6e5, 2023-12-26 3.9e5"),
        (0.34, 0.17, 0.33, 0.05, 0.11),
        (0.26, 0.16, 0.43, 0.05, 0.10),
        (0.06, 0.10, 0.14, 0.02),
    ),
    "209742": _Contract(
        "2006-06-13",
        path("2006-06-13 3.6e5, 2015-06-01 3.2e5, 2023-12-26 2.7e5"),
        (0.09, 0.50, 0.25, 0.05, 0.11),
        (0.40, 0.14, 0.31, 0.05, 0.10),
        (0.01, 0.02, 0.03, 0.005),
        0.08,
    ),
    "043602": _Contract(
        "2006-06-13",
        path("2006-06-13 2.3e6, 2010-01-05 1.3e6, 2018-01-02 3.4e6, 2023-12-26 4.5e6"),
        (0.05, 0.56, 0.17, 0.09, 0.13),
        (0.13, 0.22, 0.44, 0.07, 0.14),
        (0.01, 0.10, 0.03, 0.01),
        0.06,
    ),
    "097741": _Contract(
        "2006-06-13",
        path("2006-06-13 1.9e5, 2015-06-01 2.4e5, 2023-12-26 2.6e5"),
        (0.42, 0.17, 0.17, 0.08, 0.16),
        (0.17, 0.24, 0.38, 0.05, 0.16),
        (0.01, 0.02, 0.02, 0.004),
        0.12,
    ),
    "133741": _Contract(
        "2018-04-10",
        path("2018-04-10 2.2e3, 2021-03-02 9.0e3, 2023-06-27 1.45e4, 2023-12-26 2.1e4"),
        (0.14, 0.36, 0.30, 0.08, 0.12),
        (0.08, 0.09, 0.64, 0.09, 0.10),
        (0.01, 0.02, 0.06, 0.005),
    ),
    "088691": _Contract(
        "2006-06-13",
        path("2006-06-13 3.0e5, 2010-11-09 6.2e5, 2015-07-21 4.1e5, 2020-01-14 7.6e5, 2023-12-26 4.7e5"),
        (0.09, 0.14, 0.45, 0.18, 0.14),
        (0.22, 0.47, 0.14, 0.08, 0.09),
        (0.0, 0.07, 0.09, 0.04),
    ),
    "085692": _Contract(
        "2006-06-13",
        path("2006-06-13 8.0e4, 2014-01-07 1.55e5, 2018-06-05 2.9e5, 2022-12-27 1.95e5, 2023-06-27 2.0e5"),
        (0.17, 0.33, 0.26, 0.12, 0.12),
        (0.44, 0.12, 0.27, 0.09, 0.08),
        (0.0, 0.04, 0.12, 0.05),
    ),
}

# Reports of early 2023 that could not be compiled in time after a clearing firm was attacked, and when they came (New York dates).
DELAYED_REPORTS = {str(report): str(came) for report, came in OUTAGE_2023.published}


def report_created(days: Days, seed: int) -> Moments:
    """When the rows of each report day were loaded at the provider: shortly after 15:30 New York, on the third business day or later."""
    due = dates.published(days, dates.lag_of("cftc_tff"))
    return np.asarray(due + stream(seed, "reports").integers(4, 58, len(days)).astype("timedelta64[s]"))


def simulate(drivers: Drivers) -> dict[str, Positions]:
    weeks = dates.report_days()
    created = report_created(weeks, drivers.seed)
    leaves = {
        name: drivers.on(weeks, drivers.signal(name, block))
        for name, block in (("asset managers", "positioning"), ("leveraged gross", "leverage"), ("volatility longs", "positioning"), ("yen carry", "leverage"))
    }
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
    level = interest.copy()
    clock = np.clip((np.arange(len(days)) - start) / (stop - start), 0.0, 1.0)
    wanted = np.log(1.42) * clock**1.3
    noise = np.log(level / level[start])
    bump = np.sqrt(np.clip(clock * (1 - clock), 0, None)) * 2
    inside = (np.arange(len(days)) > start) & (np.arange(len(days)) <= stop)
    level[inside] = level[start] * np.exp(wanted[inside] + 0.25 * (noise * bump)[inside])
    after = np.arange(len(days)) > stop
    level[after] = level[stop] * np.exp(0.3 * (noise[after] - noise[stop]))
    return level


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


def _consolidated(mini: Positions, drivers: Drivers) -> Positions:
    small = mini.days >= CONSOLIDATED_IN_SMALL_UNITS
    micro = np.where(mini.days >= np.datetime64("2019-05-07"), 1.012, 1.0)
    factor = np.where(small, micro, micro * 1.05 / 5)

    def scaled(values: NDArray[np.int64]) -> NDArray[np.int64]:
        # each cell is rounded on its own, so sums on consolidated rows are off by a contract, as they are at the provider
        return np.round(values * factor).astype(np.int64)

    rng = stream(drivers.seed, "positions 13874+")
    return Positions(
        "13874+",
        mini.days,
        mini.created,
        scaled(mini.open_interest),
        {name: scaled(each) for name, each in mini.sides.items()},
        {name: np.round(each * 1.03).astype(np.int64) for name, each in mini.traders.items()},
        _concentration(rng, len(mini.days)),
    )
