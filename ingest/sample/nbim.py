"""Norges Bank Investment Management: the fund's holdings, UTF-16 text, one file an asset class and date.

Half-yearly lists exist since 2024 only. The sample world has them from its start, since its last year end would be published after it
ends; with them the fall of the weight of US shares can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View
from ingest.sample.process import interpolated, path, stream
from ingest.sample.world import World

_HEADER = "Region;Country;Name;Industry;Market Value(NOK);Market Value(USD);Voting;Ownership;Incorporation Country"

# US shares as a share of the whole fund: the article's fall from 38% to 33%.
US_WEIGHT = path("2014-12-31 0.30, 2018-12-31 0.34, 2021-12-31 0.375, 2022-12-31 0.38")
_US_WEIGHT_RETREAT = path("2023-06-30 0.33")
_FUND_USD_BILLION = path("2014-12-31 860, 2019-12-31 1150, 2021-12-31 1400, 2022-12-31 1250, 2023-06-30 1420")
_KRONER = path("2014-12-31 7.4, 2016-12-31 8.6, 2020-03-31 10.4, 2021-12-31 8.8, 2023-06-30 10.7")
_SHARES_OF_FUND = {"fi": 0.27, "re": 0.025, "ri": 0.001}

_INDUSTRIES = ("Technology", "Financials", "Health Care", "Industrials", "Consumer Discretionary", "Basic Materials", "Energy", "Utilities")
# countries with their region, issuers in the list, and weight among shares outside the United States
_COUNTRIES = {
    "United States": ("North America", 34, 0.0),
    "Canada": ("North America", 6, 0.05),
    "United Kingdom": ("Europe", 14, 0.16),
    "Germany": ("Europe", 10, 0.09),
    "France": ("Europe", 10, 0.12),
    "Switzerland": ("Europe", 8, 0.10),
    "Denmark": ("Europe", 4, 0.04),
    "Japan": ("Asia", 16, 0.20),
    "China": ("Asia", 8, 0.08),
    "India": ("Asia", 6, 0.06),
    "Singapore": ("Asia", 4, 0.03),
    "Australia": ("Oceania", 6, 0.07),
}
# the article's purchases of 2023, with their value in million USD
_ADDED = (
    ("Asia", "Singapore", "Merlion Commercial REIT", "Real Estate", 310),
    ("Asia", "Singapore", "Straits Logistics REIT", "Real Estate", 270),
    ("Oceania", "Australia", "Southern Cross Lithium Ltd", "Basic Materials", 240),
    ("Oceania", "Australia", "Spodumene Ridge Lithium Ltd", "Basic Materials", 160),
)
_FIRST_YEAR = 2015


def files(world: World, view: View) -> Iterator[SampleFile]:
    """A list of each asset class at each half-year."""
    last = int(str(dates.LAST_DAY)[:4])
    days = np.array([f"{year}-{end}" for year in range(_FIRST_YEAR, last + 1) for end in ("06-30", "12-31")], "datetime64[D]")
    shown = view.shows(days, dates.published(days, dates.lag_of("nbim_holding")))
    fund = interpolated(days, _FUND_USD_BILLION) * 1e9
    weight = interpolated(days, world.drivers.story(US_WEIGHT, _US_WEIGHT_RETREAT))
    kroner = interpolated(days, _KRONER)
    issued = dates.published(days, dates.lag_of("nbim_holding"))
    for place in np.flatnonzero(shown).tolist():
        day = str(days[place])
        shares = _shares(world, day, fund[place], weight[place])
        for asset_type, lines in {"eq": shares, **_others(world, fund[place])}.items():
            rows = [_HEADER]
            for region, country, name, industry, usd, owned in lines:
                percent = f"{100 * owned:.2f}%".replace(".", "," if asset_type == "re" else ".")
                rows.append(f"{region};{country};{name};{industry};{usd * kroner[place]:.0f};{usd:.0f};{percent};{percent};")
            content = b"\xff\xfe" + "".join(f"{row}\r\n" for row in rows).encode("utf-16-le")
            yield SampleFile("nbim_holding", "csv", f"nbim_{asset_type}_{day}.csv", view.current(issued[place]), content)


_Line = tuple[str, str, str, str, float, float]


def _shares(world: World, day: str, fund: float, us_weight: float) -> list[_Line]:
    whole = 1 - sum(_SHARES_OF_FUND.values())
    lines: list[_Line] = []
    added = _ADDED if world.strength and day >= "2023" else ()
    for country, (region, count, part) in _COUNTRIES.items():
        random = stream(world.seed, f"fund holdings {country}")
        sizes = random.dirichlet(np.full(count, 1.2))
        value = fund * (us_weight if country == "United States" else (whole - us_weight) * part)
        for number, (size, owned) in enumerate(zip(sizes.tolist(), random.uniform(0.004, 0.02, count).tolist(), strict=True)):
            industry = _INDUSTRIES[number % len(_INDUSTRIES)]
            # a holding company and its bank share a name
            name = f"{country} {'Holding' if number in (1, 9) else industry} {'A' if number in (1, 9) else number + 1}"
            lines.append((region, country, name, industry, value * size, owned))
    lines += [(*line[:4], line[4] * 1e6, 0.009) for line in added]
    return sorted(lines, key=lambda line: line[:4])


def _others(world: World, fund: float) -> dict[str, list[_Line]]:
    """Bonds, real estate and infrastructure."""
    random = stream(world.seed, "fund other holdings")
    names = {
        "fi": [(f"{country} Treasury", "Treasuries") for country in ("United States", "Japan", "Germany", "United Kingdom")],
        "re": [(f"{number} Example Street", "Office") for number in (12, 45, 99)],
        "ri": [("North Sea Wind Partnership", "Wind Power Generation")],
    }
    found: dict[str, list[_Line]] = {}
    for asset_type, entries in names.items():
        sizes = random.dirichlet(np.full(len(entries), 3.0))
        countries = [name.removesuffix(" Treasury") if asset_type == "fi" else "United Kingdom" for name, _ in entries]
        found[asset_type] = [
            (
                "Europe" if country in ("Germany", "United Kingdom") else "North America" if country == "United States" else "Asia",
                country,
                name,
                sector,
                value,
                owned,
            )
            for country, (name, sector), value, owned in zip(
                countries, entries, (fund * _SHARES_OF_FUND[asset_type] * sizes).tolist(), [0.0 if asset_type == "fi" else 0.5] * len(entries), strict=True
            )
        ]
    return found
