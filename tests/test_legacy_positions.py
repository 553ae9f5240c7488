"""The Legacy Commitments of Traders: names written out in text files, Socrata's slips, and the scope that only a file's name tells.

Numbers are invented.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from raw_store import RawStore

from ingest.feeds import FEEDS
from ingest.sample import END, render
from ingest.source import ReplaySource

LEGACY = [FEEDS["cftc_legacy"]]

HEADER = (
    '"Market and Exchange Names","As of Date in Form YYMMDD","As of Date in Form YYYY-MM-DD","CFTC Contract Market Code","CFTC Market Code in Initials",'
    '"CFTC Region Code","CFTC Commodity Code","Open Interest (All)","Noncommercial Positions-Long (All)","Noncommercial Positions-Short (All)",'
    '"Noncommercial Positions-Spreading (All)","Commercial Positions-Long (All)","Commercial Positions-Short (All)"," Total Reportable Positions-Long (All)",'
    '"Total Reportable Positions-Short (All)","Nonreportable Positions-Long (All)","Nonreportable Positions-Short (All)","Open Interest (Old)",'
    '"Noncommercial Positions-Long (Old)","Change in Noncommercial-Long (All)","% of OI-Noncommercial-Long (All)","Traders-Total (All)",'
    '"Traders-Noncommercial-Long (All)","Traders-Noncommercial-Spreading (All)","Concentration-Gross LT = 4 TDR-Long (All)","Contract Units"'
)
LINE = (
    '"COPPER-GRADE #1 - COMMODITY EXCHANGE INC.",860115,1986-01-15,085692,CMX ,01,085 ,   100,    30,    20,    10,    40,    50,    80,    80,    20,    20,'
    "   100,    30,     5,   30.0,    25,     8,.,   22.4,(CONTRACTS OF 25,000 POUNDS)"
).replace("(CONTRACTS OF 25,000 POUNDS)", '"(CONTRACTS OF 25,000 POUNDS)"')


@pytest.mark.parametrize(
    ("name", "scope"), [("annual.txt", "FutOnly"), ("deacot1986.txt", "FutOnly"), ("annualof.txt", "Combined"), ("deahistfo2023.txt", "Combined")]
)
def test_a_yearly_text_file(tmp_path: Path, name: str, scope: str) -> None:
    store = RawStore(tmp_path, LEGACY)
    store.take("cftc_legacy", name, f"{HEADER}\r\n{LINE}\r\n")
    columns = (
        "observation_date::varchar, contract_code, report_scope, market_code, open_interest, noncommercial_long, noncommercial_short, noncommercial_spread, "
        "commercial_long, commercial_short, total_reportable_long, nonreportable_short, traders_total, traders_noncommercial_long, "
        "traders_noncommercial_spread, concentration_gross_4_long, contract_units"
    )
    assert store.rows(f"select {columns} from raw.cftc_legacy") == [
        ("1986-01-15", "085692", scope, "CMX", 100, 30, 20, 10, 40, 50, 80, 20, 25, 8, None, 22.4, "(CONTRACTS OF 25,000 POUNDS)")
    ]


def test_socrata_slips_in_a_name_and_calls_old_spreads_like_all(tmp_path: Path) -> None:
    row = {
        "report_date_as_yyyy_mm_dd": "2024-08-20T00:00:00.000", "cftc_contract_market_code": "239747", "open_interest_all": "100",
        "noncomm_positions_long_all": "30", "noncomm_positions_short_all": "20", "noncomm_postions_spread_all": "10", "noncomm_positions_spread": "7",
        "comm_positions_long_all": "40", "comm_positions_short_all": "50", "tot_rept_positions_long_all": "80", "tot_rept_positions_short": "80",
        "nonrept_positions_long_all": "20", "nonrept_positions_short_all": "20", "futonly_or_combined": "Combined",
    }  # fmt: skip
    store = RawStore(tmp_path, LEGACY)
    store.take("cftc_legacy", "rows.json", json.dumps([row]))
    found = store.rows("select noncommercial_spread, total_reportable_short, report_scope from raw.cftc_legacy")
    assert found == [(10, 80, "Combined")]


def test_the_recorded_answer_parses(realdata: Path, tmp_path: Path) -> None:
    store = RawStore(tmp_path, LEGACY)
    store.landing.land(ReplaySource(realdata / "recorded" / "cftc").fetch("cftc"), "replay")
    store.load()
    rest = "open_interest - noncommercial_long - noncommercial_spread - commercial_long - nonreportable_long"
    assert store.rows(f"select contract_code, report_scope, {rest} from raw.cftc_legacy") == [("239747", "Combined", 0)]


def test_sample_rows_add_up_to_open_interest(tmp_path: Path) -> None:
    store = RawStore(tmp_path, LEGACY)
    for file in render(END, first_year=2021, feeds={"cftc_legacy"}):
        store.land(file.feed, file.name, file.content, edition_at=file.edition_at)
    store.load()
    for side in ("long", "short"):
        parts = f"noncommercial_{side} + noncommercial_spread + commercial_{side} + nonreportable_{side}"
        assert store.rows(f"select count(*) > 300, max(abs({parts} - open_interest)) from raw.cftc_legacy") == [(True, 0)]


def test_a_long_answer_of_many_columns_fits_in_little_memory(tmp_path: Path) -> None:
    """DuckDB keeps what it parsed of the records for each call that takes values out of them."""
    names = [name for column in FEEDS["cftc_tff"].columns if column.type in ("BIGINT", "DOUBLE") for name in (*column.names, f"{column.name}_all")]
    row = {"report_date_as_yyyy_mm_dd": "2024-08-20T00:00:00.000", "dealer_positions_long_all": "1", "futonly_or_combined": "FutOnly"}
    rows = [row | {name: "1" for name in names if name not in row} | {"cftc_contract_market_code": f"{number:06}"} for number in range(2000)]
    store = RawStore(tmp_path, [FEEDS["cftc_tff"]])
    store.connection.execute("set memory_limit = '300MB'")
    taken = store.take("cftc_tff", "rows.json", json.dumps(rows))
    assert (taken["status"], taken["rows_loaded"]) == ("loaded", 2000)
