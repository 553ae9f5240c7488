"""CFTC: positions reports, as yearly text files to 2020 and as Socrata rows since 2021. Futures only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, text
from ingest.sample.positions import COMMODITY_GROUPS, CONSOLIDATED_IN_SMALL_UNITS, FINANCIAL_GROUPS
from ingest.sample.tables import Positions
from ingest.sample.world import World

SOCRATA_FROM = np.datetime64("2021-01-01", "D")
_SUPPRESSED_BELOW = 4  # a count of fewer traders is not shown
_RENAMED_FROM = np.datetime64("2022-02-01", "D")


@dataclass(frozen=True)
class _Name:
    """How the CFTC names a contract: before and after the renaming of 2022, with its codes."""

    before: str
    after: str
    market: str
    exchange: str
    region: str
    commodity: str
    commodity_name: str
    units: str
    subgroup: str
    subgroup_name: str


_NAMES: Mapping[str, _Name] = {
    "13874A": _Name(
        "E-MINI S&P 500 STOCK INDEX",
        "E-MINI S&P 500",
        "CME ",
        "CHICAGO MERCANTILE EXCHANGE",
        "00",
        "138 ",
        "S&P BROAD BASED STOCK INDICES",
        "($50 X S&P 500 INDEX)",
        "F20",
        "STOCK INDICES",
    ),
    "13874+": _Name(
        "S&P 500 Consolidated",
        "S&P 500 Consolidated",
        "CME ",
        "CHICAGO MERCANTILE EXCHANGE",
        "00",
        "138 ",
        "S&P BROAD BASED STOCK INDICES",
        "(S&P 500 INDEX X $50.00)",
        "F20",
        "STOCK INDICES",
    ),
    "1170E1": _Name(
        "VIX FUTURES", "VIX FUTURES", "E   ", "CBOE FUTURES EXCHANGE", "00", "117 ", "VIX", "($1000 X INDEX)", "F90", "OTHER FINANCIAL INSTRUMENTS"
    ),
    "209742": _Name(
        "NASDAQ-100 STOCK INDEX (MINI)",
        "NASDAQ MINI",
        "CME ",
        "CHICAGO MERCANTILE EXCHANGE",
        "00",
        "209 ",
        "NASDAQ BROAD BASED INDICES",
        "(NASDAQ 100 STOCK INDEX X $20)",
        "F20",
        "STOCK INDICES",
    ),
    "043602": _Name(
        "10-YEAR U.S. TREASURY NOTES",
        "UST 10Y NOTE",
        "CBT ",
        "CHICAGO BOARD OF TRADE",
        "00",
        "043 ",
        "T-NOTES, 6.5-10 YEAR",
        "(CONTRACTS OF $100,000 FACE VALUE)",
        "F30",
        "INTEREST RATES - U.S. TREASURY",
    ),
    "097741": _Name(
        "JAPANESE YEN", "JAPANESE YEN", "CME ", "CHICAGO MERCANTILE EXCHANGE", "00", "097 ", "JAPANESE YEN", "(CONTRACTS OF JPY 12,500,000)", "F10", "CURRENCY"
    ),
    "133741": _Name("BITCOIN", "BITCOIN", "CME ", "CHICAGO MERCANTILE EXCHANGE", "00", "133 ", "BITCOIN", "(5 Bitcoins)", "F85", "OTHER FINANCIAL INSTRUMENTS"),
    "088691": _Name("GOLD", "GOLD", "CMX ", "COMMODITY EXCHANGE INC.", "01", "088 ", "GOLD", "(CONTRACTS OF 100 TROY OUNCES)", "N20", "PRECIOUS METALS"),
    "085692": _Name(
        "COPPER-GRADE #1", "COPPER- #1", "CMX ", "COMMODITY EXCHANGE INC.", "01", "085 ", "COPPER", "(CONTRACTS OF 25,000 POUNDS)", "N25", "BASE METALS"
    ),
}
_LARGE_UNITS = "(S&P 500 INDEX X $250.00)"


@dataclass(frozen=True)
class _Report:
    """One of the two reports: our groups, their names in the text files' headers, and the resource's id."""

    feed: str
    groups: tuple[str, ...]
    labels: Mapping[str, str]
    codes: tuple[str, ...]
    text_name: str
    line_end: str
    has_old_and_other: bool


_FINANCIAL = _Report(
    "cftc_tff", FINANCIAL_GROUPS,
    {"dealer": "Dealer", "asset_manager": "Asset_Mgr", "leveraged_funds": "Lev_Money", "other_reportable": "Other_Rept"},
    ("097741", "043602", "1170E1", "133741", "13874+", "13874A", "209742"), "FinFutYY_{0}.txt", "\n", False,
)  # fmt: skip
_COMMODITIES = _Report(
    "cftc_disaggregated", COMMODITY_GROUPS,
    {"producer": "Prod_Merc", "swap_dealer": "Swap", "managed_money": "M_Money", "other_reportable": "Other_Rept"},
    ("085692", "088691"), "f_year_{0}.txt", "\r\n", True,
)  # fmt: skip
REPORTS = (_FINANCIAL, _COMMODITIES)


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Yearly text files (past years frozen), then one Socrata answer a report with every row created so far."""
    for report in REPORTS:
        held = {code: world.positions[code] for code in report.codes}
        days = dates.report_days()
        published = dates.published(days, dates.lag_of(report.feed))
        for year in np.unique(days[days < SOCRATA_FROM].astype("datetime64[Y]")):
            of_year = days.astype("datetime64[Y]") == year
            if (shown := days[of_year & view.shows(days, published)]).size:
                lines = [_text_header(report), *(line for code, each in held.items() for line in _text_lines(report, code, each, shown))]
                frozen = published[of_year][-1]
                yield SampleFile(report.feed, "year_text", report.text_name.format(year), view.current(frozen), text(lines, report.line_end))
        rows = [row for code, each in held.items() for row in _socrata_rows(report, code, each, view)]
        if rows:
            rows.sort(key=lambda row: (row["report_date_as_yyyy_mm_dd"], row["cftc_contract_market_code"]))
            body = json.dumps(rows, separators=(",", ":"))
            yield SampleFile(report.feed, "socrata_json", f"{report.feed}_{SOCRATA_FROM}_2023-12-31.json", view.current(), body.encode())
    rows = [row for code in _COMMODITIES.codes for row in _legacy_rows(code, world.positions[code], view)]
    if rows:
        rows.sort(key=lambda row: (row["report_date_as_yyyy_mm_dd"], row["cftc_contract_market_code"]))
        body = json.dumps(rows, separators=(",", ":"))
        yield SampleFile("cftc_legacy", "socrata_json", f"cftc_legacy_{SOCRATA_FROM}_2023-12-31.json", view.current(), body.encode())


