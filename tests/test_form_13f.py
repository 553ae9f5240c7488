"""Form 13F: archives of tables and single filings, filings that never change, and lines that belong to them.

Every file here is made by hand and small; managers, securities and figures are invented.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from raw_store import RawStore

from expectations.check import BuildUnderCheck, Check
from expectations.raw import feed_suite
from expectations.staging import RECONCILIATIONS as STAGING_RECONCILIATIONS
from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.feeds.sec.form_13f import last_filing_day
from ingest.landing import Arrival
from ingest.source import ReplaySource, claims_of

FORM_13F = [FEEDS[name] for name in ("sec_13f_filing", "sec_13f_holding", "sec_13f_other_manager")]

SUBMISSION = "ACCESSION_NUMBER\tFILING_DATE\tSUBMISSIONTYPE\tCIK\tPERIODOFREPORT"
COVERPAGE = "ACCESSION_NUMBER\tREPORTCALENDARORQUARTER\tISAMENDMENT\tAMENDMENTNO\tAMENDMENTTYPE\tFILINGMANAGER_NAME\tREPORTTYPE\tFORM13FFILENUMBER"
SUMMARYPAGE = "ACCESSION_NUMBER\tOTHERINCLUDEDMANAGERSCOUNT\tTABLEENTRYTOTAL\tTABLEVALUETOTAL\tISCONFIDENTIALOMITTED"
OTHERMANAGER2 = "ACCESSION_NUMBER\tSEQUENCENUMBER\tCIK\tFORM13FFILENUMBER\tCRDNUMBER\tSECFILENUMBER\tNAME"
INFOTABLE = (
    "ACCESSION_NUMBER\tINFOTABLE_SK\tNAMEOFISSUER\tTITLEOFCLASS\tCUSIP\tFIGI\tVALUE\tSSHPRNAMT\tSSHPRNAMTTYPE\tPUTCALL\tINVESTMENTDISCRETION\t"
    "OTHERMANAGER\tVOTING_AUTH_SOLE\tVOTING_AUTH_SHARED\tVOTING_AUTH_NONE"
)
A, B = "0000000001-22-000001", "0000000002-23-000007"
FILINGS = (f"{A}\t14-NOV-2022\t13F-HR\t0000000001\t30-SEP-2022", f"{B}\t14-FEB-2023\t13F-HR/A\t0000000002\t31-DEC-2022")
COVERS = (
    f"{A}\t30-SEP-2022\tN\t\t\tFirst Manager\t13F HOLDINGS REPORT\t028-1",
    f"{B}\t31-DEC-2022\tY\t1\tRESTATEMENT\tSecond\t13F HOLDINGS REPORT\t",
)
LINES = (
    f'{A}\t11\tHARBOUR "H" CO\tCOM\t00012A105\t\t500\t10000\tSH\t\tSOLE\t\t10000\t0\t0',
    f"{A}\t12\tHARBOUR CO\tCOM\t00012A105\tBBG000000001\t70\t1400\tSH\tPut\tDFND\t1,2\t0\t1400\t0",
    f"{B}\t13\tHARBOUR CO\tNOTE 2.5%\t00012A9X1\t\t250000\t250000\tPRN\t\tSOLE\t\t0\t0\t0",
)


def archive(lines: tuple[str, ...] = LINES, filings: tuple[str, ...] = FILINGS, folder: str = "") -> bytes:
    """A quarterly archive with these lines and filings."""
    tables = {
        "SUBMISSION": (SUBMISSION, *filings),
        "COVERPAGE": (COVERPAGE, *COVERS),
        "SUMMARYPAGE": (SUMMARYPAGE, f"{A}\t2\t2\t570\tN", f"{B}\t0\t1\t250000\tN"),
        "OTHERMANAGER2": (OTHERMANAGER2, f"{A}\t1\t\t028-9\t\t\tThird Manager", f"{A}\t2\t0000000004\t028-8\t\t\tFourth Manager"),
        "INFOTABLE": (INFOTABLE, *lines),
    }  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, rows in tables.items():
            # a fixed time, so that the same tables are the same bytes
            packed.writestr(zipfile.ZipInfo(f"{folder}{name}.tsv"), "\n".join(rows) + "\n", zipfile.ZIP_DEFLATED)
        packed.writestr(zipfile.ZipInfo("FORM13F_readme.htm"), "<html><body>About these tables</body></html>")
    return buffer.getvalue()


def submission(accession: str, kind: str, lines: int, *, amendment: str = "", filed: str = "20230515", quarter: str = "03-31-2023") -> str:
    """The full submission text of a filing with so many lines of 100 shares at 7 USD."""
    amended = f"<isAmendment>true</isAmendment><amendmentNo>2</amendmentNo><amendmentInfo><amendmentType>{amendment}</amendmentType></amendmentInfo>"
    rows = "".join(
        "<n1:infoTable><n1:nameOfIssuer>A &amp; B</n1:nameOfIssuer><n1:titleOfClass>COM</n1:titleOfClass><n1:cusip>00012A105</n1:cusip>"
        "<n1:value>700</n1:value><n1:shrsOrPrnAmt><n1:sshPrnamt>100</n1:sshPrnamt><n1:sshPrnamtType>SH</n1:sshPrnamtType></n1:shrsOrPrnAmt><n1:investmentDiscretion>SOLE"
        "</n1:investmentDiscretion><n1:votingAuthority><n1:Sole>100</n1:Sole><n1:Shared>0</n1:Shared><n1:None>0</n1:None></n1:votingAuthority></n1:infoTable>"
        for _ in range(lines)
    )
    table = (
        f'<XML>\n<n1:informationTable xmlns:n1="http://www.sec.gov/edgar/document/thirteenf/informationtable">{rows}</n1:informationTable>\n</XML>'
        if lines
        else ""
    )
    return f"""<SEC-DOCUMENT>{accession}.txt : {filed}
