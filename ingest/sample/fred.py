"""FRED: chart downloads of daily series, in both header eras, and API answers with the vintages of revised ones."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.world import World

# Saved before FRED renamed the date column and began to leave missing values empty.
_OLD_HEADER = ("DGS2", "BAMLH0A0HYM2", "CBBTCUSD", "DEXJPUS")
_DECIMALS = {"DTWEXBGS": 4}


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One chart download a daily series; one API answer with all vintages a revised series."""
    for series, (days, values) in world.rates.items():
        shown = view.shows(days, dates.published(days, dates.lag_of("fred_series", series)))
        if not shown.any():
            continue
        old = series in _OLD_HEADER
        missing, digits = "." if old else "", _DECIMALS.get(series, 2)
        lines = [f"{'DATE' if old else 'observation_date'},{series}"]
        written = (missing if value != value else repr(value) if series == "CBBTCUSD" else f"{value:.{digits}f}" for value in values[shown].tolist())
        lines += [f"{day},{value}" for day, value in zip(days[shown].astype(str), written, strict=True)]
        yield SampleFile("fred_series", "graph_csv", f"{series}.csv", view.current(), text(lines))
    for series, vintages in world.vintages.items():
        known = (dates.local_to_utc(vintages.from_day, "24:00", dates.CHICAGO) <= view.as_of) & (vintages.days >= view.since)
        if not known.any():
            continue
        table = pd.DataFrame({"date": vintages.days[known], "from": vintages.from_day[known], "value": vintages.values[known]})
        following = table.groupby("date")["from"].shift(-1).to_numpy().astype("datetime64[D]") - np.timedelta64(1, "D")
        ends = np.where(np.isnat(following), "9999-12-31", following.astype(str))
        digits = {"PCEPILFE": 3, "GDP": 3}.get(series, 5)
        observations = [
            {"realtime_start": start, "realtime_end": end, "date": day, "value": f"{value:.{digits}f}"}
            for start, end, day, value in zip(
                vintages.from_day[known].astype(str), ends.tolist(), vintages.days[known].astype(str), vintages.values[known].tolist(), strict=True
            )
        ]
        body = {
            "realtime_start": "1776-07-04", "realtime_end": "9999-12-31", "observation_start": "1776-07-04", "observation_end": "9999-12-31",
            "units": "lin", "output_type": 1, "file_type": "json", "order_by": "observation_date", "sort_order": "asc",
            "count": len(observations), "offset": 0, "limit": 100000, "observations": observations,
        }  # fmt: skip
        name = f"observations_{series}_1776-07-04_9999-12-31.json"
        yield SampleFile("fred_series", "api_json", name, view.current(), json.dumps(body, separators=(",", ":")).encode())
