"""FRED and ALFRED, Federal Reserve Bank of St. Louis: series by id, with vintages where a key is set, and what FRED says of each series.

Formats: https://fred.stlouisfed.org/docs/api/fred/series_observations.html, https://fred.stlouisfed.org/docs/api/fred/series.html and the
download behind each chart.

The API refuses a request for more than 2,000 vintages ("This exceeds the maximum number of vintage dates allowed for this file type
(2000)"), which a daily series has after eight years, so vintages are asked for in windows. An answer cut to a window repeats, dated at
its first day, every value that was current then; windows share their first day with the last of the one before, so these repetitions
say nothing and are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Delay, Feed, FetchWindow, Format, Key, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import columns_as_rows, json_documents, json_records
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

API_KEY = Key("fred_api_key", "https://fred.stlouisfed.org/docs/api/api_key.html", without="FRED is read without vintages")
PROVIDER = Provider(2.0, "https://fred.stlouisfed.org/docs/api/terms_of_use.html: 120 a minute", keys=(API_KEY,))

API = "https://api.stlouisfed.org/fred/series"
PAGE_ROWS = 100_000

# Days of vintages asked for at once: fewer than 2,000 even where a series has a vintage on each of them.
VINTAGE_DAYS = 1_826

# How far before what is new a series is asked for again: a period is dated by its first day and published months later, and yearly
# revisions of the national accounts reach back five years.
REVISED_DAYS = 6 * 366

CHICAGO = "America/Chicago"
NEXT_BUSINESS_DAY = PublicationLag(1, "16:00", CHICAGO, business_days=True, source="H.15 and H.10 series appear on the next business day")
EXCHANGE_RATE = PublicationLag(4, "15:30", CHICAGO, business_days=True, source="H.10 release, Monday for the week before")
INDEX_CLOSE = PublicationLag(1, "16:00", CHICAGO, business_days=True, source="closes of a day stand in FRED on the next")
REFERENCE_RATE = PublicationLag(
    1, "10:00", business_days=True, source="New York Fed: SOFR at 08:00 and EFFR at 09:00 of the next business day, taken over by FRED within the hour"
)
CONDITIONS = PublicationLag(5, "08:30", CHICAGO, source="Chicago Fed: Wednesday for the week that ended on Friday")

# Series the twenty systems need, with how long after FRED's date (the first day of the period) a value is published.
SERIES: dict[str, PublicationLag] = {
    # rates (7): expected path, real yields, the policy rate and what money funds earn
    "DGS1": NEXT_BUSINESS_DAY,
    "DGS2": NEXT_BUSINESS_DAY,
    "DGS10": NEXT_BUSINESS_DAY,
    "DFII10": NEXT_BUSINESS_DAY,
    "DFF": NEXT_BUSINESS_DAY,
    "EFFR": REFERENCE_RATE,
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
    # credit and funding stress (18); Moody's yields reach back to 1986, ICE's are cut to three years
    "BAMLH0A0HYM2": NEXT_BUSINESS_DAY,
    "BAA10Y": NEXT_BUSINESS_DAY,
    "SOFR": REFERENCE_RATE,
    # the convenience yield of Treasuries (15): what the best companies pay above them
    "AAA10Y": NEXT_BUSINESS_DAY,
    # leverage (2) and financial conditions (18)
    "NFCI": CONDITIONS,
    "NFCIRISK": CONDITIONS,
    "NFCICREDIT": CONDITIONS,
    "NFCILEVERAGE": CONDITIONS,
    # dollar (9, 14): the currencies of reserves and of the destinations, China's reserves
    "DTWEXBGS": EXCHANGE_RATE,
    "DEXUSEU": EXCHANGE_RATE,
    "DEXUSUK": EXCHANGE_RATE,
    "DEXJPUS": EXCHANGE_RATE,
    "DEXCHUS": EXCHANGE_RATE,
    "DEXINUS": EXCHANGE_RATE,
    "TRESEGCNM052N": PublicationLag(122, "24:00", CHICAGO, source="IMF International Financial Statistics, about three months after the month"),
    # market value against output (16), soft landing (17)
    "NCBEILQ027S": PublicationLag(
        167, "12:00", source="Financial Accounts (Z.1), in the second week of the third month after the quarter: 9 to 12 March, June, September, December"
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
    "UNRATE": PublicationLag(43, "08:30", source="BLS Employment Situation, first or second Friday after the month"),
    # index levels of the article's first claims; the S&P 500 and the Dow reach back ten years
    "SP500": INDEX_CLOSE,
    "DJIA": INDEX_CLOSE,
    "NASDAQCOM": INDEX_CLOSE,
    # bitcoin (11)
    "CBBTCUSD": PublicationLag(1, "19:00", CHICAGO, source="Coinbase prices are loaded once a day, for the day before"),
}


def _refuse_errors(connection: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]) -> None:
    """Raise UnreadableFile for an answer that is an error of the API, saying what to do about it."""
    found = connection.execute(
        f"select document ->> '$.error_message' from {json_documents(files)} where document ->> '$.error_message' is not null"
    ).fetchone()
    if found:
        about_the_key = f"; check {API_KEY.variable}, a key is given free of charge at {API_KEY.page}" if "api_key" in found[0] else ""
        raise UnreadableFile(f"FRED answered with an error: {' '.join(found[0].split())}{about_the_key or '; fetch it again'}")


def _read_api(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a date and vintage. Asked without a vintage window, `realtime_start` is the day of the request, not a publication."""
    _refuse_errors(connection, files)
    nameless = [file.name for file in files if not file.parameters.get("series_id")]
    if nameless:
        raise UnreadableFile(f"{nameless[0]} does not name its series; call it observations_<SERIES>_<from>_<to>.json")
    observation = '[{"realtime_start": "VARCHAR", "realtime_end": "VARCHAR", "date": "VARCHAR", "value": "VARCHAR"}]'
    is_window = "vintages <> ''" if any("vintages" in file.parameters for file in files) else "false"
    rows = f"""
        select _file_id, series_id, (document ->> '$.realtime_start') = (document ->> '$.realtime_end') as one_vintage,
               {is_window} as is_window, document ->> '$.realtime_start' as window_start,
               unnest(from_json(document -> '$.observations', {literal(observation)})) as observation
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
        skip={"repeated from the window before": "is_window and not one_vintage and observation.realtime_start = window_start"},
        connection=connection,
    )


def _read_information(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a series and update of it. The list of series is misspelt `seriess` by the API."""
    texts = ("id", "title", "units", "frequency", "seasonal_adjustment", "observation_start", "observation_end", "last_updated", "notes")
    layout = "[{" + ", ".join(f'"{name}": "VARCHAR"' for name in texts) + "}]"
    return json_records(
        feed,
        files,
        f"select _file_id, unnest(from_json(document -> '$.seriess', {literal(layout)})) as series from documents",
        {
            "series_id": "series.id",
            "observation_date": "left(series.last_updated, 10)",
            "title": "series.title",
            "units": "series.units",
            "frequency": "series.frequency",
            "seasonal_adjustment": "series.seasonal_adjustment",
            "first_date": "series.observation_start",
            "last_date": "series.observation_end",
            "last_updated": "series.last_updated",
            "notes": "series.notes",
        },
        edition="document ->> '$.realtime_start'",
        connection=connection,
    )


