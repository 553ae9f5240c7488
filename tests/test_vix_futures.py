"""Settlement prices of VIX futures: a file whose day stands in its name alone, and prices that were filled in.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from raw_store import RawStore

from expectations.check import BuildUnderCheck
from expectations.reconciliation import RECONCILIATIONS
from ingest.feed import FetchWindow, LandedFile
from ingest.feeds import FEEDS
from ingest.landing import Arrival
from ingest.sample import END, render
from ingest.sample.file import archive
from ingest.source import claims_of

FEED = FEEDS["cboe_vx_settlement"]
HEADER = "Product,Symbol,Expiration Date,Price"
LINES = ["VX,VX35/U6,2026-09-02,17.25", "VX,VX/U6,2026-09-16,17.5", "VX,VX40/V6,2026-10-07,18", "VXM,VXM/U6,2026-09-16,17.5", "VA,VA/U6,2026-09-18,194.25"]
CONTENT = "\n".join([HEADER, *LINES]) + "\n"


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path, [FEED])


@pytest.mark.parametrize("name", ["cfe_settlement_2026-08-21.csv", "20260821.csv", "settlement_20260821_vx.csv", "dt=2026-08-21"])
@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        "\ufeff" + CONTENT.replace("\n", "\r\n") + "\r\n",
        re.sub(r"([^,\n]+)", r'"\1"', CONTENT),
        "\n".join([HEADER.upper() + ",SETTLED AT", *(f"{line},16:00" for line in LINES)]) + "\n",
        "\n".join([HEADER, *LINES]),
    ],
    ids=["as it is", "mark, CRLF, blank line", "quoted", "capitals and one column more", "no end of line"],
)
def test_the_day_is_that_of_the_name(store: RawStore, tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, newline="")
    assert {(claim.feed.name, claim.parameters.get("observation_date", "").replace("-", "")) for claim in claims_of(path, name)} == {
        ("cboe_vx_settlement", "20260821")
    }
    file = store.take("cboe_vx_settlement", name, content)
    assert (file["rows_loaded"], file["rows_quarantined"]) == (5, 0)
    rows = store.rows(
        """
        select observation_date::varchar, product, symbol, expiration_date::varchar, settlement_price, _available_at::varchar
        from raw.cboe_vx_settlement order by _row_number
        """
    )
    assert rows[0] == ("2026-08-21", "VX", "VX35/U6", "2026-09-02", 17.25, "2026-08-21 22:00:00")
    assert rows[4] == ("2026-08-21", "VA", "VA/U6", "2026-09-18", 194.25, "2026-08-21 22:00:00")


def test_a_file_without_a_day_in_its_name_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "settlement.csv"
    path.write_text(CONTENT)
    assert claims_of(path, path.name) == []


def test_a_header_alone_holds_no_record(tmp_path: Path) -> None:
    """Nothing was published; what becomes of such a file is the loader's affair."""
    path = tmp_path / "cfe_settlement_2026-08-22.csv"
    path.write_text(HEADER + "\n")
    connection = duckdb.connect()
    (records,) = FEED.formats[0].reader(connection, FEED, [LandedFile(1, path, path.name, "settlement_csv", {"observation_date": "2026-08-22"})])
    assert connection.execute(f"select count(*) from ({records.sql})").fetchall() == [(0,)]
    assert records.skipped == {1: {"header": 1}}


def test_days_are_read_together_and_a_bad_one_is_quarantined_alone(store: RawStore) -> None:
    good = [store.land("cboe_vx_settlement", f"cfe_settlement_2026-08-{day}.csv", CONTENT) for day in (18, 19, 20)]
    bad = store.land("cboe_vx_settlement", "cfe_settlement_2026-08-21.csv", CONTENT.replace("VX,VX/U6", '"VX,VX/U6'))
    store.load()
    assert bad
    assert "opens a quote that is not closed" in store.file(bad.file_id)["message"]
    assert [store.file(landed.file_id)["rows_loaded"] for landed in good if landed] == [5, 5, 5]


def test_a_zip_holds_the_days_of_its_members(store: RawStore) -> None:
    file = store.take("cboe_vx_settlement", "settlements.zip", archive((f"cfe_settlement_2026-08-{day}.csv", CONTENT.encode()) for day in (20, 21)))
    assert (file["rows_loaded"], file["skipped"]) == (10, {"header": 2})
    assert store.rows("select observation_date::varchar, count(*) from raw.cboe_vx_settlement group by 1 order by 1") == [("2026-08-20", 5), ("2026-08-21", 5)]
    assert store.rows("select count(distinct _row_number), max(_row_number) from raw.cboe_vx_settlement") == [(10, 10)]


