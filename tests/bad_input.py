"""What can be wrong with a provider's file, as changes of a good one, and what must then become of it.

A case is a change and an outcome. `test_bad_input.py` tries every case on every format it can reach.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from good_files import FIRST_EDITION, Document, Good, Json, Place, Sheets, Text, Zip, opened
from raw_store import RawStore

from ingest.feed import Column, Feed
from ingest.feeds import FEEDS
from ingest.sample.file import archive

_DAYS = ("%Y-%m-%d", "%m/%d/%Y", "%Y%m%d", "%d-%b-%Y", "%b %d, %Y")

# The key of the date where other keys hold the same dates.
_DAY_KEYS: dict[str, Any] = {
    "fred_series_info.api_json": "last_updated",
    "sec_filing_index.submissions_json": "filingDate",
    "sec_filing_index.older_filings_json": "filingDate",
    "sec_submission.submissions_json": "filingDate",
    "sec_companyfacts.company_json": "end",
    "finra_short_interest.api_json": "settlementDate",
    "finra_short_interest.pipe_csv": 6,
    "finra_off_exchange.api_json": "weekStartDate",
}


def number_of(text: str) -> float | None:
    """The number a cell states, None when it states none."""
    try:
        return float(re.sub(r"[$, ]", "", text.strip()))
    except ValueError:
        return None


def day_of(text: str) -> date | None:
    """The date a cell states, None when it states none."""
    stated = re.sub(r"^(\d{4}-\d\d-\d\d)[T ].*", r"\1", text.strip())
    for form in _DAYS:
        try:
            return datetime.strptime(stated, form).date()
        except ValueError:
            continue
    return None


# --- a good file and the cells of it that are changed ---------------------------------------------------------------------


@dataclass
class Subject:
    """A good file that is loaded, and where in it stand a number and a date that were loaded, and the words over the number."""

    good: Good
    document: Document
    rows: int
    skipped: int
    number: Place | None = None
    column: Column | None = None
    value: float = 0
    day: Place | None = None
    heading: Place | None = None

    @property
    def feed(self) -> Feed:
        return FEEDS[self.good.feed]

    @property
    def parameters(self) -> dict[str, str]:
        """What the file's name says."""
        return self.feed.format(self.good.format).parameters_of(self.good.name)

    @property
    def inner(self) -> Document:
        """The document, or of a zip the member that is changed."""
        return self.document.inner if isinstance(self.document, Zip) else self.document

    def text(self, content: bytes) -> bytes:
        """The file with this member, of a file that is no zip the member itself."""
        return self.document.around(content) if isinstance(self.document, Zip) else content


def store_of(good: Good, folder: Path) -> RawStore:
    """A store of the feeds that share the file."""
    return RawStore(folder, [feed for feed in FEEDS.values() if (feed.landed_with or feed.name) == good.landed_with])


def subject_of(good: Good, store: RawStore) -> Subject:
    """Land and load a good file, and find its cells by the values that were loaded."""
    landed = store.land_as(good.landed_with, good.format, good.name, good.content, FIRST_EDITION, FEEDS[good.feed].format(good.format).parameters_of(good.name))
    store.load()
    file = store.file_of(good.feed, landed)
    assert (file["status"], file["rows_quarantined"]) == ("loaded", 0), file["message"]
    subject = Subject(good, opened(good.content, FEEDS[good.feed].format(good.format).header), file["rows_read"], file["rows_skipped"])
    cells = list(subject.document.cells())
    _find_number(subject, store, cells)
    _find_day(subject, store, cells)
    return subject


