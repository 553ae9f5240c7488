"""Form 13F from the sample world's raw files to positions, rotation and signals: the planted cut, splits, amendments, what was known when."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest
from raw_store import RawStore

from ingest.feeds import FEEDS
from ingest.load import create_tables
from ingest.sample import END, render, truth
from ingest.sample.markets import SPLITS
from tests.equal import assert_equal
from warehouse.dbt import run_dbt

BRIDGEWATER = "0001350694"
RENAISSANCE = "0001037389"
FEEDS_READ = ("sec_13f_filing", "sec_13f_holding", "sec_13f_other_manager", "price_daily", "sec_fails_to_deliver", "sec_company_ticker")

# Bridgewater's report on September 2022, filed in November, had everything twice; the restatement came on 27 December.
EARLIER = datetime(2022, 12, 1, 23, 59, 59)
IN_THOUSANDS = date(2023, 6, 30)

MARTS = ("fct_manager_position_quarterly", "fct_manager_rotation_quarterly")
SIGNALS = ("hf_tech_active_change", "stock_bond_switch_breadth")


def build(folder: Path, as_of: datetime) -> None:
    """Build marts and signals in a folder that holds a warehouse with raw tables."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create or replace table meta.build_in_progress as select 'build' as build_id, 'sample' as source, ?::timestamp as as_of", [as_of])
    selected = [*(f"+{name}" for name in MARTS), *(f"+int_signal__{name}" for name in SIGNALS)]
    run_dbt(["run", "--select", *selected], warehouse=folder / "warehouse.duckdb", mart=folder / "mart.duckdb")


