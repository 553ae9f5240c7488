"""What funds report to the SEC, which symbol a CUSIP had when, and the assets of leveraged funds: formats, traps, and the sample's story.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from expectations.project import PROJECT
from ingest.feed import FetchWindow, LandedFile, UnreadableFile
from ingest.feeds import FEEDS
from ingest.feeds.proshares import FUNDS
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from ingest.sample import END, render
from ingest.sample.proshares import bull_share
from ingest.sample.sec import AMENDED, series_of
from ingest.sample.securities import SECURITIES, check_digit
from ingest.sample.world import world


def connected() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


def loaded(folder: Path, feed: str, *files: tuple[str, str, str | bytes], at: datetime = datetime(2026, 9, 30, tzinfo=UTC)) -> duckdb.DuckDBPyConnection:
    """A warehouse with these files (format, name, content) of one feed."""
    landing = Landing(folder / "landing")
    landing.land([Arrival(feed, kind, name, text.encode() if isinstance(text, str) else text, at) for kind, name, text in files], "replay")
    connection = connected()
    load_landed(connection, [FEEDS[feed]], landing, "build")
    return connection


# --- N-PORT: the quarterly data set -----------------------------------------------------------------------------------------

SUBMISSION = "ACCESSION_NUMBER\tFILING_DATE\tFILE_NUM\tSUB_TYPE\tREPORT_ENDING_PERIOD\tREPORT_DATE\tIS_LAST_FILING"
REGISTRANT = "ACCESSION_NUMBER\tCIK\tREGISTRANT_NAME\tFILE_NUM\tLEI"
_FLOWS = "\t".join(f"{flow}_FLOW_MON{month}" for month in (1, 2, 3) for flow in ("SALES", "REINVESTMENT", "REDEMPTION"))
INFORMATION = f"ACCESSION_NUMBER\tSERIES_NAME\tSERIES_ID\tSERIES_LEI\tTOTAL_ASSETS\tTOTAL_LIABILITIES\tNET_ASSETS\t{_FLOWS}"


@dataclass(frozen=True)
class Beside:
    """A member of an archive, as the loader hands it to a reader."""

    name: str
    at: Path

    def path(self) -> Path:
        return self.at


def data_set(folder: Path, submissions: list[str], registrants: list[str], funds: list[str], end: str = "\n") -> LandedFile:
    """The tables of one archive, read through the first."""
    tables = {"FUND_REPORTED_INFO": (INFORMATION, funds), "SUBMISSION": (SUBMISSION, submissions), "REGISTRANT": (REGISTRANT, registrants)}
    members = []
    for name, (header, rows) in tables.items():
        path = folder / f"{name}.tsv"
        path.write_bytes("".join(f"{line}{end}" for line in (header, *rows)).encode())
        members.append(Beside(path.name, path))
    return LandedFile(7, members[0].at, members[0].name, "data_set", members=tuple(members))


def fund(accession: str, name: str, series: str, net: str = "1000", flows: str = "10\t1\t4\t20\t2\t5\t30\t3\t6") -> str:
    return f"{accession}\t{name}\t{series}\t\t1100\t100\t{net}\t{flows}"


def read(file: LandedFile, what: str, kind: str = "data_set") -> tuple[list[tuple[Any, ...]], dict[str, int]]:
    """Columns of the records, and what was skipped."""
    connection = connected()
    (records,) = FEEDS["sec_nport"].format(kind).reader(connection, FEEDS["sec_nport"], [file])
    return connection.execute(f"select {what} from (from ({records.sql}) order by _row_number)").fetchall(), dict(records.skipped.get(file.file_id, {}))


def test_months_are_those_of_the_fiscal_quarter_whatever_the_year_of_the_fund(tmp_path: Path) -> None:
    """Report date 30 June: April, May, June. The fiscal year's end (REPORT_ENDING_PERIOD) says nothing about them."""
    file = data_set(
        tmp_path, ["a-1\t28-AUG-2023\t811-1\tNPORT-P\t31-DEC-2023\t30-JUN-2023\tN"], ["a-1\t36405\tVANGUARD\t811-1\t"], [fund("a-1", "500", "S000002839")]
    )
    rows, skipped = read(file, "series_id, observation_date, report_date, public_on, filing_date, registrant_cik, sales, reinvestment, redemption, net_assets")
    head = ("2023-06-30", "2023-08-29", "2023-08-28", "0000036405")
    assert rows == [
        ("S000002839", "2023-04-30", *head, "10", "1", "4", None),
        ("S000002839", "2023-05-31", *head, "20", "2", "5", None),
        ("S000002839", "2023-06-30", *head, "30", "3", "6", "1000"),
    ]
    assert skipped == {"header": 1}


