"""Where capital goes, from the sample world's files to the marts: the retreat shows, sums add up, and nothing is known before its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from ingest.feeds import FEEDS
from ingest.load import create_tables
from ingest.sample import truth
from warehouse.break_test import CRITICAL_VALUES
from warehouse.dbt import run_dbt

BEHIND = ("ici_fund_flow", "ici_money_fund", "tic_cslt", "tic_slt", "fred_series", "price_daily", "gld_archive", "cftc_disaggregated", "own_series")
MARTS = ("fct_dollar_recycling_monthly", "fct_capital_destination_monthly", "fct_retreat_reconciliation_monthly")
EARLIER = datetime(2023, 9, 8, 12)
RETREAT = "observation_date between date '2023-07-31' and date '2023-10-31'"


@pytest.fixture(scope="module")
def earlier(sample_home: Path, shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The marts as of a moment before the world's end. That a build knows nothing of later files is tests/test_refresh.py's, for every mart."""

    def make(folder: Path) -> None:
        warehouse = folder / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'; create schema raw; create schema meta")
            create_tables(connection, tuple(FEEDS.values()))
            connection.execute(f"attach '{sample_home / 'warehouse.duckdb'}' as home (read_only)")
            for feed in BEHIND:
                connection.execute(f"insert into raw.{feed} by name from home.raw.{feed}")
            connection.execute(
                "create table meta.build_in_progress as select 'build' as build_id, 'sample' as source, "
                f"timestamp '{EARLIER}' as as_of, timestamp '2026-01-01' as started_at, '0' as code_version"
            )
        selected = ["--select", *(f"+{mart}" for mart in MARTS), "--exclude-resource-type", "unit_test"]
        run_dbt(["build", *selected], warehouse=warehouse, mart=folder / "earlier.duckdb", target=folder / "dbt")

    return shared("migration_destinations", make) / "earlier.duckdb"


@pytest.fixture
def end(sample_home: Path) -> Path:
    """The build published at the world's end."""
    return sample_home / "published" / "current.duckdb"


@pytest.fixture
def home(sample_home: Path) -> duckdb.DuckDBPyConnection:
    """Newest versions of the files behind the marts, as tables `newest_<feed>`."""
    connection = duckdb.connect()
    connection.execute(f"attach '{sample_home / 'warehouse.duckdb'}' as home (read_only)")
    for feed in BEHIND:
        key = ", ".join(FEEDS[feed].key)
        newest = f"row_number() over (partition by {key} order by _available_at desc, _file_id desc) = 1"
        connection.execute(f"create temp view newest_{feed} as from home.raw.{feed} qualify {newest}")
    return connection


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_in_the_retreat_money_goes_where_the_world_sends_it(end: Path) -> None:
    """Into money-market funds, bond funds, gold and copper, out of shares of the whole world; US funds and foreigners sell in each of its months."""
    query = "select destination, avg(standardised_inflow), bool_and(is_money_leaving) from migration.fct_capital_destination_monthly"
    found = {destination: (z, leaving) for destination, z, leaving in rows(end, f"{query} where {RETREAT} group by 1")}
    assert all(leaving for _, leaving in found.values())
    for destination in ("money-market funds", "bond funds", "SPDR Gold Shares", "gold funds worldwide", "copper futures"):
        assert found[destination][0] > 0.5, destination
    assert found["world equity funds"][0] < -1
    calm = dict(rows(end, f"{query.replace(', bool_and(is_money_leaving)', '')} where year(observation_date) = 2022 group by 1"))
    for destination in ("bond funds", "SPDR Gold Shares", "copper futures"):
        assert calm[destination] < found[destination][0], destination