<SEC-HEADER>{accession}.hdr.sgml : {filed}
ACCESSION NUMBER:		{accession}
CONFORMED SUBMISSION TYPE:	{kind}
FILED AS OF DATE:		{filed}
</SEC-HEADER>
<DOCUMENT>
<XML>
<?xml version="1.0" encoding="UTF-8"?>
<edgarSubmission xmlns="http://www.sec.gov/edgar/thirteenffiler"><headerData><submissionType>{kind}</submissionType><filerInfo><filer><credentials>
<cik>0000000001</cik></credentials></filer><periodOfReport>{quarter}</periodOfReport></filerInfo></headerData><formData>
<coverPage>{amended if amendment else ""}
<filingManager><name>First Manager</name></filingManager><reportType>13F HOLDINGS REPORT</reportType><otherManagersInfo><otherManager>
<cik>0000000004</cik><name>Fourth</name></otherManager></otherManagersInfo></coverPage><summaryPage><tableEntryTotal>{lines}</tableEntryTotal>
<tableValueTotal>{700 * lines}</tableValueTotal></summaryPage></formData></edgarSubmission>
</XML>
</DOCUMENT>
{table}
</SEC-DOCUMENT>
"""


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path, FORM_13F)


def counts(store: RawStore) -> list[tuple[object, ...]]:
    return store.rows("select feed, name, rows_read, rows_loaded, rows_quarantined, rows_unchanged from meta.file order by feed, edition_at, name")


def test_an_archive_lands_once_and_fills_three_tables(store: RawStore) -> None:
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive(folder="01JAN2023-31MAR2023_form13f/"))
    store.load()
    assert len(list(store.folder.glob("sec_13f_*"))) == 1
    assert counts(store) == [
        ("sec_13f_filing", "2023q1_form13f.zip", 2, 2, 0, 0),
        ("sec_13f_holding", "2023q1_form13f.zip", 3, 3, 0, 0),
        ("sec_13f_other_manager", "2023q1_form13f.zip", 2, 2, 0, 0),
    ]
    filings = store.rows(
        "select accession_number, filing_date::varchar, period_of_report::varchar, manager_name, amendment_type, table_entry_total, table_value_total, "
        "_available_at::varchar, _available_at_source from raw.sec_13f_filing order by 1"
    )
    # known at the end of the filing day in New York: five hours behind UTC in winter
    assert filings == [
        (A, "2022-11-14", "2022-09-30", "First Manager", None, 2, 570, "2022-11-15 05:00:00", "provider"),
        (B, "2023-02-14", "2022-12-31", "Second", "RESTATEMENT", 1, 250000, "2023-02-15 05:00:00", "provider"),
    ]
    lines = store.rows(
        "select line_id, issuer_name, cusip, figi, value, amount, amount_type, put_call, other_managers, voting_shared from raw.sec_13f_holding order by 1"
    )
    assert lines == [
        (11, 'HARBOUR "H" CO', "00012A105", None, 500, 10000, "SH", None, None, 0),
        (12, "HARBOUR CO", "00012A105", "BBG000000001", 70, 1400, "SH", "Put", "1,2", 1400),
        (13, "HARBOUR CO", "00012A9X1", None, 250000, 250000, "PRN", None, None, 0),
    ]
    managers = store.rows("select named_on, sequence_number, cik, name from raw.sec_13f_other_manager order by 2")
    assert managers == [("summary page", 1, None, "Third Manager"), ("summary page", 2, "0000000004", "Fourth Manager")]


def test_lines_that_cannot_be_taken_are_quarantined_one_by_one(store: RawStore) -> None:
    bad = (
        f"{A}\t21\tHARBOUR CO\tCOM\t00012A105\t\tmany\t1\tSH\t\tSOLE\t\t1\t0\t0",  # no number
        f"{A}\t22\tHARBOUR CO\tCOM\t00012A105\t\t-5\t1\tSH\t\tSOLE\t\t1\t0\t0",  # below zero
        "\t23\tHARBOUR CO\tCOM\t00012A105\t\t5\t1\tSH\t\tSOLE\t\t1\t0\t0",  # of no filing
        f"{A}\t24\tHARBOUR CO",  # cut off
    )
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive((*LINES, *bad)))
    store.load()
    assert counts(store)[1] == ("sec_13f_holding", "2023q1_form13f.zip", 7, 3, 4, 0)
    reasons = " / ".join(store.reasons())
    assert "value: -5.0 is below 0" in reasons
    assert "accession_number is missing" in reasons
    assert 'Error when converting column "value". Could not convert string "many" to \'DOUBLE\'' in reasons
    assert "Expected Number of Columns: 15" in reasons


def test_a_filing_that_came_alone_is_not_loaded_again_from_the_archive(store: RawStore) -> None:
    """The day it is filed it comes alone; weeks later the archive holds it under other line ids, and the quarter's other filings."""
    text = submission(A, "13F-HR", 2, filed="20221114", quarter="09-30-2022")
    store.land("sec_13f_filing", f"{A}.txt", text, edition_at=datetime(2022, 11, 15, tzinfo=UTC))
    store.load()
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive(), edition_at=datetime(2023, 4, 20, tzinfo=UTC))
    store.load()
    assert counts(store) == [
        ("sec_13f_filing", f"{A}.txt", 1, 1, 0, 0),
        ("sec_13f_filing", "2023q1_form13f.zip", 2, 1, 0, 1),
        ("sec_13f_holding", f"{A}.txt", 2, 2, 0, 0),
        ("sec_13f_holding", "2023q1_form13f.zip", 3, 1, 0, 2),
        ("sec_13f_other_manager", f"{A}.txt", 1, 1, 0, 0),
        ("sec_13f_other_manager", "2023q1_form13f.zip", 2, 0, 0, 2),
    ]
    assert store.rows("select accession_number, count(*) from raw.sec_13f_holding group by 1 order by 1") == [(A, 2), (B, 1)]
    # the same archive once more, and a rerun of the load, add nothing
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive(), edition_at=datetime(2023, 5, 20, tzinfo=UTC))
    store.load()
    assert store.load().files == 0
    assert store.rows("select count(*) from raw.sec_13f_holding") == [(3,)]
    assert store.rows("select count(*), count(distinct accession_number) from raw.sec_13f_filing") == [(2, 2)]