def test_a_filing_is_public_when_filed_but_not_before_sixty_days(tmp_path: Path) -> None:
    submissions = [f"{name}\t{filed}\t811-1\tNPORT-P\t31-DEC-2023\t30-JUN-2023\tN" for name, filed in (("early", "01-AUG-2023"), ("late", "15-NOV-2023"))]
    registrants = [f"{name}\t1\tTRUST\t\t" for name in ("early", "late")]
    file = data_set(tmp_path, submissions, registrants, [fund("early", "A", "S1"), fund("late", "B", "S2")])
    rows, _ = read(file, "distinct on (series_id) series_id, public_on")
    assert sorted(rows) == [("S1", "2023-08-29"), ("S2", "2023-11-15")]


def test_amendments_are_later_versions_and_replace_what_became_public_the_same_day(tmp_path: Path) -> None:
    head = "811-1\t{}\t31-DEC-2023\t30-JUN-2023\tN"
    submissions = [
        f"a-1\t20-AUG-2023\t{head.format('NPORT-P')}",
        f"a-2\t22-AUG-2023\t{head.format('NPORT-P/A')}",
        f"a-3\t10-OCT-2023\t{head.format('NPORT-P/A')}",
    ]
    funds = [fund(name, "Fund", "S1", net) for name, net in (("a-2", "1002"), ("a-1", "1001"), ("a-3", "1003"))]
    file = data_set(tmp_path, submissions, [f"{name}\t1\tTRUST\t\t" for name in ("a-1", "a-2", "a-3")], funds)
    rows, skipped = read(file, "accession_number, public_on, net_assets")
    assert [row for row in rows if row[2]] == [("a-2", "2023-08-29", "1002"), ("a-3", "2023-10-10", "1003")]
    assert skipped == {"header": 1, "superseded the same day": 3}


def test_a_fund_without_series_is_known_by_its_registrant(tmp_path: Path) -> None:
    submissions = [f"{name}\t28-AUG-2023\t811-0612{name}\tNPORT-P\t30-SEP-2023\t30-JUN-2023\tN" for name in ("5", "6")]
    registrants = ["5\t884394\tSPDR S&P 500 ETF TRUST\t811-06125\t", "6\t0000000099\tCLOSED END\t\t"]
    file = data_set(tmp_path, submissions, registrants, [fund("5", "N/A", ""), fund("6", "Closed", "N/A")])
    rows, _ = read(file, "distinct on (series_id) series_id, series_name")
    assert sorted(rows, key=str) == [("CIK0000000099/811-06126", "Closed"), ("CIK0000884394/811-06125", None)]


def test_redemptions_lose_their_sign_and_months_without_figures_are_counted(tmp_path: Path) -> None:
    flows = "N/A\tN/A\tN/A\t0\t0\t-17.5\t\t\t"
    file = data_set(tmp_path, ["a\t28-AUG-2023\t8\tNPORT-P\t30-SEP-2023\t30-JUN-2023\tN"], ["a\t1\tT\t8\t"], [fund("a", "F", "S1", flows=flows)])
    rows, skipped = read(file, "observation_date, sales, redemption")
    assert rows == [("2023-05-31", "0", "17.5")]
    assert skipped == {"header": 1, "month without flows": 2}


