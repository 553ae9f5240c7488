"""Investment Company Institute: fund flows and money-market assets, old workbooks, one file a kind and year.

The real flow files show the last seven weeks only. A file here holds the weeks of its whole year, so that a few files make up the
archive that a reader of the real ones collects week by week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ingest.feeds.ici import FLOW_CATEGORIES
from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, old_workbook
from ingest.sample.process import interpolated, path
from ingest.sample.tables import Floats
from ingest.sample.world import World

FIRST_WEEK = np.datetime64("2015-01-07")  # a Wednesday

# Flow of an ordinary week in million USD and its standard deviation, by kind of fund and part.
_PARTS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "mutual_fund": {
        "domestic_equity": (-5200, 2400),
        "world_equity": (-600, 1500),
        "hybrid": (-1100, 600),
        "taxable_bond": (2600, 3200),
        "municipal_bond": (500, 900),
    },
    "etf": {
        "domestic_equity": (4600, 5200),
        "world_equity": (1700, 1900),
        "hybrid": (60, 80),
        "taxable_bond": (2900, 2300),
        "municipal_bond": (250, 260),
        "commodity": (60, 700),
    },
}

_TITLES = {
    "mutual_fund": ("flows_data", "Weekly MF Flow Estimates", "Estimated Long-Term Mutual Fund Flows"),
    "etf": ("etf_flows_data", "Weekly ETF Public Report", "Estimated ETF Net Issuance"),
    "combined": ("combined_flows_data", "Weekly MF & ETF Public Report", "Combined Estimated Long-Term Fund Flows and ETF Net Issuance"),
}


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Flows of mutual funds, exchange-traded funds and both; then money-market assets."""
    weeks = np.arange(FIRST_WEEK, dates.LAST_DAY + 1, 7)
    flows = _flows(world, weeks)
    for vehicle, weekly in flows.items():
        yield from _flow_files(view, vehicle, weeks, weekly)
    yield from _money_funds(world, view, weeks)


def _flows(world: World, weeks: Days) -> dict[str, dict[str, Floats]]:
    drivers = world.drivers
    # shares are sold when capital leaves; part of the money goes into bond funds
    leaving = drivers.on(weeks, drivers.signal("fund flows", "flows", 0.97, crisis=1.5))
    tides = {"domestic_equity": -0.55 * leaving, "world_equity": -0.3 * leaving, "taxable_bond": 0.15 * leaving}
    flows: dict[str, dict[str, Floats]] = {}
    for vehicle, parts in _PARTS.items():
        made = {}
        for part, (usual, spread) in parts.items():
            noise = drivers.noise(f"{vehicle} {part} flow", weeks, 0.4)
            made[part] = np.round(usual + spread * (0.8 * noise + tides.get(part, 0.0)))
        flows[vehicle] = _added_up(made)
    both = {part: flows["mutual_fund"].get(part, np.zeros(len(weeks))) + flows["etf"][part] for part in _PARTS["etf"]}
    return flows | {"combined": _added_up(both)}


def _added_up(parts: Mapping[str, Floats]) -> dict[str, Floats]:
    """The parts with the sums the provider prints."""
    equity = parts["domestic_equity"] + parts["world_equity"]
    bond = parts["taxable_bond"] + parts["municipal_bond"]
    return {**parts, "equity": equity, "bond": bond, "total": equity + bond + parts["hybrid"] + parts.get("commodity", np.zeros(len(equity)))}


def _flow_files(view: View, vehicle: str, weeks: Days, weekly: Mapping[str, Floats]) -> Iterator[SampleFile]:
    months = np.unique(weeks.astype("datetime64[M]"))
    ends = (months + 1).astype("datetime64[D]") - 1
    # a month's actual flow is that of its weeks, which were estimates, scaled to its length
    of_month = np.searchsorted(months, weeks.astype("datetime64[M]"))
    held = np.bincount(of_month)
    length = (ends - months.astype("datetime64[D]")).astype(np.int64) + 1
    monthly = _added_up({part: np.round(np.bincount(of_month, weekly[part]) / held * length / 7 * 1.01) for part in weekly if part in _PARTS["etf"]})
    shown = {
        "monthly": view.shows(ends, dates.published(ends, dates.lag_of("ici_fund_flow", "monthly"))),
        "weekly": view.shows(weeks, dates.published(weeks, dates.lag_of("ici_fund_flow", "weekly"))),
    }
    name, sheet, title = _TITLES[vehicle]
    for year in np.unique(weeks[shown["weekly"]].astype("datetime64[Y]")):
        rows: list[list[Any]] = [[title], ["Millions of dollars"], [], [], *_headings(vehicle)]
        for frequency, days, values in (("monthly", ends, monthly), ("weekly", weeks, weekly)):
            rows.append([{"monthly": "Monthly fund flows", "weekly": "Estimated weekly fund flows"}[frequency]])
            for place in np.flatnonzero(shown[frequency] & (days.astype("datetime64[Y]") == year)).tolist():
                rows.append(_line(vehicle, str(days[place]), {part: column[place] for part, column in values.items()}))
        rows += [[], ["Note: Components may not add to the total because of rounding."], ["Source: Investment Company Institute (invented figures)"]]
        last = (year + 1).astype("datetime64[s]") + np.timedelta64(45, "D")
        yield SampleFile("ici_fund_flow", "workbook", f"{name}_{year}.xls", view.current(last), old_workbook(sheet, rows))


def _columns(vehicle: str) -> dict[str, int]:
    """Position of each category in the provider's file."""
    if vehicle == "mutual_fund":
        return {"total": 1, "equity": 3, "domestic_equity": 5, "world_equity": 17, "hybrid": 23, "bond": 25, "taxable_bond": 27, "municipal_bond": 39}
    return dict(zip(FLOW_CATEGORIES, range(1, 19, 2), strict=True))


