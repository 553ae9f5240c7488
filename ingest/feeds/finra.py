"""FINRA: customer margin balances, short interest, short-sale volume and volume traded off exchange.

Formats: https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics for the balances,
https://www.finra.org/finra-data/browse-catalog/equity-short-interest for short interest,
https://www.finra.org/finra-data/browse-catalog/short-sale-volume-data for short-sale volume,
https://developer.finra.org/docs for the Query API (POST with filters, at most 5,000 rows an answer).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request
from ingest.reader import delimited, delimited_files, json_records, spreadsheet
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

QUERY_API = "https://api.finra.org/data/group/otcMarket/name"
SHORT_VOLUME = "https://cdn.finra.org/equity/regsho/daily"
# the consolidated file of all reporting facilities exists from this day; the CDN answers 403 before it
CONSOLIDATED_SINCE = date(2018, 8, 1)
PAGE_ROWS = 5_000

# What is asked of the Query API: funds on the index, funds on its sectors, and companies of the size that moves it.
INDEX_FUNDS = ("SPY", "IVV", "VOO", "QQQ")
SECTOR_FUNDS = ("XLB", "XLC", "XLE", "XLF", "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY")
COMPANIES = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AVGO", "JPM", "V", "MA", "LLY", "UNH", "JNJ", "XOM", "PG", "HD", "COST", "NFLX")
SYMBOLS = (*INDEX_FUNDS, *SECTOR_FUNDS, *COMPANIES)

# Market-wide rows name neither a symbol nor a firm.
EVERY = "(all)"

_MONTH_END = "coalesce(last_day(try_strptime(trim({0}), ['%Y-%m', '%b-%y', '%Y-%m-%d', '%m/%Y', '%b-%Y', '%B %Y']))::varchar, {0})"


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx", "margin-statistics.xlsx")


# --- Query API --------------------------------------------------------------------------------------------------------


def _query(dataset: str, name: str, filters: Mapping[str, object], offset: int = 0) -> Request:
    """One page of an answer; a full page is followed by the next. 204 is what the API says when no row fits."""

    def following(answer: bytes) -> Iterable[Request]:
        try:
            rows = json.loads(answer)
        except ValueError:
            return
        if isinstance(rows, list) and len(rows) >= PAGE_ROWS:
            yield _query(dataset, name, filters, offset + PAGE_ROWS)

    return Request(
        f"{QUERY_API}/{dataset}",
        f"{name}_from_{offset}.json" if offset else f"{name}.json",
        headers={"Accept": "application/json"},
        absent=(204, 403, 404),
        body={"limit": PAGE_ROWS, "offset": offset, **filters},
        following=following,
    )


def _between(field: str, first: date, last: date) -> list[dict[str, str]]:
    return [{"fieldName": field, "startDate": first.isoformat(), "endDate": last.isoformat()}]


def half_months(first: date, last: date) -> Iterable[tuple[date, date]]:
    """Halves of months (1st to 15th, 16th to the last day) that lie whole between two days."""
    month = first.replace(day=1)
    while month <= last:
        next_month = (month + timedelta(days=31)).replace(day=1)
        for begin, end in ((month, month.replace(day=15)), (month.replace(day=16), next_month - timedelta(days=1))):
            if begin >= first and end <= last:
                yield begin, end
        month = next_month


def _short_interest_requests(window: FetchWindow) -> Iterable[Request]:
    # the settlement date is the 15th or the last day of the month, or the settlement day before: one a half month. It is published
    # some twelve days later; the month before is asked for again, since its second half came after its end
    for begin, end in half_months((window.start - timedelta(days=31)).replace(day=1), window.end - timedelta(days=12)):
        filters = {
            "dateRangeFilters": _between("settlementDate", begin, end),
            "domainFilters": [{"fieldName": "symbolCode", "values": list(SYMBOLS)}],
        }
        yield _query("consolidatedShortInterest", f"short_interest_{begin}_{end}", filters)


# field of the Query API and of the files on the site
_SHORT_INTEREST = {
    "observation_date": "settlementDate",
    "symbol": "symbolCode",
    "issue_name": "issueName",
    "exchange_code": "issuerServicesGroupExchangeCode",
    "market_class_code": "marketClassCode",
    "current_short_position": "currentShortPositionQuantity",
    "previous_short_position": "previousShortPositionQuantity",
    "change_from_previous": "changePreviousNumber",
    "change_percent": "changePercent",
    "average_daily_volume": "averageDailyVolumeQuantity",
    "days_to_cover": "daysToCoverQuantity",
    "stock_split_flag": "stockSplitFlag",
    "revision_flag": "revisionFlag",
}


def _json_lines(fields: Mapping[str, str]) -> str:
    """SQL of the rows of an answer, one struct `line` each."""
    shape = json.dumps([dict.fromkeys(fields.values(), "VARCHAR")])
    return f"select _file_id, unnest(from_json(document, {literal(shape)})) as line from documents"


def _read_short_interest(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a symbol and settlement date."""
    return json_records(feed, files, _json_lines(_SHORT_INTEREST), {name: f'line."{field}"' for name, field in _SHORT_INTEREST.items()})


