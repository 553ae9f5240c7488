"""Which symbol a security had when, and which filer stands behind a symbol.

* Fails to deliver, https://www.sec.gov/data-research/sec-markets-data/fails-deliver-data: twice a month a text file in a zip, lines
  `SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE`, a price of `.` where none is known, and two trailers, `Trailer
  record count N` and `Trailer total quantity of shares N`. No other open source dates CUSIP and symbol together.
* Lists of symbols, https://www.sec.gov/files/company_tickers_exchange.json (companies), company_tickers.json (the same without
  exchange, by number) and company_tickers_mf.json (classes of fund shares): the present state only, so each edition is kept.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile, normalise_header
from ingest.feeds.sec.data_set import archives
from ingest.reader import blank_lines, header_line, json_documents, match_columns, one_by_one, selection, split_kinds, text_table

if TYPE_CHECKING:
    import duckdb

_PAGE = "https://www.sec.gov/data-research/sec-markets-data/fails-deliver-data"
_ARCHIVE = re.compile(r"cnsfails(?P<year>20\d\d)(?P<month>\d\d)(?P<half>[ab])\w*\.zip", re.IGNORECASE)
_HEADER = r"^\W*SETTLEMENT DATE\W*\|\W*CUSIP\W*\|"

# The second half of a month comes out in the middle of the next; the page is asked a month after that once more.
_LATEST_DAYS = 62

# A character that stands in no file, to read lines whole.
_NO_DELIMITER = "\x1f"


def _fail_requests(window: FetchWindow) -> Iterable[Request]:
    def touches(found: re.Match[str]) -> bool:
        first = date(int(found["year"]), int(found["month"]), 1 if found["half"].lower() == "a" else 15)
        return first <= window.end and first + timedelta(days=_LATEST_DAYS) > window.start

    yield archives(_PAGE, "fails-deliver-data.html", _ARCHIVE, touches)


def _read_fails(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a line. Fields are not quoted, and a description may hold quotes; a line with another number of fields is quarantined.

    The trailers state how many lines and shares there are: a file that holds others was cut or changed on the way. One without
    trailers is read, and named by the raw gate.
    """
    number, line, _ = header_line(file.path, re.compile(_HEADER, re.IGNORECASE))
    headers = [normalise_header(name) for name in next(csv.reader([line], delimiter="|"))]
    found = match_columns(feed, headers, also=("published_at",))
    lines = text_table(connection, file, skip=number + 1, width=1, delimiter=_NO_DELIMITER, quoted=False)
    fields = ", ".join(f"trim(fields[{at + 1}]) as c{at}" for at in range(len(headers)))
    connection.execute(
        f"""
        create or replace temp table fail_line as
        select _row_number, c0 as line, len(fields) as found_fields, {fields}
        from (select _row_number, c0, string_split(rtrim(c0, chr(13)), '|') as fields from {lines})
        """
    )
    quantity = f"c{found['quantity']}"
    counted = connection.execute(
        f"""
        select
            max(try_cast(regexp_extract(line, '(?i)^trailer\\s+record\\s+count\\D*(\\d+)', 1) as bigint)) as stated_lines,
            count(*) filter (where line like '%|%') as lines,
            max(try_cast(regexp_extract(line, '(?i)^trailer\\s+total\\s+quantity\\D*(\\d+)', 1) as hugeint)) as stated_shares,
            sum(try_cast({quantity} as hugeint)) filter (where line like '%|%') as shares
        from fail_line
        """
    ).fetchone()
    assert counted is not None
    for stated, held, what in ((counted[0], counted[1], "records"), (counted[2], counted[3], "shares")):
        if stated is not None and stated != held:
            raise UnreadableFile(f"{file.name} says at its end that it has {stated:,} {what}, but holds {held or 0:,}: cut off or changed; fetch it again")
    selected = selection(feed, found, {}, {})
    # says in the quarantine what is wrong with the line
    selected["quantity"] = f"case when found_fields = {len(headers)} then {quantity} else found_fields || '_fields_instead_of_{len(headers)}' end"
    day = f"coalesce(try_cast(c{found['observation_date']} as date), try_strptime(c{found['observation_date']}, ['%Y%m%d', '%m/%d/%Y'])::date)"
    public = f"case when day({day}) < 15 then last_day({day}) else (date_trunc('month', {day}) + interval 1 month + interval 14 day)::date end"
    selected["published_at"] = f"timezone('UTC', timezone('{feed.lag.zone}', ({public} + 1)::timestamp))::varchar"
    kinds = {"trailer": "line ilike 'trailer%'", "blank": "trim(line) = '' or line is null"}
    above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
    return split_kinds(connection, "fail_line", file, kinds, selected, above)


# Column of the feed: the names it has in the lists.
_LISTED = {"cik": ("cik", "cik_str"), "ticker": ("ticker", "symbol"), "filer_name": ("name", "title"), "exchange": ("exchange",)}
_LISTED |= {"series_id": ("seriesId",), "class_id": ("classId",)}


def _listed(name: str) -> Callable[[FetchWindow], Iterable[Request]]:
    def requests(window: FetchWindow) -> Iterable[Request]:
        yield Request(f"https://www.sec.gov/files/{name}", name)

    return requests