def test_quotes_in_names_are_text_and_line_ends_and_titles_may_drift(tmp_path: Path) -> None:
    names = ['The "Best Fund', '"Quoted ""Trust"" Fund"', "Fonds Élysée"]
    submissions = [f"{n}\t28-AUG-2023\t8\tNPORT-P\t30-SEP-2023\t30-JUN-2023\tN" for n in range(3)]
    file = data_set(tmp_path, submissions, [f"{n}\t1\tT\t8\t" for n in range(3)], [fund(str(n), name, f"S{n}") for n, name in enumerate(names)], end="\r\n")
    for table in ("SUBMISSION", "FUND_REPORTED_INFO"):
        path = tmp_path / f"{table}.tsv"
        header, rest = path.read_text().split("\n", 1)
        path.write_bytes(b"\xef\xbb\xbf" + f"{header.strip().lower()}\n{rest}".encode())
    rows, _ = read(file, "distinct on (series_id) series_id, series_name")
    assert sorted(rows) == [("S0", 'The "Best Fund'), ("S1", 'Quoted "Trust" Fund'), ("S2", "Fonds Élysée")]
    assert FEEDS["sec_nport"].format("data_set").header.search("\ufeff" + INFORMATION.lower())


def test_the_data_set_says_when_its_tables_are_missing(tmp_path: Path) -> None:
    whole = data_set(tmp_path, [], [], [fund("a", "F", "S1")])
    with pytest.raises(UnreadableFile, match="land the whole zip"):
        read(LandedFile(7, whole.path, whole.name, "data_set"), "*")


def test_fourteen_thousand_funds_are_read_as_a_set(tmp_path: Path) -> None:
    count = 14_000
    submissions = [f"a{n}\t28-AUG-2023\t811\tNPORT-P\t31-DEC-2023\t30-JUN-2023\tN" for n in range(count)]
    file = data_set(tmp_path, submissions, [f"a{n}\t{n}\tT\t811\t" for n in range(count)], [fund(f"a{n}", f"Fund {n}", f"S{n:09d}") for n in range(count)])
    rows, _ = read(file, "count(*), count(distinct series_id), sum(sales::double)")
    assert rows == [(3 * count, count, 60.0 * count)]


PAGE = b"""<html><a href="/files/dera/data/form-n-port-data-sets/2023q2_nport.zip">2023 Q2</a>
<a href='https://www.sec.gov/files/datastandardsinnovation/data/2023q3_nport_0.zip'>Q3</a> <a href="/files/dera/2023q3_nport_0.pdf">help</a>
<a HREF="/files/dera/data/form-n-port-data-sets/2019q4_nport.zip">old</a> <a href="/files/dera/data/form-n-port-data-sets/2023q2_nport.zip">again</a></html>"""


def test_data_sets_are_found_by_the_links_of_the_page() -> None:
    requests = FEEDS["sec_nport"].format("data_set").requests
    assert requests
    (page,) = requests(FetchWindow(datetime(2023, 6, 1).date(), datetime(2023, 9, 30).date()))
    assert page.url == "https://www.sec.gov/data-research/sec-markets-data/form-n-port-data-sets"
    assert page.following
    assert not page.lands
    asked = list(page.following(PAGE))
    assert [(each.url, each.file_name) for each in asked] == [
        ("https://www.sec.gov/files/dera/data/form-n-port-data-sets/2023q2_nport.zip", "2023q2_nport.zip"),
        ("https://www.sec.gov/files/datastandardsinnovation/data/2023q3_nport_0.zip", "2023q3_nport_0.zip"),
    ]
    assert all(each.large and each.immutable for each in asked)


def test_a_data_set_that_comes_out_months_later_is_still_asked_for() -> None:
    """The next fetch starts near the day of the last: the quarter before it may have come out since."""
    requests = FEEDS["sec_nport"].format("data_set").requests
    assert requests
    (page,) = requests(FetchWindow(datetime(2023, 11, 20).date(), datetime(2023, 11, 27).date()))
    assert page.following
    assert [each.file_name for each in page.following(PAGE)] == ["2023q2_nport.zip", "2023q3_nport_0.zip"]


# --- N-PORT: single filings -------------------------------------------------------------------------------------------------


