"""Office of Financial Research: the Financial Stress Index, re-estimated now and then, and the Hedge Fund Monitor, a file a series."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.feeds.ofr import HEDGE_FUND_SERIES, STRATEGIES
from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

_HEADER = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"
_COLUMNS = ("ofr_fsi", "credit", "equity_valuation", "safe_assets", "funding", "volatility", "united_states", "other_advanced_economies", "emerging_markets")


# Gross assets / net asset value of all hedge funds, weighted by assets: the article's fall from 2.8 to 2.3 in 2023.
_LEVERAGE = path("2013-03-31 2.25, 2019-12-31 2.55, 2020-03-31 2.35, 2021-12-31 2.70, 2022-12-31 2.80")
_LEVERAGE_RETREAT = path("2023-03-31 2.75, 2023-06-30 2.60, 2023-09-30 2.30")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The index before and after each re-estimation and correction, and now; then the monitor."""
    yield from _stress(world, view)
    yield from _hedge_funds(world, view)


def _hedge_funds(world: World, view: View) -> Iterator[SampleFile]:
    ends = dates.month_ends()
    quarters = ends[(ends >= np.datetime64("2013-03-31")) & (ends.astype("datetime64[M]").astype(np.int64) % 3 == 2)]
    published = dates.published(quarters, dates.lag_of("ofr_hfm"))
    shown = view.shows(quarters, published)
    if not shown.any():
        return
    waypoints = world.drivers.story(_LEVERAGE, _LEVERAGE_RETREAT)
    planted = np.isin(quarters.astype(str), [day for day, _ in waypoints])
    wobble = np.where(planted, 0.0, 0.03 * stream(world.seed, "hedge fund leverage").standard_normal(len(quarters)))
    leverage = interpolated(quarters, waypoints) + wobble
    net = np.exp(np.linspace(np.log(2.2e12), np.log(4.2e12), len(quarters)))
    released = np.datetime_as_string(published[shown][-1], "s").replace("T", " ")
    for series in HEDGE_FUND_SERIES:
        values, unit = _hedge_fund_series(world, series, leverage, net)
        # one strategy has too few funds in its first year to be shown
        withheld = quarters < np.datetime64("2014-01-01") if series.startswith("FPF-STRATEGY_OTHER") else np.zeros(len(quarters), bool)
        pairs = [
            [day, None if hidden else round(value, 4)]
            for day, value, hidden in zip(quarters[shown].astype(str).tolist(), values[shown].tolist(), withheld[shown].tolist(), strict=True)
        ]
        metadata = {
            "mnemonic": series,
            "description": {"name": series, "vintage_approach": "Current vintage, as of last update"},
            "schedule": {"observation_frequency": "Quarterly", "start_date": pairs[0][0], "last_update": released},
            "unit": {"name": unit, "magnitude": 0},
        }
        body = {series: {"timeseries": {"aggregation": pairs, "disclosure_edits": []}, "metadata": metadata}}
        yield SampleFile("ofr_hfm", "series_json", f"{series}.json", view.current(), json.dumps(body, separators=(",", ":")).encode())


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