def _find_number(subject: Subject, store: RawStore, cells: list[tuple[Place, str]]) -> None:
    """A number that stands once in the file and was loaded into one column; the last large one, so that most of the file stands before it."""
    stated: dict[float, list[Place]] = {}
    for place, text in cells:
        value = number_of(text)
        if value is not None:
            stated.setdefault(value, []).append(place)
    loaded: dict[float, list[Column]] = {}
    for column in subject.feed.measures:
        if column.type in ("BIGINT", "DOUBLE"):
            for (value,) in store.rows(f'select "{column.name}" from raw."{subject.feed.name}" where "{column.name}" is not null'):
                loaded.setdefault(float(value), []).append(column)
    unique = [value for value, columns in loaded.items() if len(columns) == 1 and len(stated.get(value, ())) == 1]
    if not unique:
        return
    subject.value = max(unique, key=lambda value: (abs(value) >= 1000, value > 0, stated[value][0] if isinstance(stated[value][0][0], int) else ()))
    subject.number, subject.column = stated[subject.value][0], loaded[subject.value][0]
    if subject.document.layout in ("text", "workbook"):
        *above, line, column_place = subject.number
        for place, text in cells:
            if place[-1] == column_place and [*place[:-2]] == above and place[-2] < line and re.search("[A-Za-z]", text) and "holiday" not in text.lower():
                subject.heading = place  # the nearest words over it


def _find_day(subject: Subject, store: RawStore, cells: list[tuple[Place, str]]) -> None:
    """The last date of the column or key that has most of those that were loaded."""
    feed = subject.feed
    if feed.filing_of:
        return
    observed = {day for (day,) in store.rows(f'select distinct "{feed.observation_column}" from raw."{feed.name}"')}
    dated: dict[Any, list[Place]] = {}
    for place, text in cells:
        if day_of(text) in observed:
            key = _column_of(subject.document, place)
            if _DAY_KEYS.get(f"{feed.name}.{subject.good.format}", key) == key:
                dated.setdefault(key, []).append(place)
    if dated:
        subject.day = max(dated.values(), key=len)[-1]


def _column_of(document: Document, place: Place) -> Any:
    if document.layout == "XML":
        return None
    # the values of a list that runs in parallel have the name of the list
    return place[-2] if document.layout == "JSON" and isinstance(place[-1], int) and not isinstance(place[-2], int) else place[-1]


# --- outcomes -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Same:
    """Read as if nothing were wrong: the same rows, nothing new."""


@dataclass(frozen=True)
class Refused:
    """The whole file goes to quarantine with a message in which `says` is found."""

    says: str


@dataclass(frozen=True)
class RowsRefused:
    """Some rows go to quarantine, each with a reason in which `says` is found; all others are the same. So many `rows` where it is known."""

    says: str
    rows: int | None = None


@dataclass(frozen=True)
class Repeated:
    """Records more than in the good file, none of them new."""


@dataclass(frozen=True)
class Shorter:
    """Records less than in the good file, the others the same; what is missing stays in force."""


@dataclass(frozen=True)
class SetAside:
    """Records less than in the good file, counted among those skipped; the others are the same."""


@dataclass(frozen=True)
class LineRefused:
    """One line goes to quarantine, however many records it holds; the others are the same."""

    says: str


@dataclass(frozen=True)
class Conflicting:
    """A record twice with different values: both rows go to quarantine, the others are the same."""


@dataclass(frozen=True)
class Empty:
    """The file may be empty, and is."""


@dataclass(frozen=True)
class Restated:
    """One row with another value is loaded as a new version, the others are the same."""


@dataclass(frozen=True)
class Cut:
    """What stands before the cut is read as it was: at most the records of one line are new, or in quarantine."""


Outcome = Same | Refused | RowsRefused | Repeated | Shorter | SetAside | LineRefused | Conflicting | Empty | Restated | Cut