def test_a_line_that_cannot_be_split_and_a_price_below_zero_are_quarantined(store: RawStore) -> None:
    file = store.take("cboe_vx_settlement", "cfe_settlement_2026-08-21.csv", CONTENT.replace("17.25", "-17.25").replace("VA,VA/U6,", "VA,VA/U6,x,y,"))
    assert (file["rows_read"], file["rows_loaded"], file["rows_quarantined"]) == (5, 3, 2)


def test_one_question_a_weekday() -> None:
    requests = FEED.formats[0].requests
    assert requests
    asked = list(requests(FetchWindow(date(2026, 8, 20), date(2026, 8, 24))))
    assert [(request.params["dt"], request.file_name) for request in asked] == [
        (day, f"cfe_settlement_{day}.csv") for day in ("2026-08-20", "2026-08-21", "2026-08-24")
    ]
    pattern = FEED.formats[0].file_name
    assert pattern
    assert all(pattern.search(request.file_name) for request in asked)


# --- what the raw gate says ---------------------------------------------------------------------------------------------------


def broken(store: RawStore, name: str) -> list[tuple[object, ...]]:
    """Rows that the check `name` of the feed names."""
    build = BuildUnderCheck("build", "live", datetime(2026, 9, 1), {})
    (check,) = [check for check in RECONCILIATIONS["cboe_vx_settlement"](build, FEED) if check.name == name]
    return store.rows((check.unexpected_rows or "").replace("{batch}", "raw.cboe_vx_settlement"))


def test_weeklies_of_one_price_are_a_warning(store: RawStore) -> None:
    weeklies = [f"VX,VX{week}/U6,2026-09-{day:02d},17.25" for week, day in ((36, 9), (38, 23))]
    store.take("cboe_vx_settlement", "cfe_settlement_2026-08-20.csv", "\n".join([HEADER, *LINES, *weeklies]) + "\n")
    assert broken(store, "weeklies_are_not_filled_in") == []
    same = "\n".join([HEADER, *(line.replace(",18", ",17.25") for line in LINES), *weeklies]) + "\n"
    store.take("cboe_vx_settlement", "cfe_settlement_2026-08-21.csv", same)
    assert broken(store, "weeklies_are_not_filled_in") == [(date(2026, 8, 21), 4, 17.25)]


def test_a_contract_settled_after_it_expired_is_named(store: RawStore) -> None:
    store.take("cboe_vx_settlement", "cfe_settlement_2026-08-21.csv", f"{HEADER}\nVX,VX/Q6,2026-08-19,17\nVX,VX34/Q6,2026-08-21,17\n")
    assert [row[0] for row in broken(store, "expires_after_it_is_settled_throughout")] == ["VX/Q6"]


# --- sample -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    feeds = [FEED, FEEDS["cboe_index_history"]]
    store = RawStore(tmp_path_factory.mktemp("sample"), feeds, fetched_at=END)
    names = [feed.name for feed in feeds]
    store.landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in render(END, first_year=2022, feeds=names)), "sample")
    store.load()
    return store


def test_sample_files_load_whole_and_no_session_is_missing(sampled: RawStore) -> None:
    assert sampled.rows("select sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file") == [(0, 0)]
    missing = sampled.rows(
        """
        select observation_date from raw.cboe_index_history where index_name = 'VIX'
        except select observation_date from raw.cboe_vx_settlement
        """
    )
    assert missing == []
    assert broken(sampled, "weeklies_are_not_filled_in") == []
    assert broken(sampled, "expires_after_it_is_settled_throughout") == []


def test_the_curve_lies_between_the_index_today_and_that_of_three_months(sampled: RawStore) -> None:
    """Contracts that expire within 45 days; the slope of the futures has the sign of VIX3M - VIX."""
    rows = sampled.rows(
        """
        with level as (pivot (select observation_date, index_name, close from raw.cboe_index_history) on index_name using first(close))
        select count(*), count(*) filter (where settlement_price not between least(VIX, VIX3M) - 0.011 and greatest(VIX, VIX3M) + 0.011),
               count(distinct observation_date) filter (where VIX > VIX3M), count(distinct observation_date) filter (where VIX < VIX3M)
        from raw.cboe_vx_settlement join level using (observation_date)
        where product = 'VX' and expiration_date - observation_date <= 45
        """
    )
    contracts, outside, inverted, usual = rows[0]
    assert contracts > 1500
    assert outside == 0
    assert inverted > 20 and usual > 20


def test_monthly_futures_expire_thirty_days_before_a_third_friday(sampled: RawStore) -> None:
    days = [row[0] for row in sampled.rows("select distinct expiration_date from raw.cboe_vx_settlement where symbol like 'VX/%' order by 1")]
    fridays = [day + timedelta(days=30) for day in days]
    assert len(days) > 20
    # a day that is no session moves to the one before
    assert sum(friday.weekday() == 4 and 15 <= friday.day <= 21 for friday in fridays) >= len(days) - 1
