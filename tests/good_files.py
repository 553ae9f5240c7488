"""One small well-formed file for every format of every feed, and the means to change one cell, line or record of it.

Most are files of the sample world, cut to a few records; formats the sample does not write are made by hand, with invented numbers.
`documents` opens the layouts (delimited text, JSON, XML, workbooks, zips of these) as cells that can be read and replaced.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, unescape

import python_calamine

from ingest.feeds import FEEDS
from ingest.sample import END, render
from ingest.sample.file import archive, old_workbook, workbook

FORMATS = [(feed.name, declared.name) for feed in FEEDS.values() for declared in feed.formats]

Place: TypeAlias = "tuple[Any, ...]"

# Records of a sample file that are kept.
KEPT = 8


@dataclass(frozen=True)
class Good:
    """A well-formed file of a format; it lands for `landed_with`, the feed itself unless several share the file."""

    feed: str
    format: str
    name: str
    content: bytes

    @property
    def landed_with(self) -> str:
        return FEEDS[self.feed].landed_with or self.feed


# --- layouts --------------------------------------------------------------------------------------------------------------


class Document(ABC):
    """The content of a file as cells with a place each. A change leaves all else as it was."""

    layout: str

    @abstractmethod
    def cells(self) -> Iterator[tuple[Place, str]]:
        """Every cell with its text."""

    @abstractmethod
    def with_cell(self, place: Place, text: str) -> bytes:
        """The file with another text in one cell."""

    @abstractmethod
    def record_of(self, place: Place) -> Place | None:
        """Where the record lies that a cell belongs to; None where records do not lie one after the other."""

    @abstractmethod
    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        """The file with other records in place of one: none, itself twice, ..."""


class Text(Document):
    """Lines of delimited text. A cell is `(line, column)`, a record a line."""

    layout = "text"

    def __init__(self, content: bytes) -> None:
        self.encoding = "utf-16" if content.startswith(b"\xff\xfe") else "utf-8"
        text = content.decode(self.encoding)
        self.end = "\r\n" if "\r\n" in text else "\n"
        self.lines = text.removesuffix(self.end).split(self.end)
        self.delimiter = max("\t|;,", key=lambda mark: sum(min(line.count(mark), 50) for line in self.lines[:40]))
        # between pipes and tabs providers put no quotes around a value
        self.quoted = self.delimiter in ",;"

    def split(self, line: str) -> list[str]:
        """The cells of a line."""
        return next(csv.reader([line], delimiter=self.delimiter)) if self.quoted and line else line.split(self.delimiter)

    def join(self, cells: Sequence[str]) -> str:
        """A line of cells, quoted where they need it."""
        if not self.quoted:
            return self.delimiter.join(cells)
        joined = io.StringIO()
        csv.writer(joined, delimiter=self.delimiter, lineterminator="").writerow(cells)
        return joined.getvalue()

    def written(self, lines: Sequence[str]) -> bytes:
        """A file of these lines, encoded and ended as this one."""
        return "".join(line + self.end for line in lines).encode(self.encoding)

    def cells(self) -> Iterator[tuple[Place, str]]:
        for number, line in enumerate(self.lines):
            for column, text in enumerate(self.split(line)):
                yield (number, column), text

    def with_cell(self, place: Place, text: str) -> bytes:
        number, column = place
        cells = self.split(self.lines[number])
        cells[column] = text
        return self.written([*self.lines[:number], self.join(cells), *self.lines[number + 1 :]])

    def record_of(self, place: Place) -> Place | None:
        return place[:1]

    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        return self.written([*self.lines[: record[0]], *change(self.lines[record[0]]), *self.lines[record[0] + 1 :]])


class Json(Document):
    """A JSON document. A cell is a value that is no list or object; a record is what holds the cell and stands in a list.

    Values in lists that run in parallel have no such record.
    """

    layout = "JSON"

    def __init__(self, content: bytes) -> None:
        self.document = json.loads(content)

    def cells(self) -> Iterator[tuple[Place, str]]:
        yield from self._below((), self.document)

    def _below(self, place: Place, value: Any) -> Iterator[tuple[Place, str]]:
        if isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self._below((*place, key), inner)
        elif value is not None:
            yield place, str(value)

    def _changed(self, place: Place, change: Callable[[Any, Any], None]) -> bytes:
        copy = json.loads(json.dumps(self.document))
        parent = copy
        for key in place[:-1]:
            parent = parent[key]
        change(parent, place[-1])
        return json.dumps(copy, ensure_ascii=False).encode()

    def with_cell(self, place: Place, text: str) -> bytes:
        def put(parent: Any, key: Any) -> None:
            parent[key] = text

        return self._changed(place, put)

    def without(self, place: Place) -> bytes:
        """The document without the key of a cell; services leave out what is null."""

        def drop(parent: Any, key: Any) -> None:
            del parent[key]

        return self._changed(place, drop)

    def at(self, place: Place) -> Any:
        """The value at a place."""
        value = self.document
        for key in place:
            value = value[key]
        return value

    def record_of(self, place: Place) -> Place | None:
        if len(place) > 1 and isinstance(place[-2], int):
            return place[:-1]  # an object that holds the cell, or a pair of a date and a value
        return None

    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        def put(parent: Any, key: Any) -> None:
            parent[key : key + 1] = change(parent[key])

        return self._changed(record, put)


class Xml(Document):
    """An XML document. A cell is the text of an element or the value of an attribute, by its span; records are not told apart."""

    layout = "XML"

    def __init__(self, content: bytes) -> None:
        self.text = content.decode("utf-8-sig")

    def cells(self) -> Iterator[tuple[Place, str]]:
        for found in re.finditer(r'>([^<>]*[^<>\s][^<>]*)<|(?<=[\w:])="([^"<>]+)"', self.text):
            group = 1 if found[1] is not None else 2
            yield found.span(group), unescape(found[group])

    def with_cell(self, place: Place, text: str) -> bytes:
        return (self.text[: place[0]] + escape(text, {'"': "&quot;"}) + self.text[place[1] :]).encode()

    def record_of(self, place: Place) -> Place | None:
        return None

    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        raise NotImplementedError


class Sheets(Document):
    """A workbook, old or new. A cell is `(sheet, row, column)`, a record a row."""

    layout = "workbook"

    def __init__(self, content: bytes) -> None:
        self.is_old = content.startswith(b"\xd0\xcf")
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        self.sheets = {
            name: [[_plain(cell) for cell in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)] for name in book.sheet_names
        }

    def written(self, sheets: dict[str, list[list[Any]]]) -> bytes:
        """A workbook of these sheets, of the same kind."""
        if self.is_old:
            ((name, rows),) = sheets.items()
            return old_workbook(name, rows)
        return workbook(list(sheets.items()), "Test")

    def cells(self) -> Iterator[tuple[Place, str]]:
        for name, rows in self.sheets.items():
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if cell is not None:
                        yield (name, number, column), str(cell)

    def with_rows(self, name: str, rows: list[list[Any]]) -> bytes:
        """The workbook with other rows in one sheet."""
        return self.written({**self.sheets, name: rows})

    def with_cell(self, place: Place, text: str) -> bytes:
        name, number, column = place
        rows = [list(row) for row in self.sheets[name]]
        rows[number][column] = text
        return self.with_rows(name, rows)

    def record_of(self, place: Place) -> Place | None:
        return place[:2]

    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        name, number = record
        rows = self.sheets[name]
        return self.with_rows(name, [*rows[:number], *change(rows[number]), *rows[number + 1 :]])


def _plain(cell: Any) -> Any:
    """A cell as it is written again: nothing, a text, a number or a date."""
    if cell is None or cell == "":
        return None
    return cell.date() if isinstance(cell, datetime) else cell


class Zip(Document):
    """A zip; its cells and records are those of one member, the others stay."""

    def __init__(self, content: bytes, holds: re.Pattern[str]) -> None:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            self.members = [(name, packed.read(name)) for name in packed.namelist()]
        self.chosen, inner = next((name, data) for name, data in self.members if holds.search(data[:8192].decode("utf-8", errors="replace")))
        self.inner = opened(inner, holds)
        self.layout = self.inner.layout

    def around(self, content: bytes) -> bytes:
        """The zip with another content of the member."""
        return archive((name, content if name == self.chosen else data) for name, data in self.members)

    def cells(self) -> Iterator[tuple[Place, str]]:
        return self.inner.cells()

    def with_cell(self, place: Place, text: str) -> bytes:
        return self.around(self.inner.with_cell(place, text))

    def record_of(self, place: Place) -> Place | None:
        return self.inner.record_of(place)

    def with_records(self, record: Place, change: Callable[[Any], Sequence[Any]]) -> bytes:
        return self.around(self.inner.with_records(record, change))


def opened(content: bytes, holds: re.Pattern[str] = re.compile("")) -> Document:
    """A file by its layout; of a zip the first member whose start matches `holds`."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:20]
    if content.startswith(b"PK\x03\x04") and b"[Content_Types].xml" not in content[:200]:
        return Zip(content, holds)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return Sheets(content)
    if start.startswith((b"{", b"[")):
        return Json(content)
    return Xml(content) if start.startswith(b"<") else Text(content)


