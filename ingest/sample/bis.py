"""Bank for International Settlements: effective exchange rates by month; the dollar's is that of the Federal Reserve's index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.feeds.bis import AREAS
from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.tables import Floats
from ingest.sample.world import World

_HEADER = "DATAFLOW,FREQ,EER_TYPE,EER_BASKET,REF_AREA,TIME_PERIOD,OBS_VALUE,TIME_FORMAT"
_PRICES_RISE = {"R": 0.0, "N": 0.012}  # yearly drift of the nominal rate of currencies whose prices rise faster


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One file with every series and the months published by the view's time."""
    ends = dates.month_ends()
    ends = ends[ends >= dates.FIRST_DAY]
    shown = view.shows(ends, dates.published(ends, dates.lag_of("bis_exchange_rate")))
    if not shown.any():
        return
    lines = [_HEADER]
    for kind, drift in _PRICES_RISE.items():
        for area in AREAS:
            rates = _dollar(world) if area == "US" else 100 * np.exp(0.06 * world.drivers.noise(f"exchange rate {area}", ends, 0.96))
            values = np.round(rates * np.exp(-drift * np.arange(len(ends)) / 12 * (area in ("IN", "ID", "BR", "MX"))), 2)
            lines += [f"BIS:WS_EER(1.0),M,{kind},B,{area},{str(day)[:7]},{value:.2f}," for day, value in zip(ends[shown], values[shown].tolist(), strict=True)]
    yield SampleFile("bis_exchange_rate", "sdmx_csv", "WS_EER.csv", view.current(), text(lines))


def _dollar(world: World) -> Floats:
    """Monthly averages of the broad dollar index."""
    days, values = world.rates["DTWEXBGS"]
    ends = dates.month_ends()
    months = ends[ends >= dates.FIRST_DAY].astype("datetime64[M]")
    of_day = days.astype("datetime64[M]")
    known = np.isfinite(values)
    averages = np.array([values[(of_day == month) & known].mean() if ((of_day == month) & known).any() else np.nan for month in months])
    filled = np.isfinite(averages)
    return np.asarray(np.interp(np.arange(len(months)), np.flatnonzero(filled), averages[filled]))
