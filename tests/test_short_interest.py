"""Short interest, short-sale volume and off-exchange volume of FINRA: their formats, their traps, and the way from the live provider.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_store import RawStore

from ingest.feed import FetchWindow, LandedFile, Request
from ingest.feeds import FEEDS
from ingest.feeds.finra import PAGE_ROWS, SYMBOLS, half_months
from ingest.landing import Arrival
from ingest.sample import END, render
from ingest.sample.file import archive
from ingest.source import claims_of

NEW_FEEDS = ("finra_short_interest", "finra_short_volume", "finra_off_exchange")


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path, [FEEDS[name] for name in NEW_FEEDS])


def asked(feed: str, format_name: str, start: date, end: date) -> list[Request]:
    requests = FEEDS[feed].format(format_name).requests
    assert requests
    return list(requests(FetchWindow(start, end)))


def claimed(folder: Path, name: str, content: bytes | str) -> set[tuple[str, str]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {(claim.feed.name, claim.format.name) for claim in claims_of(path, name)}


# --- short interest -------------------------------------------------------------------------------------------------------

PIPE_HEADER = (
    "accountingYearMonthNumber|symbolCode|issueName|issuerServicesGroupExchangeCode|marketClassCode|currentShortPositionQuantity|"
    "previousShortPositionQuantity|stockSplitFlag|averageDailyVolumeQuantity|daysToCoverQuantity|revisionFlag|changePercent|changePreviousNumber|settlementDate"
)


def interest(symbol: str, day: str, now: int, before: int, **more: Any) -> dict[str, Any]:
    row = {
        "symbolCode": symbol, "issueName": f"{symbol} Inc.", "currentShortPositionQuantity": now, "previousShortPositionQuantity": before,
        "averageDailyVolumeQuantity": 400, "daysToCoverQuantity": now / 400, "changePreviousNumber": now - before, "settlementDate": day,
        "stockSplitFlag": None, "revisionFlag": None,
    }  # fmt: skip
    return row | more


def test_short_interest_of_the_query_api(store: RawStore, tmp_path: Path) -> None:
    rows = [interest("SPY", "2026-08-31", 1000, 900, revisionFlag="R"), interest("TRUE", "2026-08-31", 50, 50, daysToCoverQuantity=999.99, newField=1)]
    assert claimed(tmp_path, "answer.json", json.dumps(rows)) == {("finra_short_interest", "api_json")}
    file = store.take("finra_short_interest", "short_interest_2026-08-16_2026-08-31.json", json.dumps(rows))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (2, 0)
    found = store.rows("select symbol, current_short_position, change_from_previous, revision_flag, days_to_cover from raw.finra_short_interest order by 1")
    assert found == [("SPY", 1000, 100, "R", 2.5), ("TRUE", 50, 0, None, 999.99)]
    # the 8th business day after 31 August is 11 September, since 7 September is Labor Day
    assert store.rows("select distinct _available_at::varchar from raw.finra_short_interest") == [("2026-09-12 04:00:00",)]


def test_a_restated_position_is_a_new_version(store: RawStore) -> None:
    name = "short_interest_2026-08-16_2026-08-31.json"
    store.take("finra_short_interest", name, json.dumps([interest("SPY", "2026-08-31", 1000, 900)]), edition_at=datetime(2026, 9, 13, tzinfo=UTC))
    again = store.take("finra_short_interest", name, json.dumps([interest("SPY", "2026-08-31", 1010, 900)]), edition_at=datetime(2026, 9, 20, tzinfo=UTC))
    assert again["rows_loaded"] == 1
    found = store.rows("select current_short_position, _available_at_source from raw.finra_short_interest order by _available_at")
    assert found == [(1000, "lag"), (1010, "edition")]


def test_the_file_of_the_site_is_between_pipes_without_quotes(store: RawStore, tmp_path: Path) -> None:
    """A quote that opens a name is part of it; symbols that look like missing values are symbols; empty flags are null."""
    lines = [PIPE_HEADER, '20260831|NA|"Nano|A|NNM|10|4|S|5|2.00||150.00|6|2026-08-31', "20260831|SPY|SPDR Trust|E|ARCA|100|0||50|2.00|R|100.00|100|2026-08-31"]
    content = "\ufeff" + "\r\n".join(lines) + "\r\n\r\n"
    assert claimed(tmp_path, "shrt20260831.csv", content) == {("finra_short_interest", "pipe_csv")}
    file = store.take("finra_short_interest", "shrt20260831.csv", content)
    assert (file["format"], file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == ("pipe_csv", 2, 0, {"header": 1, "blank": 1})
    found = store.rows("select symbol, issue_name, current_short_position, stock_split_flag, revision_flag from raw.finra_short_interest order by 1")
    assert found == [("NA", '"Nano', 10, "S", None), ("SPY", "SPDR Trust", 100, None, "R")]


def test_the_api_answers_with_quoted_csv_unless_asked_for_json(store: RawStore, tmp_path: Path) -> None:
    content = (
        '"settlementDate","issueName","symbolCode","currentShortPositionQuantity","previousShortPositionQuantity"\n"2026-08-14","Bank, The","BNK","7","1"\n'
    )
    assert claimed(tmp_path, "answer.csv", content) == {("finra_short_interest", "api_csv")}
    file = store.take("finra_short_interest", "answer.csv", content)
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 0)
    assert store.rows("select issue_name, observation_date::varchar, change_from_previous from raw.finra_short_interest") == [("Bank, The", "2026-08-14", None)]


def test_negative_positions_and_days_to_come_are_quarantined(store: RawStore) -> None:
    rows = [interest("SPY", "2026-08-31", -1, 900), interest("QQQ", "2027-08-31", 5, 5), interest("IVV", "2026-08-31", 5, 5)]
    file = store.take("finra_short_interest", "short_interest.json", json.dumps(rows))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 2)
    assert "current_short_position: -1 is below 0" in store.reasons()[0]
    assert "2027-08-31 lies after" in store.reasons()[1]


def test_a_half_month_is_asked_for_once_it_can_be_published() -> None:
    assert list(half_months(date(2026, 1, 1), date(2026, 2, 20))) == [
        (date(2026, 1, 1), date(2026, 1, 15)), (date(2026, 1, 16), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 15)),
    ]  # fmt: skip
    requests = asked("finra_short_interest", "api_json", date(2026, 8, 20), date(2026, 9, 14))
    assert [request.file_name for request in requests] == [
        "short_interest_2026-07-01_2026-07-15.json", "short_interest_2026-07-16_2026-07-31.json",
        "short_interest_2026-08-01_2026-08-15.json", "short_interest_2026-08-16_2026-08-31.json",
    ]  # fmt: skip
    body = requests[-1].body
    assert body == {
        "limit": 5000,
        "offset": 0,
        "dateRangeFilters": [{"fieldName": "settlementDate", "startDate": "2026-08-16", "endDate": "2026-08-31"}],
        "domainFilters": [{"fieldName": "symbolCode", "values": list(SYMBOLS)}],
    }
    assert requests[-1].headers["Accept"] == "application/json"
    assert 204 in requests[-1].absent


def test_a_full_page_leads_to_the_next() -> None:
    first = asked("finra_short_interest", "api_json", date(2026, 8, 20), date(2026, 9, 14))[0]
    assert first.following
    (second,) = first.following(json.dumps([{}] * PAGE_ROWS).encode())
    assert second.body == {**(first.body or {}), "offset": PAGE_ROWS}
    assert second.file_name == "short_interest_2026-07-01_2026-07-15_from_5000.json"
    assert second.following
    (third,) = second.following(json.dumps([{}] * PAGE_ROWS).encode())
    assert third.body == {**(first.body or {}), "offset": 2 * PAGE_ROWS}
    for last in (json.dumps([{}] * (PAGE_ROWS - 1)).encode(), b"[]", b"<html>error</html>", b'{"statusCode": 400}'):
        assert not list(first.following(last))


# --- short-sale volume ----------------------------------------------------------------------------------------------------

VOLUME_HEADER = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
VOLUME = f"{VOLUME_HEADER}\r\n20260821|A|509.830081|0|997.860442|B,Q,N\r\n20260821|BRK/B|5|1|10|Q\r\n20260821|ABRpD|1|0|2|N\r\n3\r\n"


def test_volumes_have_fractions_and_the_last_line_counts_the_records(store: RawStore, tmp_path: Path) -> None:
    assert claimed(tmp_path, "CNMSshvol20260821.txt", VOLUME) == {("finra_short_volume", "daily_txt")}
    file = store.take("finra_short_volume", "CNMSshvol20260821.txt", VOLUME)
    assert (file["rows_read"], file["rows_loaded"], file["skipped"]) == (3, 3, {"header": 1, "trailer": 1})
    rows = store.rows(
        "select market_file, symbol, observation_date::varchar, short_volume, total_volume, market from raw.finra_short_volume order by _row_number"
    )
    assert rows == [
        ("CNMS", "A", "2026-08-21", 509.830081, 997.860442, "B,Q,N"), ("CNMS", "BRK/B", "2026-08-21", 5, 10, "Q"), ("CNMS", "ABRpD", "2026-08-21", 1, 2, "N"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (VOLUME.replace("\r\n3\r\n", "\r\n4\r\n"), "its last line counts 4 records, but it has 3"),
        (VOLUME[: VOLUME.index("|N\r\n3") - 4], "1 records end before their last column"),
        (VOLUME.replace("20260821|ABRpD|1|0|2|N\r\n", ""), "its last line counts 3 records, but it has 2"),
    ],
)
def test_a_file_that_was_cut_off_is_not_read(store: RawStore, content: str, reason: str) -> None:
    """It alone is quarantined, not the files it is read with."""
    store.land("finra_short_volume", "CNMSshvol20260820.txt", VOLUME.replace("20260821", "20260820"))
    bad = store.land("finra_short_volume", "CNMSshvol20260821.txt", content)
    store.land("finra_short_volume", "CNMSshvol20260819.txt", VOLUME.replace("20260821", "20260819"))
    store.load("finra_short_volume")
    assert bad
    file = store.file(bad.file_id)
    assert file["status"] == "quarantined"
    assert reason in file["message"]
    assert store.rows("select observation_date::varchar, count(*) from raw.finra_short_volume group by 1 order by 1") == [("2026-08-19", 3), ("2026-08-20", 3)]


def test_a_saved_excerpt_without_the_count_is_read(store: RawStore) -> None:
    file = store.take("finra_short_volume", "CNMSshvol20260821.txt", VOLUME.removesuffix("3\r\n"))
    assert (file["rows_loaded"], file["skipped"]) == (3, {"header": 1})


def test_a_line_with_too_many_columns_counts_as_a_record(store: RawStore) -> None:
    file = store.take("finra_short_volume", "CNMSshvol20260821.txt", VOLUME.replace("|5|1|10|Q", "|5|1|10|Q|surplus"))
    assert (file["status"], file["rows_read"], file["rows_loaded"], file["rows_quarantined"]) == ("loaded", 3, 2, 1)


def test_files_before_march_2011_have_no_exempt_volume(store: RawStore) -> None:
    old = "Date|Symbol|ShortVolume|TotalVolume|Market\n20110225|A|509|997|Q\n1\n"
    spaced = "Date|Symbol|Short Volume|Short Exempt Volume|Total Volume|Market\n20110301|A|5|1|9|Q\n1\n"
    store.take("finra_short_volume", "FNSQshvol20110225.txt", old)
    store.take("finra_short_volume", "FNSQshvol20110301.txt", spaced)
    rows = store.rows("select market_file, observation_date::varchar, short_volume, short_exempt_volume, total_volume from raw.finra_short_volume order by 2")
    assert rows == [("FNSQ", "2011-02-25", 509, None, 997), ("FNSQ", "2011-03-01", 5, 1, 9)]


def test_each_facility_has_its_own_file_and_a_zip_holds_many_days(store: RawStore) -> None:
    """Records of an archive are numbered on, whatever header its members have."""
    old = "Date|Symbol|ShortVolume|TotalVolume|Market\n20110225|A|509|997|Q\n1\n"
    members = [(f"FNYXshvol202608{day}.txt", VOLUME.replace("20260821", f"202608{day}").encode()) for day in (19, 20, 21)]
    landed = store.land("finra_short_volume", "volume.zip", archive([*members, ("FNRAshvol20110225.txt", old.encode()), ("readme.md", b"# hello")]))
    store.land("finra_short_volume", "CNMSshvol20260821.txt", VOLUME)
    store.load("finra_short_volume")
    assert landed
    file = store.file(landed.file_id)
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (10, 0, {"header": 4, "trailer": 4, "other member": 1})
    rows = store.rows("select market_file, count(*), count(distinct (_file_id, _row_number)) from raw.finra_short_volume group by 1 order by 1")
    assert rows == [("CNMS", 3, 3), ("FNRA", 1, 1), ("FNYX", 9, 9)]
    numbers = store.rows(f"select min(_row_number), count(distinct _row_number) from raw.finra_short_volume where _file_id = {landed.file_id}")
    assert numbers == [(1, 10)]


def test_a_day_without_short_sales_has_a_header_and_a_zero(tmp_path: Path) -> None:
    """The reader finds no record and does not complain; what becomes of such a file is the loader's affair."""
    feed = FEEDS["finra_short_volume"]
    path = tmp_path / "FORFshvol20260821.txt"
    path.write_text(f"{VOLUME_HEADER}\n0\n")
    connection = duckdb.connect()
    (records,) = feed.formats[0].reader(connection, feed, [LandedFile(1, path, path.name, "daily_txt", {"market_file": "FORF"})])
    assert connection.execute(f"select count(*) from ({records.sql})").fetchall() == [(0,)]
    assert records.skipped == {1: {"header": 1, "trailer": 1}}


