"""Office of Financial Research: the Financial Stress Index, re-estimated now and then, and its two monitors, a file a series."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np

from ingest.feeds.ofr import DEALER_SERIES, FUNDING_SERIES, HEDGE_FUND_SERIES, MONEY_FUND_SERIES, SPONSORED_SERIES, STRATEGIES
from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.economy import HEDGE_FUND_LEVERAGE, HEDGE_FUND_LEVERAGE_RETREAT
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

_HEADER = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"
_COLUMNS = ("ofr_fsi", "credit", "equity_valuation", "safe_assets", "funding", "volatility", "united_states", "other_advanced_economies", "emerging_markets")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The index before and after each re-estimation and correction, and now; then the monitors."""
    yield from _stress(world, view)
    yield from _hedge_funds(world, view)
    yield from _sponsored(world, view)
    yield from _funding(world, view)


def _answer(feed: str, series: str, days: Days, values: Iterable[float | None], unit: str, frequency: str, released: np.datetime64, view: View) -> SampleFile:
    """One series as series/full gives it."""
    pairs = [[day, value] for day, value in zip(days.astype(str).tolist(), values, strict=True)]
    metadata = {
        "mnemonic": series,
        "description": {"name": series, "vintage_approach": "Current vintage, as of last update"},
        "schedule": {
            "observation_frequency": frequency,
            "start_date": pairs[0][0],
            "last_update": np.datetime_as_string(released, "s").replace("T", " "),
        },
        "unit": {"name": unit, "magnitude": 0},
    }
    body = {series: {"timeseries": {"aggregation": pairs, "disclosure_edits": []}, "metadata": metadata}}
    return SampleFile(feed, "series_json", f"{series}.json", view.current(), json.dumps(body, separators=(",", ":")).encode())


def _hedge_funds(world: World, view: View) -> Iterator[SampleFile]:
    ends = dates.month_ends()
    quarters = ends[(ends >= np.datetime64("2013-03-31")) & (ends.astype("datetime64[M]").astype(np.int64) % 3 == 2)]
    published = dates.published(quarters, dates.lag_of("ofr_hfm"))
    shown = view.shows(quarters, published)
    if not shown.any():
        return
    waypoints = world.drivers.story(HEDGE_FUND_LEVERAGE, HEDGE_FUND_LEVERAGE_RETREAT)
    planted = np.isin(quarters.astype(str), [day for day, _ in waypoints])
    wobble = np.where(planted, 0.0, 0.03 * stream(world.seed, "hedge fund leverage").standard_normal(len(quarters)))
    leverage = interpolated(quarters, waypoints) + wobble
    net = np.exp(np.linspace(np.log(2.2e12), np.log(4.2e12), len(quarters)))
    for series in HEDGE_FUND_SERIES:
        values, unit = _hedge_fund_series(world, series, leverage, net)
        # one strategy has too few funds in its first year to be shown
        withheld = quarters < np.datetime64("2014-01-01") if series.startswith("FPF-STRATEGY_OTHER") else np.zeros(len(quarters), bool)
        cells = [None if hidden else round(value, 4) for value, hidden in zip(values[shown].tolist(), withheld[shown].tolist(), strict=True)]
        yield _answer("ofr_hfm", series, quarters[shown], cells, unit, "Quarterly", published[shown][-1], view)


def _business_days(since: str) -> Days:
    days = dates.weekdays()
    return days[(days >= np.datetime64(since)) & ~np.isin(days, dates.federal_holidays())]


def _sponsored(world: World, view: View) -> Iterator[SampleFile]:
    """Repo through sponsors: what hedge funds borrow falls with their leverage."""
    days = _business_days("2020-03-23")
    shift = world.drivers.on(days, world.drivers.shift)
    for series, level in zip(SPONSORED_SERIES, (3.4e11, 1.9e11), strict=True):
        published = dates.published(days, dates.lag_of("ofr_hfm", series))
        shown = view.shows(days, published)
        if shown.any():
            values = np.round(level * np.exp(0.04 * world.drivers.noise(series, days, 0.97) - 0.15 * shift), 2)
            yield _answer("ofr_hfm", series, days[shown], values[shown].tolist(), "U.S. dollars", "Daily", published[shown][-1], view)


