"""US Treasury: major foreign holders (history and the last 13 months), and holdings and purchases by country (tables, and as series)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.cross_border import AREAS, GRAND_TOTAL, INSTRUMENTS, MEASURES
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


# --- holdings and purchases by country --------------------------------------------------------------------------------

_SERIES = tuple(f"for_lt_{instrument}_{measure}" for instrument in ("eqty", "treas", "total") for measure in MEASURES)
_TABLES_FROM = np.datetime64("2020-01-31", "D")
_EXPANDED_SURVEY = np.datetime64("2023-02-28", "D")  # purchases and changes of value are collected since
_GROSS_MONTHS = 18


def flow_files(world: World, view: View) -> Iterator[SampleFile]:
    """The tables and the document of series before and after each release that rewrote the past, and now."""
    for when in view.around(revision.at for revision in world.cross_border.revisions):
        days, series = world.cross_border.seen_at(when)
        shown = days >= view.since
        days, series = days[shown], {name: values[shown] for name, values in series.items()}
        if not shown.any():
            continue
        edition = dates.as_datetime(when)
        yield SampleFile("tic_cslt", "series_json", "cslt.zip", edition, _document(days, series, when))
        in_tables = days >= _TABLES_FROM
        if in_tables.any():
            days, series = days[in_tables], {name: values[in_tables] for name, values in series.items()}
            yield SampleFile("tic_slt", "table_text", "slt_table1.txt", edition, _holdings_table(days, series))
        if (days >= _EXPANDED_SURVEY).any():
            yield SampleFile("tic_slt", "table_text", "slt_table4.txt", edition, _gross_table(days, series))


def _document(days: Days, series: dict[str, Floats], when: np.datetime64) -> bytes:
    """A zip with the document, series of the kinds that are followed, months as their first day, newest first."""
    months = [f"{str(day)[:7]}-01" for day in days[::-1]]
    names = {code: name for name, (code, _) in AREAS.items()} | {GRAND_TOTAL: "Grand Total"}
    records = [
        {
            "source_id": f"{kind}_{code}",
            "metadata": {"title": f"Foreign {kind}: {name}", "frequency": "M", "season": "NSA", "units": "Millions of Dollars", "additional": {"status": "A"}},
            "observations": [[month, f"{value:.1f}"] for month, value in zip(months, series[f"{kind}_{code}"][::-1].tolist(), strict=True)],
        }
        for kind in _SERIES
        for code, name in names.items()
    ]
    document = {"releaseID": "3", "version": "2.0", "transmissionDt": str(when - np.timedelta64(6, "D")).replace("T", " "), "series": records}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("cslt.json", (2024, 1, 1, 0, 0, 0)), json.dumps(document))
    return buffer.getvalue()


def _table(number: int, title: str, columns: list[str], rows: list[list[str]]) -> bytes:
    lines = [
        f"Table {number}: {title}",
        "All Countries and International and Regional Organizations",
        "Millions of dollars",
        f"Link: https://ticdata.treasury.gov/resource-center/data-chart-center/tic/Documents/slt_table{number}.txt",
        "",
        "\t".join(["Country", "Country Code", "Date", *(column.removeprefix("for_lt_").replace("_", " ") for column in columns)]),
        "\t".join(["country", "country_code", "date", *columns]),
        *("\t".join(row) for row in rows),
        "",
        "All Other Countries:  countries without a line of their own",
    ]
    return text(lines, "\r\n")


def _lines_of(days: Days) -> Iterator[tuple[list[str], str, int]]:
    """Country, code and month of each line, with the code and the place of the month, newest month first."""
    for name, code in [*((name, code) for name, (code, _) in AREAS.items()), ("Grand Total", GRAND_TOTAL)]:
        for place in range(len(days) - 1, -1, -1):
            yield [f'"{name}"' if "," in name else name, code, str(days[place])[:7]], code, place


def _holdings_table(days: Days, series: dict[str, Floats]) -> bytes:
    columns = [f"for_lt_{instrument}_{measure}" for instrument in ("total", *INSTRUMENTS) for measure in MEASURES]
    rows = [
        [*line, *("n.a." if days[place] < _EXPANDED_SURVEY and not column.endswith("pos") else number(series[f"{column}_{code}"][place]) for column in columns)]
        for line, code, place in _lines_of(days)
    ]
    return _table(1, "U.S. Long-Term Securities Held by Foreign Residents", columns, rows)


def _gross_table(days: Days, series: dict[str, Floats]) -> bytes:
    """The last months of the expanded survey. Sales to foreigners are their purchases: what they buy net is sales to less purchases from them."""
    shown = np.flatnonzero(days >= _EXPANDED_SURVEY)[-_GROSS_MONTHS:]
    columns = [f"for_lt_{instrument}_{side}" for side in ("sale", "pur") for instrument in ("total", *INSTRUMENTS)]
    rows = []
    for line, code, place in _lines_of(days[shown]):
        at = shown[place]
        net = [round(series[f"for_lt_{instrument}_net_{code}"][at]) for instrument in INSTRUMENTS]
        sold = [max(0, -bought) + round(series[f"for_lt_{instrument}_pos_{code}"][at] * 0.06) for bought, instrument in zip(net, INSTRUMENTS, strict=True)]
        bought = [gross + change for gross, change in zip(sold, net, strict=True)]
        rows.append([*line, *map(str, [sum(bought), *bought, sum(sold), *sold])])
    return _table(4, "U.S. Purchases and Sales of Long-Term Domestic and Foreign Securities by Type", columns, rows)


# --- major foreign holders --------------------------------------------------------------------------------------------


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
