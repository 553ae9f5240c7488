"""International Monetary Fund: reserves by currency and gold reserves as SDMX messages, commodity prices as SDMX-CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.economy import DOLLAR_SHARE, DOLLAR_SHARE_RETREAT
from ingest.sample.file import SampleFile, View, number, text
from ingest.sample.process import Waypoints, interpolated, path
from ingest.sample.tables import Floats
from ingest.sample.world import World

_OTHER_SHARES: Mapping[str, float] = {"CI_EUR": 0.50, "CI_JPY": 0.135, "CI_GBP": 0.12, "CI_CNY": 0.06}  # of what is not held in dollars
_RESERVES = path("2003-12-31 2.2e12, 2010-12-31 5.2e12, 2021-12-31 1.20e13, 2022-12-31 1.09e13, 2023-12-31 1.13e13")

# Fine troy ounces of gold in official reserves: the world, China, Poland, Turkey, India, the United States.
_GOLD: Mapping[str, tuple[Waypoints, Waypoints]] = {
    "G001": (path("2003-12-31 1.02e9, 2009-12-31 9.8e8, 2021-12-31 1.14e9"), path("2022-12-31 1.158e9, 2023-12-31 1.182e9")),
    "CHN": (path("2003-12-31 1.929e7, 2009-04-30 3.389e7, 2015-06-30 5.332e7, 2021-12-31 6.264e7"), path("2022-10-31 6.264e7, 2023-12-31 7.187e7")),
    "POL": (path("2003-12-31 3.3e6, 2017-12-31 3.31e6, 2019-12-31 7.36e6, 2021-12-31 7.42e6"), path("2023-03-31 7.35e6, 2023-12-31 1.154e7")),
    "TUR": (path("2003-12-31 3.7e6, 2016-12-31 3.7e6, 2021-12-31 1.27e7"), path("2022-12-31 1.74e7, 2023-12-31 1.736e7")),
    "IND": (path("2003-12-31 1.15e7, 2009-11-30 1.793e7, 2021-12-31 2.425e7"), path("2023-12-31 2.584e7")),
    "USA": (path("2003-12-31 2.615e8"), ()),
}

# Quarters from here on have an edition a release, so that each is known from the time the message itself bears.
_RESERVES_EDITIONS_FROM = np.datetime64("2021-12-31", "D")

_OF_RESERVES = ("COUNTRY", "INDICATOR", "FXR_CURRENCY", "TYPE_OF_TRANSFORMATION", "FREQUENCY")
_OF_GOLD = ("COUNTRY", "INDICATOR", "UNIT", "FREQUENCY")

# US dollars a tonne of copper, a troy ounce of gold.
_PRICES: Mapping[str, Waypoints] = {
    "PCOPP": path("2003-12-31 2200, 2006-05-31 8050, 2008-06-30 8260, 2008-12-31 3070, 2011-02-28 9870, 2016-01-31 4470, 2021-05-31 10160, 2023-12-31 8400"),
    "PGOLD": path("2003-12-31 407, 2011-08-31 1760, 2015-12-31 1075, 2020-08-31 1969, 2022-10-31 1664, 2023-12-31 2026"),
}


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Each dataset as it stood at the view's time, reserves by currency also at each release of the last two years.

    A message bears the time of the release of its newest period.
    """
    ends = dates.month_ends()
    quarters = ends[ends.astype("datetime64[M]").astype(np.int64) % 3 == 2]
    months = ends[ends >= dates.FIRST_DAY]
    share = np.round(interpolated(quarters, world.drivers.story(DOLLAR_SHARE, DOLLAR_SHARE_RETREAT)), 6)
    reserves = interpolated(quarters, _RESERVES)
    currencies: dict[str, Floats] = {"CI_USD": share} | {name: np.round((100 - share) * of, 6) for name, of in _OTHER_SHARES.items()}
    reserve_series = {f"G001.AFXRA.{name}.SHRO_PT.Q": values for name, values in currencies.items()}
    reserve_series |= {f"G001.AFXRA.{name}.NV_USD.Q": np.round(reserves * values / 100) for name, values in currencies.items()}
    reserve_series["G001.AFXRA.CI_T.NV_USD.Q"] = np.round(reserves)
    releases = dates.published(quarters, dates.lag_of("imf_sdmx", "COFER"))
    for when in view.editions(dates.as_datetime(moment) for moment in releases[quarters >= _RESERVES_EDITIONS_FROM]):
        kept, released = _released(view, quarters, "COFER", when)
        if released:
            told = {key: values[kept] for key, values in reserve_series.items()}
            body = _message("COFER", "7.0.1", _OF_RESERVES, quarters[kept], told, released)
            yield SampleFile("imf_sdmx", "sdmx_xml", "IMF_COFER.xml", dates.as_datetime(when), body)
    kept, released = _released(view, months, "IL")
    if released:
        told = {f"{place}.RGV_REVS.FTO.M": np.round(interpolated(months, world.drivers.story(*points)))[kept] for place, points in _GOLD.items()}
        yield SampleFile("imf_sdmx", "sdmx_xml", "IMF_IL.xml", view.current(), _message("IL", "13.0.1", _OF_GOLD, months[kept], told, released))
    kept, released = _released(view, months, "PCPS")
    if released:
        lines = ["DATAFLOW,COUNTRY,INDICATOR,DATA_TRANSFORMATION,FREQUENCY,TIME_PERIOD,OBS_VALUE,SCALE"]
        for commodity, waypoints in _PRICES.items():
            values = np.round(interpolated(months, waypoints) * np.exp(0.03 * world.drivers.noise(f"price {commodity}", months, 0.8)), 3)
            lines += [
                f"IMF.RES:PCPS(9.0.0),G001,{commodity},USD,M,{_period(day, 'M')},{number(value)},0"
                for day, value in zip(months[kept], values[kept].tolist(), strict=True)
            ]
        yield SampleFile("imf_sdmx", "sdmx_csv", "IMF_PCPS.csv", view.current(), text(lines))


