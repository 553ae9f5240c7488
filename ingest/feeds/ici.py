"""Investment Company Institute: flows of long-term funds, and assets of money-market funds.

Formats: https://www.ici.org/research/stats (weekly releases; old binary workbooks). What the readers rest on are layouts quoted in public
code that reads these files. Flows: dates are text in column 0, headings stand in rows 4 to 6 (counted from 0) over columns 1, 3, 5, ...
with empty columns between; in the combined and ETF files 1 total, 3 equity, 5 domestic, 7 world, 9 hybrid, 11 bond, 13 taxable,
15 municipal, 17 commodity; in the mutual-fund file 1 total, 3 equity, 5 domestic (styles to 15), 17 world (regions to 21), 23 hybrid,
25 bond, 27 taxable (kinds to 37), 39 municipal. Money-market funds: three blocks of twelve columns (all, institutional, retail), in each a
number of classes and net assets for total, tax-exempt, government, treasury & repo, treasury & agency and prime. Columns are found by
their headings, never by position. The exact words of the money-market headings are not documented, so any that name these are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingest.feed import (
    Access,
    Cadence,
    Column,
    Feed,
    FetchWindow,
    Format,
    LandedFile,
    Provider,
    PublicationLag,
    Records,
    Request,
    UnreadableFile,
    normalise_header,
)
from ingest.reader import HEADER_LINES, all_blank, one_by_one, row_texts, sheet_table, sheets_of, unpivoted

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(requests_a_second=0.5, limit_source="none is published; the files change once a week")

FLOW_FILES = ("flows_data", "etf_flows_data", "combined_flows_data")
LICENCE = "© Investment Company Institute: cite the source, no redistribution"

_DATE = re.compile(r"\s*(\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{2}-\d{2})")
_BLOCK = re.compile(r"(?i)^\s*([a-z]+\s+){0,3}(monthly|weekly)\b")
_GROUPS = {"equity": "equity", "hybrid": "hybrid", "bond": "bond", "commodity": "commodity"}
# What the lowest heading of a column says, within its group; other headings are parts (styles, regions) that are not read.
_WHOLE = {
    "equity": {"equity": "equity", "domestic": "domestic_equity", "world": "world_equity"},
    "hybrid": {"hybrid": "hybrid"},
    "bond": {"bond": "bond", "taxable": "taxable_bond", "municipal": "municipal_bond"},
    "commodity": {"commodity": "commodity"},
}
FLOW_CATEGORIES = ("total", *(category for group in _WHOLE.values() for category in group.values()))

Rows = Sequence[Sequence[Any]]


def _headed(path_sheets: Mapping[str, Rows], is_heading: Callable[[list[str]], bool], what: str) -> tuple[str, Rows, int, int]:
    """Name and rows of the first sheet with headings, the number of its first heading row and of the first row below the headings."""
    for name, rows in path_sheets.items():
        for number, row in enumerate(rows[:HEADER_LINES]):
            if is_heading([normalise_header(text) for text in row_texts(row)]):
                below = next((at for at in range(number + 1, len(rows)) if _starts_table(rows[at])), None)
                if below is not None:
                    return name, rows, number, below
    raise UnreadableFile(f"no sheet has {what} with dated rows below them; the provider may have changed the layout. Sheets: {', '.join(path_sheets)}")


def _starts_table(row: Sequence[Any]) -> bool:
    first = "".join(row_texts(row[:1]))
    return bool(_DATE.match(first) or _BLOCK.match(first))


def _headings(rows: Rows) -> dict[int, list[str]]:
    """Normalised texts above each column, from the top down, without the numbers of footnotes."""
    found: dict[int, list[str]] = {}
    for row in rows:
        for at, cell in enumerate(row_texts(row)):
            if text := re.sub(r"[_\d]+$", "", normalise_header(cell)):
                found.setdefault(at, []).append(text)
    return found


def flow_columns(rows: Rows) -> dict[int, str]:
    """Position of each column of a whole category among heading rows, with the category. Raises UnreadableFile when the total is missing."""
    found: dict[int, str] = {}
    group = None
    for at, texts in sorted(_headings(rows).items()):
        group = next((_GROUPS[text] for text in texts if text in _GROUPS), group)
        if group is None:
            category = "total" if any(text.startswith("total") for text in texts) else None
        else:
            # 'Total' and 'Total equity' both stand for the whole of the heading above
            lowest = texts[-1].removeprefix("total").strip("_")
            category = _WHOLE[group].get(lowest or (texts[-2] if len(texts) > 1 else group))
        if category and category in found.values():
            raise UnreadableFile(f"two columns are headed {category}; the provider may have changed the layout")
        if category:
            found[at] = category
    missing = [name for name in ("total", "equity", "domestic_equity", "world_equity", "hybrid", "bond") if name not in found.values()]
    if missing:
        raise UnreadableFile(f"no column is headed {', '.join(missing)}; the provider may have changed the layout")
    return found


def _vehicle(sheet: str, total: str) -> str:
    """Which funds a sheet is about, by its name and the heading of its total: mutual_fund, etf or combined."""
    words = f"{normalise_header(sheet)}_{total}"
    exchange_traded, mutual = "etf" in words, bool(re.search(r"(^|_)mf(_|$)|mutual|long_term|(^|_)lt(_|$)", words))
    return "combined" if exchange_traded and mutual else "etf" if exchange_traded else "mutual_fund"


def _read_flows(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a date and category. Monthly figures come first, estimated weekly ones below them in the same sheet."""
    sheet, rows, top, below = _headed(sheets_of(file.path), lambda cells: "equity" in cells, "headings such as Equity, Hybrid and Bond")
    categories = flow_columns(rows[top:below])
    total = next(at for at, category in categories.items() if category == "total")
    width = max(max(categories) + 1, *(len(row) for row in rows[below:]))
    if not any(_BLOCK.match("".join(row_texts(row[:1]))) for row in rows[below:]):
        raise UnreadableFile("no line says which figures are monthly and which are estimated weekly; the provider may have changed the layout")
    table = sheet_table(connection, rows[below:], width)
    label = f"regexp_extract(c0, '{_BLOCK.pattern}', 2)"
    connection.execute(
        f"""
        create or replace temp table flow_row as
        select *, lower(coalesce(last_value(nullif({label}, '') ignore nulls) over (order by _row_number), 'monthly')) as frequency
        from {table}
        """
    )
    return unpivoted(
        connection,
        "flow_row",
        file,
        {at: {"category": category} for at, category in categories.items()},
        row={
            "frequency": "frequency",
            "vehicle": f"'{_vehicle(sheet, '_'.join(_headings(rows[top:below])[total]))}'",
            "observation_date": f"regexp_extract(c0, '{_DATE.pattern}', 1)",
        },
        value="net_flow",
        kinds={
            "blank": all_blank(range(width)),
            "block heading": f"{label} <> ''",
            "footer": f"not regexp_matches(c0, '^{_DATE.pattern}')",
        },
        above={"title": top, "header": below - top},
        absent="no value",
        expression="regexp_replace(trim({0}), '^\\((.*)\\)$', '-\\1')",  # a negative number may stand in brackets
    )