def problem(outcome: Outcome, subject: Subject, file: Mapping[str, Any], reasons: list[str]) -> str | None:
    """What of the file's record and its rows' reasons is not as the outcome says; None when all is."""
    status, message, read = file["status"], file["message"] or "", file["rows_read"]
    new, refused, same, skipped = file["rows_loaded"], file["rows_quarantined"], file["rows_unchanged"], file["rows_skipped"]
    shown = f"{status} ({message}), {read} rows read, {new} new, {refused} refused {sorted(set(reasons))[:2]}, {same} the same, {skipped} skipped"
    match outcome:
        case Refused(says):
            right = status == "quarantined" and read == refused and re.search(says, message) and len(message.splitlines()) == 1
        case Same():
            right = status == "loaded" and read == same == subject.rows
        case RowsRefused(says, rows):
            known = refused == rows if rows is not None else refused > 0
            right = known and all(re.search(says, reason) for reason in reasons) and new == 0 and (read, skipped) == (subject.rows, subject.skipped)
            right = right and (status == "loaded" or message.startswith(f"all {read:,} rows are quarantined"))
        case LineRefused(says):
            right = refused == 1 and re.search(says, reasons[0]) and same == read - 1 and (status == "loaded" or message.startswith("all 1 rows"))
        case Conflicting():
            right = refused == 2 and all("the key stands more than once with different values" in reason for reason in reasons) and same == read - 2
        case Repeated():
            right = status == "loaded" and same == read and read + skipped > subject.rows + subject.skipped
        case Shorter():
            right = same == read < subject.rows and skipped == subject.skipped and (status == "loaded" if read else status == "quarantined")
        case SetAside():
            right = same == read < subject.rows and skipped > subject.skipped and (status == "loaded" if read else status == "quarantined")
        case Empty():
            right = status == "loaded" and read == 0
        case Restated():
            right = status == "loaded" and (new, refused) == (1, 0) and (read, skipped) == (subject.rows, subject.skipped)
        case Cut():
            widest = max(len(subject.inner.split(line)) for line in subject.inner.lines) if isinstance(subject.inner, Text) else 0
            right = status == "quarantined" and bool(message) if not widest else status == "quarantined" or new + refused <= widest
    return None if right else f"expected {outcome}, found {shown}"


# --- cases ----------------------------------------------------------------------------------------------------------------

Change = Callable[[Subject], bytes | None]
Table = list[list[Any]]


@dataclass(frozen=True)
class Case:
    """A change of a good file (None where it does not apply) and the outcome, with other outcomes of layouts, feeds or formats.

    An outcome of a format (`feed.format`) counts before that of a feed, and that before one of a layout; None says that the case does not apply
    there. `suffix` is added to the file's name.
    """

    change: Change
    outcome: Outcome | Callable[[Subject], Outcome]
    others: Mapping[str, Outcome | None] = field(default_factory=dict)
    suffix: str = ""

    def outcome_for(self, subject: Subject) -> Outcome | None:
        names = (f"{subject.good.feed}.{subject.good.format}", subject.good.feed, "zip" if isinstance(subject.document, Zip) else "", subject.document.layout)
        for name in names:
            if name in self.others:
                return self.others[name]
        return self.outcome(subject) if callable(self.outcome) else self.outcome


def same_bytes(change: Callable[[bytes], bytes]) -> Change:
    """A change of the whole file."""
    return lambda subject: change(subject.good.content)


def of_characters(change: Callable[[str], bytes | None]) -> Change:
    """A change of a file that is characters, and no workbook or zip."""

    def changed(subject: Subject) -> bytes | None:
        content = subject.good.content
        if subject.document.layout == "workbook" or isinstance(subject.document, Zip):
            return None
        return change(content.decode("utf-16" if content.startswith(b"\xff\xfe") else "utf-8-sig"))

    return changed


def of_lines(change: Callable[[Text], list[str] | bytes]) -> Change:
    """A change of the lines of delimited text."""

    def changed(subject: Subject) -> bytes | None:
        text = subject.inner
        if not isinstance(text, Text):
            return None
        lines = change(text)
        return subject.text(lines if isinstance(lines, bytes) else text.written(lines))

    return changed


def of_number(text: str | Callable[[float], str | None]) -> Change:
    """Another text in the cell of the number."""

    def changed(subject: Subject) -> bytes | None:
        written = text if isinstance(text, str) else text(subject.value)
        return subject.document.with_cell(subject.number, written) if subject.number and written is not None else None

    return changed


def of_day(text: str) -> Change:
    """Another text in the cell of the date."""
    return lambda subject: subject.document.with_cell(subject.day, text) if subject.day else None