def _sides(report: _Report, group: str) -> tuple[str, ...]:
    return ("Long", "Short") if group == "producer" else ("Long", "Short", "Spread")


def _position_columns(report: _Report) -> list[tuple[str, str]]:
    """Header stem (with `{0}` where `_Positions` goes) and our name, of open interest and each position, in the files' order."""
    columns = [("Open_Interest", "open_interest")]
    for group in report.groups:
        for side in _sides(report, group):
            doubled = "_" if group == "swap_dealer" and side != "Long" else ""
            columns.append((f"{report.labels[group]}{doubled}{{0}}_{side}", f"{group}_{side.lower()}"))
    columns += [(f"Tot_Rept{{0}}_{side}", f"total_reportable_{side.lower()}") for side in ("Long", "Short")]
    columns += [(f"NonRept{{0}}_{side}", f"nonreportable_{side.lower()}") for side in ("Long", "Short")]
    return columns


def _trader_columns(report: _Report) -> list[tuple[str, str]]:
    columns = [("Traders_Tot", "total")]
    columns += [(f"Traders_{report.labels[group]}_{side}", f"{group}_{side.lower()}") for group in report.groups for side in _sides(report, group)]
    return columns + [(f"Traders_Tot_Rept_{side}", f"total_reportable_{side.lower()}") for side in ("Long", "Short")]


