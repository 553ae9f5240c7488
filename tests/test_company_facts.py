"""Companies and managers at the SEC: reported facts, lists of filings, names; their formats, their traps, and the way from the live service.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_store import RawStore

from expectations.check import BuildUnderCheck
from expectations.raw import feed_suite
from ingest import sample
from ingest.feed import FetchWindow, UnreadableFile
from ingest.feeds import FEEDS
from ingest.feeds.sec import seed
from ingest.feeds.sec.company import Filing, filings, older_files
from ingest.load import create_tables
from ingest.sample import SampleFile, dates
from ingest.sample import company as sample_company
from ingest.sample.filing import AMENDMENTS, DEADLINE_DAYS, accession, filed_on, quarters
from ingest.sample.world import world
from warehouse.dbt import run_dbt

WINDOW = FetchWindow(date(2021, 1, 1), date(2026, 9, 30))
EARLIER = datetime(2021, 6, 30, 23, 59, 59, tzinfo=UTC)
CASH_FLOW = "NetCashProvidedByUsedInOperatingActivities"


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path)


# --- company facts ------------------------------------------------------------------------------------------------------


def fact(value: float, end: str, accn: str, filed: str, start: str | None = None, **more: object) -> dict[str, object]:
    period = {"start": start} if start else {}
    return period | {"end": end, "val": value, "accn": accn, "fy": 2023, "fp": "Q1", "form": "10-Q", "filed": filed} | more


def company(facts: dict[str, dict[str, dict[str, list[dict[str, object]]]]], cik: object = 1318605) -> bytes:
    taxonomies = {taxonomy: {tag: {"label": tag, "description": None, "units": units} for tag, units in tags.items()} for taxonomy, tags in facts.items()}
    return json.dumps({"cik": cik, "entityName": "Example, Inc.", "facts": taxonomies}).encode()


QUARTER = fact(10, "2023-03-31", "A-1", "2023-05-02", "2023-01-01")
FACTS = {
    "us-gaap": {
        CASH_FLOW: {
            "USD": [
                QUARTER,
                # the same figure again a year later, then amended
                fact(10, "2023-03-31", "B-1", "2024-01-30", "2023-01-01", fy=2024, frame="CY2023Q1"),
                fact(9.5, "2023-03-31", "B-2", "2024-03-08", "2023-01-01", fy=None, form="10-K/A"),
            ],
            "EUR": [fact(8, "2023-03-31", "A-1", "2023-05-02", "2023-01-01")],
        },
        "Assets": {"USD": [fact(500, "2023-03-31", "A-1", "2023-05-02")]},
        "Goodwill": {"USD": [fact(5, "2023-03-31", "A-1", "2023-05-02"), fact(5, "2023-03-31", "B-1", "2024-01-30")]},
    },
    "dei": {"EntityCommonStockSharesOutstanding": {"shares": [fact(300, "2023-04-25", "A-1", "2023-05-02")]}},
    "srt": {"Whatever": {"pure": [fact(1, "2023-03-31", "A-1", "2023-05-02")]}},
}


def test_every_filing_of_a_figure_is_a_row_known_when_it_was_filed(store: RawStore) -> None:
    """In summer a New York day ends at 4:00 UTC, in winter at 5:00. Other tags are counted, other units kept."""
    file = store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", company(FACTS))
    assert (file["status"], file["rows_read"], file["rows_loaded"], file["skipped"]) == ("loaded", 6, 6, {"other tag": 3})
    rows = store.rows(
        """
        select cik, tag, unit, period_start::varchar, observation_date::varchar, duration_days, value, accession_number, fiscal_year, form,
               _available_at::varchar, _available_at_source
        from raw.sec_companyfacts order by tag, unit, accession_number
        """
    )
    tesla = "0001318605"
    assert rows == [
        (tesla, "Assets", "USD", None, "2023-03-31", 0, 500, "A-1", 2023, "10-Q", "2023-05-03 04:00:00", "provider"),
        (tesla, "EntityCommonStockSharesOutstanding", "shares", None, "2023-04-25", 0, 300, "A-1", 2023, "10-Q", "2023-05-03 04:00:00", "provider"),
        (tesla, CASH_FLOW, "EUR", "2023-01-01", "2023-03-31", 90, 8, "A-1", 2023, "10-Q", "2023-05-03 04:00:00", "provider"),
        (tesla, CASH_FLOW, "USD", "2023-01-01", "2023-03-31", 90, 10, "A-1", 2023, "10-Q", "2023-05-03 04:00:00", "provider"),
        (tesla, CASH_FLOW, "USD", "2023-01-01", "2023-03-31", 90, 10, "B-1", 2024, "10-Q", "2024-01-31 05:00:00", "provider"),
        (tesla, CASH_FLOW, "USD", "2023-01-01", "2023-03-31", 90, 9.5, "B-2", None, "10-K/A", "2024-03-09 05:00:00", "provider"),
    ]


def test_a_fact_that_a_filing_holds_twice_is_one_row_and_two_values_are_a_conflict(store: RawStore) -> None:
    framed = QUARTER | {"frame": "CY2023Q1"}
    file = store.take("sec_companyfacts", "companyfacts_one.json", company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER, framed]}}}))
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (1, 0, {"repeated in the filing": 1})
    file = store.take(
        "sec_companyfacts", "companyfacts_two.json", company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER, QUARTER | {"val": 11}]}}}, cik="0000000002")
    )
    assert (file["rows_loaded"], file["rows_quarantined"]) == (0, 2)
    assert store.reasons() == ["the key stands more than once with different values"] * 2


def test_a_frame_that_moves_to_another_filing_is_no_revision(store: RawStore) -> None:
    later = fact(10, "2023-03-31", "B-1", "2024-04-30", "2023-01-01", frame="CY2023Q1")
    first = company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER | {"frame": "CY2023Q1"}]}}})
    second = company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER, later]}}})
    store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", first, edition_at=datetime(2023, 6, 1, tzinfo=UTC))
    file = store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", second, edition_at=datetime(2024, 6, 1, tzinfo=UTC))
    assert (file["rows_loaded"], file["rows_unchanged"]) == (1, 1)


def test_impossible_periods_are_quarantined(store: RawStore) -> None:
    backwards = fact(1, "2023-03-31", "A-1", "2023-05-02", "2023-04-30")
    ahead = fact(1, "2103-03-31", "A-1", "2023-05-02", "2023-01-01")
    file = store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER, backwards, ahead]}}}))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 2)
    backward, future = store.reasons()
    assert "is below 0" in backward
    assert "lies after" in future


def test_a_byte_order_mark_a_cik_as_text_and_a_label_of_any_length_change_nothing(store: RawStore) -> None:
    content = b"\xef\xbb\xbf" + company({"us-gaap": {CASH_FLOW: {"USD": [QUARTER]}}}, cik="0001318605").replace(b'"label": "Net', b'"label": "' + b"x" * 9000)
    assert store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", content)["rows_loaded"] == 1
    assert store.rows("select cik from raw.sec_companyfacts") == [("0001318605",)]


def test_members_of_the_bulk_archive_are_companies(store: RawStore) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(1, 12):
            archive.writestr(f"CIK{number:010d}.json", company(FACTS, cik=number))
        archive.writestr("README.txt", "nothing")
    file = store.take("sec_companyfacts", "companyfacts.zip", packed.getvalue())
    assert (file["format"], file["rows_loaded"], file["rows_quarantined"]) == ("bulk_zip", 66, 0)
    assert file["skipped"] == {"other tag": 33, "other member": 1}
    assert store.rows("select count(distinct cik), count(distinct _row_number) from raw.sec_companyfacts") == [(11, 66)]


@pytest.mark.parametrize("content", [b"<html><body>Request Rate Threshold Exceeded</body></html>", company(FACTS)[:-40]], ids=["error page", "cut off"])
def test_what_is_no_whole_answer_is_quarantined(store: RawStore, content: bytes) -> None:
    file = store.take("sec_companyfacts", "companyfacts_CIK0001318605.json", content)
    assert file["status"] == "quarantined"
    assert "fetch it again" in file["message"]


def test_every_company_of_interest_is_asked_for() -> None:
    declared = FEEDS["sec_companyfacts"].format("company_json")
    assert declared.requests
    asked = [request.url for request in declared.requests(WINDOW)]
    assert asked[0] == "https://data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json"
    assert len(asked) == len(set(asked)) == len(seed.companies()) >= 20


# --- lists of filings -----------------------------------------------------------------------------------------------------


def columns(*rows: tuple[str, str, str, str]) -> dict[str, list[object]]:
    """Arrays of a list of filings: accession number, form, day, period."""
    names = ("accessionNumber", "form", "filingDate", "reportDate")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)} | {
        "acceptanceDateTime": [f"{row[2]}T22:00:00.000Z" for row in rows],
        "primaryDocument": ["primary_doc.xml" for _ in rows],
        "size": [100 for _ in rows],
    }


def filer(recent: dict[str, list[object]], files: list[dict[str, object]] | None = None, **more: object) -> dict[str, Any]:
    described = {"cik": "0000938076", "entityType": "other", "sic": "", "sicDescription": "", "name": "Example Board", "tickers": [], "exchanges": []}
    return described | {"fiscalYearEnd": "0630", "formerNames": []} | more | {"filings": {"recent": recent, "files": files or []}}


RECENT = columns(("X-3", "4", "2026-09-01", ""), ("X-2", "13F-HR", "2026-08-12", "2026-06-30"), ("X-1", "13F-HR/A", "2026-01-05", "2025-09-30"))


def test_a_filing_is_known_at_the_end_of_its_day_in_new_york(store: RawStore) -> None:
    """Blank periods are null. The time of acceptance, in one zone or another, plays no part."""
    file = store.take("sec_filing_index", "submissions_CIK0000938076.json", json.dumps(filer(RECENT)))
    assert (file["rows_read"], file["rows_loaded"]) == (3, 3)
    rows = store.rows("select cik, accession_number, form, report_date::varchar, size_bytes, _available_at::varchar from raw.sec_filing_index order by 2")
    assert rows == [
        ("0000938076", "X-1", "13F-HR/A", "2025-09-30", 100, "2026-01-06 05:00:00"),
        ("0000938076", "X-2", "13F-HR", "2026-06-30", 100, "2026-08-13 04:00:00"),
        ("0000938076", "X-3", "4", None, 100, "2026-09-02 04:00:00"),
    ]


def test_older_filings_are_bare_arrays_whose_filer_is_in_the_name(store: RawStore) -> None:
    file = store.take("sec_filing_index", "CIK0000938076-submissions-001.json", json.dumps(columns(("X-0", "13F-HR", "2014-05-15", "2014-03-31"))))
    assert (file["format"], file["rows_loaded"]) == ("older_filings_json", 1)
    assert store.rows("select cik, accession_number from raw.sec_filing_index") == [("0000938076", "X-0")]
    file = store.take("sec_filing_index", "older.json", json.dumps(RECENT), format="older_filings_json")
    assert file["status"] == "quarantined"
    assert "name it CIK<ten digits>" in file["message"]


def test_columns_of_different_length_cannot_be_told_apart(store: RawStore) -> None:
    file = store.take("sec_filing_index", "submissions_CIK0000938076.json", json.dumps(filer(RECENT | {"form": ["4"]})))
    assert file["status"] == "quarantined"
    assert "form 1" in file["message"]


def test_filings_of_either_kind_are_found_in_bytes() -> None:
    expected = Filing("X-2", "13F-HR", date(2026, 8, 12), date(2026, 6, 30), "primary_doc.xml", 100)
    assert filings(json.dumps(filer(RECENT)).encode())[1] == expected
    assert filings(b"\xef\xbb\xbf" + json.dumps(RECENT).encode())[1] == expected
    assert filings(json.dumps(RECENT).encode())[0].report_date is None
    for wrong in (b"<html>", b"{}", b"[]", json.dumps(RECENT | {"size": []}).encode()):
        with pytest.raises(UnreadableFile, match="fetch it again"):
            filings(wrong)


def test_managers_and_companies_are_asked_for_and_lead_to_their_older_filings() -> None:
    declared = FEEDS["sec_filing_index"].format("submissions_json")
    assert declared.requests
    asked = list(declared.requests(WINDOW))
    assert {request.url for request in asked} == {f"https://data.sec.gov/submissions/CIK{cik}.json" for cik in {*seed.managers(), *seed.companies()}}
    listed = [
        {"name": "CIK0000938076-submissions-001.json", "filingCount": 9, "filingFrom": "2015-01-01", "filingTo": "2022-02-01"},
        {"name": "CIK0000938076-submissions-002.json", "filingCount": 9, "filingFrom": "1999-01-01", "filingTo": "2014-12-31"},
    ]
    answer = json.dumps(filer(RECENT, listed)).encode()
    assert older_files(answer, date(2010, 1, 1)) == [str(each["name"]) for each in listed]
    following = asked[0].following
    assert following
    (older,) = following(answer)
    # filings before the window are not asked for
    assert older.url == "https://data.sec.gov/submissions/CIK0000938076-submissions-001.json"
    assert not older.immutable
    with pytest.raises(UnreadableFile):
        list(following(b"<html>"))


def take_filer(store: RawStore, name: str, content: bytes | str, edition_at: datetime | None = None) -> dict[str, Any]:
    """Land a list of filings and load the filer in it; returns its row of `meta.file`."""
    store.land("sec_filing_index", name, content, edition_at=edition_at)
    store.load("sec_submission")
    ((newest,),) = store.rows("select file_id from meta.file where feed = 'sec_submission' order by edition_at desc, loaded_at desc limit 1")
    return store.file(newest)


def test_a_filer_is_described_as_of_its_newest_report_and_known_when_fetched(store: RawStore) -> None:
    former = [{"name": "OLD BOARD", "from": "2001-01-01T00:00:00.000Z", "to": "2010-01-01T00:00:00.000Z"}]
    body = filer(RECENT, formerNames=former, tickers=["EX", "EX-B"], cik="938076")
    file = take_filer(store, "submissions_CIK0000938076.json", json.dumps(body), datetime(2026, 9, 20, 12, tzinfo=UTC))
    assert file["rows_loaded"] == 1
    rows = store.rows(
        "select cik, observation_date::varchar, entity_name, tickers, former_names, fiscal_year_end, sic, _available_at::varchar from raw.sec_submission"
    )
    assert rows == [("0000938076", "2026-08-12", "Example Board", "EX|EX-B", "OLD BOARD", "0630", None, "2026-09-20 12:00:00")]
    # another form 4 says nothing about the filer; another name does
    more = columns(("X-4", "4", "2026-09-21", ""), ("X-2", "13F-HR", "2026-08-12", "2026-06-30"))
    again = body | {"filings": {"recent": more, "files": []}}
    assert take_filer(store, "submissions_CIK0000938076.json", json.dumps(again), datetime(2026, 9, 22, tzinfo=UTC))["rows_unchanged"] == 1
    renamed = again | {"name": "New Board"}
    take_filer(store, "submissions_CIK0000938076.json", json.dumps(renamed), datetime(2026, 9, 23, tzinfo=UTC))
    assert store.rows("select entity_name, _available_at::varchar from raw.sec_submission order by 2")[1] == ("New Board", "2026-09-23 00:00:00")


def test_a_file_of_older_filings_says_nothing_of_the_filer_and_is_no_fault(store: RawStore) -> None:
    take_filer(store, "submissions_CIK0000938076.json", json.dumps(filer(RECENT)), datetime(2026, 9, 20, tzinfo=UTC))
    older = json.dumps(columns(("X-0", "13F-HR", "2014-05-15", "2014-03-31")))
    file = take_filer(store, "CIK0000938076-submissions-001.json", older, datetime(2026, 9, 20, 1, tzinfo=UTC))
    assert (file["status"], file["rows_read"]) == ("loaded", 0)
    assert store.load("sec_filing_index").rows_loaded == 4
    assert store.rows("select count(*) from raw.sec_submission") == [(1,)]


# --- names --------------------------------------------------------------------------------------------------------------


def misnamed(named: dict[str, str], former: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    """What the raw gate says when the SEC gives these names."""
    connection = duckdb.connect()
    connection.execute("create schema raw; create schema meta")
    create_tables(connection, [FEEDS["sec_submission"]])
    for cik, name in named.items():
        connection.execute(
            "insert into raw.sec_submission by name select ? as cik, ? as entity_name, ? as former_names, date '2026-08-12' as observation_date, "
            "1 as _file_id, timestamp '2026-08-13' as _available_at",
            [cik, name, (former or {}).get(cik)],
        )
    build = BuildUnderCheck("b", "sample", datetime(2026, 9, 30), {"sec_submission": "landed"}, {("raw", "sec_submission"): ("cik",)})
    check = feed_suite(build, FEEDS["sec_submission"]).check("filers_named_as_expected")
    assert check.severity == "critical"
    assert check.unexpected_rows
    return connection.execute(check.unexpected_rows.format(batch="raw.sec_submission")).fetchall()


def test_names_as_in_the_seeds_pass_in_any_spelling() -> None:
    assert misnamed(seed.companies() | seed.managers()) == []
    assert (
        misnamed({"0001009207": "D. E. Shaw & Co., Inc. /NY/", "0001423053": "Citadel Advisors L.L.C.", "0000898286": "CAISSE DE DÉPÔT ET PLACEMENT DU QUÉBEC"})
        == []
    )
    assert misnamed({"0001318605": "Giga Motors Inc"}, {"0001318605": "TESLA MOTORS INC|TESLA, INC."}) == []
    # CIKs that no seed lists are not judged
    assert misnamed({"0000000001": "Anyone"}) == []


def test_a_wrong_cik_stops_the_build_and_is_named() -> None:
    """The number that circulates for the Florida board is another firm's; a name that only begins alike does not pass."""
    ((cik, expected, found, *_),) = misnamed({"0000938076": "MATRIX ASSET ADVISORS INC/NY", "0001374170": "NORGES BANK"})
    assert (cik, expected, found) == ("0000938076", "STATE BOARD OF ADMINISTRATION OF FLORIDA RETIREMENT SYSTEM", "MATRIX ASSET ADVISORS INC/NY")
    assert [row[0] for row in misnamed({"0001318605": "Tesla Exploration Ltd"})] == ["0001318605"]


