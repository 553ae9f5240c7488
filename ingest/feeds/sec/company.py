"""Who files with the SEC and what they filed, from its list of submissions.

Format: https://www.sec.gov/search-filings/edgar-application-programming-interfaces (`submissions`). A file a filer: its names and
codes, and under `filings.recent` the newest thousand filings as one array a column. Older filings stand in files of their own, which
`filings.files` names and which are the bare arrays. One landed file serves two feeds: the filings, and the filer as described that day.

`acceptanceDateTime` is Eastern time in some files and UTC in others although all say Z, so a filing is known at the end of its day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.feeds.sec import seed
from ingest.reader import json_documents, json_records, one_by_one
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

URL = "https://data.sec.gov/submissions"

# Forms that are filed every quarter or year: the newest of them dates what is said of the filer.
PERIODIC_FORMS = ("10-K", "10-Q", "20-F", "40-F", "13F-HR", "13F-NT")

# Columns of the list that are read, by the names of the feed.
_COLUMNS = {
    "accession_number": "accessionNumber",
    "form": "form",
    "filing_date": "filingDate",
    "report_date": "reportDate",
    "primary_document": "primaryDocument",
    "size_bytes": "size",
}


@dataclass(frozen=True)
class Filing:
    """A filing as the list has it; `report_date` is the end of the period it reports on, None where it reports on none."""

    accession_number: str
    form: str
    filing_date: date
    report_date: date | None
    primary_document: str
    size_bytes: int


def filings(content: bytes) -> list[Filing]:
    """Filings listed in a submissions file, or in one of the files of older filings, newest first as there.

    Raises UnreadableFile when the bytes are not such a file.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
        lists = document["filings"]["recent"] if "filings" in document else document
        rows = zip(*(lists[name] for name in _COLUMNS.values()), strict=True)
        return [
            Filing(accession, form, date.fromisoformat(filed), date.fromisoformat(reported) if reported else None, path or "", int(size or 0))
            for accession, form, filed, reported, path, size in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"not a list of submissions ({error}); fetch it again") from error


def older_files(content: bytes, since: date) -> list[str]:
    """Names of the files with filings from `since` on that the newest list has no room for. Raises UnreadableFile as `filings` does."""
    try:
        listed = json.loads(content.decode("utf-8-sig"))["filings"].get("files") or []
        return [entry["name"] for entry in listed if date.fromisoformat(entry["filingTo"]) >= since]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile(f"not a list of submissions ({error}); fetch it again") from error


def submissions(cik: str, following: Callable[[bytes], Iterable[Request]] | None = None) -> Request:
    """The request for a filer's newest list; `following` gives what it leads to."""
    return Request(f"{URL}/CIK{cik}.json", f"submissions_CIK{cik}.json", following=following)


def _requests(window: FetchWindow) -> Iterable[Request]:
    def older(content: bytes) -> Iterable[Request]:
        for name in older_files(content, window.start):
            yield Request(f"{URL}/{name}", name)

    for cik in sorted({*seed.managers(), *seed.companies()}):
        yield submissions(cik, older)