def filing(kind: str = "NPORT-P", series: str = "<seriesId>S000000001</seriesId>", redemption: str = "-3") -> str:
    return f"""<?xml version="1.0"?><n:edgarSubmission xmlns:n="http://www.sec.gov/edgar/nport"><headerData xmlns="http://www.sec.gov/edgar/nport">
<submissionType>{kind}</submissionType></headerData><formData xmlns="http://www.sec.gov/edgar/nport"><genInfo><regFileNumber>811-5</regFileNumber>
<regCik>0000000077</regCik><seriesName>Fund &amp; Co</seriesName>{series}<repPdDate>2022-12-30</repPdDate></genInfo><fundInfo><netAssets>50</netAssets>
<mon1Flow redemption="N/A" reinvestment="N/A" sales="N/A"/><mon3Flow redemption="{redemption}" reinvestment="1" sales="8"/></fundInfo></formData>
</n:edgarSubmission>"""


def test_a_single_filing_is_dated_after_those_that_say_when_they_were_filed(tmp_path: Path) -> None:
    """The report date is the last business day of the month; the month is meant. Public 60 days after it, in New York."""
    found = loaded(tmp_path, "sec_nport", ("filing_xml", "primary_doc.xml", filing()), ("filing_xml", "amended.xml", filing("NPORT-P/A", redemption="4")))
    rows = found.execute(
        "select series_id, observation_date::varchar, redemption, net_assets, _available_at::varchar, _available_at_source from raw.sec_nport order by 5"
    )
    assert rows.fetchall() == [
        ("S000000001", "2022-12-31", 3, 50, "2023-03-03 05:00:00", "provider"),
        ("S000000001", "2022-12-31", 4, 50, "2023-03-04 05:00:00", "provider"),
    ]
    assert found.execute("select sum(rows_read), sum(rows_quarantined), sum(skipped['month without flows']) from meta.file").fetchall() == [(2, 0, 4)]


def test_a_full_submission_says_when_it_was_filed(tmp_path: Path) -> None:
    head = (
        "<SEC-DOCUMENT>x.txt : 20230310\n<SEC-HEADER>x\nACCESSION NUMBER:\t\t0001-23-000009\nFILED AS OF DATE:\t\t20230310\n</SEC-HEADER>\n<DOCUMENT>\n<XML>\n"
    )
    found = loaded(tmp_path, "sec_nport", ("filing_xml", "0001-23-000009.txt", head + filing(series="") + "\n</XML>\n</DOCUMENT>\n</SEC-DOCUMENT>\n"))
    rows = found.execute("select series_id, accession_number, filing_date::varchar, _available_at::varchar from raw.sec_nport").fetchall()
    assert rows == [("CIK0000000077/811-5", "0001-23-000009", "2023-03-10", "2023-03-11 05:00:00")]


def test_a_filing_without_flows_is_quarantined_with_the_reason(tmp_path: Path) -> None:
    found = loaded(tmp_path, "sec_nport", ("filing_xml", "primary_doc.xml", filing(redemption="N/A").replace('reinvestment="1" sales="8"', "")))
    assert found.execute("select status, message from meta.file").fetchall() == [
        ("quarantined", "primary_doc.xml reports no monthly flows; if it is of a kind that has none, leave it out, else fetch it again")
    ]


def test_recorded_filings_load(tmp_path: Path, realdata: Path) -> None:
    files = sorted((realdata / "recorded" / "edgar").glob("NPORT*.xml"))
    assert files
    found = loaded(tmp_path, "sec_nport", *(("filing_xml", file.name, file.read_bytes()) for file in files))
    assert found.execute("select count(*) filter (status = 'loaded'), sum(rows_quarantined) from meta.file").fetchall() == [(len(files), 0)]
    rows = found.execute(
        "select observation_date::varchar, sales, redemption, net_assets from raw.sec_nport where series_id = 'S000030880' order by 1"
    ).fetchall()
    assert [row[0] for row in rows] == ["2022-10-31", "2022-11-30", "2022-12-31"]
    assert all(redemption > 1e6 for _, _, redemption, _ in rows)
    assert [row[3] for row in rows] == [None, None, 1389080.74]


# --- fails to deliver -------------------------------------------------------------------------------------------------------

FAILS = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE"
LINES = [
    "20230801|G5494J103|LIN|1200|LINDE PLC SHS                 |389.01",
    '20230814|037833100|AAPL|7|APPLE "INC" COM|.',
    "20230815|00037833|ZZZZ|3|SMALL CO|",
]
TRAILERS = ["Trailer record count 3", "Trailer total quantity of shares 1210"]


