"""Flows of funds and money-market assets: workbooks with headings over several rows, two blocks in a sheet, and what must add up.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_store import RawStore

from expectations.check import BuildUnderCheck
from expectations.raw import feed_suite
from ingest.feed import FetchWindow, UnreadableFile
from ingest.feeds import FEEDS
from ingest.feeds.ici import flow_columns, money_fund_columns
from ingest.sample import END, render
from ingest.sample.file import old_workbook
from ingest.source import claims_of

NEW_FEEDS = ("ici_fund_flow", "ici_money_fund")

Cells = Mapping[int, Any]


def sheet(*rows: Cells) -> list[list[Any]]:
    """Rows of a sheet from cells by position."""
    return [[cells.get(at) for at in range(max(cells, default=-1) + 1)] for cells in rows]


COMBINED = (
    {0: "Combined Estimated Long-Term Fund Flows and ETF Net Issuance"},
    {0: "Millions of dollars"},
    {0: "Date", 1: "Total LT MF and ETF flows", 3: "Equity", 9: "Hybrid", 11: "Bond", 17: "Commodity"},
    {3: "Total", 5: "Domestic", 7: "World", 11: "Total", 13: "Taxable", 15: "Municipal"},
)
CATEGORIES = ("total", "equity", "domestic_equity", "world_equity", "hybrid", "bond", "taxable_bond", "municipal_bond", "commodity")


def values(day: object, *numbers: object) -> dict[int, Any]:
    return {0: day} | {1 + 2 * place: number for place, number in enumerate(numbers)}


def flows(store: RawStore, feed: str = "ici_fund_flow") -> list[tuple[Any, ...]]:
    return store.connection.execute(f"select * exclude (_file_id, _row_number, _available_at, _available_at_source) from raw.{feed} order by all").fetchall()


def test_months_and_weeks_stand_in_one_sheet(tmp_path: Path) -> None:
    rows = sheet(
        *COMBINED,
        {0: "Monthly fund flows"},
        values("8/31/2026", -10, -4, 1, -5, -1, -5, -3, -2, 0),
        {},
        {0: "Estimated weekly fund flows"},
        values("09/16/2026", "(1,210)", 100, 60, 40, -10, -1300, -900, -400, 0),
        values(date(2026, 9, 23), 5, 2, 1, 1, 1, 1, 1, 0, None),
        {0: "Note: weekly figures are estimates; 98 percent of assets"},
    )
    store = RawStore(tmp_path)
    store.land("ici_fund_flow", "combined_flows_data_2026.xls", old_workbook("Weekly MF & ETF Public Report", rows, date_columns=(0,)))
    assert store.load().quarantined_files == 0
    found = flows(store)
    assert {(row[0], str(row[3])) for row in found} == {("monthly", "2026-08-31"), ("weekly", "2026-09-16"), ("weekly", "2026-09-23")}
    assert {row[1] for row in found} == {"combined"}
    assert {row[2]: row[4] for row in found if row[0] == "monthly"} == dict(zip(CATEGORIES, (-10, -4, 1, -5, -1, -5, -3, -2, 0), strict=True))
    assert {row[4] for row in found if row[2:4] == ("total", date(2026, 9, 16))} == {-1210}
    (counts,) = store.connection.execute("select rows_read, rows_quarantined, skipped from meta.file").fetchall()
    assert counts == (26, 0, {"title": 2, "header": 2, "block heading": 2, "footer": 1, "blank": 1, "no value": 1})
    # known on the Wednesday after, and months near the end of the next
    known = store.connection.execute("select distinct frequency, observation_date::varchar, _available_at::varchar from raw.ici_fund_flow order by all")
    assert known.fetchall() == [
        ("monthly", "2026-08-31", "2026-10-01 12:00:00"),  # fetched before the usual day
        ("weekly", "2026-09-16", "2026-09-24 04:00:00"),
        ("weekly", "2026-09-23", "2026-10-01 04:00:00"),
    ]


def test_styles_and_regions_of_mutual_funds_are_not_taken_for_the_whole(tmp_path: Path) -> None:
    rows = sheet(
        {0: "Estimated Long-Term Mutual Fund Flows"},
        {0: "Date", 1: "Total\nlong-term", 3: "Equity", 15: "Hybrid", 17: "Bond"},
        {3: "Total equity", 5: "Domestic", 11: "World", 17: "Total bond", 19: "Taxable", 25: "Municipal"},
        {5: "Total domestic", 7: "Large cap", 9: "Other", 11: "Total world", 13: "Emerging markets", 19: "Total taxable", 21: "High yield", 23: "Global"},
        {0: "Estimated weekly"},
        {0: "09/16/2026", 1: -9, 3: -8, 5: -7, 7: 70, 9: 71, 11: -1, 13: 72, 15: -2, 17: 1, 19: 3, 21: 73, 23: 74, 25: -2},
    )
    store = RawStore(tmp_path)
    store.land("ici_fund_flow", "flows_data_2026.xls", old_workbook("Weekly MF Flow Estimates", rows))
    store.load()
    expected = {"total": -9, "equity": -8, "domestic_equity": -7, "world_equity": -1, "hybrid": -2, "bond": 1, "taxable_bond": 3, "municipal_bond": -2}
    assert {row[2]: row[4] for row in flows(store)} == expected
    assert {row[1] for row in flows(store)} == {"mutual_fund"}


def test_columns_are_found_wherever_their_headings_stand() -> None:
    moved = sheet({0: "Date", 1: "Bond", 4: "Equity", 8: "Hybrid"}, {1: "Municipal", 2: "Taxable", 3: "Total", 4: "World", 5: "Total", 6: "Domestic"})
    with pytest.raises(UnreadableFile, match="no column is headed total"):
        flow_columns(moved)
    found = flow_columns([["Date", "Total ETFs1", *moved[0][1:]], [None, None, *moved[1][1:-1], "Domestic (2)"]])
    expected = {1: "total", 2: "municipal_bond", 3: "taxable_bond", 4: "bond", 5: "world_equity", 6: "equity", 7: "domestic_equity", 9: "hybrid"}
    assert found == expected
    with pytest.raises(UnreadableFile, match="two columns are headed hybrid"):
        flow_columns([["Date", "Total ETFs", "Equity", "Hybrid", "Hybrid"]])


def test_a_sheet_that_does_not_say_what_is_weekly_is_quarantined(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    rows = sheet(*COMBINED, values("09/16/2026", 1, 1, 1, 0, 0, 0, 0, 0, 0))
    store.land("ici_fund_flow", "combined_flows_data_2026.xls", old_workbook("Weekly MF & ETF Public Report", rows))
    store.load()
    ((message,),) = store.connection.execute("select message from meta.file where status = 'quarantined'").fetchall()
    assert message.startswith("no line says which figures are monthly")


def test_the_same_file_under_the_next_year_changes_nothing(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    content = old_workbook("Weekly ETF Public Report", sheet(*COMBINED, {0: "Estimated weekly"}, values("12/30/2026", 9, 8, 7, 1, 0, 1, 1, 0, 0)))
    store.fetched_at = datetime.fromisoformat("2027-01-07T12:00:00+00:00")
    for year in (2026, 2027):
        store.land("ici_fund_flow", f"etf_flows_data_{year}.xls", content)
    summary = store.load()
    assert (summary.rows_loaded, summary.rows_quarantined, len(flows(store))) == (9, 0, 9)


def test_both_years_are_asked_for_the_older_first() -> None:
    (declared,) = FEEDS["ici_fund_flow"].formats
    assert declared.requests
    asked = [request.url for request in declared.requests(FetchWindow(date(2024, 1, 1), date(2026, 1, 5)))]
    assert asked == [f"https://www.ici.org/{name}_{year}.xls" for year in (2025, 2026) for name in ("flows_data", "etf_flows_data", "combined_flows_data")]


# --- money-market funds -------------------------------------------------------------------------------------------------------------

KINDS = ("TOTAL", "TAX-EXEMPT", "GOVERNMENT", "TREASURY & REPO", "TREASURY & AGENCY", "PRIME")


def money_headings() -> list[Cells]:
    blocks = {1 + 12 * block: label for block, label in enumerate(("ALL FUNDS", "INSTITUTIONAL", "RETAIL"))}
    kinds = {start + 2 * place: kind for start in blocks for place, kind in enumerate(KINDS)}
    measures = {at + step: label for at in kinds for step, label in ((0, "# of classes"), (1, "TNA"))}
    return [{0: "Weekly assets"}, blocks, kinds, {0: "DATE"} | measures]


def test_assets_are_read_by_investor_and_kind_and_classes_are_not(tmp_path: Path) -> None:
    row: dict[int, Any] = {0: "09/16/2026"} | {at: 1000 + at for at in range(1, 37)}
    store = RawStore(tmp_path)
    store.land("ici_money_fund", "mm_summary_data_2026.xls", old_workbook("Public Report", sheet(*money_headings(), row, {0: "Released 09/17/2026"})))
    store.load()
    found = {row[:2]: row[3] for row in flows(store, "ici_money_fund")}
    assert len(found) == 18
    assert found["all", "total"] == 1002
    assert found["all", "government"] == 1006
    assert found["all", "treasury_and_repo"] == 1008
    assert found["institutional", "total"] == 1014
    assert found["retail", "treasury_and_agency"] == 1034
    assert found["retail", "prime"] == 1036
    assert store.connection.execute("select skipped from meta.file").fetchall() == [({"title": 1, "header": 3, "footer": 1},)]
    assert store.connection.execute("select distinct _available_at::varchar from raw.ici_money_fund").fetchall() == [("2026-09-17 21:00:00",)]


def test_measures_may_be_spelt_out_with_their_unit_below() -> None:
    _, blocks, kinds, measures = money_headings()
    spelt = {at: "Total net assets (2)" if text == "TNA" else text for at, text in measures.items()}
    units = {at: "($mil)" for at, text in measures.items() if text == "TNA"}
    found = money_fund_columns(sheet(blocks, {at: kind.title() for at, kind in kinds.items()}, spelt, units))
    assert found == money_fund_columns(sheet(blocks, kinds, measures))
    assert found[30] == {"investor": "retail", "category": "government"}


def test_a_missing_block_of_columns_is_told() -> None:
    headings = [{at: text for at, text in cells.items() if at < 25} for cells in money_headings()[1:]]
    with pytest.raises(UnreadableFile, match=r"not all there \(found: all, institutional\)"):
        money_fund_columns(sheet(*headings))


# --- gate -----------------------------------------------------------------------------------------------------------------------------


def broken(connection: duckdb.DuckDBPyConnection, feed: str) -> set[str]:
    """Names of the checks on sums that find rows."""
    build = BuildUnderCheck("build", "sample", datetime(2023, 12, 29, 23, 59, 59), {feed: "landed"}, {("raw", feed): ()})
    checks = {check.name: check.unexpected_rows or "" for check in feed_suite(build, FEEDS[feed]).checks if "add_up" in check.name}
    assert len(checks) >= 2
    return {name for name, sql in checks.items() if connection.execute(sql.replace("{batch}", f"raw.{feed}")).fetchall()}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's files of these feeds, landed and loaded."""
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS[name] for name in NEW_FEEDS])
    for file in render(END, first_year=2020, feeds=NEW_FEEDS):
        store.land(file.feed, file.name, file.content, edition_at=file.edition_at)
    store.load()
    return store