def test_planted_open_interest_comes_back(end: Path) -> None:
    query = """
        select max(indicator_value) filter (observation_date = '2023-10-31') / max(indicator_value) filter (observation_date = '2022-12-31') - 1,
            sum(inflow) filter (observation_date between '2023-01-01' and '2023-10-31') / max(indicator_value) filter (observation_date = '2022-12-31')
        from migration.fct_capital_destination_monthly where destination = 'copper futures'
    """
    ((of_levels, of_inflows),) = rows(end, query)
    assert (of_levels, of_inflows) == pytest.approx([truth()["figures"]["copper_open_interest_share"]] * 2)


def test_gold_that_came_in_is_gold_that_is_there(end: Path, home: duckdb.DuckDBPyConnection) -> None:
    """Tonnes at the end of October 2023 less those of 2022, plus what the trust sold for expenses in 304 days at 0.4% a year."""
    ((before, after, mean),) = home.execute(
        """
        select max(tonnes_in_trust) filter (observation_date = '2022-12-30'), max(tonnes_in_trust) filter (observation_date = '2023-10-31'),
            avg(tonnes_in_trust) filter (observation_date between '2022-12-30' and '2023-10-31')
        from newest_gld_archive
        """
    ).fetchall()
    query = """
        select sum(inflow), sum(inflow_usd) / sum(inflow)
        from migration.fct_capital_destination_monthly where destination = 'SPDR Gold Shares' and observation_date between '2023-01-31' and '2023-10-31'
    """
    ((tonnes, usd_a_tonne),) = rows(end, query)
    assert tonnes == pytest.approx(after - before + 0.004 * 305 / 365 * mean, abs=0.02)
    assert 1700 * 32150.7466 < abs(usd_a_tonne) < 2300 * 32150.7466


def test_money_funds_earn_their_interest(end: Path) -> None:
    """In 2021 rates were near zero and the change of assets is the inflow; in 2023 5% a year on 5.5 trillion is no inflow."""
    query = """
        select year(observation_date), sum(change - inflow_usd) / avg(indicator_value)
        from (
            select *, indicator_value - lag(indicator_value) over (order by observation_date) as change
            from migration.fct_capital_destination_monthly where destination = 'money-market funds'
        ) where year(observation_date) in (2021, 2023) group by 1 order by 1
    """
    (_, calm), (_, dear) = rows(end, query)
    assert 0 < calm < 0.002
    assert 0.040 < dear < 0.050


def test_sums_are_those_of_the_files(end: Path, home: duckdb.DuckDBPyConnection) -> None:
    ((funds, bonds, world, commodities),) = home.execute(
        """
        select max(-net_flow) filter (category = 'domestic_equity'), max(net_flow) filter (category = 'bond'), max(net_flow) filter (category = 'world_equity'),
            max(net_flow) filter (category = 'commodity')
        from newest_ici_fund_flow where frequency = 'monthly' and vehicle = 'combined' and observation_date = '2023-10-31'
        """
    ).fetchall()
    ((foreigners,),) = home.execute(
        "select -amount from newest_tic_cslt where direction = 'for' and term = 'lt' and instrument = 'eqty' and measure = 'net' and country_code = '99996' "
        "and observation_date = '2023-10-31'"
    ).fetchall()
    query = "select item, amount_usd / 1e6 from migration.fct_retreat_reconciliation_monthly where observation_date = '2023-10-31'"
    found = dict(rows(end, query))
    assert {item: amount for item, amount in found.items() if item not in ("money-market funds", "not explained")} == pytest.approx(
        {"US funds": funds, "foreigners": foreigners, "bond funds": bonds, "world equity funds": world, "commodity funds": commodities}
    )
    assert found["not explained"] == pytest.approx(funds + foreigners - bonds - world - commodities - found["money-market funds"])


def test_what_left_is_found_again_in_every_whole_month(end: Path) -> None:
    query = """
        select observation_date,
            sum(amount_usd) filter (side = 'out') - sum(amount_usd) filter (side = 'arrived') - sum(amount_usd) filter (side = 'residual'),
            sum(share_of_out) filter (side <> 'out')
        from migration.fct_retreat_reconciliation_monthly where is_complete group by 1 order by 1
    """
    found = rows(end, query)
    assert len(found) >= 90 and found[-1][0] == date(2023, 10, 31)
    assert max(abs(difference) for _, difference, _ in found) < 0.005
    assert [share for *_, share in found[-4:]] == pytest.approx([1.0] * 4)