def fails(lines: list[str], end: str = "\n") -> str:
    return "".join(f"{line}{end}" for line in lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fails_are_read_with_their_trailers(tmp_path: Path, end: str) -> None:
    found = loaded(tmp_path, "sec_fails_to_deliver", ("half_month", "cnsfails202308a", fails([FAILS, *LINES, *TRAILERS], end)))
    rows = found.execute("select cusip, observation_date::varchar, symbol, quantity, description, price from raw.sec_fails_to_deliver order by 2").fetchall()
    assert rows == [
        ("G5494J103", "2023-08-01", "LIN", 1200, "LINDE PLC SHS", 389.01),
        ("037833100", "2023-08-14", "AAPL", 7, 'APPLE "INC" COM', None),
        ("00037833", "2023-08-15", "ZZZZ", 3, "SMALL CO", None),
    ]
    assert found.execute("select rows_read, rows_quarantined, skipped['trailer'], skipped['header'] from meta.file").fetchall() == [(3, 0, 2, 1)]


def test_the_first_half_of_a_month_is_known_at_its_end_and_the_second_in_the_middle_of_the_next(tmp_path: Path) -> None:
    found = loaded(tmp_path, "sec_fails_to_deliver", ("half_month", "cnsfails202308a.txt", fails([FAILS, *LINES, *TRAILERS])))
    known = found.execute("select observation_date::varchar, _available_at::varchar, _available_at_source from raw.sec_fails_to_deliver order by 1").fetchall()
    assert known == [
        ("2023-08-01", "2023-09-01 04:00:00", "provider"),
        ("2023-08-14", "2023-09-01 04:00:00", "provider"),
        ("2023-08-15", "2023-09-16 04:00:00", "provider"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([FAILS, LINES[0], *TRAILERS], "has 3 records, but holds 1"),
        ([FAILS, *LINES, TRAILERS[0], "Trailer total quantity of shares 1211"], "has 1,211 shares, but holds 1,210"),
    ],
)
def test_a_file_that_does_not_hold_what_its_trailers_say_is_quarantined(tmp_path: Path, lines: list[str], said: str) -> None:
    found = loaded(tmp_path, "sec_fails_to_deliver", ("half_month", "cnsfails202308a.txt", fails(lines)))
    ((status, message),) = found.execute("select status, message from meta.file").fetchall()
    assert status == "quarantined"
    assert said in message


def test_a_line_that_was_cut_is_quarantined_with_the_reason(tmp_path: Path) -> None:
    found = loaded(tmp_path, "sec_fails_to_deliver", ("half_month", "cnsfails202308a.txt", fails([FAILS, *LINES]) + "20230816|037833100|AA"))
    assert found.execute("select rows_read, rows_loaded, rows_quarantined from meta.file").fetchall() == [(4, 3, 1)]
    ((reason,),) = found.execute("select reason from meta.quarantine").fetchall()
    assert reason == "quantity: 3_fields_instead_of_6 is not a number"


def test_archives_of_fails_are_found_wherever_the_page_links_to() -> None:
    (declared,) = FEEDS["sec_fails_to_deliver"].formats
    assert declared.requests
    page = b"""<a href="/files/data/fails-deliver-data/cnsfails202306b.zip">June 2023, second half</a>
        <a href="/files/data/other/fails-deliver-data/cnsfails202308b_0.zip">August 2023, second half</a>
        <a href="/files/node/add/data_distribution/cnsfails202004a.zip">April 2020</a>"""
    (index,) = declared.requests(FetchWindow(datetime(2023, 9, 20).date(), datetime(2023, 9, 27).date()))
    assert index.following
    assert not index.lands
    assert [each.url for each in index.following(page)] == ["https://www.sec.gov/files/data/other/fails-deliver-data/cnsfails202308b_0.zip"]


# --- symbols of filers ------------------------------------------------------------------------------------------------------

COMPANIES = (
    '{"fields":["cik","name","ticker","exchange"],"data":[[1326801,"Meta Platforms, Inc.","META","Nasdaq"],[1067983,"BERKSHIRE HATHAWAY INC","BRK-B",null]]}'
)
NUMBERED = '{"0":{"cik_str":1326801,"ticker":"META","title":"Meta Platforms, Inc."},"1":{"cik_str":1067983,"ticker":"brk-b","title":"BERKSHIRE HATHAWAY INC"}}'
FUND_CLASSES = '{"fields":["cik","seriesId","classId","symbol"],"data":[[36405,"S000002839","C000092055","VOO"],[36405,"S000002839","C000007774",""]]}'


def listed(folder: Path, kind: str, text: str) -> tuple[list[tuple[Any, ...]], dict[str, int], tuple[str, ...]]:
    feed = FEEDS["sec_company_ticker"]
    path = folder / "list.json"
    path.write_text(text)
    assert [declared.name for declared in feed.formats if declared.header.search(text)] == [kind]
    connection = connected()
    file = LandedFile(7, path, path.name, kind, edition_at=datetime(2023, 8, 15, 21, 30, tzinfo=UTC))
    (records,) = feed.format(kind).reader(connection, feed, [file])
    rows = connection.execute(f"select {', '.join(records.columns)} from ({records.sql}) order by _row_number").fetchall()
    return rows, dict(records.skipped[7]), records.columns


@pytest.mark.parametrize(("kind", "text", "exchanges"), [("exchange_json", COMPANIES, ("Nasdaq", None)), ("numbered_json", NUMBERED, None)])
def test_both_lists_of_companies_say_the_same(tmp_path: Path, kind: str, text: str, exchanges: tuple[str | None, ...] | None) -> None:
    rows, skipped, columns = listed(tmp_path, kind, text)
    by_name = [dict(zip(columns, row, strict=True)) for row in rows]
    known = {"observation_date": "2023-08-01", "published_at": "2023-08-15 21:30:00"}
    expected = [
        {"cik": "0001326801", "ticker": "META", "filer_name": "Meta Platforms, Inc.", **known},
        {"cik": "0001067983", "ticker": "BRK-B", "filer_name": "BERKSHIRE HATHAWAY INC", **known},
    ]
    assert by_name == ([{**row, "exchange": exchange} for row, exchange in zip(expected, exchanges, strict=True)] if exchanges else expected)
    assert skipped == {}


def test_a_list_that_stays_the_same_is_the_state_of_each_month(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    for month in (8, 9):
        arrival = Arrival("sec_company_ticker", "exchange_json", "company_tickers_exchange.json", COMPANIES.encode(), datetime(2023, month, 15, tzinfo=UTC))
        landing.land([arrival], "replay")
    connection = connected()
    load_landed(connection, [FEEDS["sec_company_ticker"]], landing, "build")
    rows = connection.execute(
        "select observation_date::varchar, _available_at::varchar from raw.sec_company_ticker where ticker = 'META' order by 1"
    ).fetchall()
    assert rows == [("2023-08-01", "2023-08-15 00:00:00"), ("2023-09-01", "2023-09-15 00:00:00")]


def test_classes_of_funds_without_symbol_are_counted(tmp_path: Path) -> None:
    rows, skipped, columns = listed(tmp_path, "fund_json", FUND_CLASSES)
    assert columns == ("cik", "ticker", "series_id", "class_id", "observation_date", "published_at")
    assert rows == [("0000036405", "VOO", "S000002839", "C000092055", "2023-08-01", "2023-08-15 21:30:00")]
    assert skipped == {"without symbol": 1}


# --- leveraged funds --------------------------------------------------------------------------------------------------------

HISTORY = "Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),Shares Outstanding (000),Assets Under Management"


def test_leveraged_funds_are_read_with_and_without_assets(tmp_path: Path) -> None:
    """Titles and quotes drift; files of 2011 end with the shares."""
    new = f'{HISTORY}\r\n09/18/2023,"ProShares Ultra, S&P500",sso,55.6579,56.0278,-0.66021,-0.3699,"202,400.5",11265159071.3158\r\n'
    titles = '"Date","ProShare Name","Ticker","NAV","Prior NAV","NAV Change (%)","NAV Change ($)","Shares Outstanding (000)"'
    old = f"{titles}\n07/15/2011,Ultra,QLD,90,89,1.1,1,7500\n"
    found = loaded(tmp_path, "proshares_nav", ("nav_csv", "SSO-historical_nav.csv", new), ("nav_csv", "QLD.csv", old))
    rows = found.execute(
        "select ticker, observation_date::varchar, net_asset_value, shares_outstanding, assets, fund_name from raw.proshares_nav order by 1"
    ).fetchall()
    assert rows == [("QLD", "2011-07-15", 90, 7500, None, "Ultra"), ("SSO", "2023-09-18", 55.6579, 202400.5, 11265159071.3158, "ProShares Ultra, S&P500")]
    assert found.execute("select sum(rows_read), sum(rows_quarantined) from meta.file").fetchall() == [(2, 0)]


def test_a_split_rewrites_values_and_shares_but_not_assets(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    for day, line in ((14, "01/12/2022,Short,SQQQ,6.0,6.1,-1.6,-0.1,1000.0,6000000"), (19, "01/12/2022,Short,SQQQ,30.0,30.5,-1.6,-0.5,200.0,6000000")):
        landing.land(
            [Arrival("proshares_nav", "nav_csv", "SQQQ-historical_nav.csv", f"{HISTORY}\n{line}\n".encode(), datetime(2022, 1, day, tzinfo=UTC))], "replay"
        )
    connection = connected()
    load_landed(connection, [FEEDS["proshares_nav"]], landing, "build")
    rows = connection.execute("select net_asset_value, shares_outstanding, assets, _available_at::varchar from raw.proshares_nav order by 4").fetchall()
    assert rows == [(6, 1000, 6e6, "2022-01-13 13:00:00"), (30, 200, 6e6, "2022-01-19 00:00:00")]


def test_the_seed_has_the_funds_that_are_fetched() -> None:
    with (PROJECT / "seeds" / "staging" / "leveraged_fund.csv").open(encoding="utf-8", newline="") as file:
        assert {row["ticker"]: int(row["multiple"]) for row in csv.DictReader(file)} == FUNDS
    (declared,) = FEEDS["proshares_nav"].formats
    assert declared.requests
    asked = [request.url for request in declared.requests(FetchWindow(datetime(2023, 1, 1).date(), datetime(2023, 2, 1).date()))]
    assert asked == [f"https://accounts.profunds.com/etfdata/ByFund/{ticker}-historical_nav.csv" for ticker in FUNDS]


# --- the sample world -------------------------------------------------------------------------------------------------------

SAMPLED = ("sec_nport", "sec_fails_to_deliver", "sec_company_ticker", "proshares_nav")


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    landing = Landing(tmp_path_factory.mktemp("sampled") / "landing")
    rendered = render(END, feeds=SAMPLED)
    landing.land([Arrival(file.feed, file.format, file.name, file.content, file.edition_at) for file in rendered], "sample")
    connection = connected()
    load_landed(connection, [FEEDS[feed] for feed in SAMPLED], landing, "build")
    return connection


def test_sample_files_load_whole(sampled: duckdb.DuckDBPyConnection) -> None:
    counts = sampled.execute("select feed, sum(rows_loaded), sum(rows_quarantined), count(*) filter (status <> 'loaded') from meta.file group by 1").fetchall()
    loaded_rows = {feed: rows for feed, rows, quarantined, unread in counts if quarantined == 0 and unread == 0}
    assert loaded_rows.keys() == set(SAMPLED)
    assert 300 < loaded_rows["sec_nport"] < 600
    assert 3_000 < loaded_rows["sec_fails_to_deliver"] < 5_000
    assert 1_000 < loaded_rows["sec_company_ticker"] < 5_000
    assert 20_000 < loaded_rows["proshares_nav"] < 25_000


def test_every_cusip_has_its_check_digit() -> None:
    assert [security.cusip for security in SECURITIES if security.cusip[8] != check_digit(security.cusip)] == []
    assert len({security.cusip for security in SECURITIES}) == len(SECURITIES)


def test_meta_changes_hands_in_the_sample(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        "select cusip, symbol, min(observation_date) < '2022-02-15', max(observation_date) < '2022-06-09' from raw.sec_fails_to_deliver "
        "where cusip in ('30303M102', '53656F417') group by 1, 2 order by 1, 2"
    ).fetchall()
    assert rows == [("30303M102", "FB", True, True), ("30303M102", "META", False, False), ("53656F417", "META", True, True), ("53656F417", "METV", True, False)]
    listed_as = sampled.execute(
        "select observation_date >= '2022-07-01', any_value(cik), count(distinct cik) from raw.sec_company_ticker where ticker = 'META' group by 1"
    ).fetchall()
    assert listed_as == [(True, "0001326801", 1)]


def test_the_amended_quarter_has_both_versions(sampled: duckdb.DuckDBPyConnection) -> None:
    ticker, month = AMENDED
    (security,) = [each for each in SECURITIES if each.ticker == ticker]
    rows = sampled.execute(
        "select observation_date, sales, filing_date, _available_at from raw.sec_nport where series_id = ? and report_date = last_day(?::date) order by 1, 4",
        [series_of(security), f"{month}-01"],
    ).fetchall()
    assert len(rows) == 6
    for first, amended in zip(rows[::2], rows[1::2], strict=True):
        assert first[0] == amended[0]
        assert first[1] == pytest.approx(1.1 * amended[1])
        assert (amended[2] - first[2]).days == 120
        # the end of the filing's day in New York, in summer
        assert amended[3] == datetime(amended[2].year, amended[2].month, amended[2].day, 4) + timedelta(days=1)


def test_flows_of_the_filings_are_those_of_the_share_counts(sampled: duckdb.DuckDBPyConnection) -> None:
    fund = world().funds["SPY"]
    in_month = fund.days.astype("datetime64[M]") == np.datetime64("2023-06", "M")
    flow = (np.diff(fund.shares, prepend=fund.shares[0]) * fund.net_asset_value)[in_month].sum()
    # SPY has no series; the sector funds' negative redemptions have lost their sign
    rows = sampled.execute("select sales - redemption from raw.sec_nport where series_id like 'CIK0000884394/%' and observation_date = '2023-06-30'").fetchall()
    assert rows == [(pytest.approx(flow, abs=1.0),)]
    assert sampled.execute("select min(redemption) > 1e6, count(distinct series_id) from raw.sec_nport").fetchall() == [(True, 10)]


def test_the_bull_funds_lose_their_share_in_the_retreat(sampled: duckdb.DuckDBPyConnection) -> None:
    share = """
        select sum(assets) filter (where multiple > 0) / sum(assets)
        from raw.proshares_nav inner join fund using (ticker) where observation_date between ? and ?
    """
    sampled.execute(f"create or replace temp table fund as select * from (values {', '.join(str(each) for each in FUNDS.items())}) as fund (ticker, multiple)")
    before, after = (
        sampled.execute(share, [f"{start}", f"{end}"]).fetchall()[0][0] for start, end in (("2023-01-03", "2023-06-30"), ("2023-10-01", "2023-12-29"))
    )
    assert before - after > 0.03
    days, bull = bull_share(world())
    on = np.searchsorted(days, np.datetime64("2023-03-15"))
    assert sampled.execute(share, ["2023-03-15", "2023-03-15"]).fetchall() == [(pytest.approx(bull[on]),)]
    # without a retreat the share of the same world is higher, by its full strength
    _, calm = bull_share(world(strength=0))
    end = np.searchsorted(days, np.datetime64("2023-12-29"))
    assert np.log(calm[end] / (1 - calm[end])) - np.log(bull[end] / (1 - bull[end])) == pytest.approx(0.22 * 1.25)


def test_leveraged_funds_move_by_their_multiple_of_the_index(sampled: duckdb.DuckDBPyConnection) -> None:
    index = world().prices["^NDX"]
    on = np.searchsorted(index.days, np.datetime64("2022-06-13"))
    move = index.bars["close"][on] / index.bars["close"][on - 1] - 1
    rows = sampled.execute("select ticker, net_asset_value / prior_net_asset_value - 1 from raw.proshares_nav where observation_date = '2022-06-13'").fetchall()
    returns = dict(rows)
    assert (returns["TQQQ"], returns["SQQQ"]) == (pytest.approx(3 * move, abs=2e-4), pytest.approx(-3 * move, abs=2e-4))