_CONCENTRATION = [
    (f"Conc_{basis.capitalize()}_LE_{largest}_TDR_{side}", f"{basis}_{largest}_{side.lower()}")
    for basis in ("gross", "net")
    for largest in (4, 8)
    for side in ("Long", "Short")
]


def _text_header(report: _Report) -> str:
    kinds = ("All", "Old", "Other") if report.has_old_and_other else ("All",)
    positions = _position_columns(report)
    names = [
        "Market_and_Exchange_Names", "As_of_Date_In_Form_YYMMDD", "Report_Date_as_YYYY-MM-DD", "CFTC_Contract_Market_Code", "CFTC_Market_Code",
        "CFTC_Region_Code", "CFTC_Commodity_Code",
    ]  # fmt: skip
    names += [f"{stem.format('_Positions')}_{kind}" for kind in kinds for stem, _ in positions]
    names += ["Change_in_" + stem.format("").replace("__", "_") + "_All" for stem, _ in positions]
    shares = [("Pct_of_OI_" + stem.format("").replace("__", "_")).replace("OI_Open_Interest", "Open_Interest") for stem, _ in positions]
    names += [f"{stem}_{kind}" for kind in kinds for stem in shares]
    names += [f"{stem}_{kind}" for kind in kinds for stem, _ in _trader_columns(report)]
    names += [f"{stem}_{kind}" for kind in kinds for stem, _ in _CONCENTRATION]
    names += [
        "Contract_Units",
        "CFTC_Contract_Market_Code_Quotes",
        "CFTC_Market_Code_Quotes",
        "CFTC_Commodity_Code_Quotes",
        "CFTC_SubGroup_Code",
        "FutOnly_or_Combined",
    ]
    return ",".join(f'"{name}"' for name in names)


def _numbers(report: _Report, each: Positions) -> dict[str, NDArray[np.int64]]:
    """Open interest and every position, the total of reportable traders included."""
    numbers = {"open_interest": each.open_interest, **each.sides}
    spreads = [each.sides[f"{group}_spread"] for group in report.groups if group != "producer"]
    for side in ("long", "short"):
        numbers[f"total_reportable_{side}"] = np.sum([*(each.sides[f"{group}_{side}"] for group in report.groups), *spreads], axis=0)
    return numbers