def test_the_order_of_arrival_decides_nothing(tmp_path: Path) -> None:
    """Files that are loaded together load in the order in which they were current."""
    found = []
    for number, order in enumerate(((0, 1), (1, 0))):
        store = RawStore(tmp_path / str(number), FORM_13F)
        alone = (f"{A}.txt", submission(A, "13F-HR", 2, filed="20221114", quarter="09-30-2022").encode(), datetime(2022, 11, 15, tzinfo=UTC))
        files = [alone, ("2023q1_form13f.zip", archive(), datetime(2023, 4, 20, tzinfo=UTC))]
        for at in order:
            name, content, edition = files[at]
            store.land("sec_13f_filing", name, content, edition_at=edition)
        store.load()
        found.append((counts(store), store.rows("select * from raw.sec_13f_holding order by accession_number, line_id")))
    assert found[0] == found[1]


def test_single_filings(store: RawStore) -> None:
    store.land("sec_13f_filing", "0000000001-23-000009.txt", submission("0000000001-23-000009", "13F-HR/A", 3, amendment="NEW HOLDINGS"))
    store.land("sec_13f_filing", "0000000001-23-000010.txt", submission("0000000001-23-000010", "13F-NT", 0))
    store.load()
    columns = "accession_number, submission_type, amendment_type, amendment_number, table_value_total, _available_at::varchar"
    filings = store.rows(f"select {columns} from raw.sec_13f_filing order by 1")
    assert filings == [
        ("0000000001-23-000009", "13F-HR/A", "NEW HOLDINGS", 2, 2100, "2023-05-16 04:00:00"),
        ("0000000001-23-000010", "13F-NT", None, None, 0, "2023-05-16 04:00:00"),
    ]
    assert store.rows("select accession_number, line_id, issuer_name, value, amount from raw.sec_13f_holding order by 2") == [
        ("0000000001-23-000009", line, "A & B", 700, 100) for line in (1, 2, 3)
    ]
    # a notice has no lines, and is not quarantined for it
    assert store.rows("select distinct status from meta.file") == [("loaded",)]
    assert store.rows("select accession_number, named_on, cik, name from raw.sec_13f_other_manager order by 1")[1] == (
        "0000000001-23-000010",
        "cover page",
        "0000000004",
        "Fourth",
    )