def test_a_month_without_the_figures_of_foreigners_has_no_sum(earlier: Path, end: Path) -> None:
    """On 8 September funds have told of July, foreigners' sales of July come ten days later."""
    query = """
        select side, item, amount_usd is null, share_of_out is null, is_complete, missing_items
        from migration.fct_retreat_reconciliation_monthly where observation_date = '2023-07-31' order by side, item
    """
    july = rows(earlier, query)
    assert ("residual", "not explained", True, True, False, "foreigners") in july
    assert ("out", "US funds", False, True, False, "foreigners") in july
    assert not any(item == "foreigners" for _, item, *_ in july)
    query = "select is_money_leaving, inflow_while_leaving from migration.fct_capital_destination_monthly where observation_date = '2023-07-31'"
    assert set(rows(earlier, query)) == {(None, None)}
    assert {leaving for leaving, _ in rows(end, query)} == {True}


@pytest.mark.parametrize("mart", MARTS)
def test_an_earlier_build_knows_what_was_known_then(earlier: Path, end: Path, mart: str) -> None:
    query = f"select max(observation_date), max(available_at) from migration.{mart}"
    (newest, known), (newest_at_end, _) = rows(earlier, query)[0], rows(end, query)[0]
    assert known <= EARLIER
    assert newest < newest_at_end


def test_correlation_is_that_of_the_files(end: Path, home: duckdb.DuckDBPyConnection) -> None:
    """Return of the S&P 500 and change of the dollar over the 36 months to October 2023, from last closes of months."""
    series = []
    for value, table in (
        ("close", "newest_price_daily where symbol = '^GSPC' and adjustment = 'split'"),
        ("value", "newest_fred_series where series_id = 'DTWEXBGS' and value is not null"),
    ):
        months = f"select last_day(observation_date) as month, arg_max({value}, observation_date) from {table} and observation_date < '2023-11-01'"
        levels = home.execute(f"{months} group by 1 order by 1").fetchall()
        series.append(np.diff(np.log([level for _, level in levels[-37:]])))
    expected = float(np.corrcoef(*series)[0, 1])
    query = "select correlation_36m, correlation_standard_error from migration.fct_dollar_recycling_monthly where observation_date = '2023-10-31' and link = "
    ((correlation, error),) = rows(end, f"{query} 'equity to dollar'")
    assert (correlation, error) == pytest.approx((expected, (1 - expected**2) / 6))
    ((mean,),) = rows(end, "select avg(correlation_36m) from (" + query.replace("and link = ", "and link <> 'whole loop'") + ")")
    assert rows(end, f"{query} 'whole loop'")[0][0] == pytest.approx(mean)


def test_no_loop_is_planted_and_its_end_could_not_be_seen_yet(end: Path) -> None:
    """Dollar and purchases of Treasuries do not follow US shares in the sample world: the loop is near 0 and at the end no break in it is found.

    The four months of retreat lie within the 15% at the end that are no candidates.
    """
    columns = "link, sup_wald, break_date, significance_level, is_broken, correlation_36m / correlation_standard_error"
    query = f"select {columns} from migration.fct_dollar_recycling_monthly"
    last = {link: found for link, *found in rows(end, f"{query} where observation_date = '2023-10-31'")}
    assert len(last) == 4
    assert abs(last["whole loop"][4]) < 2
    assert [is_broken for _, _, _, is_broken, _ in last.values()] == [False] * 4
    onset = truth()["onset"]
    for _, statistic, at, level, is_broken, _ in rows(end, f"{query} where sup_wald is not null and link <> 'whole loop'"):
        assert at < onset
        assert is_broken == (statistic > CRITICAL_VALUES[0.05]) == (level is not None and level <= 0.05)