# --- off-exchange volume by week --------------------------------------------------------------------------------------

WEEKLY_TYPES = ("ATS_W_SMBL", "OTC_W_SMBL")
MARKET_TYPES = ("ATS_W_VOL_STATS", "OTC_W_VOL_STATS")

_WEEKLY = {
    "tier_identifier": "tierIdentifier",
    "summary_type": "summaryTypeCode",
    "symbol": "issueSymbolIdentifier",
    "market_participant_id": "MPID",
    "observation_date": "weekStartDate",
    "issue_name": "issueName",
    "market_participant": "marketParticipantName",
    "shares": "totalWeeklyShareQuantity",
    "trades": "totalWeeklyTradeCount",
    "notional": "totalNotionalSum",
    "initial_published_at": "initialPublishedDate",
    "last_update_date": "lastUpdateDate",
}
_ANY = f"coalesce(nullif(trim({{0}}), ''), '{EVERY}')"
# a date alone: known at the end of that day in New York
_END_OF_DAY = "(timezone('America/New_York', (try_cast(left({0}, 10) as date) + 1)::timestamp))::varchar"
_WEEKLY_EXPRESSIONS = {"tier_identifier": _ANY, "symbol": _ANY, "market_participant_id": _ANY, "initial_published_at": _END_OF_DAY}


def _off_exchange_requests(window: FetchWindow) -> Iterable[Request]:
    # a week is published three to six weeks later and restated after that: the whole year is asked for
    for year in range((window.start - timedelta(days=90)).year, window.end.year + 1):
        week = {"dateRangeFilters": _between("weekStartDate", date(year, 1, 1), date(year, 12, 31))}
        for kind in (*WEEKLY_TYPES, *MARKET_TYPES):
            filters: dict[str, object] = {**week, "compareFilters": [{"compareType": "EQUAL", "fieldName": "summaryTypeCode", "fieldValue": kind}]}
            if kind in WEEKLY_TYPES:
                filters["domainFilters"] = [{"fieldName": "issueSymbolIdentifier", "values": list(SYMBOLS)}]
            yield _query("weeklySummary", f"weekly_summary_{kind}_{year}", filters)


