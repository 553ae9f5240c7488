"""FRED: chart downloads of daily series, in both header eras, API answers with the vintages of revised ones, and what FRED says of each."""

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
_DECIMALS = {"DTWEXBGS": 4, "DEXUSEU": 4, "DEXUSUK": 4, "DEXCHUS": 4}


# Title, units, frequency and seasonal adjustment of some series.
_INFORMATION = {
    "DGS10": ("Market Yield on U.S. Treasury Securities at 10-Year Constant Maturity", "Percent", "Daily", "Not Seasonally Adjusted"),
    "AAA10Y": ("Moody's Aaa Corporate Bond Yield Relative to 10-Year Treasury", "Percent", "Daily", "Not Seasonally Adjusted"),
    "NASDAQCOM": ("NASDAQ Composite Index", "Index Feb 5, 1971=100", "Daily, Close", "Not Seasonally Adjusted"),
    "UNRATE": ("Unemployment Rate", "Percent", "Monthly", "Seasonally Adjusted"),
    "NCBEILQ027S": (
        "Nonfinancial Corporate Business; Corporate Equities; Liability, Level",
        "Millions of U.S. Dollars",
        "Quarterly",
        "Not Seasonally Adjusted",
    ),
    "GDP": ("Gross Domestic Product", "Billions of Dollars", "Quarterly", "Seasonally Adjusted Annual Rate"),
}


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One chart download a daily series; one API answer with all vintages a revised series; what is said of some of them."""
    yield from _observations(world, view)
    yield from _information(world, view)


def _information(world: World, view: View) -> Iterator[SampleFile]:
    """The answer as of the newest value each series had."""
    for series, (title, units, frequency, adjustment) in _INFORMATION.items():
        if series in world.rates:
            days, known = world.rates[series][0], dates.published(world.rates[series][0], dates.lag_of("fred_series", series))
        else:
            days, known = world.vintages[series].days, dates.local_to_utc(world.vintages[series].from_day, "09:00", dates.CHICAGO)
        shown = view.shows(days, known)
        if not shown.any():
            continue
        updated = pd.Timestamp(known[shown].max(), tz="UTC").tz_convert(dates.CHICAGO)
        said = {
            "id": series, "realtime_start": str(updated.date()), "realtime_end": str(updated.date()), "title": title,
            "observation_start": str(days[shown].min()), "observation_end": str(days[shown].max()), "frequency": frequency,
            "units": units, "seasonal_adjustment": adjustment, "last_updated": updated.strftime("%Y-%m-%d %H:%M:%S") + updated.strftime("%z")[:3],
        }  # fmt: skip
        body = {"realtime_start": str(updated.date()), "realtime_end": str(updated.date()), "seriess": [said]}
        yield SampleFile("fred_series_info", "api_json", f"series_{series}.json", view.current(), json.dumps(body, separators=(",", ":")).encode())


def _observations(world: World, view: View) -> Iterator[SampleFile]:
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
        digits = {"PCEPILFE": 3, "GDP": 3, "UNRATE": 1, "NCBEILQ027S": 0}.get(series, 5)
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
