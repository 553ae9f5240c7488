"""US Treasury: the history of major foreign holders, and the table of the last 13 months."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.economy import HOLDERS_BREAK, HOLDERS_EDITIONS_FROM
from ingest.sample.file import SampleFile, View, number, text
from ingest.sample.tables import Floats
from ingest.sample.world import World

_FEED = "tic_major_foreign_holders"
_OFFICIAL = ("Foreign Official", "Foreign Official Treasury Bills", "Foreign Official T-Bonds & Notes")
_IN_GROUPS_UNTIL_2011 = {"Saudi Arabia": "Oil Exporters 3/", "Cayman Islands": "Carib Bnkng Ctrs 4/", "United Kingdom": "United Kingdom 2/"}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The current table at each release of the last two years and now; the history, once those releases exist only to the last full year."""
    table = world.holders
    kept = table.published[table.days >= HOLDERS_EDITIONS_FROM]
    for when in view.editions(dates.as_datetime(moment) for moment in kept):
        if when >= kept[0]:
            days, columns = _totals(*table.seen_at(when))
            yield SampleFile(_FEED, "current_text", "slt_table5.txt", dates.as_datetime(when), _current(days[-13:], {k: v[-13:] for k, v in columns.items()}))
    days, columns = _totals(*table.seen_at(view.as_of))
    shown = days >= view.since
    if view.as_of >= kept[0]:
        shown &= days.astype("datetime64[Y]") < days[-1].astype("datetime64[Y]")
    if shown.any():
        body = _history(days[shown], {name: values[shown] for name, values in columns.items()}, view.as_of)
        yield SampleFile(_FEED, "history_text", "mfhhis01.txt", view.current(), body)


def _totals(days: Days, columns: dict[str, Floats]) -> tuple[Days, dict[str, Floats]]:
    """Countries with the sums the provider prints below them."""
    shares = columns.pop("official share"), columns.pop("bills share")
    columns["Grand Total"] = np.round(sum(columns.values()), 1)
    official = np.round(columns["Grand Total"] * shares[0], 1)
    bills = np.round(official * shares[1], 1)
    columns |= dict(zip(_OFFICIAL, (official, bills, np.round(official - bills, 1)), strict=True))
    return days, columns


def _ranked(columns: dict[str, Floats], place: int) -> list[str]:
    countries = [name for name in columns if name not in ("All Other", "Grand Total", *_OFFICIAL)]
    return [*sorted(countries, key=lambda name: -columns[name][place]), "All Other", "Grand Total"]


def _current(days: Days, columns: dict[str, Floats]) -> bytes:
    lines = [
        "Table 5: Major Foreign Holders of Treasury Securities",
        "Holdings at end of time period",
        "Billions of dollars",
        "Link: https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/slt_table5.txt",
        "",
        "\t".join(["Country", *(str(day)[:7] for day in days[::-1])]),
    ]
    for name in (*_ranked(columns, -1), *_OFFICIAL):
        label = f"Of Which: {name}" if name in _OFFICIAL else name
        lines.append("\t".join([label, *(f"{value:.1f}" for value in columns[name][::-1].tolist())]))
    lines += ["", "Notes:", "The data in this table are collected primarily from U.S.-based custodians and broker-dealers.", ""]
    return text(lines, "\r\n")


def _history(days: Days, columns: dict[str, Floats], as_of: np.datetime64) -> bytes:
    """Blocks of a year, newest first; in the year of the survey break June stands twice, the new series first."""
    tabs = "\t" * 13
    lines = [
        f"\t\t\tMAJOR FOREIGN HOLDERS OF TREASURY SECURITIES{tabs[3:]}",
        f"\t\t\t\t    (in billions of dollars){tabs[4:]}",
        f"\t\t\t\tHOLDINGS 1/ AT END OF PERIOD{tabs[4:]}",
        tabs,
    ]
    years = days.astype("datetime64[Y]")
    for year in np.unique(years)[::-1]:
        places = np.flatnonzero(years == year)[::-1]
        months = days[places]
        twice = int(np.flatnonzero(months == HOLDERS_BREAK)[0]) if HOLDERS_BREAK in months else None
        heads = [_MONTHS[int(str(day)[5:7]) - 1] for day in months]
        if twice is not None:
            heads.insert(twice + 1, heads[twice])
            blank = [""] * twice
            lines += ["\t".join(["", *blank, "Series 15/", "Series"]), "\t".join(["", *blank, " XI", " X"])]
        lines += [
            tabs,
            "\t".join(["", *heads, ""]),
            "\t".join(["Country", *([str(year)] * len(heads)), ""]),
            "\t".join(["", *(["------"] * len(heads)), ""]),
            tabs,
        ]
        early = int(str(year)) <= 2011

        def row(label: str, name: str, places: np.ndarray = places, twice: int | None = twice) -> str:
            cells = [number(value) for value in columns[name][places].tolist()]
            if twice is not None:
                # the older survey saw fewer holdings abroad
                cells.insert(twice + 1, number(round(float(columns[name][places[twice]]) * 0.955, 1)))
            return "\t".join([label, *cells, ""])

        for name in _ranked(columns, places[0]):
            label = _IN_GROUPS_UNTIL_2011.get(name, name) if early else name
            lines.append(row(f'"{label}"' if "," in label else label, name))
        lines += [tabs, f"Of which:{tabs}"]
        indent = "  " if early else ""
        lines += [
            row(f"{indent}For. Official", _OFFICIAL[0]),
            row(f"{indent * 2}Treasury Bills", _OFFICIAL[1]),
            row(f"{indent * 2}T-Bonds & Notes", _OFFICIAL[2]),
            tabs,
        ]
    stamp = str(as_of)[:10]
    lines += [
        f"Department of the Treasury/Federal Reserve Board{tabs}",
        f"{int(stamp[5:7])}/{int(stamp[8:])}/{stamp[2:4]}{tabs}",
        f"1/    Estimated foreign holdings of U.S. Treasury marketable and non-marketable bills, bonds, and notes.{tabs}",
        f"2/    United Kingdom includes Channel Islands and Isle of Man.{tabs}",
        f"15/   Denotes series break.  Series XI for June 2010 and later months are based on the end-June 2010 annual survey.{tabs}",
    ]
    return text(lines)
