"""Form 13F: what institutional managers hold at the end of a quarter, in the quarterly data sets and in single filings.

Formats: https://www.sec.gov/data-research/sec-markets-data/form-13f-data-sets (tab-separated tables in a zip),
https://www.sec.gov/info/edgar/specifications/form13fxmltechspec (XML of one filing) and the full submission text of a filing.

A manager with 100 million USD of such securities files within 45 days of the quarter's end (17 CFR 240.13f-1). Only long positions in US-listed
securities and options are reported: no shorts, no cash. Values are thousands of USD in filings before 2023-01-03 and USD since;
the tables keep them as filed, staging turns them into USD.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.feed import (
    Access,
    Cadence,
    Column,
    Feed,
    FetchWindow,
    Format,
    LandedFile,
    PublicationLag,
    Reader,
    Records,
    Request,
    Requests,
    UnreadableFile,
    normalise_header,
)
from ingest.feeds.sec import seed
from ingest.feeds.sec.company import filings, submissions
from ingest.feeds.sec.data_set import archives, table_of
from ingest.reader import decode, one_by_one, refuse_utf16, sheet_table, typed_lines

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import duckdb

PAGE = "https://www.sec.gov/data-research/sec-markets-data/form-13f-data-sets"

ZONE = "America/New_York"
DEADLINE = PublicationLag(
    45,
    "24:00",
    ZONE,
    next_business_day=True,
    source="17 CFR 240.13f-1 and 240.0-3: within 45 days of the quarter's end, or the next business day; the filing date counts where it is known",
)

_DATE_FORMATS = "['%d-%b-%Y', '%m-%d-%Y', '%Y-%m-%d', '%m/%d/%Y', '%Y%m%d']"


def _iso(expression: str) -> str:
    """SQL of a date in any of the forms the tables and filings use, as ISO text; what is no date stays as it is."""
    return f"coalesce(try_strptime(trim({expression}), {_DATE_FORMATS})::date::varchar, {expression})"


def _published(filed: str, period: str) -> str:
    """SQL of when a filing is known, UTC: the end of its day in New York. A signature that stands for it may lie before the quarter's end."""
    return f"timezone('UTC', timezone('{ZONE}', (greatest(try_cast({filed} as date), try_cast({period} as date)) + 1)::timestamp))::varchar"


# --- the filing: cover page, summary page, signature --------------------------------------------------------------------

