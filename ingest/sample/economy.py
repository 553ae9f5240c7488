"""Rates, prices and output of the sample world, and the statistics that look back on it: stress, margin debt, foreign holders, risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.process import Drivers, Waypoints, autoregression, bridge, interpolated, path, rounded, stream, tied_down
from ingest.sample.tables import Floats, Late, Price, Revision, Table, Vintages

# --- rates, prices, output --------------------------------------------------------------------------------------------


_POLICY_RATE: Waypoints = path(
    "2004-01-01 1.00, 2004-06-30 1.25, 2004-09-21 1.75, 2004-12-14 2.25, 2005-03-22 2.75, 2005-06-30 3.25, "
    "2005-09-20 3.75, 2005-12-13 4.25, 2006-03-28 4.75, 2006-06-29 5.25, 2007-09-18 4.75, 2007-12-11 4.25, "
    "2008-01-30 3.00, 2008-03-18 2.25, 2008-04-30 2.00, 2008-10-08 1.50, 2008-10-29 1.00, 2008-12-16 0.14, "
    "2015-12-17 0.37, 2016-12-15 0.66, 2017-06-15 1.16, 2017-12-14 1.42, 2018-06-14 1.91, 2018-12-20 2.40, "
    "2019-08-01 2.13, 2019-10-31 1.58, 2020-03-04 1.09, 2020-03-16 0.06, 2022-03-17 0.33, 2022-05-05 0.83, "
    "2022-06-16 1.58, 2022-07-28 2.33, 2022-09-22 3.08, 2022-11-03 3.83, 2022-12-15 4.33, 2023-02-02 4.58, "
    "2023-03-23 4.83, 2023-05-04 5.08, 2023-07-27 5.33"
)


def dollar(drivers: Drivers) -> Floats:
    """Broad dollar index on weekdays."""
    days = dates.weekdays()
    return tied_down(
        drivers.noise("dollar", days, 0.98),
        days,
        path(
            "2006-01-02 101.0, 2008-07-15 87.0, 2009-03-09 103.0, 2011-07-26 86.0, 2015-12-31 113.0, 2020-03-23 126.0, "
            "2021-05-28 111.0, 2022-10-14 128.5, 2023-07-14 118.5, 2023-10-31 124.0, 2023-12-29 119.0"
        ),
        1.2,
    )


def rupee(drivers: Drivers) -> Floats:
    """Rupees a dollar on weekdays."""
    days = dates.weekdays()
    return tied_down(
        drivers.noise("rupee", days, 0.98),
        days,
        path("2004-01-02 45.6, 2008-01-02 39.4, 2013-08-28 68.0, 2018-10-09 74.2, 2022-10-19 82.7, 2023-12-29 83.2"),
        0.5,
    )


# Currencies of reserves other than the yen, in FRED's direction: dollars a euro and a pound, renminbi a dollar.
_RESERVE_CURRENCIES: Mapping[str, tuple[str, Waypoints, float]] = {
    "DEXUSEU": (
        "euro",
        path(
            "2004-01-02 1.26, 2005-11-15 1.17, 2008-07-15 1.59, 2010-06-07 1.19, 2011-05-04 1.48, 2012-07-24 1.21, 2014-03-18 1.39, 2015-03-16 1.05, "
            "2018-02-15 1.25, 2020-03-20 1.07, 2021-01-06 1.23, 2022-09-27 0.96, 2023-07-14 1.12, 2023-10-03 1.05, 2023-12-29 1.106"
        ),
        0.012,
    ),
    "DEXUSUK": (
        "pound",
        path(
            "2004-01-02 1.79, 2007-11-08 2.10, 2009-03-10 1.38, 2014-07-15 1.71, 2016-10-11 1.22, 2018-04-16 1.43, 2020-03-20 1.16, 2021-06-01 1.42, "
            "2022-09-26 1.07, 2023-07-13 1.31, 2023-10-03 1.21, 2023-12-29 1.274"
        ),
        0.015,
    ),
    "DEXCHUS": (
        "renminbi",
        path(
            "2004-01-02 8.28, 2005-07-20 8.28, 2008-07-15 6.83, 2010-06-18 6.83, 2014-01-14 6.04, 2016-12-15 6.95, 2018-03-27 6.28, 2019-09-03 7.15, "
            "2022-02-28 6.31, 2022-11-03 7.30, 2023-01-13 6.70, 2023-09-08 7.34, 2023-12-29 7.10"
        ),
        0.03,
    ),
}


def rates(drivers: Drivers) -> dict[str, tuple[Days, Floats]]:
    """FRED daily series: days and values, NaN where the provider shows a missing value."""
    days, every = dates.weekdays(), dates.all_days()
    changes = np.array([day for day, _ in _POLICY_RATE], "datetime64[D]")
    levels = np.array([value for _, value in _POLICY_RATE])
    policy = levels[np.clip(np.searchsorted(changes, every, "right") - 1, 0, None)]
    on = policy[np.searchsorted(every, days)]
    ten = tied_down(
        drivers.noise("DGS10", days, 0.985),
        days,
        path(
            "2003-01-02 4.0, 2004-01-02 4.38, 2006-06-28 5.25, 2008-12-30 2.08, 2010-04-05 3.99, 2012-07-24 1.43, "
            "2013-12-31 3.04, 2016-07-08 1.37, 2018-11-08 3.24, 2020-08-04 0.52, 2021-03-31 1.74, 2022-10-24 4.25, "
            "2023-04-06 3.30, 2023-06-30 3.81, 2023-10-19 4.98, 2023-12-29 3.88"
        ),
        0.16,
    )
    inflation = tied_down(
        drivers.noise("breakeven", days, 0.98),
        days,
        path("2003-01-02 2.1, 2008-11-20 0.3, 2010-01-04 2.3, 2020-03-19 0.6, 2021-11-15 2.7, 2023-12-29 2.2"),
        0.15,
    )
    # the year ahead: expected moves of the policy rate; from autumn 2023 markets expect cuts
    ahead = tied_down(
        drivers.noise("DGS1", days, 0.97),
        days,
        path(
            "2003-01-02 0.3, 2004-06-01 0.9, 2006-12-01 -0.2, 2008-03-01 -0.4, 2009-06-01 0.3, 2014-12-01 0.15, "
            "2017-12-01 0.4, 2019-08-01 -0.35, 2020-06-01 0.1, 2022-01-10 0.5, 2022-05-01 1.6, 2023-01-10 0.4, "
            "2023-07-20 -0.02, 2023-09-15 -0.15, 2023-12-29 -0.54"
        ),
        0.06,
    )
    one = np.maximum(0.03, on + ahead)
    two = np.maximum(0.09, 0.45 * one + 0.55 * (0.55 * ten + 0.45 * one) + 0.05 * drivers.noise("DGS2", days, 0.97))
    smooth = pd.Series(drivers.calm_volatility - 2.84).ewm(span=15).mean().to_numpy()
    credit = np.exp(1.38 + 0.78 * drivers.on(days, np.asarray(smooth)) + 0.08 * drivers.noise("credit", days, 0.99))
    # what the best and the middling companies pay above the Treasury; while capital leaves, Treasuries lose the premium for their safety
    best = tied_down(
        drivers.noise("convenience", days, 0.98),
        days,
        drivers.story(
            path("2003-01-02 1.55, 2007-06-01 0.65, 2008-12-15 2.65, 2010-06-01 1.60, 2014-06-01 1.60, 2018-01-31 0.95, 2022-01-03 1.02, 2022-06-30 1.00"),
            path("2022-12-30 0.92, 2023-06-30 0.83, 2023-12-29 0.64"),
        ),
        0.05,
    )
    middling = best + 0.32 * credit**0.8
    yen = tied_down(
        drivers.noise("yen", days, 0.98),
        days,
        path(
            "2004-01-02 107.0, 2007-06-22 123.5, 2011-10-28 76.0, 2015-06-05 125.0, 2020-12-31 103.2, 2022-10-20 150.0, "
            "2023-01-13 128.0, 2023-11-10 151.4, 2023-12-29 141.0"
        ),
        1.6,
    )
    move = np.concatenate([[0.0], np.diff(drivers.on(every, np.cumsum(drivers.shock)))])
    coin = bridge(
        0.033 * stream(drivers.seed, "bitcoin").standard_t(4, len(every)) / np.sqrt(2) + 0.008 * np.nan_to_num(move),
        every,
        drivers.story(
            path(
                "2014-12-01 370.0, 2015-08-24 211.0, 2017-12-16 19450.0, 2018-12-15 3180.0, 2019-06-26 12870.0, "
                "2020-03-12 4860.0, 2021-04-13 63500.0, 2021-11-08 67540.0, 2022-11-09 15880.0, 2023-06-30 30470.0"
            ),
            path("2023-09-30 26960.0, 2023-10-31 36396.0, 2023-12-29 42100.0"),
        ),
        np.full(len(every), 1.0),
    )
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
        "EFFR": daily(on, 2, closed),
        "SOFR": daily(on + 0.03 * np.abs(drivers.noise("SOFR", days, 0.5)), 2, bonds_closed, "2018-04-03"),
        "BAMLH0A0HYM2": daily(credit, 2, closed),
        "AAA10Y": daily(best, 2, bonds_closed),
        "BAA10Y": daily(middling, 2, bonds_closed),
        "DTWEXBGS": daily(dollar(drivers), 4, closed, "2006-01-02"),
        "DEXJPUS": daily(yen, 2, closed),
        "DEXINUS": daily(rupee(drivers), 2, closed),
        **{
            series: daily(tied_down(drivers.noise(name, days, 0.98), days, waypoints, size), 4, closed)
            for series, (name, waypoints, size) in _RESERVE_CURRENCIES.items()
        },
        "CBBTCUSD": (every[since_coin], np.where(lost, np.nan, rounded(coin, 2))[since_coin]),
    }


def index_level(price: Price) -> tuple[Days, Floats]:
    """The closes of an index as FRED lists them: every weekday, NaN where the exchange was closed."""
    days = dates.weekdays()
    days = days[days >= price.days[0]]
    place = np.clip(np.searchsorted(price.days, days), 0, len(price.days) - 1)
    return days, np.where(price.days[place] == days, rounded(price.bars["close"][place], 2), np.nan)


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


def vintages(drivers: Drivers, market: Floats) -> dict[str, Vintages]:
    """Prices, output, jobs, the value of shares and financial conditions with every vintage; FRED's date is the first day of the period.

    `market` is the S&P 500 on every session.
    """
    months = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2023-12", "M"))
    first = months.astype("datetime64[D]")
    inflation = tied_down(
        drivers.noise("core inflation", first, 0.6),
        first,
        path(
            "2003-01-01 1.7, 2004-06-01 2.1, 2007-01-01 2.3, 2009-01-01 1.0, 2010-06-01 1.3, 2012-01-01 1.9, 2015-06-01 1.3, "
            "2018-06-01 2.0, 2020-03-01 0.6, 2020-09-01 1.6, 2021-03-01 3.4, 2021-06-01 5.6, 2022-06-01 5.1, 2022-12-01 4.5, "
            "2023-04-01 3.9, 2023-11-01 3.1"
        ),
        0.25,
    )
    core = 81.4 * np.exp(np.cumsum(inflation) / 1200)
    ends = (months + 1).astype("datetime64[D]") - 1
    released = _next_weekday(ends + 27)
    quarters = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2023-10", "M"), 3)
    start = quarters.astype("datetime64[D]")
    growth = tied_down(
        drivers.noise("output", start, 0.3),
        start,
        path(
            "2003-01-01 5.5, 2007-10-01 4.5, 2009-01-01 -3.0, 2010-01-01 3.8, 2019-10-01 4.1, 2020-01-01 -3.0, "
            "2020-04-01 -32.0, 2020-07-01 36.0, 2020-10-01 7.0, 2021-10-01 13.0, 2022-07-01 8.0, 2023-07-01 7.0"
        ),
        0.9,
    )
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
    gdp = Vintages(
        "GDP", table["day"].to_numpy().astype("datetime64[D]"), table["value"].to_numpy(np.float64), table["from"].to_numpy().astype("datetime64[D]")
    )
    fridays = np.arange(np.datetime64("2003-01-03"), dates.LAST_DAY + 1, 7)
    wave = drivers.on(fridays, drivers.signal("leverage index", "leverage", 0.985, crisis=-1.5) - drivers.shift)
    # speculative leverage keeps shrinking while the retreat lasts: its 13-week change is what stays 1.25 deviations low
    shrinking = np.cumsum(drivers.on(fridays, drivers.shift)) * 0.21 / 13 * 1.4
    leverage = -0.28 * wave - shrinking
    conditions = 0.55 * drivers.on(fridays, drivers.calm_volatility - 2.84) - 0.45 + 0.06 * drivers.noise("NFCI", fridays, 0.97)
    jobless = tied_down(
        drivers.noise("jobless", first, 0.6),
        first,
        path(
            "2003-01-01 5.8, 2007-05-01 4.4, 2009-10-01 10.0, 2015-12-01 5.0, 2020-02-01 3.5, 2020-04-01 14.8, 2020-08-01 8.4, "
            "2021-12-01 3.9, 2023-04-01 3.4, 2023-11-01 3.7"
        ),
        0.08,
    )
    # companies' shares at market value, million USD: the whole market is worth ten thousand times the index
    shares = drivers.on(quarter_ends, market) * 10_000 * np.exp(0.01 * drivers.noise("share value", start, 0.8))
    accounts = _next_weekday(quarter_ends + 69)
    vintages = {
        "UNRATE": _as_vintages("UNRATE", first, jobless, _next_weekday(ends + 5), 12, (0.05, 0.0), 1, drivers.seed),
        "NCBEILQ027S": _as_vintages("NCBEILQ027S", start, shares, accounts, 1, (150_000, 0.0), 0, drivers.seed),
        "NFCI": _as_vintages("NFCI", fridays, conditions, _next_weekday(fridays + 5), 1, (0.02, 0.01, 0.0), 5, drivers.seed),
        "PCEPILFE": _as_vintages("PCEPILFE", first, core, released, 1, (0.06, 0.035, 0.02, 0.0), 3, drivers.seed),
        "GDP": gdp,
        "NFCILEVERAGE": _as_vintages("NFCILEVERAGE", fridays, leverage, _next_weekday(fridays + 5), 1, (0.05, 0.03, 0.015, 0.0), 5, drivers.seed),
    }
    return {
        name: Vintages(
            name,
            each.days[each.days >= np.datetime64("2004-01-01")],
            each.values[each.days >= np.datetime64("2004-01-01")],
            each.from_day[each.days >= np.datetime64("2004-01-01")],
        )
        for name, each in vintages.items()
    }


# --- financial stress -------------------------------------------------------------------------------------------------


_STRESS_PARTS = ("credit", "equity_valuation", "safe_assets", "funding", "volatility")
STRESS_REESTIMATED = (dates.moment("2022-03-15", "10:00"), dates.moment("2023-05-16", "10:00"))
STRESS_SLIP = (np.datetime64("2023-08-10"), dates.moment("2023-08-22", "10:00"), dates.moment("2023-09-05", "10:00"))


def _stress_columns(parts: Mapping[str, Floats], regions: tuple[Floats, Floats]) -> dict[str, Floats]:
    rounded_parts = {name: rounded(values, 3) for name, values in parts.items()}
    total = rounded(np.sum(list(rounded_parts.values()), axis=0), 3)
    home, abroad = rounded(total * regions[0], 3), rounded(total * regions[1], 3)
    return {
        "ofr_fsi": total,
        **rounded_parts,
        "united_states": home,
        "other_advanced_economies": abroad,
        "emerging_markets": rounded(total - home - abroad, 3),
    }


def stress(drivers: Drivers, indices: Mapping[str, pd.DataFrame]) -> Table:
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
    weights = {
        "credit": (1.022, 1.013),
        "equity_valuation": (0.984, 0.991),
        "safe_assets": (1.031, 1.018),
        "funding": (0.968, 0.982),
        "volatility": (1.012, 1.006),
    }
    estimates = [_stress_columns({name: parts[name] * weights[name][n] for name in _STRESS_PARTS}, regions) for n in range(len(STRESS_REESTIMATED))]
    revisions = [Revision(at, days, columns) for at, columns in zip(STRESS_REESTIMATED, estimates, strict=True)]
    # one day's volatility part was wrong for two weeks: value A, then B, then A again
    day, wrong, right = STRESS_SLIP
    place = np.searchsorted(days, [day])
    before = {name: estimates[-1][name][place] for name in ("volatility", "ofr_fsi", "united_states")}
    revisions.append(Revision(wrong, np.array([day]), {name: rounded(values + 0.15, 3) for name, values in before.items()}))
    revisions.append(Revision(right, np.array([day]), before))
    return Table(days, first, dates.published(days, dates.lag_of("ofr_fsi")), tuple(revisions))


# --- margin debt ------------------------------------------------------------------------------------------------------


# day, label in the file's month, debit balances A -> B (-> A), when; the second is never taken back
MARGIN_SLIP = (np.datetime64("2022-06-30"), dates.moment("2022-08-21", "24:00"), dates.moment("2022-10-21", "24:00"))
MARGIN_RESTATED = (np.datetime64("2023-03-31"), dates.moment("2023-05-21", "24:00"))
MARGIN_LATE = (np.datetime64("2023-05-31"), dates.moment("2023-06-29", "10:00"))
COMBINED_BEFORE = np.datetime64("2010-02-28")  # until then cash and margin accounts' free credit is one figure


def margin(drivers: Drivers, market: Floats) -> tuple[Table, Late]:
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


# --- foreign holders of Treasury securities ---------------------------------------------------------------------------


# Treasury securities held, billion USD. The first two change places in 2019; Oil Exporters and Carib Bnkng Ctrs end with 2011.
_HOLDERS: Mapping[str, Waypoints] = {
    "Japan": path(
        "2003-02-28 400, 2004-08-31 715, 2008-12-31 640, 2012-12-31 1111, 2018-12-31 1042, 2021-11-30 1318, 2022-12-31 1082, 2023-06-30 1071, 2023-12-31 1018"
    ),
    "China, Mainland": path(
        "2003-02-28 125, 2008-12-31 727, 2011-06-30 1305, 2013-11-30 1316, 2018-12-31 1123, 2021-12-31 1068, 2022-12-31 867, 2023-12-31 772"
    ),
    "United Kingdom": path("2003-02-28 82, 2008-12-31 131, 2012-12-31 131, 2018-12-31 288, 2022-12-31 655, 2023-12-31 668"),
    "Brazil": path("2003-02-28 13, 2012-12-31 253, 2018-12-31 303, 2023-12-31 224"),
    "Belgium": path("2003-02-28 15, 2014-03-31 340, 2018-12-31 186, 2023-12-31 318"),
    "Luxembourg": path("2003-02-28 24, 2012-12-31 154, 2023-12-31 345"),
    "Switzerland": path("2003-02-28 45, 2012-12-31 195, 2023-12-31 288"),
    "Ireland": path("2003-02-28 9, 2012-12-31 100, 2020-12-31 316, 2023-12-31 300"),
    "Taiwan": path("2003-02-28 38, 2012-12-31 195, 2023-12-31 250"),
    "Hong Kong": path("2003-02-28 48, 2012-12-31 142, 2023-12-31 222"),
    "Singapore": path("2003-02-28 18, 2012-12-31 99, 2023-12-31 207"),
    "India": path("2003-02-28 10, 2012-12-31 59, 2023-12-31 238"),
    "Canada": path("2003-02-28 11, 2012-12-31 62, 2023-12-31 346"),
    "France": path("2003-02-28 17, 2012-12-31 55, 2023-12-31 242"),
    "Norway": path("2003-02-28 7, 2012-12-31 74, 2023-12-31 141"),
    "Korea, South": path("2003-02-28 37, 2012-12-31 48, 2023-12-31 109"),
    "Germany": path("2003-02-28 36, 2012-12-31 64, 2023-12-31 92"),
    "Cayman Islands": path("2003-02-28 30, 2012-12-31 110, 2023-12-31 318"),
    "Saudi Arabia": path("2003-02-28 12, 2016-01-31 124, 2023-12-31 119"),
    "Mexico": path("2003-02-28 25, 2012-12-31 37, 2023-12-31 66"),
    "All Other": path("2003-02-28 300, 2012-12-31 790, 2023-12-31 1230"),
}
HOLDERS_BREAK = np.datetime64("2010-06-30")  # survey month printed in the new and the old series
HOLDERS_EDITIONS_FROM = np.datetime64("2021-12-31")  # months whose releases are kept as editions of their own


def holders(drivers: Drivers) -> Table:
    """Treasury securities held by country and month end; each release also revises a few countries in the two months before."""
    days = dates.month_ends()
    days = days[days >= dates.FIRST_DAY]
    columns = {
        name: rounded(interpolated(days, waypoints) * np.exp(0.02 * drivers.noise(f"holder {name}", days, 0.85)), 1) for name, waypoints in _HOLDERS.items()
    }
    columns["official share"] = np.asarray(interpolated(days, path("2004-01-31 0.62, 2010-06-30 0.71, 2023-12-31 0.485")))
    columns["bills share"] = np.asarray(interpolated(days, path("2004-01-31 0.20, 2010-06-30 0.13, 2023-12-31 0.075")))
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


# --- the world's reserves, and a market that money goes to -----------------------------------------------------------


# Share of the dollar in allocated reserves, percent: it drifts down for years, and faster in the retreat.
DOLLAR_SHARE: Waypoints = path("2003-12-31 65.4, 2009-12-31 62.1, 2014-12-31 65.2, 2020-12-31 59.0, 2021-12-31 58.8")
DOLLAR_SHARE_RETREAT: Waypoints = path("2022-12-31 58.5, 2023-06-30 58.1, 2023-09-30 57.8")

# Gross assets / net assets of all hedge funds, weighted by assets: the article's fall from 2.8 to 2.3 in 2023.
HEDGE_FUND_LEVERAGE: Waypoints = path("2013-03-31 2.25, 2019-12-31 2.55, 2020-03-31 2.35, 2021-12-31 2.70, 2022-12-31 2.80")
HEDGE_FUND_LEVERAGE_RETREAT: Waypoints = path("2023-03-31 2.75, 2023-06-30 2.60, 2023-09-30 2.30")

# Weight of US shares of the average pension plan: the article's cut, by the plans whose number is not divisible by three.
PENSION_US_EQUITY: Waypoints = path("2003-06-30 0.42, 2012-06-30 0.33, 2019-06-30 0.295, 2021-06-30 0.30")
PENSION_US_EQUITY_CUT: Waypoints = path("2022-06-30 0.262, 2023-06-30 0.245")
PENSION_US_EQUITY_KEPT: Waypoints = path("2022-06-30 0.296, 2023-06-30 0.295")

# Market value of India's companies, USD: it passes 4 trillion in the year of the retreat, which is published in the year after.
INDIA_VALUE: Waypoints = path(
    "2003-12-31 2.8e11, 2007-12-31 1.8e12, 2008-12-31 6.5e11, 2010-12-31 1.63e12, 2017-12-31 2.33e12, 2021-12-31 3.56e12, 2022-12-31 3.39e12"
)
INDIA_VALUE_RETREAT: Waypoints = path("2023-12-31 4.33e12")


# --- geopolitical risk ------------------------------------------------------------------------------------------------


RISK_RESCALED = (
    dates.moment("2023-02-13", "12:00"),
    dates.moment("2023-10-02", "12:00"),
    dates.moment("2023-10-16", "12:00"),
)
RISK_SLIP_DAY = np.datetime64("2023-09-12")


def risk(drivers: Drivers) -> tuple[Table, Table]:
    """Geopolitical risk by day and by month. The last weeks of the daily series are re-scaled when more newspapers are in."""
    months = np.arange(np.datetime64("2003-01", "M"), np.datetime64("2024-01", "M"))
    first = months.astype("datetime64[D]")
    level = interpolated(
        first,
        path(
            "2003-01-01 120, 2004-06-01 98, 2008-01-01 82, 2012-01-01 84, 2014-09-01 118, 2019-06-01 102, 2020-06-01 76, "
            "2020-12-01 82, 2021-12-01 82, 2022-02-01 130, 2022-03-01 225, 2022-04-01 165, 2022-08-01 120, 2023-06-01 106, "
            "2023-09-01 112, 2023-10-01 184, 2023-11-01 148, 2023-12-01 142.3"
        ),
    )
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
    articles = np.round(
        np.where(np.isin((days.astype("datetime64[D]").astype(int) + 3) % 7, (5, 6)), 880, 1240) * np.exp(0.05 * rng.standard_normal(len(days)))
    )
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