def test_an_infinite_value_of_a_line_is_quarantined(store: RawStore) -> None:
    """Lines of the data sets are read with their types, and infinite is a number to the reader."""
    bad = [LINES[0].replace("\t11\t", f"\t{at}\t").replace("\t500\t", f"\t{value}\t") for at, value in ((21, "inf"), (22, "NaN"))]
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive((*LINES, *bad)))
    store.load()
    assert counts(store)[1] == ("sec_13f_holding", "2023q1_form13f.zip", 5, 3, 2, 0)
    assert sorted(store.reasons()) == ["value: inf is not a finite number", "value: nan is not a finite number"]


def test_an_archive_whose_table_has_other_columns_is_not_passed_over(store: RawStore) -> None:
    """It holds nothing of the feed only because its headings are not known any more: nothing is said to be missing, and all of it is."""
    with zipfile.ZipFile(io.BytesIO(archive())) as packed:
        members = {name: packed.read(name).replace(b"INFOTABLE_SK", b"LINE") for name in packed.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    store.land_as("sec_13f_filing", "data_set", "2023q1_form13f.zip", buffer.getvalue())
    store.load()
    found = store.rows("select feed, status, message from meta.file order by feed")
    assert [row[:2] for row in found] == [("sec_13f_filing", "loaded"), ("sec_13f_holding", "quarantined"), ("sec_13f_other_manager", "loaded")]
    assert "the provider may have changed it" in found[1][2]


def test_an_information_table_alone_takes_its_number_from_its_name(store: RawStore) -> None:
    table = submission(A, "13F-HR", 1).split("<XML>\n")[2].split("\n</XML>")[0]
    store.landing.land([Arrival("sec_13f_filing", "information_table", "000000000123000011-infotable.xml", table.encode())], "replay")
    store.load()
    assert store.rows("select distinct accession_number from raw.sec_13f_holding") == [("0000000001-23-000011",)]
    assert store.rows("select feed, status, rows_read, message from meta.file where feed = 'sec_13f_filing'") == [
        ("sec_13f_filing", "loaded", 0, "holds no records of feed sec_13f_filing")
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<html><body>Request Rate Threshold Exceeded</body></html>", "is a web page"),
        (submission(A, "13F-HR", 2)[:1700], "is cut off before its end"),
        (submission(A, "13F-HR", 2).replace("</coverPage>", ""), "is not complete XML"),
        ('<SEC-DOCUMENT>x\n<SEC-HEADER>y\nCONFORMED SUBMISSION TYPE:\t13F-HR\n</SEC-HEADER>\n<TEXT>plain</TEXT></SEC-DOCUMENT>', "plain text, which is"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><edgarSubmission xmlns="http://www.sec.gov/edgar/thirteenffiler">&b;</edgarSubmission>', "is not complete XML"),
    ],
)  # fmt: skip
def test_what_is_no_filing_is_quarantined_and_the_rest_stays(store: RawStore, content: str, message: str) -> None:
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive())
    store.land("sec_13f_filing", f"{B}-x.txt", content)
    store.load()
    said = store.rows(f"select status, message from meta.file where name = '{B}-x.txt' and feed = 'sec_13f_filing'")
    assert said[0][0] == "quarantined"
    assert message in said[0][1]
    assert store.rows("select count(*) from raw.sec_13f_holding") == [(3,)]