def _graph_requests(window: FetchWindow) -> Iterable[Request]:
    if not window.keys.get(API_KEY.setting):
        since = window.start - timedelta(days=REVISED_DAYS)
        for series in SERIES:
            yield Request("https://fred.stlouisfed.org/graph/fredgraph.csv", f"{series}.csv", {"id": series, "cosd": since.isoformat()})


def vintage_windows(start: date, end: date) -> Iterator[tuple[str, str]]:
    """First and last day of the windows in which the vintages from `start` on are asked for; each begins on the last day of the one before."""
    first = start - timedelta(days=1)
    while (last := first + timedelta(days=VINTAGE_DAYS)) < end:
        yield first.isoformat(), last.isoformat()
        first = last
    yield first.isoformat(), "9999-12-31"


def _page(series: str, since: str, window: tuple[str, str], key: str, offset: int) -> Request:
    def following(answer: bytes) -> Iterable[Request]:
        try:
            count = int(json.loads(answer)["count"])
        except (ValueError, KeyError, TypeError):
            return []  # not an answer of this service: loading says so
        return [_page(series, since, window, key, offset + PAGE_ROWS)] if count > offset + PAGE_ROWS else []

    name = f"observations_{series}_vintages_{window[0]}_{window[1]}" + (f"_{offset}" if offset else "") + ".json"
    parameters = {
        "series_id": series,
        "file_type": "json",
        "observation_start": since,
        "realtime_start": window[0],
        "realtime_end": window[1],
        "limit": str(PAGE_ROWS),
        "offset": str(offset),
    }
    return Request(f"{API}/observations", name, parameters, secrets={"api_key": key}, following=following)