def test_daily_files_are_asked_for_by_name_and_only_once() -> None:
    requests = asked("finra_short_volume", "daily_txt", date(2026, 8, 20), date(2026, 8, 24))
    assert [request.url.rsplit("/", 1)[1] for request in requests] == ["CNMSshvol20260820.txt", "CNMSshvol20260821.txt", "CNMSshvol20260824.txt"]
    assert all(request.immutable and 403 in request.absent for request in requests)
    assert asked("finra_short_volume", "daily_txt", date(2010, 1, 1), date(2018, 8, 1))[0].file_name == "CNMSshvol20180801.txt"


def test_a_saved_page_parses(realdata: Path, store: RawStore) -> None:
    text = (realdata / "recorded" / "quoted" / "finra" / "CNMSshvol20260821.quoted.txt").read_bytes()
    file = store.take("finra_short_volume", "CNMSshvol20260821.quoted.txt", text)
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 0)
    assert store.rows("select symbol, short_volume < total_volume from raw.finra_short_volume") == [("A", True)]


# --- off-exchange volume by week ------------------------------------------------------------------------------------------


def week(kind: str, symbol: str | None, shares: float, published: str | None, **more: Any) -> dict[str, Any]:
    row = {
        "summaryTypeCode": kind, "tierIdentifier": "T1" if symbol else "NA", "issueSymbolIdentifier": symbol, "MPID": None, "weekStartDate": "2026-08-03",
        "totalWeeklyShareQuantity": shares, "totalWeeklyTradeCount": 3, "totalNotionalSum": 10.5, "initialPublishedDate": published,
        "lastUpdateDate": published,
    }  # fmt: skip
    return row | more