def _fund_category(text: str) -> str | None:
    """The class of money-market fund a heading names."""
    words = set(text.split("_"))
    if words & {"tna", "assets", "class", "classes"}:
        return None  # a heading of the measure, as in 'total net assets'
    if {"tax", "exempt"} <= words:
        return "tax_exempt"
    if "treasury" in words and "repo" in words:
        return "treasury_and_repo"
    if "treasury" in words and "agency" in words:
        return "treasury_and_agency"
    return next((name for name in ("prime", "government", "total") if name in words), None)


def money_fund_columns(rows: Rows) -> dict[int, dict[str, str]]:
    """Position of each column of net assets among heading rows, with its investor and category. Raises UnreadableFile when they repeat."""
    headings = _headings(rows)
    found: dict[int, dict[str, str]] = {}
    for at, texts in sorted(headings.items()):
        # the unit may stand below the measure
        if at == 0 or not any(re.search(r"(^|_)(tna|assets)(_|$)", text) for text in texts[-2:]):
            continue
        # headings stand over the pair of columns (classes, net assets), so at this column or the nearest one to its left
        left = [headings[place] for place in sorted(headings, reverse=True) if place <= at]
        named = next((names for names in ([_fund_category(text) for text in each] for each in left) if any(names)), [])
        investor = next((word for each in left for word in ("institutional", "retail") if any(word in text.split("_") for text in each)), "all")
        category = next((name for name in named if name and name != "total"), "total")
        columns = {"investor": investor, "category": category}
        if columns in found.values():
            raise UnreadableFile(f"two columns are headed {investor} {category}; the provider may have changed the layout")
        found[at] = columns
    investors = {columns["investor"] for columns in found.values()}
    if investors != {"all", "institutional", "retail"} or not any(columns == {"investor": "all", "category": "total"} for columns in found.values()):
        present = ", ".join(sorted(investors)) or "none"
        raise UnreadableFile(
            f"net assets of all, institutional and retail funds are not all there (found: {present}); the provider may have changed the layout"
        )
    return found


