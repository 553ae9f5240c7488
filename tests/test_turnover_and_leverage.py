"""Volume by venue, hedge-fund leverage, Treasury yields and cash: their formats, their traps, and the way from the live provider.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from provider import Answer, Asked, Provider

import ingest.feed
import ingest.source
from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.feeds.ofr import HEDGE_FUND_SERIES, SPONSORED_SERIES
from ingest.feeds.treasury import months_to_maturity
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from ingest.sample import END, render
from ingest.source import LiveSource
from warehouse.settings import Settings

NEW_FEEDS = ("cboe_market_history", "ofr_hfm", "treasury_par_yield", "treasury_cash_balance")


def loaded(folder: Path, feed: str, *files: tuple[str, str]) -> duckdb.DuckDBPyConnection:
    """A warehouse with these files (name, text) of one feed."""
    landing = Landing(folder / "landing")
    arrivals = [Arrival(feed, FEEDS[feed].formats[0].name, name, text.encode(), datetime(2026, 9, 30, tzinfo=UTC)) for name, text in files]
    landing.land(arrivals, "replay")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    load_landed(connection, [FEEDS[feed]], landing, "build")
    return connection


# --- Treasury -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heading", "months"), [("1 Mo", 1), ("1.5 Month", 1.5), ("4 Mo", 4), ("1 Yr", 12), ("30 Yr", 360), ("10 YR", 120), ("Date", None)])
def test_headings_name_maturities(heading: str, months: float | None) -> None:
    assert months_to_maturity(heading) == months


def test_maturities_that_were_not_offered_are_counted_not_loaded(tmp_path: Path) -> None:
    """The 4-month bill has no value before it was first sold; a byte-order mark and quoted headings change nothing."""
    text = '\ufeffDate,"1 Mo","1.5 Month","4 Mo","10 Yr"\n09/16/2026,4.10,4.11,4.05,-0.25\n10/18/2022,3.50,,N/A,4.01\n'
    found = loaded(tmp_path, "treasury_par_yield", ("daily-treasury-rates-2026.csv", text))
    rows = found.execute("select observation_date::varchar, maturity_months, par_yield_percent from raw.treasury_par_yield order by 1, 2").fetchall()
    assert rows == [
        ("2022-10-18", 1, 3.5), ("2022-10-18", 120, 4.01),
        ("2026-09-16", 1, 4.1), ("2026-09-16", 1.5, 4.11), ("2026-09-16", 4, 4.05), ("2026-09-16", 120, -0.25),
    ]  # fmt: skip
    counts = found.execute("select rows_read, rows_loaded, rows_quarantined, skipped['not offered'] from meta.file").fetchall()
    assert counts == [(6, 6, 0, 2)]


def test_a_curve_without_maturities_is_quarantined_with_the_reason(tmp_path: Path) -> None:
    found = loaded(tmp_path, "treasury_par_yield", ("daily-treasury-rates-2026.csv", "Date,1 mo,x\n09/16/2026,1,2\n".replace("1 mo", "bill 1 mo")))
    status, message = found.execute("select status, message from meta.file").fetchall()[0]
    assert status == "quarantined"
    assert "provider may have changed it" in message


def cash_rows() -> list[dict[str, str]]:
    account = "Treasury General Account (TGA)"
    return [
        {"record_date": "2022-04-14", "account_type": "Federal Reserve Account", "close_today_bal": "500000", "open_today_bal": "480000"},
        {"record_date": "2026-09-15", "account_type": f"{account} Opening Balance", "close_today_bal": "null", "open_today_bal": "600000"},
        {"record_date": "2026-09-15", "account_type": f"{account} Closing Balance", "close_today_bal": "null", "open_today_bal": "612000"},
    ]


def cash_answer(rows: list[dict[str, str]], pages: int = 1) -> bytes:
    return json.dumps({"data": rows, "meta": {"count": len(rows), "total-pages": pages}, "links": {}}).encode()


def test_null_as_text_is_no_balance(tmp_path: Path) -> None:
    found = loaded(tmp_path, "treasury_cash_balance", ("operating_cash_balance.json", cash_answer(cash_rows()).decode()))
    rows = found.execute("select observation_date::varchar, opening_balance, closing_balance from raw.treasury_cash_balance order by 1, 2").fetchall()
    assert rows == [("2022-04-14", 480000, 500000), ("2026-09-15", 600000, None), ("2026-09-15", 612000, None)]


# --- live: an answer names its next page ----------------------------------------------------------------------------------


@pytest.fixture
def treasury(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(requests_a_second=1e6))
    with Provider() as running:
        yield running


CASH_PATH = "/services/api/fiscal_service/v1/accounting/dts/operating_cash_balance"


def test_every_page_lands_as_a_file_of_its_own(tmp_path: Path, treasury: Provider) -> None:
    def answer(asked: Asked) -> Answer:
        number = int(asked.query["page[number]"])
        return Answer(body=cash_answer(cash_rows()[number - 1 : number], pages=3))

    treasury.answer(CASH_PATH, answer)
    settings = Settings(source="live", home_setting=tmp_path, as_of=datetime(2026, 9, 30, tzinfo=UTC), history_years=5)
    landing = Landing(settings.landing_dir)
    assert landing.land(LiveSource(settings, treasury.session).fetch("treasury"), "live") == (3, 3)
    assert [asked.query["page[number]"] for asked in treasury.requests_of(CASH_PATH)] == ["1", "2", "3"]
    assert treasury.requests_of(CASH_PATH)[0].query["filter"] == "record_date:gte:2021-01-01,record_date:lte:2026-09-30"
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    summary = load_landed(connection, [FEEDS["treasury_cash_balance"]], landing, "build")
    assert (summary.files, summary.rows_loaded, summary.quarantined_files) == (3, 3, 0)


def test_a_page_that_is_an_error_page_ends_the_paging_and_is_quarantined(tmp_path: Path, treasury: Provider) -> None:
    treasury.answer(CASH_PATH, Answer(body=b"<html><body>maintenance</body></html>"))
    settings = Settings(source="live", home_setting=tmp_path, as_of=datetime(2026, 9, 30, tzinfo=UTC), history_years=1)
    landing = Landing(settings.landing_dir)
    assert landing.land(LiveSource(settings, treasury.session).fetch("treasury"), "live") == (1, 1)
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    assert load_landed(connection, [FEEDS["treasury_cash_balance"]], landing, "build").quarantined_files == 1


# --- OFR Hedge Fund Monitor -----------------------------------------------------------------------------------------------


def monitor(series: str, pairs: list[list[object]], updated: str = "2026-09-08 15:20:27") -> dict[str, Any]:
    metadata = {"mnemonic": series, "schedule": {"last_update": updated}, "unit": {"name": "Ratio", "magnitude": 0}}
    return {series: {"timeseries": {"aggregation": pairs, "disclosure_edits": []}, "metadata": metadata}}


def test_withheld_values_are_null_and_the_update_dates_the_edition(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    body = monitor("FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN", [["2025-12-31", 2.71], ["2026-03-31", None]]) | monitor("FPF-ALLQHF_COUNT", [["2026-03-31", 9000]])
    landing.land([Arrival("ofr_hfm", "series_json", "multifull.json", json.dumps(body).encode())], "replay")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    load_landed(connection, [FEEDS["ofr_hfm"]], landing, "build")
    rows = connection.execute("select series_id, observation_date::varchar, value, unit from raw.ofr_hfm order by 1, 2").fetchall()
    assert rows == [
        ("FPF-ALLQHF_COUNT", "2026-03-31", 9000, "Ratio"),
        ("FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN", "2025-12-31", 2.71, "Ratio"),
        ("FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN", "2026-03-31", None, "Ratio"),
    ]
    # 24:00 in New York of the day it was updated
    assert connection.execute("select edition_at::varchar from meta.file").fetchall() == [("2026-09-09 04:00:00",)]


def test_every_series_is_asked_for_by_its_name() -> None:
    (declared,) = FEEDS["ofr_hfm"].formats
    assert declared.requests
    asked = list(declared.requests(FetchWindow(date(2026, 1, 1), date(2026, 9, 30))))
    assert [request.params["mnemonic"] for request in asked] == [*HEDGE_FUND_SERIES, *SPONSORED_SERIES]
    assert {request.url for request in asked} == {"https://data.financialresearch.gov/hf/v1/series/full"}


# --- Cboe: volume by venue --------------------------------------------------------------------------------------------------

_TITLES = [f"{part} {name}" for name in ("Shares", "Notional", "Trade Count") for part in ("Tape A", "Tape B", "Tape C", "Total")]
VENUES = ",".join(["Day", "Market Participant", *_TITLES])


def test_a_venue_that_appears_is_a_venue(tmp_path: Path) -> None:
    lines = [VENUES, "2026-09-15,NYSE (N),10,20,30,60,1.5,2.5,3,7,1,2,3,6", "2026-09-15,Texas Stock Exchange (F),1,0,0,1,9,0,0,9,1,0,0,1"]
    found = loaded(tmp_path, "cboe_market_history", ("market_history_2026.csv", "\n".join(lines) + "\n"))
    rows = found.execute("select venue, total_shares, tape_b_notional, total_notional, total_trade_count from raw.cboe_market_history order by 1").fetchall()
    assert rows == [("NYSE (N)", 60, 2.5, 7, 6), ("Texas Stock Exchange (F)", 1, 0, 9, 1)]


def test_negative_volume_is_quarantined(tmp_path: Path) -> None:
    lines = [VENUES, "2026-09-15,NYSE (N),-10,20,30,40,1,2,3,6,1,2,3,6", "2026-09-16,NYSE (N),1,2,3,6,1,2,3,6,1,2,3,6"]
    found = loaded(tmp_path, "cboe_market_history", ("market_history_2026.csv", "\n".join(lines) + "\n"))
    assert found.execute("select reason from meta.quarantine").fetchall() == [("tape_a_shares: -10 is below 0",)]
    assert found.execute("select rows_read, rows_loaded, rows_quarantined from meta.file").fetchall() == [(2, 1, 1)]


# --- sample -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The sample world's files of these feeds, landed and loaded."""
    landing = Landing(tmp_path_factory.mktemp("sample") / "landing")
    landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in render(END, first_year=2018, feeds=NEW_FEEDS)), "sample")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    load_landed(connection, [FEEDS[name] for name in NEW_FEEDS], landing, "build")
    return connection


