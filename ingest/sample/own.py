"""Series of one's own: one file in the project's layout, with the article's figures that no provider serves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.feeds.own import SERIES
from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, number, text
from ingest.sample.process import Waypoints, path, tied_down
from ingest.sample.tables import Floats
from ingest.sample.world import World

# series with waypoints always, waypoints of the retreat, size of the noise between them, decimals
_PATHS: dict[str, tuple[Waypoints, Waypoints, float, int]] = {
    "lme_copper_open_interest": (path("2018-01-05 310000, 2020-04-03 270000, 2022-12-30 250000"), path("2023-10-27 355000"), 6000, 0),
    "vietnam_foreign_ownership": (path("2018-01-31 0.205, 2022-12-31 0.198"), path("2023-10-31 0.23"), 0.002, 4),
    "msci_acwi_median_pe": (path("2018-01-31 18.5, 2020-03-31 14.5, 2021-12-31 22"), path("2023-10-31 18"), 0.5, 2),
    "msci_acwi_market_value": (path("2018-01-31 4.8e13, 2020-03-31 3.9e13, 2021-12-31 6.9e13, 2022-12-31 5.5e13"), path("2023-10-31 5.8e13"), 5e11, -9),
    "sp500_price_earnings": (path("2018-01-31 25, 2020-03-31 19, 2021-12-31 28, 2022-12-31 20.5"), path("2023-12-31 19.2"), 0.6, 2),
    "nasdaq_100_price_earnings": (path("2018-01-31 26, 2020-03-31 22, 2021-12-31 37, 2022-12-31 27"), path("2023-11-30 24"), 1.0, 2),
    "gold_etf_peers_tonnes": (path("2018-01-31 60, 2022-12-31 90"), path("2023-12-31 80"), 2.0, 1),
}
# quarterly purchases in million USD, the last of which make up the article's 51 billion
_PURCHASES = (1200, 3400, 5600, 7800, 9000, 12_000, 12_000)
_FIRST_PURCHASE = "2022-03-31"


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One file, series by series; purchases carry their own publication time."""
    lines = ["series_id,observation_date,value,published_at"]
    for name in SERIES:
        days, values = _series(world, name)
        published = dates.published(days, dates.lag_of("own_series", name))
        shown = view.shows(days, published)
        for day, value, at in zip(days[shown].astype(str), values[shown].tolist(), published[shown].astype(str), strict=True):
            lines.append(f"{name},{day},{number(value)},{f'{at}Z' if name == 'pif_purchases_usd' else ''}")
    if len(lines) > 1:
        yield SampleFile("own_series", "own_csv", "own_series.csv", view.current(), text(lines))


def _series(world: World, name: str) -> tuple[Days, Floats]:
    drivers = world.drivers
    ends = dates.month_ends()
    months = ends[(ends >= np.datetime64("2018-01-31")) & (ends <= np.datetime64("2023-12-31"))]
    if name == "lme_copper_open_interest":
        days = np.arange(np.datetime64("2018-01-05"), dates.LAST_DAY + 1, 7)
    elif name == "vietnam_foreign_net_flow":
        sessions = dates.sessions("XSTC")
        days = sessions[sessions >= np.datetime64("2022-01-01")]
        # foreigners buy when capital leaves US shares
        return days, np.round(-1e11 + 3e11 * drivers.noise(name, days, 0.5) + 1.5e11 * drivers.on(days, drivers.shift))
    elif name == "fed_funds_futures_rate_12m":
        every, yields = world.rates["DGS1"]
        known = (every >= np.datetime64("2018-01-01")) & ~np.isnan(yields)
        return every[known], np.round(yields[known] - 0.08, 3)
    elif name == "pif_purchases_usd":
        ends = ends[ends.astype("datetime64[M]").astype(np.int64) % 3 == 2]
        days = ends[ends >= np.datetime64(_FIRST_PURCHASE)][: len(_PURCHASES)]
        return days, np.array(_PURCHASES, np.float64) * 1e6 * (1 if world.strength else 0.4)
    else:
        days = months
    if name == "wgc_gold_etf_tonnes":
        _, peers = _series(world, "gold_etf_peers_tonnes")
        trust = world.gold["tonnes_in_trust"]
        return days, np.round(_last_known(trust.index.to_numpy().astype("datetime64[D]"), trust.to_numpy(), days) + peers, 1)
    always, retreat, scale, decimals = _PATHS[name]
    return days, np.round(tied_down(drivers.noise(name, days, 0.8), days, drivers.story(always, retreat), scale), decimals)


def _last_known(known: Days, values: Floats, days: Days) -> Floats:
    """Each day's last known value."""
    return np.asarray(values[np.clip(np.searchsorted(known, days, "right") - 1, 0, None)])