@pytest.fixture(scope="module")
def built(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """Folders `later` and `earlier` with builds as of the world's end and of an earlier day, and `clock` with nothing later in its raw tables."""

    def make(folder: Path) -> None:
        store = RawStore(folder / "landing", fetched_at=END)
        for file in render(END, first_year=2018, feeds=FEEDS_READ):
            store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
        store.load(*FEEDS_READ)
        create_tables(store.connection, tuple(FEEDS.values()))
        for name in ("later", "earlier", "clock"):
            (folder / name).mkdir()
        store.connection.execute(f"attach '{folder / 'later' / 'warehouse.duckdb'}' as warehouse; copy from database memory to warehouse; detach warehouse")
        run_dbt(["seed"], warehouse=folder / "later" / "warehouse.duckdb", mart=folder / "later" / "mart.duckdb")
        for name in ("earlier", "clock"):
            shutil.copy(folder / "later" / "warehouse.duckdb", folder / name)
        with duckdb.connect(str(folder / "clock" / "warehouse.duckdb")) as connection:
            for feed in FEEDS_READ:
                if "_available_at" in columns(connection, feed):
                    connection.execute(f"delete from raw.{feed} where _available_at > ?", [EARLIER])
            connection.execute("delete from raw.sec_13f_holding where accession_number not in (select accession_number from raw.sec_13f_filing)")
        build(folder / "later", END)
        build(folder / "earlier", EARLIER)
        build(folder / "clock", EARLIER)

    return shared("manager_rotation", make)


def columns(connection: duckdb.DuckDBPyConnection, feed: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe raw.{feed}").fetchall()]


def marts(built: Path, *names: str) -> duckdb.DuckDBPyConnection:
    """Marts and intermediate tables of the builds, as `<name>_mart` and `<name>_warehouse`."""
    connection = duckdb.connect()
    for name in names:
        connection.execute(f"attach '{built / name / 'mart.duckdb'}' as {name}_mart (read_only)")
        connection.execute(f"attach '{built / name / 'warehouse.duckdb'}' as {name}_warehouse (read_only)")
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> tuple[object, ...]:
    row = connection.execute(query, list(values)).fetchone()
    assert row is not None
    return row


def test_the_planted_cut_is_found(built: Path) -> None:
    """To a tenth of a percentage point, and no other quarter of any manager comes near it."""
    connection = marts(built, "later")
    query = (
        "select observation_date, manager_id, active_change_of_holding from later_mart.signals.fct_manager_rotation_quarterly "
        "where sector = 'Information Technology' and asset_class = 'share' and active_change_of_holding is not null order by active_change_of_holding"
    )
    first, second, *_ = connection.execute(query).fetchall()
    assert first[:2] == (date(2023, 6, 30), BRIDGEWATER)
    assert first[2] == pytest.approx(truth()["figures"]["bridgewater_technology_share"], abs=0.001)
    assert second[2] > -0.15
    assert "bridgewater_technology_share" not in truth(strength=0.0)["figures"]


def test_active_change_and_price_effect_add_up(built: Path) -> None:
    rows, compared, apart = one(
        marts(built, "later"),
        "select count(*), count(value_change_usd), max(abs(value_change_usd - active_change_usd - price_effect_usd) / greatest(1, abs(value_change_usd))) "
        "from later_mart.signals.fct_manager_position_quarterly",
    )
    assert rows > compared > 10_000  # type: ignore[operator]
    assert apart < 1e-9  # type: ignore[operator]


def test_splits_are_no_purchases(built: Path) -> None:
    """Every split of the world shows in its quarter, with and without a price; managers' shares drift by a few per cent."""
    connection = marts(built, "later")
    found = connection.execute(
        "select observation_date, ticker, split_ratio, count(*), max(abs(share_change / shares_before)) from later_mart.signals.fct_manager_position_quarterly "
        "where split_ratio <> 1 group by all order by all"
    ).fetchall()
    splits = sorted((str(np.datetime64(day, "M")), ticker, float(ratio)) for ticker, of_symbol in SPLITS.items() for day, ratio in of_symbol if day > "2020")
    assert len(splits) == 8
    quarter_of = {month: date(int(month[:4]), *{1: (3, 31), 2: (6, 30), 3: (9, 30), 4: (12, 31)}[(int(month[5:]) + 2) // 3]) for month, *_ in splits}
    assert [row[:3] for row in found] == sorted((quarter_of[month], ticker, ratio) for month, ticker, ratio in splits)
    assert all(count > 5 and change < 0.15 for *_, count, change in found)
    # without a price filers show both, too
    seen = connection.execute(
        "select observation_date, max(split_ratio) from later_warehouse.intermediate.int_split_of_filers group by all order by all"
    ).fetchall()
    assert seen == [(date(2020, 9, 30), 5.0), (date(2020, 12, 31), 4.0), (date(2021, 9, 30), 4.0), (date(2022, 6, 30), 20.0), (date(2022, 9, 30), 20.0)]


def test_a_share_under_a_new_cusip_is_not_sold(built: Path) -> None:
    """Linde took another CUSIP on 1 March 2023."""
    count, change = one(
        marts(built, "later"),
        "select count(*), max(abs(active_change_usd / value_before_usd)) from later_mart.signals.fct_manager_position_quarterly "
        "where ticker = 'LIN' and observation_date = '2023-03-31' and value_before_usd > 0 and value_usd > 0",
    )
    assert count
    assert change < 0.15  # type: ignore[operator]


def test_a_restatement_puts_right_what_was_doubled(built: Path) -> None:
    connection = marts(built, "earlier", "later")
    query = (
        "select sum(value_usd), sum(active_change_usd) / sum(value_before_usd) from {}_mart.signals.fct_manager_position_quarterly "
        "where manager_id = ? and observation_date = ?"
    )
    first, bought = one(connection, query.format("earlier"), BRIDGEWATER, date(2022, 9, 30))
    restated, drift = one(connection, query.format("later"), BRIDGEWATER, date(2022, 9, 30))
    assert first / restated == pytest.approx(2, abs=1e-4)  # type: ignore[operator]
    assert bought > 0.9  # type: ignore[operator]
    assert abs(drift) < 0.02  # type: ignore[operator]


def test_new_holdings_are_added(built: Path) -> None:
    """Citadel filed two lines of March 2023 later; the rest stands."""
    connection = marts(built, "later")
    filed = one(
        connection,
        "select count(distinct (cusip, put_call)) from later_warehouse.raw.sec_13f_holding "
        "inner join later_warehouse.raw.sec_13f_filing using (accession_number) where cik = '0001423053' and period_of_report = '2023-03-31'",
    )
    held = one(
        connection,
        "select count(*) filter (where shares > 0) from later_mart.signals.fct_manager_position_quarterly "
        "where manager_id = '0001423053' and observation_date = '2023-03-31'",
    )
    assert filed == held


def test_managers_go_from_shares_to_bonds_in_the_retreat_alone(built: Path) -> None:
    """Managers of the kinds that follow, and all of them."""
    connection = marts(built, "later")
    switched = connection.execute(
        "select distinct observation_date, manager_kind from later_mart.signals.fct_manager_rotation_quarterly where stock_to_bond_switch order by all"
    ).fetchall()
    assert {day for day, _ in switched} == {date(2023, 9, 30)}
    followers = ("macro", "risk parity", "multi-strategy", "state pension")
    assert all(any(name in kind for name in followers) for _, kind in switched)
    managers, switching, breadth = one(
        connection,
        "select max(managers_compared), max(managers_switching), max(switch_breadth) from later_mart.signals.fct_manager_rotation_quarterly "
        "where observation_date = '2023-09-30'",
    )
    expected = one(
        connection,
        "select count(distinct manager_id) from later_warehouse.intermediate.int_manager_filer "
        "inner join later_warehouse.intermediate.int_manager_quarter using (manager_id) "
        "where observation_date = '2023-09-30' and regexp_matches(manager_kind, 'macro|risk parity|multi-strategy|state pension')",
    )
    assert (switching,) == expected
    assert breadth == pytest.approx(switching / managers)  # type: ignore[operator]
    signal = one(
        connection,
        "select arg_max(value, available_at), arg_max(source_observation_date, available_at) "
        "from later_warehouse.intermediate.int_signal__stock_bond_switch_breadth",
    )
    assert signal == (pytest.approx(breadth), date(2023, 9, 30))


@pytest.mark.parametrize("signal", SIGNALS)
def test_past_values_of_signals_do_not_change_with_later_knowledge(built: Path, signal: str) -> None:
    connection = marts(built, "earlier", "later")
    past = f"(select * from later_warehouse.intermediate.int_signal__{signal} where available_at <= timestamp '{EARLIER}')"
    assert one(connection, f"select count(*) from {past}")[0] > 5  # type: ignore[operator]
    assert_equal(connection, f"(select * from earlier_warehouse.intermediate.int_signal__{signal})", past, ("signal_id", "available_at"))


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("fct_manager_position_quarterly", ("manager_id", "observation_date", "cusip", "position_kind")),
        ("fct_manager_rotation_quarterly", ("manager_id", "observation_date", "sector", "asset_class")),
    ],
)
def test_a_build_of_an_earlier_day_uses_nothing_later(built: Path, table: str, keys: tuple[str, ...]) -> None:
    connection = marts(built, "earlier", "clock")
    assert_equal(connection, f"earlier_mart.signals.{table}", f"clock_mart.signals.{table}", keys)


def test_a_signal_grows_as_filings_arrive(built: Path) -> None:
    """About the newest quarter for which half of the managers have filed, recomputed from what was known at each moment."""
    connection = marts(built, "later")
    events = connection.execute(
        "select available_at, source_observation_date, value from later_warehouse.intermediate.int_signal__hf_tech_active_change order by 1"
    ).fetchall()
    assert len(events) > 40
    assert len({day for _, day, _ in events}) == 12
    for moment, quarter, value in events[:: len(events) // 8]:
        states = connection.execute(
            """
            select observation_date, arg_max(technology_change_share, known_at), arg_max(value_before_usd, known_at)
            from later_warehouse.intermediate.int_manager_rotation_as_known
            where counts_in_breadth and known_at <= ? group by manager_id, observation_date
            """,
            [moment],
        ).fetchall()
        judged = [(share, before) for day, share, before in states if day == quarter and share is not None]
        reporting = max(sum(1 for day, _, _ in states if day == other) for other in {day for day, _, _ in states} if other < quarter)
        assert len(judged) >= reporting / 2
        assert value == pytest.approx(sum(share * before for share, before in judged) / sum(before for _, before in judged), abs=1e-11)


def test_a_filing_in_thousands_is_put_right(built: Path, tmp_path: Path) -> None:
    """As Renaissance filed the first quarter of 2024: the same marts, and a flag."""
    for name in ("warehouse.duckdb", "mart.duckdb"):
        shutil.copy(built / "later" / name, tmp_path)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "update raw.sec_13f_holding set value = round(value / 1000) where accession_number in "
            "(select accession_number from raw.sec_13f_filing where cik = ? and period_of_report = ?)",
            [RENAISSANCE, IN_THOUSANDS],
        )
    build(tmp_path, END)
    connection = marts(built, "later")
    connection.execute(f"attach '{tmp_path / 'mart.duckdb'}' as wrong (read_only)")
    flagged = connection.execute(
        "select distinct manager_id, observation_date from wrong.signals.fct_manager_position_quarterly where value_unit_corrected order by 2"
    ).fetchall()
    # the quarter after rests on it, too
    assert flagged == [(RENAISSANCE, IN_THOUSANDS), (RENAISSANCE, date(2023, 9, 30))]
    assert one(connection, "select bool_or(value_unit_corrected) from later_mart.signals.fct_manager_position_quarterly") == (False,)
    apart = one(
        connection,
        """
        select max(abs(wrong.active_change_share - correct.active_change_share))
        from wrong.signals.fct_manager_rotation_quarterly as wrong
        inner join later_mart.signals.fct_manager_rotation_quarterly as correct using (manager_id, observation_date, sector, asset_class)
        """,
    )
    assert apart[0] < 1e-6  # type: ignore[operator]