def test_a_damaged_member_is_quarantined_for_its_feed(store: RawStore) -> None:
    content = bytearray(archive())
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entry = packed.getinfo("INFOTABLE.tsv")
    at = entry.header_offset + 30 + len("INFOTABLE.tsv") + entry.compress_size // 2
    content[at] ^= 0xFF
    store.land("sec_13f_filing", "2023q1_form13f.zip", bytes(content))
    store.load()
    found = store.rows("select feed, status, message from meta.file order by feed")
    assert [row[:2] for row in found] == [("sec_13f_filing", "loaded"), ("sec_13f_holding", "quarantined"), ("sec_13f_other_manager", "loaded")]
    assert "damaged zip" in found[1][2]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("2023q4_form13f.zip", date(2023, 12, 31)),
        ("2016q1_form13f_0.zip", date(2016, 3, 31)),
        ("01jan2024-29feb2024_form13f.zip", date(2024, 2, 29)),
        ("01jun2026-31aug2026_form13f.zip", date(2026, 8, 31)),
        ("2023q4_nport.zip", None),
    ],
)
def test_names_of_archives_say_which_filings_they_hold(name: str, last: date | None) -> None:
    assert last_filing_day(name) == last


def test_archives_are_found_on_their_page_wherever_they_lie() -> None:
    declared = FEEDS["sec_13f_filing"].format("data_set")
    assert declared.requests
    window = FetchWindow(date(2024, 2, 1), date(2026, 9, 30))
    (page,) = [request for request in declared.requests(window) if not request.lands and "form-13f-data-sets" in request.url]
    links = b"""<a href="/files/structureddata/data/form-13f-data-sets/2023q4_form13f.zip">x</a> <a href="/files/form-13f.pdf">
        <a href='/files/datastandardsinnovation/data/form-13f-data-sets/01jun2026-31aug2026_form13f.zip'>
        <a href="/files/structureddata/data/form-13f-data-sets/01jan2024-29feb2024_form13f.zip">"""
    assert page.following
    asked = [(request.url, request.large, request.immutable) for request in page.following(links)]
    folder = "https://www.sec.gov/files/{}/data/form-13f-data-sets/"
    # that of 2023q4 holds no filing of the window
    assert asked == [
        (folder.format("datastandardsinnovation") + "01jun2026-31aug2026_form13f.zip", True, True),
        (folder.format("structureddata") + "01jan2024-29feb2024_form13f.zip", True, True),
    ]


def test_recorded_filings_parse(realdata: Path, tmp_path: Path) -> None:
    folder = realdata / "recorded" / "edgar"
    store = RawStore(tmp_path, FORM_13F)
    arrivals = [arrival for arrival in ReplaySource(folder).fetch("sec") if arrival.feed == "sec_13f_filing"]
    store.landing.land(arrivals, "replay")
    store.load()
    assert store.rows("select name, message from meta.file where status <> 'loaded'") == []
    assert store.rows("select count(*) from meta.quarantine") == [(0,)]
    filings = store.rows("select accession_number, submission_type, report_type, table_entry_total from raw.sec_13f_filing order by 1")
    assert ("0001894188-23-000007", "13F-HR", "13F HOLDINGS REPORT", 14) in filings
    assert len(filings) == 4
    # the summary page states as many lines, and their value, as the table has
    lines = store.rows("select count(*), sum(value) from raw.sec_13f_holding where accession_number = '0001894188-23-000007'")
    assert lines == store.rows("select table_entry_total, table_value_total from raw.sec_13f_filing where accession_number = '0001894188-23-000007'")
    assert store.rows("select count(*) from raw.sec_13f_holding") == [(255 + 14 + 169,)]