# Columns of a filing with where the data sets (table, column) and the XML (path below edgarSubmission) have them.
_FIELDS: dict[str, tuple[str, str, str]] = {
    "accession_number": ("SUBMISSION", "ACCESSION_NUMBER", ""),
    "cik": ("SUBMISSION", "CIK", "headerData/filerInfo/filer/credentials/cik"),
    "submission_type": ("SUBMISSION", "SUBMISSIONTYPE", "headerData/submissionType"),
    "filing_date": ("SUBMISSION", "FILING_DATE", ""),
    "period_of_report": ("SUBMISSION", "PERIODOFREPORT", "headerData/filerInfo/periodOfReport"),
    "report_type": ("COVERPAGE", "REPORTTYPE", "formData/coverPage/reportType"),
    "is_amendment": ("COVERPAGE", "ISAMENDMENT", "formData/coverPage/isAmendment"),
    "amendment_number": ("COVERPAGE", "AMENDMENTNO", "formData/coverPage/amendmentNo"),
    "amendment_type": ("COVERPAGE", "AMENDMENTTYPE", "formData/coverPage/amendmentInfo/amendmentType"),
    "confidential_denied_or_expired": ("COVERPAGE", "CONFDENIEDEXPIRED", "formData/coverPage/amendmentInfo/confDeniedExpired"),
    "confidential_reason": ("COVERPAGE", "REASONFORNONCONFIDENTIALITY", "formData/coverPage/amendmentInfo/reasonForNonConfidentiality"),
    "manager_name": ("COVERPAGE", "FILINGMANAGER_NAME", "formData/coverPage/filingManager/name"),
    "manager_city": ("COVERPAGE", "FILINGMANAGER_CITY", "formData/coverPage/filingManager/address/city"),
    "manager_state_or_country": ("COVERPAGE", "FILINGMANAGER_STATEORCOUNTRY", "formData/coverPage/filingManager/address/stateOrCountry"),
    "form_13f_file_number": ("COVERPAGE", "FORM13FFILENUMBER", "formData/coverPage/form13FFileNumber"),
    "crd_number": ("COVERPAGE", "CRDNUMBER", "formData/coverPage/crdNumber"),
    "sec_file_number": ("COVERPAGE", "SECFILENUMBER", "formData/coverPage/secFileNumber"),
    "additional_information": ("COVERPAGE", "ADDITIONALINFORMATION", "formData/coverPage/additionalInformation"),
    "other_managers_included": ("SUMMARYPAGE", "OTHERINCLUDEDMANAGERSCOUNT", "formData/summaryPage/otherIncludedManagersCount"),
    "table_entry_total": ("SUMMARYPAGE", "TABLEENTRYTOTAL", "formData/summaryPage/tableEntryTotal"),
    "table_value_total": ("SUMMARYPAGE", "TABLEVALUETOTAL", "formData/summaryPage/tableValueTotal"),
    "is_confidential_omitted": ("SUMMARYPAGE", "ISCONFIDENTIALOMITTED", "formData/summaryPage/isConfidentialOmitted"),
    "signer_name": ("SIGNATURE", "NAME", "formData/signatureBlock/name"),
    "signer_title": ("SIGNATURE", "TITLE", "formData/signatureBlock/title"),
    "signature_date": ("SIGNATURE", "SIGNATUREDATE", "formData/signatureBlock/signatureDate"),
}
_DATES = ("filing_date", "period_of_report", "signature_date")