def _read_list(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a symbol and filer, from `fields` and `data` or from numbered objects; the file's edition says for which month it stands.

    The lists carry no date: one that is not known to be of an earlier time is of the time it was landed.
    """
    at = (file.edition_at or datetime.fromtimestamp(file.path.stat().st_mtime, UTC)).astimezone(UTC)
    (fields,) = connection.execute(f"select from_json(document -> 'fields', '[\"VARCHAR\"]') from {json_documents([file])}").fetchall()[0]
    if fields:
        rows = f"select unnest(from_json(document -> 'data', '[[\"VARCHAR\"]]')) as entry from {json_documents([file])}"
        places = {name.lower(): f"entry[{at + 1}]" for at, name in enumerate(fields)}
    else:
        keyed = f"select document, unnest(json_keys(document)) as key from {json_documents([file])}"
        rows = f"select document -> ('$.\"' || key || '\"') as entry from ({keyed})"
        places = {name.lower(): f"entry ->> '{name}'" for wanted in _LISTED.values() for name in wanted if name in ("cik_str", "ticker", "title")}
    found = {column: places[name.lower()] for column, wanted in _LISTED.items() for name in wanted if name.lower() in places}
    missing = [column for column in ("cik", "ticker") if column not in found]
    if missing:
        raise UnreadableFile(f"{', '.join(missing)} is missing; the file has {', '.join(fields or ())}; the provider may have changed the format")
    selected = {
        **found,
        "cik": f"lpad({found['cik']}, 10, '0')",
        "ticker": f"upper({found['ticker']})",
        "observation_date": f"'{at:%Y-%m}-01'",
        "published_at": f"'{at:%Y-%m-%d %H:%M:%S}'",
    }
    connection.execute(f"create or replace temp table listed as select row_number() over () as _row_number, entry from ({rows})")
    return split_kinds(connection, "listed", file, {"without symbol": f"coalesce(trim({found['ticker']}), '') = ''"}, selected, {})


FEEDS = (
    Feed(
        name="sec_fails_to_deliver",
        provider="sec",
        title="Fails to deliver",
        description=(
            "Shares of each security that sellers had not delivered at the end of a settlement day, net over all members of the clearing house: a "
            "level, not the day's new fails. Read here for the symbol that each CUSIP had on the day."
        ),
        url=_PAGE,
        licence="US government, public domain; CUSIP identifiers belong to the American Bankers Association and may not be sold on",
        cadence=Cadence.TWICE_A_MONTH,
        lag=PublicationLag(32, "24:00", source="the first half of a month about at its end, the second half about on the 15th of the next, says the page"),
        key=("cusip", "observation_date"),
        published_column="published_at",
        columns=(
            Column("cusip", "TEXT", "CUSIP of the security, nine characters; begins with a letter for foreign issuers", names=("cusip",)),
            Column("observation_date", "DATE", "Settlement day", names=("settlement_date",)),
            Column("symbol", "TEXT", "Symbol the security traded under", names=("symbol",)),
            Column("quantity", "DOUBLE", "Shares not delivered by the end of the day, new and old", "shares", names=("quantity_fails", "quantity"), minimum=0),
            Column("description", "TEXT", "Name of the security, cut at 30 characters", required=False),
            Column("price", "DOUBLE", "Closing price of the day before; null where none is known", "USD a share", required=False, minimum=0),
            Column("published_at", "TIMESTAMP", "When the half month was published by the provider's rule, UTC"),
        ),
        formats=(
            Format(
                "half_month",
                Access.LIVE,
                re.compile(_HEADER, re.IGNORECASE),
                one_by_one(_read_fails),
                "Text file of half a month, the 1st to the 14th (a) or the rest (b), in a zip",
                requests=_fail_requests,
            ),
        ),
    ),
    Feed(
        name="sec_company_ticker",
        provider="sec",
        title="Symbols of filers",
        description=(
            "The symbols that companies and funds have at present, with the number (CIK) under which they file. The provider shows the present "
            "state only and does not promise that it is complete; each month's state is kept, known from the moment its list was fetched."
        ),
        url="https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
        licence="US government, public domain",
        cadence=Cadence.MONTHLY,
        lag=PublicationLag(31, "24:00", source="the present state at the time of the edition, which counts"),
        key=("cik", "ticker", "observation_date"),
        published_column="published_at",
        read_by_edition=True,
        columns=(
            Column("cik", "TEXT", "SEC number of the filer (CIK), with leading zeros"),
            Column("ticker", "TEXT", "Symbol, with a hyphen before a class of shares (BRK-B)"),
            Column("observation_date", "DATE", "First day of the month for which the list stands"),
            Column("filer_name", "TEXT", "Name of the filer", required=False),
            Column("exchange", "TEXT", "Exchange the symbol is listed on", required=False),
            Column("series_id", "TEXT", "Series of a fund", required=False),
            Column("class_id", "TEXT", "Class of a fund's shares", required=False),
            Column("published_at", "TIMESTAMP", "When the list was current, UTC"),
        ),
        formats=(
            Format(
                "exchange_json",
                Access.LIVE,
                re.compile(r'^\s*\{\s*"fields"\s*:\s*\[[^\]]*"ticker"'),
                one_by_one(_read_list),
                "Companies with the exchange of each symbol: names of the fields, then a list of values a symbol",
                requests=_listed("company_tickers_exchange.json"),
            ),
            Format(
                "fund_json",
                Access.LIVE,
                re.compile(r'^\s*\{\s*"fields"\s*:\s*\[[^\]]*"seriesId"'),
                one_by_one(_read_list),
                "Classes of fund shares with their series",
                requests=_listed("company_tickers_mf.json"),
            ),
            Format(
                "numbered_json",
                Access.REPLAY,
                re.compile(r'^\s*\{\s*"\d+"\s*:\s*\{\s*"cik_str"'),
                one_by_one(_read_list),
                "Companies without exchange, an object a number (still served; the list with exchanges says the same and more)",
            ),
        ),
    ),
)