def test_an_archive_is_claimed_for_one_landing(tmp_path: Path) -> None:
    path = tmp_path / "2023q1_form13f.zip"
    path.write_bytes(archive())
    claimed = {claim.feed.name for claim in claims_of(path, path.name)}
    assert claimed == {feed.name for feed in FORM_13F}
    assert {claim.feed.landed_with or claim.feed.name for claim in claims_of(path, path.name)} == {"sec_13f_filing"}


def test_loading_leaves_the_connection_as_it_was(store: RawStore) -> None:
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive())
    store.load()
    assert store.rows("select current_setting('preserve_insertion_order')") == [(True,)]
    with pytest.raises(duckdb.Error):
        store.connection.execute("commit")


# --- gates ------------------------------------------------------------------------------------------------------------------


def unexpected(connection: duckdb.DuckDBPyConnection, check: Check, table: str) -> list[tuple[object, ...]]:
    assert check.unexpected_rows
    return connection.execute(check.unexpected_rows.format(batch=table)).fetchall()


def under_check(as_of: datetime) -> BuildUnderCheck:
    return BuildUnderCheck("build", "live", as_of, dict.fromkeys(FEEDS, "landed"), {("raw", name): () for name in FEEDS})


def test_lines_that_do_not_add_up_to_the_summary_page_are_named(store: RawStore) -> None:
    store.land("sec_13f_filing", "2023q1_form13f.zip", archive())
    store.load()
    suite = feed_suite(under_check(datetime(2023, 5, 1)), FEEDS["sec_13f_holding"])
    table = "raw.sec_13f_holding"
    assert [check.name for check in suite.checks if check.unexpected_rows and unexpected(store.connection, check, table)] == []
    # 71 for 70 is within the rounding of two lines, 700 is not; a line of no filing is known by no day
    store.connection.execute("update raw.sec_13f_holding set value = 71 where line_id = 12")
    assert unexpected(store.connection, suite.check("lines_add_up_throughout"), table) == []
    store.connection.execute("update raw.sec_13f_holding set value = 700 where line_id = 12")
    assert [row[0] for row in unexpected(store.connection, suite.check("lines_add_up_throughout"), table)] == [A]
    store.connection.execute("update raw.sec_13f_holding set accession_number = 'x' where line_id = 13")
    assert unexpected(store.connection, suite.check("filing_known"), table) == [("x", 1)]
    store.connection.execute("update raw.sec_13f_holding set line_id = 11 where line_id = 12")
    assert unexpected(store.connection, suite.check("key_unique"), table) == [(A, 11, 2)]


@pytest.mark.parametrize(("as_of", "stopped"), [(datetime(2023, 8, 10), []), (datetime(2023, 9, 1), ["silent"])])
def test_a_house_that_seems_to_sell_everything_is_named(as_of: datetime, stopped: list[str]) -> None:
    """One keeps 40% of its shares; one has no report for the newest quarter, which says nothing before the deadline has passed."""
    connection = duckdb.connect()
    connection.execute(
        """
        create table house as
        select group_id, cast(observation_date as date) as observation_date, 1 as filers, 0 as notices, shares, shares_kept
        from (values
            ('steady', '2023-03-31', 100, null), ('steady', '2023-06-30', 90, 0.9), ('broken', '2023-03-31', 100, null), ('broken', '2023-06-30', 40, 0.4),
            ('silent', '2023-03-31', 100, null)
        ) as quarter (group_id, observation_date, shares, shares_kept)
        """
    )
    (check,) = STAGING_RECONCILIATIONS["int_filer_group_quarter"](under_check(as_of))
    assert check.severity == "warning"
    assert sorted(str(row[0]) for row in unexpected(connection, check, "house")) == ["broken", *stopped]