def _released(view: View, days: Days, dataset: str, when: np.datetime64 | None = None) -> tuple[NDArray[np.bool_], str]:
    """Which periods a message made at `when` (the view's own time if not given) holds, and when the newest of them was released; no time when it holds none."""
    published = dates.published(days, dates.lag_of("imf_sdmx", dataset))
    kept = view.shows(days, published, when)
    return kept, f"{published[kept][-1]}Z" if kept.any() else ""


def _period(day: np.datetime64, frequency: str) -> str:
    year, month = str(day)[:4], int(str(day)[5:7])
    return f"{year}-Q{(month + 2) // 3}" if frequency == "Q" else f"{year}-M{month:02d}"


def _message(dataset: str, version: str, names: tuple[str, ...], days: Days, series: Mapping[str, Floats], released: str) -> bytes:
    """A structure-specific message: the dimensions of a series are attributes, other attributes follow them."""
    flow = f"urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=IMF.STA:{dataset}({version}):ObsLevelDim:TIME_PERIOD"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<message:StructureSpecificData xmlns:ss="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific" '
        f'xmlns:ns1={quoteattr(flow)} xmlns:message="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" '
        'xmlns:common="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        f"<message:Header><message:ID>DS1</message:ID><message:Test>false</message:Test><message:Prepared>{released}</message:Prepared>",
        f'<message:Structure structureID="{dataset}" namespace={quoteattr(flow)} dimensionAtObservation="TIME_PERIOD"><common:StructureUsage>',
        f'<Ref agencyID="IMF.STA" id="{dataset}" version="{version}"/></common:StructureUsage></message:Structure></message:Header>',
        f'<message:DataSet ss:dataScope="DataStructure" xsi:type="ns1:DataSetType" ss:structureRef="{dataset}" action="Replace" '
        f'UPDATE_DATE="{released}" PUBLICATION_DATE="{released}" PUBLISHER="IMF">',
    ]
    periods = [_period(day, next(iter(series)).rpartition(".")[2]) for day in days]
    for key, values in series.items():
        attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in zip(names, key.split("."), strict=True))
        lines.append(f'<Series {attributes} OVERLAP="OL" DECIMALS_DISPLAYED="3" SCALE="6">')
        lines += [f'<Obs TIME_PERIOD="{period}" OBS_VALUE="{number(value)}"/>' for period, value in zip(periods, values.tolist(), strict=True)]
        lines.append("</Series>")
    return text([*lines, "</message:DataSet>", "</message:StructureSpecificData>"])