def test_market_wide_rows_have_neither_symbol_nor_firm(store: RawStore, tmp_path: Path) -> None:
    rows = [
        week("ATS_W_SMBL", "ALL", 10.25, "2026-08-24"),
        week("ATS_W_SMBL_FIRM", "ALL", 4, "2026-08-24", MPID="UBSA"),
        week("ATS_W_VOL_STATS", None, 900, "2026-09-14", MPID=""),
        week("OTC_W_VOL_STATS", None, 1900, None),
    ]
    assert claimed(tmp_path, "answer.json", json.dumps(rows)) == {("finra_off_exchange", "api_json")}
    file = store.take("finra_off_exchange", "weekly.json", json.dumps(rows))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (4, 0)
    found = store.rows(
        "select summary_type, symbol, market_participant_id, shares, _available_at::varchar, _available_at_source from raw.finra_off_exchange order by 1, 3"
    )
    # a date alone is known at its end in New York; without one, six weeks after the Monday
    assert found == [
        ("ATS_W_SMBL", "ALL", "(all)", 10.25, "2026-08-25 04:00:00", "provider"),
        ("ATS_W_SMBL_FIRM", "ALL", "UBSA", 4, "2026-08-25 04:00:00", "provider"),
        ("ATS_W_VOL_STATS", "(all)", "(all)", 900, "2026-09-15 04:00:00", "provider"),
        ("OTC_W_VOL_STATS", "(all)", "(all)", 1900, "2026-09-15 04:00:00", "lag"),
    ]