FILES_OF = ("ici_fund_flow", "ici_money_fund", "nbim_holding", "public_plan", "coin_metrics", "own_series")


def test_each_file_of_the_sample_is_claimed_by_its_feed_alone(tmp_path: Path) -> None:
    for file in render(END, first_year=2022, feeds=FILES_OF):
        path = tmp_path / file.name
        path.write_bytes(file.content)
        assert [(claim.feed.name, claim.format.name) for claim in claims_of(path, file.name)] == [(file.feed, file.format)], file.name


def test_no_other_providers_file_is_taken_for_one_of_these(realdata: Path) -> None:
    files = [path for path in realdata.rglob("*") if path.is_file()]
    assert files
    claimed = {path.name: claim.feed.name for path in files for claim in claims_of(path, path.name) if claim.feed.name in FILES_OF}
    assert claimed == {}


def test_sample_files_load_whole(sampled: RawStore) -> None:
    found = sampled.connection.execute(
        "select feed, count(*), sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1"
    ).fetchall()
    assert found == [("ici_fund_flow", 12, 0, 0), ("ici_money_fund", 4, 0, 0)]
    assert sampled.connection.execute("select distinct vehicle from raw.ici_fund_flow order by 1").fetchall() == [("combined",), ("etf",), ("mutual_fund",)]