def _read_filings(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a filing. A file of older filings does not say whose they are: its name does."""
    lists = "coalesce(document -> 'filings' -> 'recent', document)"
    of_name = file.parameters.get("cik", "")
    lengths = connection.execute(
        f"""
        select document ->> 'cik' as cik, {", ".join(f"json_array_length({lists} -> '{name}')" for name in _COLUMNS.values())}
        from {json_documents([file])} as documents
        """
    ).fetchone()
    assert lengths is not None
    cik, *counts = lengths
    if None in counts or len(set(counts)) > 1:
        shown = ", ".join(f"{name} {'absent' if count is None else count}" for name, count in zip(_COLUMNS.values(), counts, strict=True))
        raise UnreadableFile(f"the columns of the list do not have one length ({shown}); fetch it again")
    if not (cik or of_name):
        raise UnreadableFile("neither the file nor its name says whose filings these are; name it CIK<ten digits>-submissions-<number>.json as the SEC does")
    unnested = ", ".join(f"""unnest(from_json({lists} -> {literal(name)}, '["VARCHAR"]')) as {column}""" for column, name in _COLUMNS.items())
    rows = f"select _file_id, lpad(coalesce(document ->> 'cik', {literal(of_name)}), 10, '0') as cik, {unnested} from documents"
    (records,) = json_records(feed, [file], rows, {"cik": "cik"} | {column: column for column in _COLUMNS})
    return records


def _read_companies(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a file: the filer, dated by its newest periodic report, or its newest filing where it files none."""
    forms = ", ".join(f"'{form}'" for form in PERIODIC_FORMS)
    recent = "document -> 'filings' -> 'recent'"
    rows = f"""
        select *, from_json({recent} -> 'filingDate', '["VARCHAR"]') as days, from_json({recent} -> 'form', '["VARCHAR"]') as forms
        from documents
    """
    columns = {
        "cik": "lpad(document ->> 'cik', 10, '0')",
        "observation_date": (
            f"coalesce(list_max(list_transform(list_filter(list_zip(days, forms), pair -> pair[2] in ({forms})), pair -> pair[1])), list_max(days))"
        ),
        "entity_name": "document ->> 'name'",
        "entity_type": "document ->> 'entityType'",
        "sic": "document ->> 'sic'",
        "sic_description": "document ->> 'sicDescription'",
        "category": "document ->> 'category'",
        "tickers": """array_to_string(from_json(document -> 'tickers', '["VARCHAR"]'), '|')""",
        "exchanges": """array_to_string(from_json(document -> 'exchanges', '["VARCHAR"]'), '|')""",
        "fiscal_year_end": "document ->> 'fiscalYearEnd'",
        "state_of_incorporation": "document ->> 'stateOfIncorporation'",
        "former_names": """array_to_string(list_transform(from_json(document -> 'formerNames', '[{"name": "VARCHAR"}]'), former -> former.name), '|')""",
    }
    return json_records(feed, files, rows, columns)


_SUBMISSIONS = re.compile(r'^\W*\{(?=.*?"entityType"\s*:)(?=.*?"sicDescription"\s*:)(?=.*?"formerNames"\s*:)', re.DOTALL)
_LICENCE = "US government, public domain; the SEC asks every client to name its user"
_PAGE = "https://www.sec.gov/search-filings/edgar-application-programming-interfaces"

FEEDS = (
    Feed(
        name="sec_filing_index",
        provider="sec",
        title="Filings of managers and companies",
        description="Every filing of the managers and companies of interest: form, day, period reported on, main document. From it, single filings are found.",
        url=_PAGE,
        licence=_LICENCE,
        # a filer has at least a report a quarter; its other filings come on any day
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(0, "24:00", source="listed within minutes; only the day of filing is reliable"),
        key=("cik", "accession_number"),
        observation_column="filing_date",
        columns=(
            Column("cik", "TEXT", "SEC id of the filer, ten digits"),
            Column("accession_number", "TEXT", "Filing"),
            Column("form", "TEXT", "Form: 10-K, 10-Q, 13F-HR, 13F-HR/A"),
            Column("filing_date", "DATE", "Day of filing in New York"),
            Column("report_date", "DATE", "End of the period the filing reports on; null where it reports on none", required=False),
            Column("primary_document", "TEXT", "Path of the main document inside the filing", required=False),
            Column("size_bytes", "BIGINT", "Size of the filing", "bytes", minimum=0, required=False),
        ),
        formats=(
            Format(
                "submissions_json",
                Access.LIVE,
                _SUBMISSIONS,
                one_by_one(_read_filings),
                "A filer and its newest thousand filings; older ones are found from it",
                requests=_requests,
            ),
            Format(
                "older_filings_json",
                Access.LIVE,
                re.compile(r'^\W*\{\s*"accessionNumber"\s*:\s*\['),
                one_by_one(_read_filings),
                "Older filings of a filer, named in its newest list: the bare arrays; whose they are is in the name of the file",
                file_name=re.compile(r"(?i)CIK(?P<cik>\d{10})"),
            ),
        ),
    ),
    Feed(
        name="sec_submission",
        provider="sec",
        title="Filers",
        description=(
            "Managers and companies of interest as the SEC describes them: name, former names, industry, tickers. The SEC keeps no history of "
            "this, so a description is known when it was fetched."
        ),
        url=_PAGE,
        licence=_LICENCE,
        cadence=Cadence.QUARTERLY,
        # longer than a quarter, so that a description is not dated back to the newest report
        lag=PublicationLag(93, "24:00", source="no history is published: known when fetched, which is at most a quarter after the newest report"),
        key=("cik",),
        columns=(
            Column("cik", "TEXT", "SEC id of the filer, ten digits"),
            Column("observation_date", "DATE", "Day on which the newest periodic report was filed"),
            Column("entity_name", "TEXT", "Name"),
            Column("entity_type", "TEXT", "operating, other, investment", required=False),
            Column("sic", "TEXT", "Standard industrial classification, four digits", required=False),
            Column("sic_description", "TEXT", "Industry", required=False),
            Column("category", "TEXT", "Size class of the filer", required=False),
            Column("tickers", "TEXT", "Exchange tickers, joined by |", required=False),
            Column("exchanges", "TEXT", "Exchanges of these tickers, joined by |", required=False),
            Column("fiscal_year_end", "TEXT", "Month and day on which the fiscal year ends, MMDD", required=False),
            Column("state_of_incorporation", "TEXT", "State or country of incorporation, code of the SEC", required=False),
            Column("former_names", "TEXT", "Former names, newest first, joined by |", required=False),
        ),
        formats=(
            Format(
                "submissions_json",
                Access.LIVE,
                _SUBMISSIONS,
                _read_companies,
                "A filer and its newest thousand filings; landed once for the list of filings",
            ),
        ),
        landed_with="sec_filing_index",
    ),
)