def _headings(vehicle: str) -> list[list[Any]]:
    top, middle, low = {0: "Date", 3: "Equity"}, {}, {}
    if vehicle == "mutual_fund":
        top |= {1: "Total long-term", 23: "Hybrid", 25: "Bond"}
        middle = {3: "Total equity", 5: "Domestic", 17: "World", 25: "Total bond", 27: "Taxable", 39: "Municipal"}
        low = {5: "Total domestic", 7: "Large cap", 9: "Mid cap", 11: "Small cap", 13: "Multi cap", 15: "Other", 17: "Total world"}
        low |= {19: "Developed markets", 21: "Emerging markets", 27: "Total taxable", 29: "Investment grade", 31: "High yield"}
        low |= {33: "Government", 35: "Multisector", 37: "Global"}
    else:
        top |= {1: "Total ETFs" if vehicle == "etf" else "Total LT MF and ETF flows", 9: "Hybrid", 11: "Bond", 17: "Commodity"}
        middle = {3: "Total", 5: "Domestic", 7: "World", 11: "Total", 13: "Taxable", 15: "Municipal"}
    return [_spread(cells) for cells in (top, middle, low)]


def _line(vehicle: str, day: str, values: Mapping[str, float]) -> list[Any]:
    columns = _columns(vehicle)
    cells: dict[int, Any] = {0: f"{day[5:7]}/{day[8:]}/{day[:4]}"} | {at: float(values[part]) for part, at in columns.items()}
    if vehicle == "mutual_fund":
        # styles and regions, in fixed shares of the whole
        for whole, at, shares in (("domestic_equity", 7, (0.5, 0.15, 0.12, 0.18, 0.05)), ("world_equity", 19, (0.8, 0.2))):
            cells |= {at + 2 * place: float(np.round(values[whole] * share)) for place, share in enumerate(shares)}
        cells |= {at: float(np.round(values["taxable_bond"] * share)) for at, share in zip(range(29, 39, 2), (0.6, 0.1, 0.1, 0.15, 0.05), strict=True)}
    return _spread(cells)


def _spread(cells: Mapping[int, Any]) -> list[Any]:
    return [cells.get(at) for at in range(max(cells, default=-1) + 1)]


# --- money-market funds -------------------------------------------------------------------------------------------------------------

_ASSETS = path("2015-01-07 2740, 2018-12-26 3010, 2020-02-26 3630, 2020-05-20 4790, 2021-12-29 4700, 2022-12-28 4730, 2023-06-28 5430")
_ASSETS_RETREAT = path("2023-12-27 5890")
_INVESTORS = ("all", "institutional", "retail")
# Parts of a block with their share of its total: government funds are the first two and the rest of them.
_KINDS = ("TOTAL", "TAX-EXEMPT", "GOVERNMENT", "TREASURY & REPO", "TREASURY & AGENCY", "PRIME")


def _money_funds(world: World, view: View, weeks: Days) -> Iterator[SampleFile]:
    noise = world.drivers.noise("money funds", weeks, 0.9)
    total = interpolated(weeks, world.drivers.story(_ASSETS, _ASSETS_RETREAT)) * 1000 + 18_000 * noise
    institutional = np.round(total * 0.63)
    retail = np.round(total) - institutional
    # the rules of October 2016 moved prime funds' money to government funds
    prime = interpolated(weeks, path("2015-01-07 0.53, 2016-05-04 0.52, 2016-10-19 0.14, 2020-01-08 0.21, 2021-12-29 0.10, 2023-12-27 0.16"))
    blocks: dict[str, list[Floats]] = {}
    for investor, assets, tilt in (("institutional", institutional, 0.85), ("retail", retail, 1.25)):
        exempt, first = np.round(assets * 0.022 * tilt), np.round(assets * prime * tilt)
        government = assets - exempt - first
        blocks[investor] = [assets, exempt, government, np.round(government * 0.36), government - np.round(government * 0.36), first]
    blocks["all"] = [one + other for one, other in zip(blocks["institutional"], blocks["retail"], strict=True)]
    shown = view.shows(weeks, dates.published(weeks, dates.lag_of("ici_money_fund")))
    labels = {"all": "ALL MONEY MARKET FUNDS", "institutional": "INSTITUTIONAL", "retail": "RETAIL"}
    heads: list[dict[int, Any]] = [{0: "Weekly Total Net Assets and Number of Money Market Mutual Funds"}, {0: "Millions of dollars"}, {}, {}, {}, {0: "DATE"}]
    for block, investor in enumerate(_INVESTORS):
        heads[3][1 + 12 * block] = labels[investor]
        for place, kind in enumerate(_KINDS):
            at = 1 + 12 * block + 2 * place
            heads[4][at] = kind
            heads[5] |= {at: "# OF CLASSES", at + 1: "TNA"}
    for year in np.unique(weeks[shown].astype("datetime64[Y]")):
        rows = [_spread(cells) for cells in heads]
        for week in np.flatnonzero(shown & (weeks.astype("datetime64[Y]") == year)).tolist():
            day = str(weeks[week])
            cells: list[Any] = [f"{day[5:7]}/{day[8:]}/{day[:4]}"]
            for investor in _INVESTORS:
                for place, column in enumerate(blocks[investor]):
                    cells += [120 + 7 * place, float(column[week])]
            rows.append(cells)
        rows += [[], ["Note: Components may not add to the total because of rounding. Invented figures."]]
        last = (year + 1).astype("datetime64[s]") + np.timedelta64(31, "D")
        yield SampleFile("ici_money_fund", "workbook", f"mm_summary_data_{year}.xls", view.current(last), old_workbook("Public Report", rows))
