"""Monthly flows that funds report on Form N-PORT.

Formats: the quarterly data sets, https://www.sec.gov/data-research/sec-markets-data/form-n-port-data-sets (tables SUBMISSION,
REGISTRANT and FUND_REPORTED_INFO), and single filings, https://www.sec.gov/info/edgar/specifications/form-n-port-xml-tech-specs.
The fallback for funds that publish no daily share count (Vanguard): slower and monthly, but filed by everyone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.feeds.sec.data_set import archives, table_of
from ingest.reader import decode, one_by_one, sheet_table

if TYPE_CHECKING:
    import duckdb

# Filings of a quarter's last month become public this many days after its end.
PUBLIC_AFTER_DAYS = 60

# A filing that does not say when it was filed is dated after the last day of those that do, and an amendment after what it
# amends, so that the versions of a month have their order.
UNDATED_DAYS, UNDATED_AMENDMENT_DAYS = 1, 2

# A data set comes out some weeks after its quarter of filing, and a filing is about months up to five before it.
_DATA_SET_DAYS = 150

_PAGE = "https://www.sec.gov/data-research/sec-markets-data/form-n-port-data-sets"
_ARCHIVE = re.compile(r"(?P<year>20\d\d)q(?P<quarter>[1-4])_nport\w*\.zip", re.IGNORECASE)

_IDENTITY = ("accession_number", "filing_date", "is_amendment", "series_id", "series_name", "registrant_cik", "file_number", "report_date", "net_assets")
_FLOWS = tuple(f"{flow}_flow_mon{month}" for month in (1, 2, 3) for flow in ("sales", "reinvestment", "redemption"))
_COLUMNS = (
    "series_id",
    "observation_date",
    "public_on",
    "series_name",
    "registrant_cik",
    "report_date",
    "sales",
    "reinvestment",
    "redemption",
    "net_assets",
)


def _text(column: str) -> str:
    """SQL of a text without its marks for missing."""
    return f"case when upper(trim({column})) not in ('', 'N/A', 'NA', 'NONE', 'NULL') then trim({column}) end"


def _months(connection: duckdb.DuckDBPyConnection, file: LandedFile, filings: str, *, dated: bool, skipped: dict[str, int]) -> Records:
    """Three records a filing, one a month of the fiscal quarter that ends on the report date.

    `filings` is a relation with a row a filing, all text: `_IDENTITY` and `_FLOWS`. Most funds report redemptions as a positive number,
    some as a negative one: the amount is taken without its sign. Net assets are those of the report date, so the first two months
    have none. A fund without series is known by its registrant's CIK and file number. Of several filings that became public on
    the same day the last counts; what it replaces is counted as superseded.
    """
    day = "coalesce(try_cast({0} as date), try_strptime({0}, ['%d-%b-%Y', '%m/%d/%Y', '%Y%m%d', '%m-%d-%Y'])::date)"
    months = ", ".join(
        f"{{months_before: {3 - month}, sales: sales_flow_mon{month}, reinvestment: reinvestment_flow_mon{month}, redemption: redemption_flow_mon{month}}}"
        for month in (1, 2, 3)
    )
    connection.execute(
        f"""
        create or replace temp table nport_month as
        with filing as (
            select _row_number, {_text("accession_number")} as accession_number, {day.format("filing_date")} as filed_on, is_amendment,
                   {_text("series_id")} as stated_series, {_text("series_name")} as series_name,
                   lpad({_text("registrant_cik")}, 10, '0') as registrant_cik, {_text("file_number")} as file_number,
                   {day.format("report_date")} as report_date, net_assets, unnest([{months}], recursive := true)
            from {filings}
        ),
        named as (
            select *, coalesce(upper(stated_series), 'CIK' || registrant_cik || coalesce('/' || file_number, '')) as series_id,
                   last_day(report_date - to_months(months_before)) as observation_date,
                   greatest(last_day(report_date) + {PUBLIC_AFTER_DAYS},
                            coalesce(filed_on, last_day(report_date) + {PUBLIC_AFTER_DAYS}
                                     + case when is_amendment then {UNDATED_AMENDMENT_DAYS} else {UNDATED_DAYS} end)) as public_on
            from filing
        )
        select *, {_text("sales")} is null and {_text("reinvestment")} is null and {_text("redemption")} is null as is_empty,
               row_number() over (
                   partition by series_id, case when stated_series is null then series_name end, observation_date, public_on
                   order by filed_on desc nulls last, accession_number desc nulls last, report_date desc, _row_number desc
               ) > 1 as is_superseded
        from named
        """
    )
    counts = connection.execute("select count(*) filter (is_empty), count(*) filter (is_superseded and not is_empty) from nport_month").fetchone()
    assert counts is not None
    skipped = {**skipped, "month without flows": counts[0], "superseded the same day": counts[1]}
    sql = f"""
        select {file.file_id} as _file_id, row_number() over (order by _row_number, months_before desc) as _row_number,
               accession_number, filed_on::varchar as filing_date, series_id, series_name, registrant_cik, report_date::varchar as report_date,
               public_on::varchar as public_on, observation_date::varchar as observation_date, sales, reinvestment,
               ltrim(trim(redemption), '-') as redemption, case when months_before = 0 then net_assets end as net_assets
        from nport_month where not is_empty and not is_superseded
    """
    columns = (*_COLUMNS, "accession_number", "filing_date") if dated else _COLUMNS
    return Records(sql=sql, columns=columns, skipped={file.file_id: {kind: count for kind, count in skipped.items() if count}})


def _read_filing(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One filing: its primary document, or the full submission, whose head states the day it was filed."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    content = file.path.read_bytes()
    document = re.search(rb"<(?P<name>(?:\w+:)?edgarSubmission)\b.*</(?P=name)\s*>", content, re.DOTALL)
    try:
        # saved filings often begin with a blank line, which XML does not allow before its declaration
        root = fromstring(document.group() if document and b"<SEC-HEADER>" in content else content.lstrip())
    except (ParseError, DefusedXmlException) as error:
        raise UnreadableFile(f"{file.name} is not complete XML ({error}); fetch it again") from error
    head = decode(content[: document.start()]) if document else ""

    def stated(pattern: str) -> str:
        found = re.search(pattern, head)
        return found.group(1) if found else ""

    def text(path: str) -> str:
        return (root.findtext(path, default="", namespaces={"": "http://www.sec.gov/edgar/nport"}) or "").strip()

    information = "formData/genInfo"
    reported = text(f"{information}/repPdDate")
    try:
        date.fromisoformat(reported)
    except ValueError:
        raise UnreadableFile(f"{file.name} has no report date (repPdDate): not a complete N-PORT filing; fetch it again") from None
    flows = [root.find(f"formData/fundInfo/mon{month}Flow", namespaces={"": "http://www.sec.gov/edgar/nport"}) for month in (1, 2, 3)]
    amounts = ["" if flow is None else flow.get(name, "") for flow in flows for name in ("sales", "reinvestment", "redemption")]
    if not any(re.search(r"\d", amount) for amount in amounts):
        raise UnreadableFile(f"{file.name} reports no monthly flows; if it is of a kind that has none, leave it out, else fetch it again")
    row = [
        stated(r"ACCESSION NUMBER:\s*([\d-]+)"),
        stated(r"FILED AS OF DATE:\s*(\d{8})"),
        str(text("headerData/submissionType").upper().endswith("/A")).lower(),
        text(f"{information}/seriesId"),
        text(f"{information}/seriesName"),
        text(f"{information}/regCik"),
        text(f"{information}/regFileNumber"),
        reported,
        text("formData/fundInfo/netAssets"),
        *amounts,
    ]
    table = sheet_table(connection, [row], len(row))
    named = ", ".join(f"c{at}{'::boolean' if name == 'is_amendment' else ''} as {name}" for at, name in enumerate((*_IDENTITY, *_FLOWS)))
    return _months(connection, file, f"(select _row_number, {named} from {table})", dated=bool(row[1]), skipped={})


def _read_data_set(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """The filings of a quarter: FUND_REPORTED_INFO, with the tables beside it that say who filed it, when, and for which quarter.

    A row whose filing is not in SUBMISSION has no report date and is quarantined for it.
    """
    filed, registered = file.beside(r"(^|/)SUBMISSION\.tsv$"), file.beside(r"(^|/)REGISTRANT\.tsv$")
    if not filed or not registered:
        raise UnreadableFile(f"{file.name} lies without SUBMISSION.tsv and REGISTRANT.tsv of its archive, which say when and by whom; land the whole zip")
    of_fund = ("accession_number", "series_id", "series_name", "net_assets", *_FLOWS)
    funds = table_of(connection, file, file.path, "nport_fund", of_fund, required=of_fund)
    submissions = table_of(connection, file, filed, "nport_submission", ("accession_number", "filing_date", "file_num", "sub_type", "report_date"))
    registrants = table_of(connection, file, registered, "nport_registrant", ("accession_number", "cik", "file_num"))
    flows = ", ".join(f"fund.{flow}" for flow in _FLOWS)
    relation = f"""(
        select fund._row_number, fund.accession_number, filing.filing_date, upper(filing.sub_type) like '%/A' as is_amendment, fund.series_id,
               fund.series_name, registrant.cik as registrant_cik, coalesce(registrant.file_num, filing.file_num) as file_number,
               filing.report_date, fund.net_assets, {flows}
        from {funds} as fund
        left join {submissions} as filing using (accession_number)
        left join (select * from {registrants} qualify row_number() over (partition by accession_number order by _row_number) = 1) as registrant
            using (accession_number)
    )"""
    return _months(connection, file, relation, dated=True, skipped={"header": 1})


def _requests(window: FetchWindow) -> Iterable[Request]:
    def touches(found: re.Match[str]) -> bool:
        first = date(int(found["year"]), 3 * int(found["quarter"]) - 2, 1)
        return first <= window.end and first + timedelta(days=92 + _DATA_SET_DAYS) > window.start

    yield archives(_PAGE, "form-n-port-data-sets.html", _ARCHIVE, touches)


FEEDS = (
    Feed(
        name="sec_nport",
        provider="sec",
        title="N-PORT monthly fund flows",
        description=(
            "Sales, reinvested distributions and redemptions of a fund by month, from its quarterly filings. A filing becomes public when it is "
            "filed, at the earliest 60 days after the fund's fiscal quarter; an amendment is a later version of the months it covers. Funds of "
            "funds are counted beside the funds they hold."
        ),
        url=_PAGE,
        licence="US government, public domain",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(PUBLIC_AFTER_DAYS, "24:00", source="public 60 days after the end of the fund's fiscal quarter"),
        key=("series_id", "observation_date"),
        vintage_column="public_on",
        columns=(
            Column("series_id", "TEXT", "SEC series id of the fund, S000002839 for Vanguard's S&P 500 funds; CIK<number>/<file number> for a fund without"),
            Column("observation_date", "DATE", "Last day of the month"),
            Column("public_on", "DATE", "Day at whose end the filing was public: that of filing, at the earliest 60 days after the fiscal quarter"),
            Column("accession_number", "TEXT", "Number of the filing; null where a single document does not state it", required=False),
            Column("filing_date", "DATE", "Day of filing; null where a single document does not state it", required=False),
            Column("series_name", "TEXT", "Name of the fund", required=False),
            Column("registrant_cik", "TEXT", "SEC id of the registrant, with leading zeros", required=False),
            Column("report_date", "DATE", "End of the fiscal quarter the filing reports on"),
            Column("sales", "DOUBLE", "Shares sold", "USD"),
            Column("reinvestment", "DOUBLE", "Distributions reinvested: no new money", "USD", required=False),
            Column("redemption", "DOUBLE", "Shares redeemed, without sign", "USD", minimum=0),
            Column("net_assets", "DOUBLE", "Net assets at the report date; null in the quarter's first two months", "USD", required=False),
        ),
        formats=(
            Format(
                "filing_xml",
                Access.BRING_YOUR_OWN,
                re.compile(r'xmlns(:\w+)?="http://www\.sec\.gov/edgar/nport"'),
                one_by_one(_read_filing),
                "Primary document of one filing (primary_doc.xml), or its full submission (.txt), which says when it was filed",
            ),
            Format(
                "data_set",
                Access.LIVE,
                re.compile(r"(?i)\A\W*ACCESSION_NUMBER\b[^\n]*\bSERIES_ID\b[^\n]*\bSALES_FLOW_MON1\b"),
                one_by_one(_read_data_set),
                "FUND_REPORTED_INFO.tsv of a quarter's data set, read with SUBMISSION.tsv and REGISTRANT.tsv beside it",
                requests=_requests,
            ),
        ),
    ),
)
