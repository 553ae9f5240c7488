"""World Bank: indicators by country and year, an answer an indicator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from ingest.feeds.world_bank import INDICATORS
from ingest.sample import dates
from ingest.sample.economy import INDIA_VALUE, INDIA_VALUE_RETREAT
from ingest.sample.file import SampleFile, View
from ingest.sample.process import interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

# Code of two characters, of three, name, and the share of India's market value and of the world's product it has.
_AREAS = (
    ("1W", "WLD", "World", 28.0, 1.0),
    ("EU", "EUU", "European Union", 3.1, 0.17),
    ("US", "USA", "United States", 12.2, 0.25),
    ("CN", "CHN", "China", 3.4, 0.17),
    ("JP", "JPN", "Japan", 1.6, 0.05),
    ("GB", "GBR", "United Kingdom", 0.9, 0.03),
    ("IN", "IND", "India", 1.0, 0.033),
    ("ID", "IDN", "Indonesia", 0.17, 0.013),
    ("VN", "VNM", "Viet Nam", 0.06, 0.004),
    ("SA", "SAU", "Saudi Arabia", 0.8, 0.01),
)
_ENDED = {"GB": 2014}  # the exchange stopped reporting
_NAMES: Mapping[str, str] = {
    "CM.MKT.LCAP.CD": "Market capitalization of listed domestic companies (current US$)",
    "CM.MKT.TRAD.CD": "Stocks traded, total value (current US$)",
    "NY.GDP.MKTP.CD": "GDP (current US$)",
}

_WORLD_PRODUCT = path("2003-12-31 3.9e13, 2008-12-31 6.4e13, 2015-12-31 7.5e13, 2022-12-31 1.01e14, 2023-12-31 1.06e14")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Each indicator with the years published by the view's time, newest year of each country first."""
    days = np.array([f"{year}-12-31" for year in range(2004, 2024)], "datetime64[D]")
    published = dates.published(days, dates.lag_of("world_bank_indicator"))
    shown = view.shows(days, published)
    if not shown.any():
        return
    india = interpolated(days, world.drivers.story(INDIA_VALUE, INDIA_VALUE_RETREAT))
    for indicator in INDICATORS:
        rows = []
        for code, iso3, name, of_market, of_product in _AREAS:
            values = _values(world, indicator, code, india, interpolated(days, _WORLD_PRODUCT), of_market, of_product)
            for day, value in zip(days[shown][::-1].astype(str).tolist(), values[shown][::-1].tolist(), strict=True):
                ended = indicator != "NY.GDP.MKTP.CD" and int(day[:4]) > _ENDED.get(code, 9999)
                rows.append(
                    {
                        "indicator": {"id": indicator, "value": _NAMES[indicator]},
                        "country": {"id": code, "value": name},
                        "countryiso3code": iso3,
                        "date": day[:4],
                        "value": None if ended else round(value),
                        "unit": "",
                        "obs_status": "",
                        "decimal": 0,
                    }
                )
        updated = str(published[shown][-1] - np.timedelta64(1, "D"))[:10]
        about = {"page": 1, "pages": 1, "per_page": 20000, "total": len(rows), "sourceid": "2", "lastupdated": updated}
        yield SampleFile("world_bank_indicator", "api_json", f"{indicator}_1.json", view.current(), json.dumps([about, rows], separators=(",", ":")).encode())


def _values(world: World, indicator: str, code: str, india: Floats, product: Floats, of_market: float, of_product: float) -> Floats:
    wobble = np.exp(0.05 * stream(world.seed, f"world bank {code}").standard_normal(len(india))) if code != "IN" else np.ones(len(india))
    if indicator == "NY.GDP.MKTP.CD":
        return np.asarray(product * of_product)
    return np.asarray(india * of_market * wobble * (0.6 if indicator == "CM.MKT.TRAD.CD" else 1.0))
