"""FRED and ALFRED, Federal Reserve Bank of St. Louis: series by id, with vintages where a key is set.

Formats: https://fred.stlouisfed.org/docs/api/fred/series_observations.html and the download behind each chart.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Delay, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import all_blank, blank_lines, header_line, json_records, one_by_one, text_table

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(2.0, "https://fred.stlouisfed.org/docs/api/terms_of_use.html: 120 a minute")

CHICAGO = "America/Chicago"
NEXT_BUSINESS_DAY = PublicationLag(1, "16:00", CHICAGO, business_days=True, source="H.15 and H.10 series appear on the next business day")

# Series the signals need, with how long after FRED's date (the first day of the period) a value is published.
SERIES: dict[str, PublicationLag] = {
    "DGS1": NEXT_BUSINESS_DAY,
    "DGS2": NEXT_BUSINESS_DAY,
    "DGS10": NEXT_BUSINESS_DAY,
    "DFII10": NEXT_BUSINESS_DAY,
    "DFF": NEXT_BUSINESS_DAY,
    "BAMLH0A0HYM2": NEXT_BUSINESS_DAY,
    "CBBTCUSD": PublicationLag(1, "19:00", CHICAGO, source="Coinbase prices are loaded once a day, for the day before"),
    "DTWEXBGS": PublicationLag(4, "15:30", CHICAGO, business_days=True, source="H.10 release, Monday for the week before"),
    "DEXINUS": PublicationLag(4, "15:30", CHICAGO, business_days=True, source="H.10 release, Monday for the week before"),
    "DEXJPUS": PublicationLag(4, "15:30", CHICAGO, business_days=True, source="H.10 release, Monday for the week before"),
    "NFCILEVERAGE": PublicationLag(5, "08:30", CHICAGO, source="Chicago Fed: Wednesday for the week that ended on Friday"),
    "PCEPILFE": PublicationLag(
        61,
        "08:30",
        source="BEA Personal Income and Outlays, 28 to 31 days after the month",
        delays=(
            Delay(((date(2018, 12, 1), date(2019, 3, 1)), (date(2019, 1, 1), date(2019, 3, 29))), "BEA, 2019-02-28: dates after the shutdown"),
            Delay(
                ((date(2025, 9, 1), date(2025, 12, 5)), (date(2025, 10, 1), date(2026, 1, 22)), (date(2025, 11, 1), date(2026, 1, 22))),
                "BEA release schedule updates of November 2025 to January 2026, after the shutdown",
                at="10:00",
            ),
            Delay(((date(2025, 12, 1), date(2026, 2, 20)),), "BEA, 2026-02-20: with the estimate of GDP, after the shutdown"),
        ),
    ),
    "GDP": PublicationLag(
        122,
        "08:30",
        source="BEA advance estimate, about 30 days after the quarter",
        delays=(
            Delay(
                ((date(2025, 7, 1), date(2025, 12, 23)), (date(2025, 10, 1), date(2026, 2, 20))),
                "BEA release schedule updates of November 2025 to February 2026: the advance estimate of the third quarter was cancelled",
            ),
        ),
    ),
}


def _read_graph(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a date and series: the columns after the date are series, and `.` or nothing means missing."""
    from warehouse.connection import literal

    number, line, _ = header_line(file.path, re.compile(r"^\W*(DATE|observation_date)\W*,", re.IGNORECASE))
    names = [name.strip() for name in next(csv.reader([line.lstrip("\ufeff")]))]
    table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=",")
    blank = all_blank(range(len(names)))
    blanks = connection.execute(f"select count(*) from {table} where {blank}").fetchone()
    assert blanks is not None
    body = " union all ".join(
        f"select _row_number * {len(names) - 1} - {len(names) - 1 - position} as _row_number, c0, {literal(name)} as series_id, c{position} as value "
        f"from {table} where not ({blank})"
        for position, name in enumerate(names)
        if position
    )
    sql = f"select {file.file_id} as _file_id, _row_number, series_id, c0 as observation_date, value from ({body})"
    skipped = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1) + blanks[0]}
    return Records(sql=sql, columns=("series_id", "observation_date", "value"), skipped={file.file_id: {k: v for k, v in skipped.items() if v}})