def test_sample_files_load_whole(sampled: duckdb.DuckDBPyConnection) -> None:
    found = sampled.execute(
        """
        select feed, sum(rows_loaded) > 0, sum(rows_quarantined), count(*) filter (where status <> 'loaded')
        from meta.file group by 1 order by 1
        """
    ).fetchall()
    assert found == [(name, True, 0, 0) for name in sorted(NEW_FEEDS)]


def test_nyse_turnover_falls_from_45_to_38_billion(sampled: duckdb.DuckDBPyConnection) -> None:
    turnover = "select avg(total_notional) / 1e9 from raw.cboe_market_history where venue = 'NYSE (N)' and observation_date between ? and ?"
    before = sampled.execute(turnover, [date(2023, 1, 1), date(2023, 1, 31)]).fetchall()[0][0]
    after = sampled.execute(turnover, [date(2023, 10, 1), date(2023, 12, 29)]).fetchall()[0][0]
    assert before == pytest.approx(45, rel=0.12)
    assert after == pytest.approx(38, rel=0.08)


def test_hedge_fund_leverage_starts_the_year_at_2_8_and_falls(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select observation_date::varchar, value from raw.ofr_hfm
        where series_id = 'FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN' and observation_date >= '2022-12-31' order by 1
        """
    ).fetchall()
    # the quarter to September is released in March 2024, after the world's end
    assert rows == [("2022-12-31", 2.8), ("2023-03-31", 2.75), ("2023-06-30", 2.6)]


def test_the_curve_is_that_of_the_constant_maturity_series(sampled: duckdb.DuckDBPyConnection) -> None:
    found = sampled.execute("select count(*), count(distinct maturity_months), max(observation_date)::varchar from raw.treasury_par_yield").fetchall()[0]
    assert found[1:] == (12, "2023-12-29")
    assert found[0] > 12 * 240 * 5