def test_weekly_volume_as_csv_is_the_same(store: RawStore, tmp_path: Path) -> None:
    lines = [
        '"totalWeeklyShareQuantity","issueSymbolIdentifier","initialPublishedDate","tierIdentifier","weekStartDate","MPID","summaryTypeCode"',
        '"10.25","SPY","2026-08-24","T1","2026-08-03","","ATS_W_SMBL"',
    ]
    content = "\n".join(lines) + "\n"
    assert claimed(tmp_path, "answer.csv", content) == {("finra_off_exchange", "api_csv")}
    store.take("finra_off_exchange", "answer.csv", content)
    found = store.rows("select symbol, market_participant_id, shares, _available_at::varchar from raw.finra_off_exchange")
    assert found == [("SPY", "(all)", 10.25, "2026-08-25 04:00:00")]


def test_years_are_asked_for_whole_by_kind() -> None:
    requests = asked("finra_off_exchange", "api_json", date(2026, 2, 1), date(2026, 9, 30))
    # a week of December is published in January
    assert [request.file_name for request in requests] == [
        f"weekly_summary_{kind}_{year}.json" for year in (2025, 2026) for kind in ("ATS_W_SMBL", "OTC_W_SMBL", "ATS_W_VOL_STATS", "OTC_W_VOL_STATS")
    ]
    by_symbol, market = requests[0].body or {}, requests[2].body or {}
    assert by_symbol["domainFilters"] == [{"fieldName": "issueSymbolIdentifier", "values": list(SYMBOLS)}]
    assert "domainFilters" not in market
    assert market["compareFilters"] == [{"compareType": "EQUAL", "fieldName": "summaryTypeCode", "fieldValue": "ATS_W_VOL_STATS"}]
    assert market["dateRangeFilters"] == [{"fieldName": "weekStartDate", "startDate": "2025-01-01", "endDate": "2025-12-31"}]