# --- the files --------------------------------------------------------------------------------------------------------------


def _cut(content: bytes) -> bytes:
    """A sample file with its first records alone."""
    if content.startswith(b"PK\x03\x04") and b"[Content_Types].xml" not in content[:200]:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = [(name, packed.read(name)) for name in packed.namelist()]
        # the tables of one archive belong together; those with trailers are small
        return archive((name, _cut(data) if name.endswith(".json") else data) for name, data in members)
    document = opened(content)
    if isinstance(document, Text) and len(document.lines) > 4 * KEPT:
        return document.written(document.lines[: 2 * KEPT])
    if isinstance(document, Json):
        return json.dumps(_first(document.document), ensure_ascii=False).encode()
    if isinstance(document, Sheets) and sum(map(len, document.sheets.values())) > 50:
        return document.written({name: rows[: 2 * KEPT] for name, rows in document.sheets.items()})
    if content.startswith(b"\xef\xbb\xbf<"):
        sheets = content.split(b"<ss:Worksheet")
        return b"<ss:Worksheet".join(_with_first_rows(sheet) for sheet in sheets)
    return content


def _with_first_rows(sheet: bytes) -> bytes:
    rows = sheet.split(b"</ss:Row>")
    return b"</ss:Row>".join([*rows[: 2 * KEPT], rows[-1]]) if len(rows) > 2 * KEPT else sheet


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return [_first(inner) for inner in value[:KEPT]]
    return {key: _first(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _cftc_text(header: str, line: str) -> str:
    return "".join(f"{text}\r\n" for text in (header, *(line.format(day=day, n=1000 + place) for place, day in enumerate(("2023-01-03", "2023-01-10")))))


_TFF_COLUMNS = (
    "Dealer_Positions_Long_All,Dealer_Positions_Short_All,Asset_Mgr_Positions_Long_All,Asset_Mgr_Positions_Short_All,Lev_Money_Positions_Long_All,"
    "Lev_Money_Positions_Short_All,Other_Rept_Positions_Long_All,Other_Rept_Positions_Short_All"
)
_DISAGGREGATED_COLUMNS = (
    "Prod_Merc_Positions_Long_All,Prod_Merc_Positions_Short_All,Swap_Positions_Long_All,Swap__Positions_Short_All,M_Money_Positions_Long_All,"
    "M_Money_Positions_Short_All,Other_Rept_Positions_Long_All,Other_Rept_Positions_Short_All"
)
_LEGACY_COLUMNS = (
    "Noncommercial Positions-Long (All),Noncommercial Positions-Short (All),Noncommercial Positions-Spreading (All),Commercial Positions-Long (All),"
    "Commercial Positions-Short (All),Total Reportable Positions-Long (All),Total Reportable Positions-Short (All),Nonreportable Positions-Long (All)"
)
_CFTC_LINE = '"A CONTRACT - AN EXCHANGE, INC.",230103,{{day}},012345,   {{n}},11,12,13,14,15,16,17,18{scope}'

_FILING_LIST = {
    "accessionNumber": ["X-3", "X-2"],
    "filingDate": ["2023-09-01", "2023-08-12"],
    "reportDate": ["", "2023-06-30"],
    "acceptanceDateTime": ["2023-09-01T22:00:00.000Z", "2023-08-12T22:00:00.000Z"],
    "form": ["4", "13F-HR"],
    "size": [101, 102],
    "primaryDocument": ["primary_doc.xml", "primary_doc.xml"],
}

_PRIMARY_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<edgarSubmission xmlns="http://www.sec.gov/edgar/thirteenffiler"><headerData><submissionType>13F-HR</submissionType><filerInfo><filer><credentials>
<cik>0000000001</cik></credentials></filer><periodOfReport>03-31-2023</periodOfReport></filerInfo></headerData><formData><coverPage>
<filingManager><name>First Manager</name></filingManager><reportType>13F HOLDINGS REPORT</reportType><otherManagersInfo><otherManager>
<cik>0000000004</cik><name>Fourth</name></otherManager></otherManagersInfo></coverPage><summaryPage><tableEntryTotal>1</tableEntryTotal>
<tableValueTotal>700</tableValueTotal></summaryPage><signatureBlock><name>A Signer</name><signatureDate>05-12-2023</signatureDate></signatureBlock>{inside}
</formData></edgarSubmission>
"""
_INFORMATION_TABLE = (
    '<?xml version="1.0" encoding="UTF-8"?><informationTable xmlns="http://www.sec.gov/edgar/document/thirteenf/informationtable">'
    + "".join(
        f"<infoTable><nameOfIssuer>A &amp; B</nameOfIssuer><titleOfClass>COM</titleOfClass><cusip>00012A105</cusip><value>{value}</value><shrsOrPrnAmt>"
        "<sshPrnamt>100</sshPrnamt><sshPrnamtType>SH</sshPrnamtType></shrsOrPrnAmt><investmentDiscretion>SOLE</investmentDiscretion><votingAuthority>"
        "<Sole>100</Sole><Shared>0</Shared><None>0</None></votingAuthority></infoTable>"
        for value in (701, 702)
    )
    + "</informationTable>"
)


def _hand_made() -> Iterator[tuple[str, str, str, str | bytes]]:
    """Feed, format, name and content of the formats that the sample world does not write."""
    names = "Market_and_Exchange_Names,As_of_Date_In_Form_YYMMDD,Report_Date_as_YYYY-MM-DD,CFTC_Contract_Market_Code,Open_Interest_All,"
    line = _CFTC_LINE.format(scope=",FutOnly")
    yield "cftc_tff", "year_text", "FinFutYY.txt", _cftc_text(f"{names}{_TFF_COLUMNS},FutOnly_or_Combined", line)
    yield "cftc_disaggregated", "year_text", "f_year.txt", _cftc_text(f"{names}{_DISAGGREGATED_COLUMNS},FutOnly_or_Combined", line)
    legacy = "Market and Exchange Names,As of Date in Form YYMMDD,As of Date in Form YYYY-MM-DD,CFTC Contract Market Code,Open Interest (All),"
    yield "cftc_legacy", "year_text", "annual.txt", _cftc_text(f"{legacy}{_LEGACY_COLUMNS}", _CFTC_LINE.format(scope=""))
    mirror = "time,AdrActCnt,CapMrktCurUSD,PriceUSD,SplyCur\n2023-01-03,5,1300000,65.5,20000\n2023-01-04,6,1300100,66.5,20001\n"
    yield "coin_metrics", "mirror_csv", "btc.csv", mirror
    pipes = (
        "accountingYearMonthNumber|symbolCode|issueName|currentShortPositionQuantity|previousShortPositionQuantity|averageDailyVolumeQuantity|settlementDate"
    )
    interest = "20230113|SPY|SPDR Trust|1001|900|401|2023-01-13\r\n20230113|QQQ|Invesco|1002|901|402|2023-01-13\r\n"
    yield "finra_short_interest", "pipe_csv", "shrt20230113.csv", f"{pipes}\r\n{interest}"
    quoted = '"settlementDate","issueName","symbolCode","currentShortPositionQuantity","previousShortPositionQuantity"\n'
    yield "finra_short_interest", "api_csv", "answer.csv", quoted + '"2023-01-13","Bank, The","SPY","7001","1"\n"2023-01-13","Other","QQQ","7002","2"\n'
    weekly = '"totalWeeklyShareQuantity","issueSymbolIdentifier","initialPublishedDate","tierIdentifier","weekStartDate","MPID","summaryTypeCode"\n'
    weeks = '"10.25","SPY","2023-01-30","T1","2023-01-09","","ATS_W_SMBL"\n"11.25","QQQ","2023-01-30","T1","2023-01-09","","ATS_W_SMBL"\n'
    yield "finra_off_exchange", "api_csv", "answer.csv", weekly + weeks
    trades = [{"Ngay": "13/09/2023", "KLGDRong": -1200, "GTDGRong": -250000000000}, {"Ngay": "14/09/2023", "KLGDRong": 10, "GTDGRong": 150000000000}]
    yield "own_series", "cafef_json", "gdkhoingoai_VNINDEX.json", json.dumps({"Data": {"TotalCount": 2, "Data": trades}, "Success": True})
    prices = "Date,Open,High,Low,Close,Volume\r\n2023-01-03,1.5,3.5,1.25,2.5,1000\r\n2023-01-04,1.75,3.75,1.5,2.75,1001\r\n"
    yield "price_daily", "stooq_csv", "spy_us_d.csv", prices
    plans = "PlanName,fy,ppd_id,EQTotal_Actl,MktAssets_net\r\nFirst Plan,2021,7,.53,1001\r\nSecond Plan,2021,8,.54,1002\r\n"
    yield "public_plan", "csv", "ppd-data-latest.csv", plans
    filer = {"cik": "0000938076", "entityType": "other", "sic": "", "sicDescription": "", "name": "Example Board", "tickers": [], "exchanges": []}
    filer |= {"fiscalYearEnd": "0630", "formerNames": [], "filings": {"recent": _FILING_LIST, "files": []}}
    yield "sec_filing_index", "submissions_json", "submissions_CIK0000938076.json", json.dumps(filer)
    yield "sec_filing_index", "older_filings_json", "CIK0000938076-submissions-001.json", json.dumps(_FILING_LIST)
    facts = [
        {"end": f"2023-0{month}-30", "val": 100 + month, "accn": f"0000000001-23-00000{month}", "fy": 2023, "fp": "Q1", "form": "10-Q", "filed": "2023-11-01"}
        for month in (4, 6)
    ]
    company = {"cik": 320193, "entityName": "EXAMPLE INC", "facts": {"us-gaap": {"Assets": {"label": "Assets", "units": {"USD": facts}}}}}
    yield "sec_companyfacts", "bulk_zip", "companyfacts.zip", archive([("CIK0000320193.json", json.dumps(company).encode())])
    yield "sec_13f_filing", "primary_document", "0000000001-23-000009-primary_doc.xml", _PRIMARY_DOCUMENT.format(inside="")
    yield "sec_13f_holding", "information_table", "000000000123000009-infotable.xml", _INFORMATION_TABLE
    numbered = {"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."}, "1": {"cik_str": 789019, "ticker": "MSFT", "title": "Microsoft"}}
    yield "sec_company_ticker", "numbered_json", "company_tickers.json", json.dumps(numbered)
    gold = (
        "Date, GLD Close, NAV per GLD in Gold, NAV/share at 10.30 a.m. NYT, Indicative Price of GLD at 4.15 p.m. NYT, Daily Share Volume, "
        "Total Net Asset Value Ounces in the Trust as at 4.15 p.m. NYT, Total Net Asset Value Tonnes in the Trust as at 4.15 p.m. NYT, "
        "Total Net Asset Value in the Trust\n"
        "03-Jan-2023, 44.38, 100.000000, 44.2, 44.305, 5992000, 260000.00, 8.09, 114920000.00\n"
        "04-Jan-2023, 44.48, 100.000000, 44.3, 44.405, 5992001, 260001.00, 8.19, 114920001.00\n"
    )
    yield "gld_archive", "archive_csv", "GLD_US_archive_EN.csv", gold


# Formats of the sample world that its last year does not have: the first year with them.
_EARLIER = {"cboe_put_call": 2018, "public_plan": 2004, "world_bank_indicator": 2004, "damodaran_erp_yearly": 2004, "tic_major_foreign_holders": 2020}


@cache
def good_files() -> dict[tuple[str, str], Good]:
    """A well-formed file by feed and format."""
    smallest: dict[tuple[str, str], tuple[str, bytes]] = {}
    for first_year, feeds in [(2023, None), *((year, {feed}) for feed, year in _EARLIER.items())]:
        for file in render(END, first_year=first_year, feeds=feeds):
            known = smallest.get((file.feed, file.format))
            if known is None or (first_year == 2023 and len(file.content) < len(known[1])):
                smallest[file.feed, file.format] = (file.name, file.content)
    found = {key: Good(*key, name, _cut(content)) for key, (name, content) in smallest.items()}
    for feed, format, name, content in _hand_made():
        found[feed, format] = Good(feed, format, name, content.encode() if isinstance(content, str) else content)
    # tables of one archive are several feeds
    for feed, format in FORMATS:
        lead = FEEDS[feed].landed_with
        if lead and (feed, format) not in found:
            shared = found[lead, format]
            found[feed, format] = Good(feed, format, shared.name, shared.content)
    return found


# When the good file, and then each changed one, was current: after all observations in it.
FIRST_EDITION = datetime(2024, 1, 2, tzinfo=UTC)