def _read_filing_tables(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a filing: SUBMISSION with the cover page, summary page and signature of the same archive, where they are there."""
    selected: dict[str, str] = {}
    joined = ""
    for table in ("SUBMISSION", "COVERPAGE", "SUMMARYPAGE", "SIGNATURE"):
        path = file.path if table == "SUBMISSION" else file.beside(rf"(^|_){table}\.(tsv|txt)$")
        if path is None:
            continue
        fields = {normalise_header(header): column for column, (of_table, header, _) in _FIELDS.items() if of_table == table}
        name = table_of(connection, file, path, f"filing_{table.lower()}", ["accession_number", *(title for title in fields if title != "accession_number")])
        one_each = name if table == "SUBMISSION" else f"(select distinct on (accession_number) * from {name}) as {name}"
        joined += f" left join {one_each} on {name}.accession_number = filing_submission.accession_number" if joined else f"from {one_each}"
        selected |= {column: f"{name}.{title}" for title, column in fields.items()}
    body = ", ".join(f"{_iso(expression) if name in _DATES else expression} as {name}" for name, expression in selected.items())
    sql = f"""
        select *, {_published("filing_date", "period_of_report")} as published_at
        from (select {file.file_id} as _file_id, filing_submission._row_number, {body} {joined}) as filings
    """
    return Records(sql=sql, columns=(*selected, "published_at"), skipped={file.file_id: {"header": 1}})


# --- single filings -----------------------------------------------------------------------------------------------------

_ACCESSION = re.compile(r"(?P<accession_number>\d{10}-?\d{2}-?\d{6})")


@dataclass
class _Filing:
    """One filing as its XML has it: its fields as text, its lines and other managers as rows of text."""

    fields: dict[str, str] = field(default_factory=dict)
    lines: list[Element] = field(default_factory=list)
    managers: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def _parse(text: bytes, name: str) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(text.strip())
    except (ParseError, DefusedXmlException) as error:
        raise UnreadableFile(f"{name} is not complete XML ({error}); fetch it again") from error
    for element in root.iter():
        # filers use namespaces under any prefix; the names alone are the same
        element.tag = str(element.tag).rpartition("}")[2]
    return root


def _dashed(accession: str) -> str:
    plain = accession.replace("-", "")
    return f"{plain[:10]}-{plain[10:12]}-{plain[12:]}"


def _filing(file: LandedFile) -> _Filing:
    """A filing from its submission text, its primary document, or its information table alone. Raises UnreadableFile.

    The accession number and filing date stand in the submission text, else the number in the file's name. A primary document alone does
    not say when it was filed: the date of its signature stands for it, and its manager, period and type for the number.
    """
    content = file.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    refuse_utf16(content, file.name)
    found = _Filing()
    stated = _ACCESSION.search(file.name)
    if stated:
        found.fields["accession_number"] = _dashed(stated["accession_number"])
    documents = [content]
    if content.lstrip()[:1] != b"<" or re.match(rb"\s*<(SEC-|IMS-)?(DOCUMENT|HEADER)", content):
        head = decode(content[:20_000])
        for column, label in (
            ("accession_number", "ACCESSION NUMBER"),
            ("filing_date", "FILED AS OF DATE"),
            ("period_of_report", "CONFORMED PERIOD OF REPORT"),
        ):
            line = re.search(rf"(?m)^{label}:\s*(\S+)", head)
            if line:
                found.fields[column] = line[1]
        documents = re.findall(rb"<XML>(.*?)</XML>", content, re.DOTALL)
        if content.count(b"<XML>") != len(documents) or (b"<SEC-DOCUMENT>" in content and b"</SEC-DOCUMENT>" not in content):
            raise UnreadableFile(f"{file.name} is cut off before its end; fetch it again")
        if not documents:
            raise UnreadableFile(f"{file.name} holds no XML document (filings before 2013 are plain text, which is not read); of a later one, fetch it again")
    for document in documents:
        _take(_parse(document, file.name), found, file)
    if "accession_number" not in found.fields:
        parts = [found.fields.get("cik", ""), found.fields.get("period_of_report", ""), found.fields.get("submission_type", "")]
        found.fields["accession_number"] = " ".join(part for part in parts if part) or file.name
    found.fields.setdefault("filing_date", found.fields.get("signature_date", ""))
    return found


def _take(root: Element, found: _Filing, file: LandedFile) -> None:
    if root.tag == "informationTable":
        found.lines.extend(root.iter("infoTable"))
        return
    for column, (_, _, path) in _FIELDS.items():
        value = (root.findtext(path) or "").strip() if path else ""
        if value:
            found.fields.setdefault(column, value)
    for place, path in (
        ("cover page", "formData/coverPage/otherManagersInfo/otherManager"),
        ("summary page", "formData/summaryPage/otherManagers2Info/otherManager2"),
    ):
        for number, entry in enumerate(root.findall(path), start=1):
            texts = {element.tag: (element.text or "").strip() for element in entry.iter() if element.text}
            found.managers.append((place, {"sequenceNumber": str(number), **texts}))
    for document in root.iter("contents"):
        # the SEC's own samples carry the information table inside the primary document
        try:
            inside = base64.b64decode(re.sub(r"\s+", "", document.text or ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnreadableFile(f"{file.name} holds a document that is not base64 ({error}); fetch it again") from error
        if b"informationTable" in inside[:2000]:
            _take(_parse(inside, file.name), found, file)


# Filings whose records are added together: a statement of its own for each takes longer than its records.
_TOGETHER = 10


def _single_filing(columns: Sequence[str], rows_of: Callable[[_Filing], Iterable[Sequence[str]]], expressions: Mapping[str, str]) -> Reader:
    """Reader of single filings: `rows_of` gives the records of one as text by `columns`; `expressions` is SQL, over them, of what is no plain text."""
    texts = ", ".join(f"c{at} as {name}" for at, name in enumerate(columns, start=2))
    selected = {name: name for name in columns} | dict(expressions)
    body = ", ".join(f"{expression} as {name}" for name, expression in selected.items())

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
        # members of an archive share its id, and their records are numbered on: they are added one by one
        alone = [file for file in files if len(file.members) <= 1]
        groups = [[file] for file in files if len(file.members) > 1] + [alone[start : start + _TOGETHER] for start in range(0, len(alone), _TOGETHER)]
        for group in groups:
            rows = [[str(file.file_id), str(number), *row] for file in group for number, row in enumerate(rows_of(_filing(file)), start=1)]
            table = sheet_table(connection, rows, len(columns) + 2)
            yield Records(
                sql=f"select _file_id, _row_number, {body} from (select c0::bigint as _file_id, c1::bigint as _row_number, {texts} from {table}) as filed",
                columns=tuple(selected),
                files=tuple(file.file_id for file in group),
            )

    return read


def _fields_of(filing: _Filing) -> list[list[str]]:
    """The one record of a filing."""
    return [[filing.fields.get(name, "") for name in _FIELDS]]


_read_filing = _single_filing(
    tuple(_FIELDS),
    _fields_of,
    {name: _iso(name) for name in _DATES} | {"published_at": _published(_iso("filing_date"), _iso("period_of_report"))},
)

# --- lines of the information table -------------------------------------------------------------------------------------

# Elements of infoTable by our column.
_LINE = {
    "issuer_name": "nameOfIssuer",
    "title_of_class": "titleOfClass",
    "cusip": "cusip",
    "figi": "figi",
    "value": "value",
    "amount": "shrsOrPrnAmt/sshPrnamt",
    "amount_type": "shrsOrPrnAmt/sshPrnamtType",
    "put_call": "putCall",
    "investment_discretion": "investmentDiscretion",
    "other_managers": "otherManager",
    "voting_sole": "votingAuthority/Sole",
    "voting_shared": "votingAuthority/Shared",
    "voting_none": "votingAuthority/None",
}


def _lines_of(filing: _Filing) -> list[list[str]]:
    """One record a line of a single filing, numbered from 1."""
    number = filing.fields["accession_number"]
    return [[number, str(at), *((line.findtext(path) or "").strip() for path in _LINE.values())] for at, line in enumerate(filing.lines, start=1)]


_read_lines = _single_filing(("accession_number", "line_id", *_LINE), _lines_of, {})


# --- other managers -----------------------------------------------------------------------------------------------------

_MANAGER = {"cik": "cik", "form_13f_file_number": "form13FFileNumber", "crd_number": "crdNumber", "sec_file_number": "secFileNumber", "name": "name"}


def _read_manager_tables(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a manager named on a cover or summary page, from the two tables of a data set; those of a cover page are numbered here."""
    titles = [column.names[0] if column.names else column.name for column in feed.columns if column.name != "named_on"]
    name = table_of(connection, file, file.path, "other_manager", titles)
    body = ", ".join(f"{title} as {column.name}" for column, title in zip((c for c in feed.columns if c.name != "named_on"), titles, strict=True))
    sql = f"""
        select {file.file_id} as _file_id, _row_number, case when sequence_number is null then 'cover page' else 'summary page' end as named_on,
               * exclude (_row_number) replace (
                   coalesce(sequence_number, row_number() over (partition by accession_number order by _row_number)::varchar) as sequence_number
               )
        from (select _row_number, {body} from {name})
    """
    return Records(sql=sql, columns=tuple(column.name for column in feed.columns), skipped={file.file_id: {"header": 1}})


def _managers_of(filing: _Filing) -> list[list[str]]:
    """One record a manager that a filing names."""
    number = filing.fields["accession_number"]
    return [[number, place, texts["sequenceNumber"], *(texts.get(tag, "") for tag in _MANAGER.values())] for place, texts in filing.managers]


_read_managers = _single_filing(("accession_number", "named_on", "sequence_number", *_MANAGER), _managers_of, {})


# --- what is asked for ----------------------------------------------------------------------------------------------------

_ARCHIVE = re.compile(r"((?P<year>\d{4})q(?P<quarter>[1-4])|\d{2}[a-z]{3}\d{4}-(?P<last>\d{2}[a-z]{3}\d{4}))_form13f(_\d+)?\.zip", re.IGNORECASE)


EDGAR = "https://www.sec.gov/Archives/edgar/data"
_IN_NO_ARCHIVE_YET_DAYS = 150


def last_filing_day(file_name: str) -> date | None:
    """Last filing day of an archive such as `2023q4_form13f.zip` or `01mar2024-31may2024_form13f.zip`; None for another name."""
    found = _ARCHIVE.fullmatch(file_name)
    if not found:
        return None
    if found["last"]:
        return datetime.strptime(found["last"].title(), "%d%b%Y").date()
    year, month = int(found["year"]), 3 * int(found["quarter"])
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _data_sets(window: FetchWindow) -> Iterable[Request]:
    def wanted(name: re.Match[str]) -> bool:
        last = last_filing_day(name[0])
        return last is not None and last >= window.start

    yield archives(PAGE, "form-13f-data-sets.html", _ARCHIVE, wanted)


def _single_filings_of_managers(window: FetchWindow) -> Iterable[Request]:
    """Filings of the managers of interest that no archive holds yet: an archive comes up to three months and two weeks after a filing."""
    since = max(window.start, window.end - timedelta(days=_IN_NO_ARCHIVE_YET_DAYS))

    def newest(cik: str) -> Callable[[bytes], Iterable[Request]]:
        def following(answer: bytes) -> Iterable[Request]:
            for filing in filings(answer):
                if filing.form.startswith("13F-") and since <= filing.filing_date <= window.end:
                    folder = f"{EDGAR}/{int(cik)}/{filing.accession_number.replace('-', '')}"
                    yield Request(f"{folder}/{filing.accession_number}.txt", f"{filing.accession_number}.txt", immutable=True)

        return following

    for cik in sorted(seed.managers()):
        yield replace(submissions(cik, newest(cik)), lands=False)


# --- declarations -------------------------------------------------------------------------------------------------------

_SUBMISSION_TEXT = re.compile(r"<SEC-(DOCUMENT|HEADER)>[\s\S]*CONFORMED SUBMISSION TYPE:\s*13F-")
_PRIMARY_DOCUMENT = re.compile(r"""["']http://www\.sec\.gov/edgar/thirteenffiler["']""")
_INFORMATION_TABLE = re.compile(r"<(\w+:)?informationTable\b")


def _single_filings(read: Reader, may_be_empty: bool, requests: Requests | None = None) -> Iterator[Format]:
    """The formats of a single filing that say who filed it."""
    yield Format(
        "submission_text",
        Access.LIVE,
        _SUBMISSION_TEXT,
        read,
        "Full submission text of one filing (<accession number>.txt), of the managers of interest on the day they file",
        may_be_empty=may_be_empty,
        requests=requests,
    )
    yield Format(
        "primary_document",
        Access.BRING_YOUR_OWN,
        _PRIMARY_DOCUMENT,
        read,
        "Primary document of one filing (XML), with the accession number in the file's name",
        may_be_empty=may_be_empty,
    )


_LICENCE = "US government, public domain"

FILING = Feed(
    name="sec_13f_filing",
    provider="sec",
    title="Form 13F filings",
    description=(
        "Cover page, summary page and signature of each filing of an institutional manager: holdings reports (13F-HR), notices that another manager "
        "reports (13F-NT), combination reports, and amendments, which either replace the filing (RESTATEMENT) or add to it (NEW HOLDINGS)."
    ),
    url=PAGE,
    licence=_LICENCE,
    cadence=Cadence.QUARTERLY,
    lag=DEADLINE,
    key=("accession_number",),
    observation_column="period_of_report",
    published_column="published_at",
    bulk_after_days=36500,  # an amendment may come years later; the filing date is always that of the filing
    immutable=True,
    columns=(
        Column("accession_number", "TEXT", "SEC id of the filing; manager, period and type where a document does not say it"),
        Column("cik", "TEXT", "SEC id of the manager, ten digits with leading zeros"),
        Column("submission_type", "TEXT", "13F-HR, 13F-NT, with /A for an amendment", names=("submissiontype",), required=False),
        Column("filing_date", "DATE", "Day it was filed", required=False),
        Column("period_of_report", "DATE", "End of the quarter it reports on"),
        Column("report_type", "TEXT", "13F HOLDINGS REPORT, 13F NOTICE or 13F COMBINATION REPORT", required=False),
        Column("is_amendment", "TEXT", "Whether it amends another filing, as filed: Y, N, true, false", required=False),
        Column("amendment_number", "BIGINT", "Number of the amendment, from 1", "count", required=False),
        Column("amendment_type", "TEXT", "RESTATEMENT (replaces) or NEW HOLDINGS (adds)", required=False),
        Column("confidential_denied_or_expired", "TEXT", "Whether it shows holdings that were confidential before, as filed", required=False),
        Column("confidential_reason", "TEXT", "Why they are no longer confidential", required=False),
        Column("manager_name", "TEXT", "Name of the manager", required=False),
        Column("manager_city", "TEXT", "City of the manager", required=False),
        Column("manager_state_or_country", "TEXT", "State or country of the manager, SEC code", required=False),
        Column("form_13f_file_number", "TEXT", "SEC file number of the manager's 13F filings, 028-...", required=False),
        Column("crd_number", "TEXT", "Central Registration Depository number", required=False),
        Column("sec_file_number", "TEXT", "SEC file number of the adviser, 801-...", required=False),
        Column("additional_information", "TEXT", "What the manager adds in words", required=False),
        Column("other_managers_included", "BIGINT", "Other managers whose holdings it includes", "managers", minimum=0, required=False),
        Column("table_entry_total", "BIGINT", "Lines of the information table, as the summary page says", "lines", minimum=0, required=False),
        Column("table_value_total", "DOUBLE", "Value of all lines, as the summary page says", "thousand USD, USD since 2023-01-03", minimum=0, required=False),
        Column("is_confidential_omitted", "TEXT", "Whether confidential holdings are left out, as filed", required=False),
        Column("signer_name", "TEXT", "Who signed", required=False),
        Column("signer_title", "TEXT", "Office of who signed", required=False),
        Column("signature_date", "DATE", "Day it was signed", required=False),
        Column("published_at", "TIMESTAMP", "End of the filing day in New York, UTC", required=False),
    ),
    formats=(
        Format(
            "data_set",
            Access.LIVE,
            re.compile(r"(?i)^\W*ACCESSION_NUMBER\tFILING_DATE\tSUBMISSIONTYPE\t"),
            one_by_one(_read_filing_tables),
            "Table SUBMISSION of a quarterly zip, with COVERPAGE, SUMMARYPAGE and SIGNATURE beside it",
            requests=_data_sets,
        ),
        *_single_filings(_read_filing, may_be_empty=False, requests=_single_filings_of_managers),
    ),
)

HOLDING = Feed(
    name="sec_13f_holding",
    provider="sec",
    title="Form 13F holdings",
    description="Lines of the information tables of 13F filings, as filed. Lines with put_call are options on so many shares, at their notional value.",
    url=PAGE,
    licence=_LICENCE,
    cadence=Cadence.QUARTERLY,
    lag=DEADLINE,
    key=("accession_number", "line_id"),
    landed_with="sec_13f_filing",
    filing_of="sec_13f_filing",
    columns=(
        Column("accession_number", "TEXT", "SEC id of the filing"),
        Column("line_id", "BIGINT", "INFOTABLE_SK of the data sets, else the number of the line in its filing", names=("infotable_sk",)),
        Column("issuer_name", "TEXT", "Issuer, as filed", names=("nameofissuer",)),
        Column("title_of_class", "TEXT", "Class of the security, as filed", names=("titleofclass",), required=False),
        Column("cusip", "TEXT", "CUSIP of the security, 9 characters"),
        Column("figi", "TEXT", "FIGI of the security, where filed; since 2023", required=False),
        Column("value", "DOUBLE", "Market value at the end of the quarter, as filed", "thousand USD, USD since 2023-01-03", minimum=0),
        Column("amount", "DOUBLE", "Shares, or principal where amount_type is PRN", "shares or USD", names=("sshprnamt",), minimum=0),
        Column("amount_type", "TEXT", "SH (shares) or PRN (principal)", names=("sshprnamttype",)),
        Column("put_call", "TEXT", "Put or Call for an option on the security, else null", names=("putcall",), required=False),
        Column("investment_discretion", "TEXT", "SOLE, DFND (shared with other managers) or OTR", names=("investmentdiscretion",), required=False),
        Column("other_managers", "TEXT", "Sequence numbers of the other managers the line is reported for", names=("othermanager",), required=False),
        Column("voting_sole", "DOUBLE", "Shares with sole voting authority", "shares", names=("voting_auth_sole",), required=False),
        Column("voting_shared", "DOUBLE", "Shares with shared voting authority", "shares", names=("voting_auth_shared",), required=False),
        Column("voting_none", "DOUBLE", "Shares without voting authority", "shares", names=("voting_auth_none",), required=False),
    ),
    formats=(
        Format(
            "data_set",
            Access.LIVE,
            re.compile(r"(?i)^\W*ACCESSION_NUMBER\tINFOTABLE_SK\t"),
            typed_lines(r"^\W*ACCESSION_NUMBER\tINFOTABLE_SK\t", delimiter="\t"),
            "Table INFOTABLE of a quarterly zip",
            typed=True,
        ),
        *_single_filings(_read_lines, may_be_empty=True),
        Format(
            "information_table",
            Access.BRING_YOUR_OWN,
            _INFORMATION_TABLE,
            _read_lines,
            "Information table of one filing (XML), with the accession number in the file's name",
        ),
    ),
)

OTHER_MANAGER = Feed(
    name="sec_13f_other_manager",
    provider="sec",
    title="Form 13F other managers",
    description=(
        "Other managers a filing names: on the cover page those who report this manager's holdings (all of them in a notice), on the summary page "
        "those whose holdings are included, by the number that lines of the information table refer to."
    ),
    url=PAGE,
    licence=_LICENCE,
    cadence=Cadence.QUARTERLY,
    lag=DEADLINE,
    key=("accession_number", "named_on", "sequence_number"),
    landed_with="sec_13f_filing",
    filing_of="sec_13f_filing",
    columns=(
        Column("accession_number", "TEXT", "SEC id of the filing"),
        Column("named_on", "TEXT", "cover page or summary page"),
        Column("sequence_number", "BIGINT", "Number of the manager on that page", names=("sequencenumber",)),
        Column("cik", "TEXT", "SEC id of the manager, where given", required=False),
        Column("form_13f_file_number", "TEXT", "SEC file number of its 13F filings", names=("form13ffilenumber",), required=False),
        Column("crd_number", "TEXT", "Central Registration Depository number", names=("crdnumber",), required=False),
        Column("sec_file_number", "TEXT", "SEC file number of the adviser", names=("secfilenumber",), required=False),
        Column("name", "TEXT", "Name of the manager", required=False),
    ),
    formats=(
        Format(
            "data_set",
            Access.LIVE,
            re.compile(r"(?i)^\W*ACCESSION_NUMBER\t(OTHERMANAGER_SK|SEQUENCENUMBER)\t"),
            one_by_one(_read_manager_tables),
            "Tables OTHERMANAGER and OTHERMANAGER2 of a quarterly zip",
            may_be_empty=True,
        ),
        *_single_filings(_read_managers, may_be_empty=True),
    ),
)

FEEDS = (FILING, HOLDING, OTHER_MANAGER)