def _read_api(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a date and vintage. Asked without a vintage window, `realtime_start` is the day of the request, not a publication."""
    nameless = [file.name for file in files if not file.parameters.get("series_id")]
    if nameless:
        raise UnreadableFile(f"{nameless[0]} does not name its series; call it observations_<SERIES>_<from>_<to>.json")
    observation = '[{"realtime_start": "VARCHAR", "realtime_end": "VARCHAR", "date": "VARCHAR", "value": "VARCHAR"}]'
    rows = f"""
        select _file_id, series_id, (document ->> '$.realtime_start') = (document ->> '$.realtime_end') as one_vintage,
               unnest(from_json(document -> '$.observations', '{observation}')) as observation
        from documents
    """
    return json_records(
        feed,
        files,
        rows,
        {
            "series_id": "series_id",
            "observation_date": "observation.date",
            "value": "observation.value",
            "vintage_date": "case when not one_vintage then observation.realtime_start end",
        },
        edition="case when (document ->> '$.realtime_start') = (document ->> '$.realtime_end') then document ->> '$.realtime_start' end",
        connection=connection,
    )


def _graph_requests(window: FetchWindow) -> Iterable[Request]:
    if not window.keys.get("fred_api_key"):
        for series in SERIES:
            yield Request("https://fred.stlouisfed.org/graph/fredgraph.csv", f"{series}.csv", {"id": series, "cosd": window.start.isoformat()})


def _api_requests(window: FetchWindow) -> Iterable[Request]:
    key = window.keys.get("fred_api_key")
    if key:
        for series in SERIES:
            yield Request(
                "https://api.stlouisfed.org/fred/series/observations",
                f"observations_{series}_{window.start}_{window.end}.json",
                {
                    "series_id": series,
                    "file_type": "json",
                    "observation_start": window.start.isoformat(),
                    "realtime_start": "1776-07-04",
                    "realtime_end": "9999-12-31",
                },
                secrets={"api_key": key},
            )


FEEDS = (
    Feed(
        name="fred_series",
        provider="fred",
        title="FRED series",
        description=(
            "Observations of FRED series in the units FRED publishes. With an API key each vintage is a row of its own (ALFRED); without, "
            "changes are seen between the editions that were fetched."
        ),
        url="https://fred.stlouisfed.org/",
        licence="FRED terms: government series public domain, others (ICE, Cboe, Coinbase, Chicago Fed) cite and do not redistribute",
        cadence=Cadence.DAILY,
        lag=NEXT_BUSINESS_DAY,
        key=("series_id", "observation_date"),
        vintage_column="vintage_date",
        lag_by=SERIES,
        lag_by_cadence={
            Cadence.DAILY: NEXT_BUSINESS_DAY,
            Cadence.WEEKLY: PublicationLag(5, "24:00", CHICAGO, source="weekly series appear within the following week"),
            Cadence.MONTHLY: PublicationLag(62, "24:00", CHICAGO, source="the month and about a month more"),
            Cadence.QUARTERLY: PublicationLag(153, "24:00", CHICAGO, source="the quarter and about two months more"),
        },
        columns=(
            Column("series_id", "TEXT", "FRED series id"),
            Column("observation_date", "DATE", "FRED's date: the day, or the first day of the period", names=("date",)),
            Column("value", "DOUBLE", "Value; null where FRED says it is missing", "as published by FRED"),
            Column("vintage_date", "DATE", "Day this value became current in ALFRED; null where no vintage is known", required=False),
        ),
        formats=(
            Format(
                "graph_csv",
                Access.LIVE,
                re.compile(r'^\W*(DATE|observation_date)"?,[A-Z0-9_",]+\s*\n\s*"?\d{4}-\d{2}-\d{2}"?,'),
                one_by_one(_read_graph),
                "Download behind a chart, no key; header DATE before 2025, observation_date since",
                requests=_graph_requests,
            ),
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'"observations"\s*:\s*\['),
                _read_api,
                "API answer with vintages; needs EBBTIDE_FRED_API_KEY",
                file_name=re.compile(r"^observations_(?P<series_id>[A-Za-z0-9]+)(_.*)?\.json"),
                requests=_api_requests,
            ),
        ),
    ),
)