def of_record(change: Callable[[Subject, Any], list[Any]]) -> Change:
    """Other records in place of the number's record."""

    def changed(subject: Subject) -> bytes | None:
        record = subject.document.record_of(subject.number) if subject.number else None
        return subject.document.with_records(record, lambda found: change(subject, found)) if record else None

    return changed


def of_table(change: Callable[[Table, int], Table]) -> Change:
    """A change of the rows from the headings on, given them and the column of the number."""

    def changed(subject: Subject) -> bytes | None:
        if subject.heading is None:
            return None
        *sheet, heading, column = subject.heading
        if isinstance(subject.inner, Text):
            text = subject.inner
            rows = change([text.split(line) for line in text.lines[heading:]], column)
            return subject.text(text.written([*text.lines[:heading], *(text.join(row) for row in rows)]))
        assert isinstance(subject.document, Sheets)
        rows = subject.document.sheets[sheet[0]]
        return subject.document.with_rows(sheet[0], [*rows[:heading], *change([list(row) for row in rows[heading:]], column)])

    return changed


def _another(subject: Subject, record: Any) -> Any:
    """The record with another number."""
    assert subject.number
    value = repr(subject.value + 1) if not subject.value.is_integer() else f"{subject.value + 1:.0f}"
    if isinstance(subject.inner, Text):
        cells = subject.inner.split(record)
        cells[subject.number[-1]] = value
        return subject.inner.join(cells)
    if isinstance(record, dict):
        return {**record, subject.number[-1]: value}
    return [*record[: subject.number[-1]], value, *record[subject.number[-1] + 1 :]]


def _swapped(rows: Table, column: int) -> Table:
    other = column - 1 if column else column + 1
    for row in rows:
        if len(row) > max(column, other):
            row[column], row[other] = row[other], row[column]
    return rows


def _renamed(rows: Table, column: int) -> Table:
    rows[0][column] = f"{rows[0][column]} (revised)"
    return rows


def _with_column(rows: Table, column: int) -> Table:
    width = max(map(len, rows))
    pad = None if any(cell is None for row in rows for cell in row) else ""
    return [[*row, *[pad] * (width - len(row)), "New" if not at else "1"] for at, row in enumerate(rows)]


def _without_key(subject: Subject) -> bytes | None:
    """A record without the key of its number: services leave out what is null."""
    assert subject.column or not subject.number
    if not isinstance(subject.document, Json) or not subject.number or isinstance(subject.number[-1], int):
        return None
    return subject.document.without(subject.number)


def _in_quotes_over_two_lines(subject: Subject) -> bytes | None:
    """A last column of notes, one of which has a line break in quotes."""
    text = subject.inner
    if not isinstance(text, Text) or not text.quoted or subject.heading is None:
        return None
    head = subject.heading[0]
    notes = ['"a note on\ntwo lines"' if number == head + 1 else "" for number in range(len(text.lines))]
    lines = [line if number < head else f"{line}{text.delimiter}{'Notes' if number == head else notes[number]}" for number, line in enumerate(text.lines)]
    return subject.text(text.written(lines))


def _number_in_dress(subject: Subject, dress: Callable[[str], str], encoding: str) -> bytes | None:
    if not isinstance(subject.inner, Text) or not subject.number:
        return None
    line, column = subject.number
    text = subject.inner
    cells = text.split(text.lines[line])
    cells[column] = dress(cells[column])
    lines = [*text.lines[:line], text.join(cells), *text.lines[line + 1 :]]
    try:
        return subject.text("".join(each + text.end for each in lines).encode(encoding))
    except UnicodeEncodeError:
        return None


def _zipped(subject: Subject) -> bytes | None:
    return None if isinstance(subject.document, Zip) else archive([(subject.good.name, subject.good.content)])


WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>503</title></head><body>Service Unavailable</body></html>"
CHANGED = "the provider may have changed"


# Documents that are read as text, though they are XML.
_XML_AS_TEXT = ("ishares_nav",)

# Fails to deliver state at their end how many records and shares there are, and lines of filings are taken once, from the first file.
_COUNTED: dict[str, Outcome | None] = {"sec_fails_to_deliver": Refused("says at its end that it has.*fetch it again")}
_FILINGS: dict[str, Outcome | None] = dict.fromkeys(("sec_13f_filing", "sec_13f_holding", "sec_13f_other_manager"), Same())