# Assets of money-market funds: the first place to which capital that leaves shares goes.
_MONEY_FUNDS = path(
    "2010-11-30 2.95e12, 2016-10-31 3.00e12, 2019-12-31 4.00e12, 2020-05-31 5.10e12, 2020-12-31 4.75e12, 2022-12-31 5.20e12, 2023-06-30 5.85e12"
)
_MONEY_FUNDS_RETREAT = path("2023-09-30 6.02e12, 2023-12-31 6.35e12")
_MONEY_FUND_PARTS = {"MMF-MMF_TOT-M": 1.0, "MMF-MMF_RP_TOT-M": 0.47, "MMF-MMF_RP_wFR-M": 0.28, "MMF-MMF_T_TOT-M": 0.31}
_REPO_VOLUMES = {"TRI": 3.3e12, "DVP": 1.4e12, "GCF": 1.3e11}
# above the policy rate, percentage points
_PREMIUMS = {"TRI": -0.03, "DVP": 0.02, "GCF": 0.04, "SOFR": -0.02, "EFFR": 0.0, "BGCR": -0.03, "TGCR": -0.03}
_FUNDING_FROM = "2021-01-04"


def _funding(world: World, view: View) -> Iterator[SampleFile]:
    every, policy = world.rates["DFF"]
    business = _business_days(_FUNDING_FROM)
    ends = dates.month_ends()
    months = ends[ends >= np.datetime64("2010-11-30")]
    wednesdays = np.arange(np.datetime64("2021-01-06"), dates.LAST_DAY + 1, 7)
    for series in FUNDING_SERIES:
        days = months if series in MONEY_FUND_SERIES else wednesdays if series in DEALER_SERIES else business
        published = dates.published(days, dates.lag_of("ofr_stfm", series))
        shown = view.shows(days, published)
        if not shown.any():
            continue
        # the preliminary and the final series are one, but for a small correction
        noise = world.drivers.noise(series[:-2], days, 0.9)
        if series in MONEY_FUND_SERIES:
            planted = 1.0 if series == "MMF-MMF_TOT-M" else np.exp(0.02 * noise)
            values = interpolated(days, world.drivers.story(_MONEY_FUNDS, _MONEY_FUNDS_RETREAT)) * _MONEY_FUND_PARTS[series] * planted
            unit, frequency = "USD", "Monthly"
        elif series in DEALER_SERIES:
            values, unit, frequency = 2.4e11 * np.exp(0.15 * noise), "USD", "Weekly"
        elif "_TV_" in series:
            correction = 1.0002 if series.endswith("-F") else 1.0
            values, unit, frequency = _REPO_VOLUMES[series[5:8]] * np.exp(0.05 * noise) * correction, "USD", "Daily"
        else:
            premium = _PREMIUMS[series.split("-")[1].split("_")[0]]
            values = policy[np.searchsorted(every, days, "right") - 1] + premium + 0.01 * noise
            unit, frequency = "Percent", "Daily"
        cells = np.round(values, 2).tolist()
        yield _answer("ofr_stfm", series, days[shown], [cells[at] for at in np.flatnonzero(shown)], unit, frequency, published[shown][-1], view)


def _hedge_fund_series(world: World, series: str, leverage: Floats, net: Floats) -> tuple[Floats, str]:
    """Values of one series, coherent with the leverage of all funds, and its unit."""
    name = series.removeprefix("FPF-")
    if "LEVERAGERATIO" in name:
        measure = name.rpartition("_")[2]
        share = {"GAVWMEAN": 1.0, "NAVWMEAN": 0.72, "P5": 0.38, "P50": 0.52, "P95": 1.9}[measure]
        return leverage * share * (0.99 if "STRATEGY" in name else 1.0), "Ratio"
    if name.endswith("COUNT"):
        return np.round(net / 2e9), "Count"
    whole = {"NAV": net, "GAV": net * leverage, "GNE": net * leverage * 2.1, "BORROWING": net * (leverage - 1) * 0.8}
    if "STRATEGY" not in name:
        return whole[name.split("_")[1]], "U.S. dollars"
    _, strategy, measure, _ = name.split("_")
    weights = stream(world.seed, "hedge fund strategies").dirichlet(np.full(len(STRATEGIES), 4.0))
    return whole[measure] * weights[STRATEGIES.index(strategy)], "U.S. dollars"


def _stress(world: World, view: View) -> Iterator[SampleFile]:
    for when in view.around(revision.at for revision in world.stress.revisions):
        days, columns = world.stress.seen_at(when)
        shown = days >= view.since
        if shown.any():
            cells = ((f"{value:g}" if abs(value) >= 1e-4 else "0" for value in columns[name][shown].tolist()) for name in _COLUMNS)
            lines = [_HEADER, *map(",".join, zip(days[shown].astype(str), *cells, strict=True))]
            yield SampleFile("ofr_fsi", "csv", "fsi.csv", dates.as_datetime(when), text(lines))