def _api_requests(window: FetchWindow) -> Iterable[Request]:
    key = window.keys.get(API_KEY.setting)
    if key:
        since = (window.start - timedelta(days=REVISED_DAYS)).isoformat()
        for series in SERIES:
            for vintages in vintage_windows(window.start, window.end):
                yield _page(series, since, vintages, key, 0)


def _information_requests(window: FetchWindow) -> Iterable[Request]:
    key = window.keys.get(API_KEY.setting)
    if key:
        for series in SERIES:
            yield Request(API, f"series_{series}.json", {"series_id": series, "file_type": "json"}, secrets={"api_key": key})


_GRAPH_HEADER = r"^\W*(DATE|observation_date)\W*,"

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
                columns_as_rows(_GRAPH_HEADER, name="series_id", value="value", name_of=str.strip),
                "Download behind a chart, no key; header DATE before 2025, observation_date since",
                requests=_graph_requests,
            ),
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'"(observations"\s*:\s*\[|error_message"\s*:)'),
                _read_api,
                "API answer with vintages; needs EBBTIDE_FRED_API_KEY",
                file_name=re.compile(r"^observations_(?P<series_id>[A-Za-z0-9]+)(_(?P<vintages>vintages))?(_.*)?\.json"),
                requests=_api_requests,
            ),
        ),
    ),
    Feed(
        name="fred_series_info",
        provider="fred",
        title="What FRED says of its series",
        description="Title, units, frequency and seasonal adjustment of each series, as of each update of the series. Fetched where a key is set.",
        url="https://fred.stlouisfed.org/docs/api/fred/series.html",
        licence="FRED terms: cite; titles and notes may be a third party's",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(0, "24:00", CHICAGO, source="FRED states the time of each update"),
        published_column="last_updated",
        key=("series_id", "observation_date"),
        columns=(
            Column("series_id", "TEXT", "FRED series id", names=("id",)),
            Column("observation_date", "DATE", "Day of the update, in St. Louis"),
            Column("title", "TEXT", "Title of the series"),
            Column("units", "TEXT", "Units of the values, in words: Percent, Billions of Dollars, Index 2017=100"),
            Column("frequency", "TEXT", "Frequency, in words: Daily, `Weekly, Ending Friday`, Monthly, Quarterly"),
            Column("seasonal_adjustment", "TEXT", "Seasonally Adjusted, Not Seasonally Adjusted, Seasonally Adjusted Annual Rate"),
            Column("first_date", "DATE", "Date of the first observation", names=("observation_start",)),
            Column("last_date", "DATE", "Date of the last observation", names=("observation_end",)),
            Column("last_updated", "TIMESTAMP", "When the series was updated", "UTC timestamp"),
            Column("notes", "TEXT", "What the source says about the series", required=False),
        ),
        formats=(
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'"seriess"\s*:\s*\['),
                _read_information,
                "API answer; needs EBBTIDE_FRED_API_KEY",
                requests=_information_requests,
            ),
        ),
    ),
)