# One row a month, and the first of several filings of the same day is superseded; holdings of the same name are numbered.
_SUPERSEDED: dict[str, Outcome | None] = {"sec_nport": None, "nbim_holding": None}

# Wide tables: a column is a series, which is not asked for by name, and a cell without a value is none of its records.
_A_COLUMN_A_SERIES = ("treasury_par_yield", "treasury_real_yield", "tic_slt", "tic_major_foreign_holders.history_text", "gpr_monthly")
_NOT_STATED: dict[str, Outcome | None] = dict.fromkeys(("treasury_par_yield", "treasury_real_yield", "tic_slt", "ici_fund_flow", "ici_money_fund"), SetAside())
_BLANK: dict[str, Outcome | None] = {
    **_NOT_STATED,
    **dict.fromkeys(("tic_major_foreign_holders", "gpr_monthly"), Shorter()),
    "finra_short_volume": Refused("the file was cut off; fetch it again"),
}

# Formats that are told by the order of their columns, or by there being no others: a file with another order may be of another format.
_TOLD_BY_ORDER = (
    "cboe_put_call.archive_csv",
    "cboe_index_history",
    "cboe_vx_settlement",
    "damodaran_erp_monthly",
    "damodaran_industry_pe",
    "finra_margin",
    "finra_short_interest.api_csv",
    "fred_series.graph_csv",
    "ssga_nav",
    "vanguard_nav",
    "gpr_daily",
    "ici_fund_flow",
    "price_daily.stooq_csv",
    "shiller_market",
    "treasury_real_yield",
)
_TOLD_BY_NUMBER: dict[str, Outcome | None] = dict.fromkeys(("cboe_index_history", "fred_series.graph_csv", "price_daily.stooq_csv"), Refused(CHANGED))

# Lines by the million are read with their types: a text that is no number makes the line one that cannot be read.
_TYPED: dict[str, Outcome | None] = {"sec_13f_holding.data_set": RowsRefused("Could not convert", 1)}

# The one date of the whole file.
_UNDATED: dict[str, Outcome | None] = dict.fromkeys(
    ("damodaran_industry_pe", "sec_nport.filing_xml"), Refused("does not say above its table when it was updated|has no report date")
)

# Footers follow the rows of a workbook: what has no digit in place of its date is one.
_FOOTERS: dict[str, Outcome | None] = {
    **dict.fromkeys(
        ("damodaran_erp_monthly", "ssga_nav", "ishares_nav", "gpr_daily", "ici_fund_flow", "ici_money_fund", "gld_archive.archive_xlsx"), SetAside()
    ),
    **_UNDATED,
}


def _if_required(subject: Subject) -> Outcome:
    """A file without a column that is needed is refused; without another, its values in force stay."""
    refused = subject.good.feed in ("imf_sdmx", "sec_nport", "ici_fund_flow", "ici_money_fund") or (subject.column is not None and subject.column.required)
    return Refused(f"is missing|is headed|are not all there|{CHANGED}") if refused else Same()


def _at_least_zero(subject: Subject) -> bytes | None:
    return of_number("-1")(subject) if subject.column and subject.column.minimum == 0 else None


def _line_without_last_field(subject: Subject, record: Any) -> list[Any]:
    assert isinstance(subject.inner, Text)
    return [subject.inner.join(subject.inner.split(record)[:-1])]