# --- sample ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    names = (*NEW_FEEDS, "cboe_market_history")
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS[name] for name in names], fetched_at=END)
    store.landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in render(END, first_year=2018, feeds=names)), "sample")
    store.load()
    return store


def test_sample_files_load_whole(sampled: RawStore) -> None:
    found = sampled.rows(
        "select feed, sum(rows_loaded) > 0, sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1"
    )
    assert found == [(name, True, 0, 0) for name in sorted((*NEW_FEEDS, "cboe_market_history"))]


def test_short_interest_in_index_funds_rises_with_the_retreat(sampled: RawStore) -> None:
    level = """
        select avg(total)
        from (
            select observation_date, sum(current_short_position) as total
            from raw.finra_short_interest where symbol in ('SPY', 'IVV', 'VOO') group by 1
        )
        where observation_date between ? and ?
    """
    before = sampled.connection.execute(level, [date(2023, 1, 1), date(2023, 6, 30)]).fetchall()[0][0]
    after = sampled.connection.execute(level, [date(2023, 9, 1), date(2023, 12, 31)]).fetchall()[0][0]
    assert after > 1.05 * before


def test_settlement_dates_are_the_15th_and_the_end_of_the_month_or_the_session_before(sampled: RawStore) -> None:
    days = [row[0] for row in sampled.rows("select distinct observation_date from raw.finra_short_interest where observation_date >= '2023-01-01' order by 1")]
    # the reports of December settle too late to be known: the last is published on 28 December
    assert days[:4] == [date(2023, 1, 13), date(2023, 1, 31), date(2023, 2, 15), date(2023, 2, 28)]
    assert days[-1] == date(2023, 12, 15)
    assert len(days) == 23


def test_a_week_off_exchange_is_the_sum_of_its_days_and_the_market_that_of_the_facilities(sampled: RawStore) -> None:
    monday = date(2023, 10, 2)
    friday = monday + timedelta(days=4)
    by_day = "select sum(total_volume) from raw.finra_short_volume where symbol = 'SPY' and observation_date between ? and ?"
    by_week = "select sum(shares) from raw.finra_off_exchange where symbol = ? and observation_date = ?"
    facilities = "select sum(total_shares) from raw.cboe_market_history where venue like '%TRF%' and observation_date between ? and ?"

    def one(sql: str, values: list[Any]) -> float:
        return float(sampled.connection.execute(sql, values).fetchall()[0][0])

    assert one(by_week, ["SPY", monday]) == pytest.approx(one(by_day, [monday, friday]), abs=1)
    assert one(by_week, ["(all)", monday]) == pytest.approx(one(facilities, [monday, friday]), rel=1e-6)
