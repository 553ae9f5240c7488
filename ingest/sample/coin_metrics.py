"""Coin Metrics: bitcoin by day, coherent with FRED's Coinbase price; the answer of the service as one page."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View
from ingest.sample.process import interpolated, path, stream
from ingest.sample.world import World


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Every day since the world has a price of bitcoin."""
    days, coinbase = world.rates["CBBTCUSD"]
    known = ~np.isnan(coinbase)
    # Coinbase was closed on some days, other markets were not
    price = np.interp(days.astype(np.int64), days[known].astype(np.int64), coinbase[known])
    price = np.where(known, price, price * np.exp(0.01 * stream(world.seed, "other coin markets").standard_normal(len(days))))
    supply = np.round(interpolated(days, path("2014-12-01 13.6e6, 2016-07-09 15.75e6, 2020-05-11 18.37e6, 2023-12-31 19.59e6")), 2)
    shown = np.flatnonzero(view.shows(days, dates.published(days, dates.lag_of("coin_metrics"))))
    if not len(shown):
        return
    rows = [
        {
            "asset": "btc",
            "time": f"{day}T00:00:00.000000000Z",
            "CapMrktCurUSD": repr(round(worth * coins, 4)),
            "PriceUSD": repr(round(worth, 10)),
            "SplyCur": repr(coins),
        }
        for day, worth, coins in zip(days[shown].astype(str).tolist(), price[shown].tolist(), supply[shown].tolist(), strict=True)
    ]
    name = f"asset_metrics_btc_{days[0]}_{dates.LAST_DAY}_1.json"
    yield SampleFile("coin_metrics", "api_json", name, view.current(), json.dumps({"data": rows}, separators=(",", ":")).encode())