CASES: dict[str, Case] = {
    # the file as a whole
    "web page with status 200": Case(same_bytes(lambda _: WEB_PAGE), Refused("web page, not data.*fetch it again later")),
    "empty": Case(same_bytes(lambda _: b""), Refused("the file is empty; fetch it again")),
    "blank lines": Case(same_bytes(lambda _: b"\r\n\n \n"), Refused(CHANGED)),
    "other data": Case(same_bytes(lambda _: b"name,colour\nsky,blue\n"), Refused(CHANGED)),
    "cut in the middle": Case(same_bytes(lambda content: content[: len(content) // 2]), Cut()),
    "cut before its end": Case(same_bytes(lambda content: content[: -max(9, len(content) // 50)]), Cut()),
    "gzip": Case(same_bytes(lambda content: gzip.compress(content, mtime=0)), Same(), {"zip": Refused("archive inside an archive.*unpack")}, suffix=".gz"),
    "truncated gzip": Case(same_bytes(lambda content: gzip.compress(content, mtime=0)[:-9]), Refused("damaged gzip.*fetch it again"), suffix=".gz"),
    "zip": Case(_zipped, Same()),
    "truncated zip": Case(lambda subject: (_zipped(subject) or subject.good.content)[:-30], Refused("damaged zip.*fetch it again")),
    "the same file again": Case(same_bytes(lambda content: content), Same()),
    # encoding and ends of lines
    "byte-order mark": Case(of_characters(lambda text: text.encode("utf-8-sig")), Same()),
    "UTF-16": Case(
        of_characters(lambda text: text.encode("utf-16")),
        Same(),
        {"JSON": Refused("UTF-16.*save it as UTF-8"), "XML": Refused("UTF-16|encoding specified"), **dict.fromkeys(_XML_AS_TEXT, Same())},
    ),
    "UTF-16, big-endian": Case(
        of_characters(lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
        Refused("UTF-16.*save it as UTF-8"),
        {"XML": Refused("UTF-16|encoding specified"), **dict.fromkeys(_XML_AS_TEXT, Same())},
    ),
    "lines ended by CR LF": Case(of_characters(lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n").encode()), Same()),
    "lines ended by LF": Case(of_characters(lambda text: text.replace("\r\n", "\n").encode()), Same()),
    "no end of the last line": Case(of_characters(lambda text: text.rstrip("\r\n").encode()), Same()),
    "two kinds of line ends": Case(
        of_characters(lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n", 3).encode() if text.count("\n") > 3 else None),
        Same(),
        dict.fromkeys(("cboe_vx_settlement", "finra_short_volume"), Refused("save it with one kind of line end")),
    ),
    "Latin-1 with no-break spaces": Case(
        lambda subject: _number_in_dress(subject, lambda text: f"\u00a0{text}\u00a0", "latin-1"),
        Same(),
        # lines by the million are read with their types
        {"sec_13f_holding.data_set": RowsRefused("Could not convert", 1)},
    ),
    # delimiters and columns
    "another delimiter": Case(
        of_lines(lambda text: [line.replace(text.delimiter, "~") for line in text.lines]),
        Refused(f"{CHANGED}|fetch it again|is missing|needs the columns"),
        {"sec_13f_other_manager.data_set": None},  # the table of the summary page is read all the same
    ),
    "header only": Case(
        of_table(lambda rows, _: rows[:1]),
        Refused(f"no records; fetch it again|{CHANGED}"),
        dict.fromkeys(("cboe_vx_settlement", "finra_short_volume"), Empty()),
    ),
    "missing column": Case(
        of_table(lambda rows, column: [[*row[:column], *row[column + 1 :]] for row in rows]), _if_required, dict.fromkeys(_A_COLUMN_A_SERIES, Shorter())
    ),
    "renamed column": Case(
        of_table(_renamed),
        _if_required,
        {
            **dict.fromkeys(_A_COLUMN_A_SERIES, SetAside()),
            "gpr_monthly": None,
            "price_daily.stooq_csv": Refused(CHANGED),
            **dict.fromkeys(("ici_fund_flow", "ici_money_fund"), Same()),  # a remark at the name
        },
    ),
    "columns in another order": Case(of_table(_swapped), Same(), dict.fromkeys(_TOLD_BY_ORDER, Refused(CHANGED))),
    "added column": Case(of_table(_with_column), Same(), {"gpr_monthly": None, **_TOLD_BY_NUMBER, **_COUNTED}),
    "line break in quotes": Case(_in_quotes_over_two_lines, Same(), _TOLD_BY_NUMBER),
    "a field less in one line": Case(
        lambda subject: of_record(_line_without_last_field)(subject) if isinstance(subject.inner, Text) else None,
        LineRefused("Expected Number of Columns|fields_instead_of|is missing"),
        # where lines may be shorter, what they lack is missing
        {
            **dict.fromkeys(("own_series", "tic_major_foreign_holders.history_text"), Same()),
            "tic_major_foreign_holders": Shorter(),
            "tic_slt": SetAside(),
            "epu_daily": Restated(),
            "finra_short_volume": Refused("the file was cut off; fetch it again"),
        },
    ),
    # numbers
    "number as a string": Case(of_number(repr), Same()),
    "thousands separators": Case(of_number(lambda value: f"{value:,}" if abs(value) >= 1000 else None), Same(), {**_TYPED, **_COUNTED}),
    "decimal comma": Case(of_number("1.234,5"), RowsRefused(r"1\.234[,.]5 is not|Could not convert", 1), _COUNTED),
    "one comma, as decimal comma": Case(
        of_number("12,5"),
        RowsRefused("12[,.]5 is not|Could not convert", 1),
        # written by people of either custom: a comma before one or two last digits is a decimal comma
        {**dict.fromkeys(("damodaran_erp_monthly", "damodaran_erp_yearly", "nbim_holding"), Restated()), **_COUNTED},
    ),
    "no number": Case(of_number("abc"), RowsRefused("abc is not|Could not convert", 1), _COUNTED),
    "infinite": Case(of_number("Infinity"), RowsRefused("is not a (finite|whole) number|is above", 1), _COUNTED),
    # NaN is SDMX for a value that is missing
    "not a number": Case(
        of_number("NaN"), RowsRefused("is not a (finite|whole) number", 1), {**dict.fromkeys(("bis_exchange_rate", "imf_sdmx"), Restated()), **_COUNTED}
    ),
    "beyond any number": Case(of_number("1e999"), RowsRefused("1e999 is not|inf is not|Could not convert", 1), _COUNTED),
    "hexadecimal": Case(of_number("0x1F"), RowsRefused("0x1F is not|Could not convert", 1), _COUNTED),
    "negative": Case(_at_least_zero, RowsRefused(r"-1(\.0)? is below 0", 1), _COUNTED),
    "missing value written as nothing": Case(of_number(""), Restated(), {**_BLANK, **_COUNTED, **_FILINGS}),
    **{
        f"missing value written {text}": Case(of_number(text), Restated(), {**_NOT_STATED, **_TYPED, **_COUNTED, **_FILINGS})
        for text in (".", "NA", "N/A", "-")
    },
    "a restated value": Case(of_number(lambda value: f"{value * 2:.0f}" if value == int(value) else repr(value * 2)), Restated(), {**_COUNTED, **_FILINGS}),
    # dates
    "a word for a date": Case(of_day("soon"), RowsRefused("date"), _FOOTERS),
    "no date": Case(of_day(""), RowsRefused("is missing"), {**_FOOTERS, "finra_short_volume": Refused("the file was cut off; fetch it again")}),
    "30 February": Case(of_day("2023-02-30"), RowsRefused("is not a date|is missing"), _UNDATED),
    "29 February of no leap year": Case(of_day("2023-02-29"), RowsRefused("is not a date|is missing"), _UNDATED),
    "in the future": Case(of_day("2026-06-01"), RowsRefused("lies after")),
    "in another age": Case(of_day("0023-01-03"), RowsRefused("lies before 1700-01-01")),
    "day before month": Case(of_day("13/01/2023"), RowsRefused("is not a date|is missing"), _UNDATED),
    # records
    "a record twice": Case(of_record(lambda _, record: [record, record]), Repeated(), {**_COUNTED, **_SUPERSEDED}),
    "a key with two values": Case(
        of_record(lambda subject, record: [record, _another(subject, record)]), Conflicting(), {**_SUPERSEDED, **_COUNTED, "sec_13f_holding": Repeated()}
    ),
    "a record less": Case(of_record(lambda _, record: []), Shorter(), _COUNTED),
    "a key left out of a record": Case(_without_key, Restated()),
}