def _read_weekly(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a week, kind of summary, symbol and firm; what a market-wide row leaves open is `(all)`."""
    columns = {name: _WEEKLY_EXPRESSIONS.get(name, "{0}").format(f'line."{field}"') for name, field in _WEEKLY.items()}
    return json_records(feed, files, _json_lines(_WEEKLY), columns)


# --- short-sale volume by day -----------------------------------------------------------------------------------------

_SHORT_VOLUME_HEADER = r"^\W*Date\|Symbol\|Short\s?Volume\|"


def _short_volume_requests(window: FetchWindow) -> Iterable[Request]:
    for day in window.weekdays(since=CONSOLIDATED_SINCE):
        name = f"CNMSshvol{day:%Y%m%d}.txt"
        yield Request(f"{SHORT_VOLUME}/{name}", name, absent=(403, 404), immutable=True)


def _shares(name: str, description: str, *names: str, required: bool = True) -> Column:
    return Column(name, "DOUBLE", description, "shares", names=names, minimum=0, required=required)


MARGIN = Feed(
    name="finra_margin",
    provider="finra",
    title="Margin statistics",
    description=(
        "Debit and free credit balances in customers' securities accounts at month end, by settlement date. "
        "Before 2010-02 free credit of cash and margin accounts is one figure, held in free_credit_cash."
    ),
    url="https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics",
    licence="FINRA website terms: no harvesting, no redistribution",
    cadence=Cadence.MONTHLY,
    dated="month end",
    lag=PublicationLag(21, "24:00", source="published in the third week of the next month"),
    key=("observation_date",),
    columns=(
        Column("observation_date", "DATE", "Last day of the month", names=("year_month", "month_year")),
        Column("debit_balances", "DOUBLE", "Margin debt", "million USD", names=("debit_balances_in_customers_securities_margin_accounts",), minimum=0),
        Column(
            "free_credit_cash",
            "DOUBLE",
            "Free credit in cash accounts",
            "million USD",
            names=("free_credit_balances_in_customers_cash_accounts",),
            minimum=0,
        ),
        Column(
            "free_credit_margin",
            "DOUBLE",
            "Free credit in margin accounts; null before 2010-02",
            "million USD",
            names=("free_credit_balances_in_customers_securities_margin_accounts",),
            minimum=0,
            required=False,
        ),
    ),
    formats=(
        Format(
            "workbook",
            Access.LIVE,
            re.compile(r"(?im)^(Year-Month|Month/Year)\t.*Debit Balances"),
            spreadsheet(r"^(Year-Month|Month/Year)\t.*Debit Balances", expressions={"observation_date": _MONTH_END}),
            "Workbook, newest month first; columns the reader does not know are left alone",
            requests=_requests,
        ),
    ),
)

SHORT_INTEREST = Feed(
    name="finra_short_interest",
    provider="finra",
    title="Short interest",
    description=(
        "Shares sold short and not yet bought back, by symbol, on the two settlement dates of a month: all securities, listed or not. A firm's "
        "correction shows in the next report, whose previous position is then flagged as revised."
    ),
    url="https://www.finra.org/finra-data/browse-catalog/equity-short-interest",
    licence="FINRA website and API terms: no redistribution",
    cadence=Cadence.TWICE_A_MONTH,
    lag=PublicationLag(
        8,
        "24:00",
        business_days=True,
        source="'provided for publication on the 8th business day after the reporting settlement date' (FINRA, Rule 4560); firms report by the second",
    ),
    key=("symbol", "observation_date"),
    columns=(
        Column("symbol", "TEXT", "Symbol, as FINRA writes it", names=("symbolcode", "issuesymbolidentifier")),
        Column("observation_date", "DATE", "Settlement date: the 15th or the last day of the month, or the settlement day before", names=("settlementdate",)),
        Column("issue_name", "TEXT", "Name of the issue", names=("issuename",), required=False),
        Column("exchange_code", "TEXT", "Exchange, one letter", names=("issuerservicesgroupexchangecode",), required=False),
        Column("market_class_code", "TEXT", "Market: NYSE, NNM (Nasdaq), ARCA, BZX, OTC", names=("marketclasscode", "marketcategorycode"), required=False),
        _shares("current_short_position", "Shares sold short on the settlement date", "currentshortpositionquantity", "currentshortsharenumber"),
        _shares(
            "previous_short_position",
            "Shares sold short on the settlement date before, as now known",
            "previousshortpositionquantity",
            "previousshortsharenumber",
            required=False,
        ),
        Column(
            "change_from_previous",
            "DOUBLE",
            "Current less previous position",
            "shares",
            names=("changepreviousnumber", "percentagechangefrompreviousshort"),
            required=False,
        ),
        Column("change_percent", "DOUBLE", "Change as a percentage of the previous position", "percent", names=("changepercent",), required=False),
        _shares(
            "average_daily_volume",
            "Mean shares traded a day since the settlement date before",
            "averagedailyvolumequantity",
            "averageshortsharenumber",
            required=False,
        ),
        Column(
            "days_to_cover",
            "DOUBLE",
            "Position / average daily volume; 999.99 where there was hardly any volume",
            "days",
            names=("daystocoverquantity", "daystocovernumber"),
            minimum=0,
            required=False,
        ),
        Column("stock_split_flag", "TEXT", "S where the shares split since the settlement date before", names=("stocksplitflag",), required=False),
        Column("revision_flag", "TEXT", "R where the position of the settlement date before was revised", names=("revisionflag",), required=False),
    ),
    formats=(
        Format(
            "api_json",
            Access.LIVE,
            re.compile(r'^\W*\[\s*\{[^}]*"currentShortPositionQuantity"\s*:'),
            _read_short_interest,
            "Answer of the Query API, a file a half month and page; only the symbols the signals need are asked for",
            requests=_short_interest_requests,
        ),
        Format(
            "pipe_csv",
            Access.REPLAY,
            re.compile(r"(?im)^\W*(\w+\|)*(symbolCode|issueSymbolIdentifier)\|(\w+\|)*currentShort(PositionQuantity|ShareNumber)\|"),
            delimited(r"(symbolCode|issueSymbolIdentifier)\|.*currentShort", delimiter="|", quoted=False),
            "The whole market of one settlement date, as saved from the site (shrtYYYYMMDD.csv: fields between pipes, no quotes)",
        ),
        Format(
            "api_csv",
            Access.REPLAY,
            re.compile(r'(?im)^\W*("?\w+"?,)*"?(symbolCode|issueSymbolIdentifier)"?,("?\w+"?,)*"?currentShort(PositionQuantity|ShareNumber)"?\b'),
            delimited(r'(symbolCode|issueSymbolIdentifier)"?,.*currentShort'),
            "Answer of the Query API as CSV, its default",
        ),
    ),
)

SHORT_VOLUME_DAILY = Feed(
    name="finra_short_volume",
    provider="finra",
    title="Short-sale volume off exchange",
    description=(
        "Shares traded off exchange and reported to FINRA in regular hours, by symbol and day, and how many of them were sold short. "
        "Off exchange only (some 44% of all volume), and sales by market makers are among the short ones: no measure of short interest. "
        "A file is never changed once it is there."
    ),
    url="https://www.finra.org/finra-data/browse-catalog/short-sale-volume-data",
    licence="FINRA website terms: no database may be built from the files for others, no redistribution; for your own use only",
    cadence=Cadence.DAILY,
    dated="trading day",
    lag=PublicationLag(0, "18:00", source="posted by 6 p.m. on the trading day; seen at about 17:20 in 2026"),
    key=("market_file", "symbol", "observation_date"),
    columns=(
        Column(
            "market_file",
            "TEXT",
            "File, from its name: CNMS all facilities, FNSQ and FNQC Nasdaq's in Carteret and Chicago, FNYX the NYSE's, FNRA the Alternative Display Facility, "
            "FORF unlisted shares",
        ),
        Column("symbol", "TEXT", "Symbol, as FINRA writes it: BRK/B, preferred shares with a small p"),
        Column("observation_date", "DATE", "Trading day", names=("date",)),
        _shares("short_volume", "Shares sold short, exempt ones among them", "shortvolume"),
        _shares("short_exempt_volume", "Shares sold short that are exempt from the price test; null before 2011-02-28", "shortexemptvolume", required=False),
        _shares("total_volume", "All shares traded; fractions since 2026", "totalvolume"),
        Column("market", "TEXT", "Facilities the trades were reported to: Q and B Nasdaq's, N the NYSE's, D the Alternative Display Facility, O unlisted"),
    ),
    formats=(
        Format(
            "daily_txt",
            Access.LIVE,
            re.compile(f"(?im){_SHORT_VOLUME_HEADER}"),
            delimited_files(_SHORT_VOLUME_HEADER, delimiter="|", quoted=False, counted=True),
            "One file a trading day (CNMS, since 2018-08-01; files of single facilities are read too); 403 means not published",
            file_name=re.compile(r"(?i)(?P<market_file>CNMS|FNSQ|FNQC|FNYX|FNRA|FORF)shvol\d{8}"),
            requests=_short_volume_requests,
            may_be_empty=True,
            chunk_days=92,
        ),
    ),
)


def _published_after(days: int) -> PublicationLag:
    return PublicationLag(days, "24:00", source="first published on the Monday so many days after the week's, as initialPublishedDate says")


OFF_EXCHANGE = Feed(
    name="finra_off_exchange",
    provider="finra",
    title="Off-exchange volume by week",
    description=(
        "Shares traded off exchange by week: in alternative trading systems (ATS: dark pools) and with dealers (OTC), by symbol, by firm, and for "
        "the whole market. A total and its parts stand side by side (`summary_type`): never add them up. Firms restate."
    ),
    url="https://www.finra.org/filing-reporting/otc-transparency",
    licence="FINRA API terms: no redistribution",
    cadence=Cadence.WEEKLY,
    lag=_published_after(42),
    lag_by={"T1": _published_after(21), "T2": _published_after(35), "OTCE": _published_after(35), "OTC": _published_after(35)},
    key=("tier_identifier", "summary_type", "symbol", "market_participant_id", "observation_date"),
    published_column="initial_published_at",
    columns=(
        Column(
            "tier_identifier",
            "TEXT",
            "T1: large companies and funds; T2: other listed; OTCE: unlisted; NA: whole market",
            names=("tieridentifier",),
        ),
        Column(
            "summary_type",
            "TEXT",
            "ATS_W_ alternative trading systems or OTC_W_ dealers; SMBL by symbol, SMBL_FIRM by symbol and firm, FIRM by firm, VOL_STATS the whole market",
            names=("summarytypecode",),
        ),
        Column("symbol", "TEXT", "Symbol; (all) in rows of all symbols", names=("issuesymbolidentifier",)),
        Column("market_participant_id", "TEXT", "Market participant; (all) in rows of all firms", names=("mpid",)),
        Column("observation_date", "DATE", "Monday with which the week starts", names=("weekstartdate",)),
        Column("issue_name", "TEXT", "Name of the issue", names=("issuename",), required=False),
        Column("market_participant", "TEXT", "Name of the market participant", names=("marketparticipantname",), required=False),
        _shares("shares", "Shares traded in the week", "totalweeklysharequantity"),
        Column("trades", "BIGINT", "Trades in the week", "trades", names=("totalweeklytradecount",), minimum=0, required=False),
        Column("notional", "DOUBLE", "Value traded in the week", "USD", names=("totalnotionalsum",), minimum=0, required=False),
        Column("initial_published_at", "TIMESTAMP", "End of the day it was first published on", "UTC", names=("initialpublisheddate",), required=False),
        Column("last_update_date", "DATE", "Day on which the row was last changed", names=("lastupdatedate",), required=False),
    ),
    formats=(
        Format(
            "api_json",
            Access.LIVE,
            re.compile(r'^\W*\[\s*\{[^}]*"(totalWeeklyShareQuantity|summaryTypeCode|weekStartDate)"\s*:'),
            _read_weekly,
            "Answer of the Query API, a file a year, kind of summary and page; about a year is served without an account",
            requests=_off_exchange_requests,
        ),
        Format(
            "api_csv",
            Access.REPLAY,
            re.compile(r'(?im)^\W*(?=.*\bweekStartDate\b)(?=.*\bsummaryTypeCode\b)"?\w+"?,'),
            delimited(r'"?summaryTypeCode"?', expressions=_WEEKLY_EXPRESSIONS),
            "Answer of the Query API as CSV, its default",
        ),
    ),
)

FEEDS = (MARGIN, SHORT_INTEREST, SHORT_VOLUME_DAILY, OFF_EXCHANGE)