# --- seeds --------------------------------------------------------------------------------------------------------------


def test_ciks_have_ten_digits_and_say_what_they_rest_on() -> None:
    for name in ("manager", "company_of_interest", "filer_group"):
        with (seed.SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert rows
        for row in rows:
            assert re.fullmatch(r"\d{10}", row["cik"]), (name, row)
            assert row["source"].strip(), (name, row)
    assert "0001016287" not in seed.managers()  # Matrix Asset Advisors
    groups = {row["cik"] for row in seed.rows("filer_group")}
    assert {cik for cik, name in seed.managers().items() if re.search("VANGUARD|BLACKROCK", name.upper())} <= groups


def test_tags_cover_what_free_cash_flow_debt_and_shares_fall_back_to() -> None:
    tags = {tag for _, tag in seed.tags()}
    assert {CASH_FLOW, f"{CASH_FLOW}ContinuingOperations", "PaymentsToAcquirePropertyPlantAndEquipment", "PaymentsToAcquireProductiveAssets"} <= tags
    assert {"InterestPaidNet", "InterestExpense", "LongTermDebtCurrent", "LongTermDebtNoncurrent", "LongTermDebt", "ShortTermBorrowings"} <= tags
    assert {"EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding", "WeightedAverageNumberOfDilutedSharesOutstanding"} <= tags
    measures = {(row["concept"], row["measure"]) for row in seed.rows("fact_tag")}
    assert {measure for _, measure in measures} == {"flow", "stock", "average"}
    units = {(row["concept"], row["unit"]) for row in seed.rows("fact_tag")}
    assert len(units) == len({concept for concept, _ in units})


# --- sample world -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled() -> list[SampleFile]:
    return list(sample.render(sample.END, feeds=["sec_companyfacts", "sec_submission"]))


@pytest.fixture(scope="module")
def loaded(sampled: list[SampleFile], tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    store = RawStore(tmp_path_factory.mktemp("loaded"))
    for file in sampled:
        store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    store.load("sec_companyfacts", "sec_filing_index", "sec_submission")
    return store


def test_sample_files_load_whole(loaded: RawStore, sampled: list[SampleFile]) -> None:
    found = loaded.rows("select feed, count(*), sum(rows_loaded), sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1")
    loads = {feed: (rows, lost, bad) for feed, _, rows, lost, bad in found}
    assert {feed: each[1:] for feed, each in loads.items()} == dict.fromkeys(("sec_companyfacts", "sec_filing_index", "sec_submission"), (0, 0))
    assert 15_000 < loads["sec_companyfacts"][0] < 22_000
    assert {file.name for file in sampled if file.feed == "sec_companyfacts"} == {f"companyfacts_CIK{cik}.json" for cik in seed.companies()}
    assert loaded.rows("select sum(skipped['other tag']) > 100 from meta.file where feed = 'sec_companyfacts'") == [(True,)]


def test_names_of_the_sample_pass_the_gate(loaded: RawStore) -> None:
    names = dict(loaded.rows("select cik, entity_name from raw.sec_submission"))
    assert len(names) > 45
    assert misnamed(names) == []


def test_tesla_is_worth_what_its_price_and_shares_say(loaded: RawStore) -> None:
    """Shares on the cover jump by 5 and by 3 with the splits; older filings keep the old count. At the end about 3.2 billion at the world's price."""
    tesla = sample_company.ticker_of()["TSLA"]
    rows = loaded.rows(
        f"select filed::varchar, value from raw.sec_companyfacts where cik = '{tesla}' and tag = 'EntityCommonStockSharesOutstanding' order by filed"
    )
    jumps = {later[0]: later[1] / earlier[1] for earlier, later in pairwise(rows) if later[1] > 2 * earlier[1]}
    assert {day[:7]: round(jump) for day, jump in jumps.items()} == {"2020-11": 5, "2022-11": 3}
    price = world().prices["TSLA"].bars["close"][-1]
    assert 6e11 < rows[-1][1] * price < 1e12


def test_traps_of_real_companies_are_in_the_sample(loaded: RawStore) -> None:
    cik = sample_company.ticker_of()
    tags = loaded.rows(
        f"""
        select tag, year(max(filed)) from raw.sec_companyfacts
        where cik = '{cik["NVDA"]}' and tag like 'PaymentsTo%' group by 1 order by min(filed)
        """
    )
    assert tags == [("PaymentsToAcquirePropertyPlantAndEquipment", 2020), ("PaymentsToAcquireProductiveAssets", 2023)]
    share_tags = {
        ticker: {tag for (tag,) in loaded.rows(f"select distinct tag from raw.sec_companyfacts where cik = '{cik[ticker]}' and tag like '%SharesOutstanding'")}
        for ticker in ("GOOGL", "BRK.B", "TSLA")
    }
    weighted = "WeightedAverageNumberOfDilutedSharesOutstanding"
    assert share_tags == {"GOOGL": {"CommonStockSharesOutstanding", weighted}, "BRK.B": {weighted}, "TSLA": {"EntityCommonStockSharesOutstanding", weighted}}
    restated = loaded.rows(
        f"""
        select form, filed - observation_date as days, value from raw.sec_companyfacts
        where cik = '{cik["GME"]}' and tag = '{CASH_FLOW}' and observation_date = '2019-01-31' order by filed
        """
    )
    assert [form for form, *_ in restated] == ["10-K", "10-K/A", "10-K"]
    assert restated[0][2] > restated[1][2] == restated[2][2]
    losses = loaded.rows(
        f"select count(*) from raw.sec_companyfacts where cik = '{cik['GME']}' and tag = 'NetIncomeLoss' and value < 0 and observation_date > '2021-01-01'"
    )
    assert losses[0][0] > 10
    durations = loaded.rows(
        f"select distinct round(duration_days / 91.3) from raw.sec_companyfacts where cik = '{cik['TSLA']}' and tag = '{CASH_FLOW}' order by 1"
    )
    assert durations == [(1,), (2,), (3,), (4,)]


def test_companies_of_the_sample_can_pay_their_debt_their_interest_or_neither(loaded: RawStore) -> None:
    """Cash flow of fiscal 2022 before interest, against the interest and the debt that was due a year before."""
    flows = loaded.rows(
        f"""
        select cik, sum(value) filter (where tag = '{CASH_FLOW}'), sum(value) filter (where tag = 'InterestPaidNet'),
               (select any_value(due.value) from raw.sec_companyfacts as due
                where due.cik = flow.cik and due.tag = 'LongTermDebtCurrent' and year(due.observation_date) = 2021 and month(due.observation_date) = 12)
        from raw.sec_companyfacts as flow
        where observation_date = '2022-12-31' and duration_days = 365 and form = '10-K' and year(filed) = 2023
        group by cik
        """
    )
    ticker = {cik: name for name, cik in sample_company.ticker_of().items()}
    kinds = {}
    for cik, cash, interest, due in flows:
        before_interest = cash + interest
        kinds[ticker[cik]] = "unknown" if due is None else "hedge" if before_interest >= interest + due else "speculative" if cash >= 0 else "ponzi"
    assert {kinds[name] for name in ("AMZN", "GOOGL", "TSLA", "JNJ")} == {"hedge"}
    assert (kinds["NEE"], kinds["BA"], kinds["JPM"]) == ("speculative", "ponzi", "unknown")


def test_managers_file_in_time_under_numbers_of_their_own(loaded: RawStore) -> None:
    seen = set()
    for cik in seed.managers():
        for end in quarters(cik):
            for amendment in (0, 1):
                seen.add(accession(cik, end, amendment))
            due = end + timedelta(days=DEADLINE_DAYS)
            while due.weekday() > 4 or str(due) in dates.federal_holidays().astype(str):
                due += timedelta(days=1)
            assert end + timedelta(days=35) <= filed_on(cik, end) <= due
            assert filed_on(cik, end, 1) >= filed_on(cik, end) + timedelta(days=30)
    assert len(seen) == 2 * sum(len(quarters(cik)) for cik in seed.managers())
    # filers that follow or have been followed by another of their house
    assert quarters("0002012383") == quarters("0002100119") == []
    assert quarters("0001364742")[-1] == quarters("0001350694")[-1] == date(2023, 12, 31)
    listed = set(loaded.rows("select cik, accession_number, form, filing_date, report_date from raw.sec_filing_index where form like '13F%'"))
    expected = {(cik, accession(cik, end), "13F-HR", filed_on(cik, end), end) for cik in seed.managers() for end in quarters(cik)}
    expected |= {(cik, accession(cik, end, 1), "13F-HR/A", filed_on(cik, end, 1), end) for cik, end, _ in AMENDMENTS}
    assert listed == {row for row in expected if row[3] <= date(2023, 12, 29)}


# --- fundamentals --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fundamentals(loaded: RawStore, tmp_path_factory: pytest.TempPathFactory) -> Callable[[datetime], duckdb.DuckDBPyConnection]:
    """The table of fundamentals built from the sample as of a moment."""
    folder = tmp_path_factory.mktemp("fundamentals")
    warehouse = folder / "warehouse.duckdb"
    facts = loaded.connection.execute("select * from raw.sec_companyfacts").arrow()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema raw; create schema meta")
        create_tables(connection, tuple(FEEDS.values()))
        connection.register("facts", facts)
        connection.execute("insert into raw.sec_companyfacts by name select * from facts")

    def build(as_of: datetime) -> duckdb.DuckDBPyConnection:
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(f"create or replace table meta.build_in_progress as select timestamp '{as_of:%Y-%m-%d %H:%M:%S}' as as_of")
        models = ["fact_tag", "stg_sec__company_fact", "int_company_fundamental"]
        run_dbt(["build", "--select", *models, "--exclude-resource-type", "unit_test"], warehouse=warehouse, mart=folder / "mart.duckdb")
        connection = duckdb.connect()
        connection.execute(f"attach '{warehouse}' as built (read_only); create table fundamental as from built.intermediate.int_company_fundamental")
        connection.execute("detach built")
        return connection

    return build


def test_quarters_of_cash_flow_come_out_as_they_went_in_and_no_version_knows_later_ones(
    fundamentals: Callable[[datetime], duckdb.DuckDBPyConnection],
) -> None:
    later = fundamentals(sample.END)
    tesla = sample_company.ticker_of()["TSLA"]
    reported = {
        (start, end): value for report in sample_company.reports(sample.SEED)[tesla] for _, tag, _, start, end, value in report.facts if tag == CASH_FLOW
    }
    quarter_values = later.execute(
        f"""
        select period_start::varchar, observation_date::varchar, arg_max(value, available_at)
        from fundamental where cik = '{tesla}' and concept = 'operating_cash_flow' and quarters = 1 group by 1, 2
        """
    ).fetchall()
    # from the last quarter of 2009, a comparative figure of the first annual report
    assert len(quarter_values) == 56
    for start, end, value in quarter_values:
        year = f"{end[:4]}-01-01"
        before = f"{date.fromisoformat(start) - timedelta(days=1)}"
        assert value == pytest.approx(reported[year, end] - (reported[year, before] if start != year else 0)), (start, end)
    earlier = fundamentals(EARLIER)
    rows = earlier.execute("from fundamental order by all").fetchall()
    known = later.execute(f"from fundamental where available_at <= timestamp '{EARLIER:%Y-%m-%d %H:%M:%S}' order by all").fetchall()
    assert len(rows) > 5_000
    assert rows == known


# --- recorded answers -----------------------------------------------------------------------------------------------------


def test_recorded_company_facts_load_whole(store: RawStore, realdata: Path) -> None:
    path = realdata / "recorded/edgar/companyfacts_CIK0001045810_NVDA.json"
    file = store.take("sec_companyfacts", path.name, path.read_bytes())
    facts = json.loads(path.read_bytes())["facts"]
    wanted = set(seed.tags())
    counts = {True: 0, False: 0}
    for taxonomy, tags in facts.items():
        for tag, element in tags.items():
            counts[(taxonomy, tag) in wanted] += sum(map(len, element["units"].values()))
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (counts[True], 0, {"other tag": counts[False]})
    periods = store.rows(f"select count(*), count(distinct (period_start, observation_date)) from raw.sec_companyfacts where tag = '{CASH_FLOW}'")
    assert periods == [(159, 75)]
    assert store.rows("select count(*) from raw.sec_companyfacts where _available_at_source <> 'provider' or _available_at < observation_date") == [(0,)]


@pytest.mark.parametrize(
    ("name", "cik", "rows"),
    [
        ("submissions_CIK0001318605_TSLA.json", "0001318605", 1002),
        ("submissions_CIK0001318605-001_TSLA.json", "0001318605", 720),
        ("submissions_CIK0000320193_AAPL.json", "0000320193", 1005),
        ("submissions_CIK0001045810_NVDA.json", "0001045810", 1007),
    ],
)
def test_recorded_lists_of_filings_load_whole(store: RawStore, realdata: Path, name: str, cik: str, rows: int) -> None:
    content = (realdata / "recorded/edgar" / name).read_bytes()
    file = store.take("sec_filing_index", name, content)
    assert (file["rows_loaded"], file["rows_quarantined"]) == (rows, 0)
    assert store.rows("select distinct cik from raw.sec_filing_index") == [(cik,)]
    assert len(filings(content)) == rows
    if "-001" not in name:
        assert store.load("sec_submission").rows_loaded == 1
        assert misnamed(dict(store.rows("select cik, entity_name from raw.sec_submission"))) == []