def _read_money_funds(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a date, investor and category; numbers of share classes are not read."""

    def is_heading(cells: list[str]) -> bool:
        return any("institutional" in cell.split("_") for cell in cells) or len({_fund_category(cell) for cell in cells} - {None}) >= 3

    _, rows, top, below = _headed(sheets_of(file.path), is_heading, "headings of institutional, retail, government and prime funds")
    series = money_fund_columns(rows[top:below])
    width = max(max(series) + 1, *(len(row) for row in rows[below:]))
    table = sheet_table(connection, rows[below:], width)
    return unpivoted(
        connection,
        table,
        file,
        series,
        row={"observation_date": f"regexp_extract(c0, '{_DATE.pattern}', 1)"},
        value="net_assets",
        kinds={"blank": all_blank(range(width)), "footer": f"not regexp_matches(c0, '^{_DATE.pattern}') or {all_blank(sorted(series))}"},
        above={"title": top, "header": below - top},
        absent="no value",
    )


def _requests(*names: str) -> Callable[[FetchWindow], Iterable[Request]]:
    def requests(window: FetchWindow) -> Iterable[Request]:
        # the year in the name turns some time in January; the older name may serve the same file, so it comes first and is overridden
        for year in (window.end.year - 1, window.end.year):
            for name in names:
                yield Request(f"https://www.ici.org/{name}_{year}.xls", f"{name}_{year}.xls", headers={"Accept": "application/vnd.ms-excel, */*"})

    return requests


FEEDS = (
    Feed(
        name="ici_fund_flow",
        provider="ici",
        title="Flows of long-term mutual funds and exchange-traded funds",
        description=(
            "Net new cash flow of mutual funds, net issuance of exchange-traded funds, and both, by class of assets. Weekly figures are estimates "
            "from about 98% of assets, replaced by monthly actuals. A file holds some two and a half years of months and the last weeks only: "
            "what is not kept is gone."
        ),
        url="https://www.ici.org/research/stats/combined_flows",
        licence=LICENCE,
        cadence=Cadence.WEEKLY,
        lag=PublicationLag(7, "24:00", source="weeks end on Wednesday and are released on the Wednesday after"),
        lag_by={
            "weekly": PublicationLag(7, "24:00", source="weeks end on Wednesday and are released on the Wednesday after"),
            "monthly": PublicationLag(31, "24:00", source="actual figures of a month are released near the end of the next"),
        },
        key=("frequency", "vehicle", "category", "observation_date"),
        columns=(
            Column("frequency", "TEXT", "monthly (actual) or weekly (estimated)"),
            Column("vehicle", "TEXT", "mutual_fund, etf or combined"),
            Column(
                "category",
                "TEXT",
                "total, equity, domestic_equity, world_equity, hybrid, bond, taxable_bond, municipal_bond or commodity (not in mutual funds)",
            ),
            Column("observation_date", "DATE", "Last day of the month, or the Wednesday that ends the week"),
            Column("net_flow", "DOUBLE", "Money that came in, less what was taken out", "million USD"),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(r"(?is)\A\[sheet (?=.*\t\s*equity\b)(?=.*\t\s*hybrid\b)(?=.*\t\s*bond\b)"),
                one_by_one(_read_flows),
                "flows_data_YYYY.xls, etf_flows_data_YYYY.xls, combined_flows_data_YYYY.xls: a monthly and a weekly block in one sheet",
                requests=_requests(*FLOW_FILES),
            ),
        ),
    ),
    Feed(
        name="ici_money_fund",
        provider="ici",
        title="Assets of money-market funds",
        description="Net assets of US money-market funds on Wednesdays, by investor and kind of fund. A file holds about the last twenty weeks.",
        url="https://www.ici.org/research/stats/mmf",
        licence=LICENCE,
        cadence=Cadence.WEEKLY,
        lag=PublicationLag(1, "17:00", business_days=True, source="Wednesday's assets are released on Thursday afternoon"),
        key=("investor", "category", "observation_date"),
        columns=(
            Column("investor", "TEXT", "all, institutional or retail"),
            Column("category", "TEXT", "total, government (of which treasury_and_repo and treasury_and_agency), prime or tax_exempt"),
            Column("observation_date", "DATE", "Wednesday"),
            Column("net_assets", "DOUBLE", "Total net assets", "million USD", minimum=0),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(r"(?is)\A\[sheet (?=.*\btax[- ]exempt\b)(?=.*\bprime\b)(?=.*\binstitutional\b)(?=.*\bretail\b)"),
                one_by_one(_read_money_funds),
                "mm_summary_data_YYYY.xls: three blocks of columns (all, institutional, retail funds)",
                requests=_requests("mm_summary_data"),
            ),
        ),
    ),
)