def _changes(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(values, prepend=values[:1])


def _label(code: str, day: np.datetime64) -> tuple[str, str]:
    """Market name and contract units on a day."""
    name = _NAMES[code]
    units = _LARGE_UNITS if code == "13874+" and day < CONSOLIDATED_IN_SMALL_UNITS else name.units
    return (name.after if day >= _RENAMED_FROM else name.before), units


def _text_lines(report: _Report, code: str, each: Positions, shown: Days) -> list[str]:
    """Lines of one contract, newest first: numbers padded to fixed widths, suppressed counts a bare point."""
    places = np.flatnonzero(np.isin(each.days, shown))[::-1]
    if not places.size:
        return []
    numbers = _numbers(report, each)
    columns = _position_columns(report)
    positions = [numbers[name][places] for _, name in columns]
    padded = [[f"{value:8d}" for value in values.tolist()] for values in positions]
    changes = [[f"{value:8d}" for value in _changes(numbers[name])[places].tolist()] for _, name in columns]
    shares = [[f"{value:7.1f}" for value in (100.0 * values / positions[0]).tolist()] for values in positions]
    none = {cell: [cell] * len(places) for cell in ("       0", "      0", "    0.0", "  100.0", "     0.0")}
    counts = [
        [f"{count:7d}" if count >= _SUPPRESSED_BELOW or name == "total" else "." for count in each.traders[name][places].tolist()]
        for _, name in _trader_columns(report)
    ]
    largest = [[f"{value:8.1f}" for value in each.concentration[name][places].tolist()] for _, name in _CONCENTRATION]
    if report.has_old_and_other:
        # metals have one crop year: what is "old" is all there is, "other" is nothing
        padded = [*padded, *padded, *[none["       0"]] * len(padded)]
        shares = [*shares, *shares, none["  100.0"], *[none["    0.0"]] * (len(shares) - 1)]
        counts = [*counts, *counts, *[none["      0"]] * len(counts)]
        largest = [*largest, *largest, *[none["     0.0"]] * len(largest)]
    cells = [*padded, *changes, *shares, *counts, *largest]
    name = _NAMES[code]
    lines = []
    for place, values in zip(places, zip(*cells, strict=True), strict=True):
        day = each.days[place]
        market, units = _label(code, day)
        iso = str(day)
        lines.append(
            f'"{market} - {name.exchange}",{iso[2:4]}{iso[5:7]}{iso[8:]},{iso},{code},{name.market},{name.region},{name.commodity},'
            + ",".join(values)
            + f',"{units}","{code}","{name.market}","{name.commodity}","{name.subgroup}","FutOnly"'
        )
    return lines


# Endings Socrata dropped or kept in its own way, by the end of the text files' header.
_KEEPS_ALL = (
    "open_interest", "dealer_positions_long", "dealer_positions_short", "dealer_positions_spread", "swap_positions_long", "swap__positions_short",
    "swap__positions_spread", "m_money_positions_long", "m_money_positions_short", "tot_rept_positions_long", "nonrept_positions_long",
    "nonrept_positions_short", "dealer_long", "dealer_short", "dealer_spread", "swap_long", "swap_short", "swap_spread", "m_money_long", "m_money_short",
    "tot_rept_long", "nonrept_long", "nonrept_short",
)  # fmt: skip
_TRADERS_WITHOUT_ALL = ("traders_asset_mgr_spread", "traders_lev_money_spread", "traders_other_rept_short", "traders_other_rept_spread")


def _socrata_field(stem: str) -> str:
    """Socrata's irregular field name for a header stem of the text files, such as `swap__positions_short_all`."""
    field = stem.lower()
    if field.startswith("traders_"):
        return field if field in _TRADERS_WITHOUT_ALL else f"{field}_all"
    if field.startswith("conc_"):
        return field if field.startswith("conc_gross") else f"{field}_all"
    bare = field.removeprefix("change_in_").removeprefix("pct_of_oi_").removeprefix("pct_of_")
    return f"{field}_all" if bare in _KEEPS_ALL else field


def _socrata_rows(report: _Report, code: str, each: Positions, view: View) -> list[dict[str, str]]:
    """Rows created by now: every value a string, suppressed counts left out."""
    places = np.flatnonzero(view.shows(each.days, each.created) & (each.days >= SOCRATA_FROM))
    numbers, columns = _numbers(report, each), _position_columns(report)
    fields: list[tuple[str, Sequence[str | None]]] = []
    fields += [(_socrata_field(stem.format("_Positions")), [str(v) for v in numbers[name][places].tolist()]) for stem, name in columns]
    fields += [
        (_socrata_field("Change_in_" + stem.format("").replace("__", "_")), [str(v) for v in _changes(numbers[name])[places].tolist()])
        for stem, name in columns
    ]
    for stem, name in columns:
        short = ("Pct_of_OI_" + stem.format("").replace("__", "_")).replace("OI_Open_Interest", "Open_Interest")
        fields.append((_socrata_field(short), [f"{v:.1f}" for v in (100.0 * numbers[name] / numbers["open_interest"])[places].tolist()]))
    for stem, name in _trader_columns(report):
        counts = each.traders[name][places].tolist()
        fields.append((_socrata_field(stem), [str(v) if v >= _SUPPRESSED_BELOW or name == "total" else None for v in counts]))
    fields += [(_socrata_field(stem), [f"{v:.1f}" for v in each.concentration[name][places].tolist()]) for stem, name in _CONCENTRATION]
    about = _NAMES[code]
    rows = []
    for number, place in enumerate(places):
        day, created = each.days[place], f"{each.created[place]}.{(int(place) * 137) % 1000:03d}Z"
        market, units = _label(code, day)
        iso = str(day)
        row = {
            ":created_at": created, ":updated_at": created, "id": f"{iso[2:4]}{iso[5:7]}{iso[8:]}{code}F",
            "market_and_exchange_names": f"{market} - {about.exchange}", "report_date_as_yyyy_mm_dd": f"{iso}T00:00:00.000",
            "yyyy_report_week_ww": f"{iso[:4]} Report Week {(int(iso[5:7]) * 61 + int(iso[8:]) * 2) // 14 - 4:02d}", "contract_market_name": market,
            "cftc_contract_market_code": code, "cftc_market_code": about.market, "cftc_region_code": "NYC" if about.region == "01" else "CHI",
            "cftc_commodity_code": about.commodity, "commodity_name": about.commodity_name,
        }  # fmt: skip
        row |= {field: value for field, values in fields if (value := values[number]) is not None}
        row |= {
            "contract_units": units, "cftc_subgroup_code": about.subgroup, "commodity": about.commodity_name, "commodity_subgroup_name": about.subgroup_name,
            "commodity_group_name": "NATURAL RESOURCES" if report.has_old_and_other else "FINANCIAL INSTRUMENTS", "futonly_or_combined": "FutOnly",
        }  # fmt: skip
        rows.append(row)
    return rows


def _legacy_rows(code: str, each: Positions, view: View) -> list[dict[str, str]]:
    """Rows of the Legacy report: producers and swap dealers are commercial traders, money managers and others are not."""
    places = np.flatnonzero(view.shows(each.days, each.created) & (each.days >= SOCRATA_FROM))
    sides, traders = each.sides, each.traders
    positions = {
        "open_interest_all": each.open_interest,
        "noncomm_positions_long_all": sides["managed_money_long"] + sides["other_reportable_long"],
        "noncomm_positions_short_all": sides["managed_money_short"] + sides["other_reportable_short"],
        "noncomm_postions_spread_all": sides["managed_money_spread"] + sides["other_reportable_spread"],
        "comm_positions_long_all": sides["producer_long"] + sides["swap_dealer_long"] + sides["swap_dealer_spread"],
        "comm_positions_short_all": sides["producer_short"] + sides["swap_dealer_short"] + sides["swap_dealer_spread"],
        "nonrept_positions_long_all": sides["nonreportable_long"],
        "nonrept_positions_short_all": sides["nonreportable_short"],
        "traders_tot_all": traders["total"],
        "traders_noncomm_long_all": traders["managed_money_long"] + traders["other_reportable_long"],
        "traders_noncomm_short_all": traders["managed_money_short"] + traders["other_reportable_short"],
    }
    about = _NAMES[code]
    rows = []
    for place in places.tolist():
        iso, created = str(each.days[place]), f"{each.created[place]}.{(place * 137) % 1000:03d}Z"
        market, units = _label(code, each.days[place])
        row = {
            ":created_at": created, ":updated_at": created, "id": f"{iso[2:4]}{iso[5:7]}{iso[8:]}{code}F",
            "market_and_exchange_names": f"{market} - {about.exchange}", "report_date_as_yyyy_mm_dd": f"{iso}T00:00:00.000",
            "contract_market_name": market, "cftc_contract_market_code": code, "cftc_market_code": about.market, "cftc_commodity_code": about.commodity,
        }  # fmt: skip
        row |= {field: str(int(values[place])) for field, values in positions.items()}
        rows.append(row | {"contract_units": units, "futonly_or_combined": "FutOnly"})
    return rows
