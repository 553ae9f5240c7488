"""CFTC Commitments of Traders: Traders in Financial Futures, Disaggregated, and the Legacy report from before these.

Formats: https://www.cftc.gov/MarketReports/CommitmentsofTraders/HistoricalCompressed/index.htm (yearly text files) and
https://publicreporting.cftc.gov/ (Socrata). Positions are counted on Tuesday's close and released on Friday 15:30 New York time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest.feed import (
    Access,
    Cadence,
    Column,
    Delay,
    Feed,
    FetchWindow,
    Format,
    LandedFile,
    Provider,
    PublicationLag,
    Reader,
    Records,
    Request,
    UnreadableFile,
    normalise_header,
)
from ingest.reader import LINES, delimited, json_documents, match_columns, one_by_one, refuse_utf16

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(2.0, "https://dev.socrata.com/docs/app-tokens.html: shared pool without a token")

SOCRATA = "https://publicreporting.cftc.gov/resource"
SOCRATA_LIMIT = 1000  # rows of an answer without $limit, https://dev.socrata.com/docs/queries/limit.html


# --- reports that came late -------------------------------------------------------------------------------------------


def _late(pairs: str) -> tuple[tuple[date, date], ...]:
    """Report dates with the day each came, from a text such as `2025-09-30 2025-11-19, ...`."""
    return tuple((date.fromisoformat(report), date.fromisoformat(came)) for report, came in (pair.split() for pair in pairs.split(",")))


def _two_a_week(reports: str, first: str) -> tuple[tuple[date, date], ...]:
    """Reports in order, the first on a Friday, then one each Tuesday and Friday."""
    start = date.fromisoformat(first)
    return tuple((date.fromisoformat(report), start + timedelta(days=7 * (place // 2) + 4 * (place % 2))) for place, report in enumerate(reports.split()))


# The government was closed from 2013-10-01 to 10-16. The schedule of the reports that were missed is not kept anywhere we know of;
# by mid-November they were out, and a day that is too late never lets a report be known before it was.
SHUTDOWN_2013 = Delay(
    _late("2013-10-01 2013-11-15, 2013-10-08 2013-11-15, 2013-10-15 2013-11-15, 2013-10-22 2013-11-15, 2013-10-29 2013-11-15, 2013-11-05 2013-11-15"),
    "suspended in the shutdown and not resumed by 2013-10-18 (CFTC, 2013-10-17); the dates are an upper bound, as the schedule was not found",
)

SHUTDOWN_2018 = Delay(
    _two_a_week(
        "2018-12-24 2018-12-31 2019-01-08 2019-01-15 2019-01-22 2019-01-29 2019-02-05 2019-02-12 2019-02-19 2019-02-26",
        "2019-02-01",
    ),
    "CFTC, 2019-01-29: the report of 2018-12-24 on Friday 2019-02-01, then one each Tuesday and Friday until current (2019-03-08)",
)

OUTAGE_2023 = Delay(
    _late("2023-01-31 2023-02-24, 2023-02-07 2023-03-03, 2023-02-14 2023-03-08, 2023-02-21 2023-03-10, 2023-02-28 2023-03-14, 2023-03-07 2023-03-16"),
    "CFTC statements of February and March 2023, after the attack on ION; the days were not confirmed from the statements",
)

SHUTDOWN_2025 = Delay(
    _late(
        "2025-09-30 2025-11-19, 2025-10-07 2025-11-21, 2025-10-14 2025-11-25, 2025-10-21 2025-12-02, 2025-10-28 2025-12-05, 2025-11-04 2025-12-09, "
        "2025-11-10 2025-12-12, 2025-11-18 2025-12-16, 2025-11-25 2025-12-19, 2025-12-02 2025-12-23, 2025-12-09 2025-12-30, 2025-12-16 2026-01-06, "
        "2025-12-23 2026-01-09, 2025-12-30 2026-01-13, 2026-01-06 2026-01-16, 2026-01-13 2026-01-20"
    ),
    "CFTC, 2025-11-18: schedule of the reports interrupted by the shutdown",
)


def _headers(names: Sequence[str]) -> list[str]:
    """The text files and Socrata spell one column in up to three ways (`_All` or not, doubled underscores, "positions")."""
    return [re.sub(r"_all$", "", normalise_header(name)).replace("_positions_", "_").replace("conc_", "concentration_") for name in names]


def _group(name: str, provider: str, spread: bool = True, required: bool = True) -> list[Column]:
    sides = ("long", "short", "spread") if spread else ("long", "short")
    label = name.replace("_", " ")
    return [
        Column(
            f"{name}_{side}",
            "BIGINT",
            f"{side.capitalize()} positions of {label} traders" if side != "spread" else f"Offsetting long and short positions of {label} traders",
            "contracts",
            names=(f"{provider}_{side}",),
            minimum=0,
            required=required and side != "spread",
        )
        for side in sides
    ]


def _traders(name: str, provider: str, spread: bool = True) -> list[Column]:
    sides = ("long", "short", "spread") if spread else ("long", "short")
    label = name.replace("_", " ")
    return [
        Column(
            f"traders_{name}_{side}",
            "BIGINT",
            f"Number of {label} traders {side}; null where suppressed",
            "traders",
            names=(f"traders_{provider}_{side}",),
            required=False,
        )
        for side in sides
    ]


def _columns(groups: Sequence[tuple[str, str, bool]]) -> tuple[Column, ...]:
    """Columns of a report with these trader groups: (our name, the provider's, whether it has spread positions)."""
    positions = [column for name, provider, spread in groups for column in _group(name, provider, spread)]
    traders = [column for name, provider, spread in groups for column in _traders(name, provider, spread)]
    concentration = [
        Column(
            f"concentration_{basis}_{largest}_{side}",
            "DOUBLE",
            f"Share of open interest held {side} by the {largest} largest traders, {basis} of their opposite positions",
            "percent of open interest",
            names=(f"concentration_{basis}_le_{largest}_tdr_{side}",),
            required=False,
        )
        for basis in ("gross", "net")
        for largest in (4, 8)
        for side in ("long", "short")
    ]
    return (
        Column(
            "observation_date",
            "DATE",
            "Report date, usually Tuesday, Monday in some holiday weeks",
            names=("report_date_as_yyyy_mm_dd", "report_date_as_mm_dd_yyyy"),
        ),
        Column("contract_code", "TEXT", "CFTC contract market code; names change, codes do not", names=("cftc_contract_market_code",)),
        Column("report_scope", "TEXT", "FutOnly (futures) or Combined (futures and options)", names=("futonly_or_combined",), required=False),
        Column("contract_name", "TEXT", "Market and exchange", names=("market_and_exchange_names", "contract_market_name"), required=False),
        Column("market_code", "TEXT", "CFTC market code", names=("cftc_market_code",), required=False),
        Column("region_code", "TEXT", "CFTC region code", names=("cftc_region_code",), required=False),
        Column("commodity_code", "TEXT", "CFTC commodity code", names=("cftc_commodity_code",), required=False),
        Column("open_interest", "BIGINT", "Contracts open", "contracts", minimum=0),
        *positions,
        *_group("total_reportable", "tot_rept", spread=False, required=False),
        *_group("nonreportable", "nonrept", spread=False, required=False),
        Column("traders_total", "BIGINT", "Number of reportable traders", "traders", names=("traders_tot",), required=False),
        *traders,
        *_traders("total_reportable", "tot_rept", spread=False),
        *concentration,
        Column("contract_units", "TEXT", "Size of a contract", required=False),
        Column(
            "published_at", "TIMESTAMP", "When the row was published (Socrata `:created_at`, UTC); null in text files", names=(":created_at",), required=False
        ),
    )


def _read_socrata(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """Rows of a Socrata answer: every value a string, nulls left out, field names irregular."""
    import duckdb

    from warehouse.connection import literal

    table = LINES
    with file.path.open("rb") as stream:
        start = stream.read(3)
    refuse_utf16(start, file.name)
    try:
        # a byte-order mark makes of the array one object; without it the rows are read one by one
        connection.execute(
            f"create or replace temp table {table} as select row_number() over () as _row_number, json as record from read_json_objects({literal(file.path)})"
        )
        if start == b"\xef\xbb\xbf":
            connection.execute(
                f"""
                create or replace temp table {table} as
                select row_number() over () as _row_number, record
                from (select unnest(json_extract(document, '$[*]')) as record from {json_documents([file])})
                """
            )
    except duckdb.Error as error:
        raise UnreadableFile(f"{file.name} is not complete JSON ({str(error).splitlines()[0]}); fetch it again") from error
    keys = [key for (key,) in connection.execute(f"select distinct unnest(json_keys(record)) from {table} order by 1").fetchall()]
    found = match_columns(feed, _headers(keys), also=("report_scope",))
    # all values in one call: DuckDB parses the record for each call, and keeps what it parsed for each, which is gigabytes with a hundred columns
    paths = ", ".join(literal('$."' + keys[at] + '"') for at in found.values())
    selected = {name: f"field[{place}]" for place, name in enumerate(found, start=1)}
    selected.setdefault("report_scope", "'FutOnly'")
    body = ", ".join(f"{expression} as {name}" for name, expression in selected.items())
    sql = f"select {file.file_id} as _file_id, _row_number, {body} from (select _row_number, json_extract_string(record, [{paths}]) as field from {table})"
    (rows,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
    limited = f"has exactly {SOCRATA_LIMIT:,} rows, as many as Socrata gives at most when it is not asked for more: others may be missing; ask with $limit"
    return Records(sql=sql, columns=tuple(selected), remarks={file.file_id: limited} if rows == SOCRATA_LIMIT else {})


def _text_reader(column: str) -> Reader:
    return delimited(rf"Market_and_Exchange_Names.*{column}", headers=_headers)


# --- the Legacy report --------------------------------------------------------------------------------------------------

# Its text files write names out; Socrata has a slip in one of them ("postions"), and calls the spreads of old crops without `_old`.
_WRITTEN_OUT = {"noncomm": "noncommercial", "comm": "commercial", "tot_rept": "total_reportable", "nonrept": "nonreportable"}
_LEGACY_NAMES = {
    "observation_date": ("as_of_date_in_form_yyyy_mm_dd",),
    "market_code": ("cftc_market_code_in_initials",),
    "noncommercial_spread": ("noncomm_postions_spread", "noncommercial_spreading"),
    "traders_noncommercial_spread": ("traders_noncommercial_spreading",),
    **{
        f"concentration_{basis}_{largest}_{side}": (f"concentration_{basis}_lt_{largest}_tdr_{side}",)
        for basis in ("gross", "net")
        for largest in (4, 8)
        for side in ("long", "short")
    },
}


def _legacy_columns(groups: Sequence[tuple[str, str, bool]]) -> tuple[Column, ...]:
    columns = []
    for column in _columns(groups):
        names = column.names + _LEGACY_NAMES.get(column.name, ())
        if column.name == "noncommercial_spread":
            names = tuple(name for name in names if name != "noncomm_spread")  # that of old crops
        for short, written in _WRITTEN_OUT.items():
            names += tuple(re.sub(rf"(?<![a-z]){short}(?=_)", written, name) for name in column.names if re.search(rf"(?<![a-z]){short}_", name))
        columns.append(replace(column, names=names))
    return tuple(columns)


def _scope_from_name(file: LandedFile, title: str) -> Mapping[str, str]:
    """The text files do not say whether options are in: `deahistfo` archives and the `annualof.txt` in them are the combined ones."""
    return {"report_scope": "Combined" if re.search(r"deahistfo|annualof|combined", file.name, re.IGNORECASE) else "FutOnly"}


_LEGACY_HEADER = r"Market[ _]and[ _]Exchange[ _]Names.*Noncommercial[ _]Positions[-_ ]Long"


def _socrata_requests(resource: str, name: str) -> Callable[[FetchWindow], Iterable[Request]]:
    def requests(window: FetchWindow) -> Iterable[Request]:
        yield Request(
            f"{SOCRATA}/{resource}.json",
            f"{name}_{window.start}_{window.end}.json",
            {
                "$select": ":created_at,:updated_at,*",
                "$where": f"report_date_as_yyyy_mm_dd between '{window.start}' and '{window.end}'",
                "$order": "report_date_as_yyyy_mm_dd,cftc_contract_market_code",
            },
            page_size=5000,
        )

    return requests


def _feed(
    name: str,
    title: str,
    description: str,
    resource: str,
    columns: tuple[Column, ...],
    column: str,
    text_header: str | None = None,
    text_reader: Reader | None = None,
) -> Feed:
    """A report; `column` is one that no other report has, as the text files write it."""
    field = column.lower()
    return Feed(
        name=name,
        provider="cftc",
        title=title,
        description=description,
        url="https://www.cftc.gov/MarketReports/CommitmentsofTraders/index.htm",
        licence="US government, public domain",
        cadence=Cadence.WEEKLY,
        lag=PublicationLag(
            3,
            "15:30",
            business_days=True,
            source="CFTC release schedule: Friday 15:30 for Tuesday; a federal holiday in between moves it a business day, to Monday",
            delays=(SHUTDOWN_2013, SHUTDOWN_2018, OUTAGE_2023, SHUTDOWN_2025),
        ),
        key=("observation_date", "contract_code", "report_scope"),
        columns=columns,
        published_column="published_at",
        formats=(
            Format(
                "year_text",
                Access.REPLAY,
                re.compile(text_header or rf'(?i)^[\s"\ufeff]*Market_and_Exchange_Names"?,.*{column}'),
                text_reader or _text_reader(column),
                "Yearly text file, alone or zipped; also re-saved by a spreadsheet (M/D/YYYY, blanks for suppressed counts)",
            ),
            Format(
                "socrata_json",
                Access.LIVE,
                re.compile(rf'"{field}'),
                one_by_one(_read_socrata),
                "Socrata rows with their publication time",
                file_name=re.compile(r"\.json$"),
                requests=_socrata_requests(resource, name),
            ),
        ),
    )


FEEDS = (
    _feed(
        "cftc_tff",
        "Traders in Financial Futures",
        "Positions in financial futures by trader group, contract and week, futures only and combined with options.",
        "gpe5-46if",
        _columns(
            (
                ("dealer", "dealer", True),
                ("asset_manager", "asset_mgr", True),
                ("leveraged_funds", "lev_money", True),
                ("other_reportable", "other_rept", True),
            )
        ),
        "Dealer_Positions_Long",
    ),
    _feed(
        "cftc_disaggregated",
        "Disaggregated Commitments of Traders",
        "Positions in commodity futures by trader group, contract and week (all contract months together).",
        "72hh-3qpy",
        _columns(
            (
                ("producer", "prod_merc", False),
                ("swap_dealer", "swap", True),
                ("managed_money", "m_money", True),
                ("other_reportable", "other_rept", True),
            )
        ),
        "Prod_Merc_Positions_Long",
    ),
    _feed(
        "cftc_legacy",
        "Legacy Commitments of Traders",
        "Positions in all futures by whether the trader hedges (commercial) or not, contract and week; since 1986, before the reports by trader group.",
        "6dca-aqww",
        _legacy_columns((("noncommercial", "noncomm", True), ("commercial", "comm", False))),
        "noncomm_positions_long",
        rf"(?i)^[\s\"\ufeff]*{_LEGACY_HEADER}",
        delimited(_LEGACY_HEADER, headers=_headers, values=_scope_from_name),
    ),
)