def test_sums_are_checked_at_the_gate(sampled: RawStore) -> None:
    connection = sampled.connection
    assert broken(connection, "ici_fund_flow") == broken(connection, "ici_money_fund") == set()
    connection.execute("begin")
    connection.execute("update raw.ici_fund_flow set net_flow = net_flow + 10 where category = 'equity' and observation_date = date '2023-12-20'")
    connection.execute("update raw.ici_money_fund set net_assets = net_assets + 10 where category = 'prime' and observation_date = date '2023-12-27'")
    assert broken(connection, "ici_fund_flow") == {"classes_add_up", "classes_add_up_throughout"}
    assert broken(connection, "ici_money_fund") == {"kinds_add_up", "kinds_add_up_throughout", "investors_add_up", "investors_add_up_throughout"}
    connection.execute("rollback")


def test_domestic_equity_loses_money_in_the_retreat_and_cash_gains(sampled: RawStore) -> None:
    weekly = """
        select avg(net_flow) from raw.ici_fund_flow
        where frequency = 'weekly' and vehicle = 'combined' and category = 'domestic_equity' and observation_date between ? and ?
    """
    before, after = (sampled.connection.execute(weekly, window).fetchall()[0][0] for window in (["2021-01-01", "2023-06-30"], ["2023-09-01", "2023-12-31"]))
    assert after < before - 2000
    assets = """
        select net_assets from raw.ici_money_fund
        where investor = 'all' and category = 'total' and observation_date in ('2023-06-28', '2023-12-27') order by observation_date
    """
    (summer,), (winter,) = sampled.rows(assets)
    assert winter > summer + 300_000
