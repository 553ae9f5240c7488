"""The flow marts of schema `migration` on the sample world: the article's story comes back, and figures agree with a recomputation from staging."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.sample import END

FOREIGN = "direction = 'foreign holdings of US securities'"


@pytest.fixture(scope="module")
def connection(sample_home: Path) -> duckdb.DuckDBPyConnection:
    """The published marts, and the warehouse behind them."""
    connection = duckdb.connect()
    connection.execute(f"attach '{sample_home / 'published' / 'current.duckdb'}' as mart (read_only)")
    connection.execute(f"attach '{sample_home / 'warehouse.duckdb'}' as warehouse (read_only)")
    connection.execute("set search_path = 'mart.migration'")
    return connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


# --- cross-border flows -------------------------------------------------------------------------------------------------


def test_foreigners_sell_us_equities_late_in_2023(connection: duckdb.DuckDBPyConnection) -> None:
    """Holdings rise in July and fall in October; purchases, apart from prices, are negative and ever more so in both."""
    found = rows(
        connection,
        f"""
        select observation_date, holdings_change_usd, net_purchases_usd, valuation_change_usd, flow_share, valuation_source from fct_cross_border_flow_monthly
        where {FOREIGN} and instrument = 'equities' and country_code = '99996' and observation_date between '2023-07-31' and '2023-10-31' order by 1
        """,
    )
    assert [row[0] for row in found] == [date(2023, month, 31 if month != 9 else 30) for month in (7, 8, 9, 10)]
    bought = [row[2] for row in found]
    assert max(bought) < 0 and bought == sorted(bought, reverse=True)
    assert found[0][1] > 0 > found[-1][1]
    assert found[0][3] > 0
    assert all(-0.005 < row[4] < 0 for row in found)
    assert {row[5] for row in found} == {"collected"}


def test_countries_add_up_to_the_grand_total(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        connection,
        """
        select instrument, source_table, count(*), max(abs(parts - whole)), max(abs(bought_parts - bought_whole)) from (
            select
                observation_date, direction, instrument, source_table,
                sum(holdings_usd) filter (where not is_aggregate) as parts, max(holdings_usd) filter (where country_code = '99996') as whole,
                sum(net_purchases_usd) filter (where not is_aggregate) as bought_parts,
                max(net_purchases_usd) filter (where country_code = '99996') as bought_whole
            from fct_cross_border_flow_monthly group by all
        ) group by all
        """,
    )
    assert {row[:2] for row in found} == {
        ("equities", "cslt"), ("treasuries", "cslt"), ("all long-term securities", "cslt"), ("agency bonds", "1"), ("corporate bonds", "1"),
    }  # fmt: skip
    assert all(row[2] > 40 and row[3] <= 15e6 and row[4] <= 15e6 for row in found)


def test_only_holdings_are_known_of_bonds_before_the_expanded_survey(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        connection,
        """
        select
            observation_date >= '2023-02-28', count(holdings_change_usd) > 0, count(net_purchases_usd) > 0, count(other_change_usd) > 0,
            count(valuation_source) > 0
        from fct_cross_border_flow_monthly where instrument = 'corporate bonds' group by all order by 1
        """,
    )
    assert found == [(False, True, False, False, False), (True, True, True, True, True)]
    estimated = rows(
        connection,
        "select distinct valuation_source from fct_cross_border_flow_monthly where instrument = 'equities' and observation_date < '2023-02-28'",
    )
    assert {row[0] for row in estimated} <= {"estimated", None} and ("estimated",) in estimated


def test_gross_purchases_less_gross_sales_are_net_purchases(connection: duckdb.DuckDBPyConnection) -> None:
    """The sign of table 4, which tells of US residents: what they sell to foreigners, foreigners buy."""
    count, largest = rows(
        connection,
        """
        select count(*), max(abs(gross_purchases_usd - gross_sales_usd - net_purchases_usd)) from fct_cross_border_flow_monthly
        where instrument <> 'all long-term securities' and gross_purchases_usd is not null and net_purchases_usd is not null
        """,
    )[0]
    assert count > 300
    assert largest <= 1e6


# --- sovereign funds ----------------------------------------------------------------------------------------------------


def test_norways_fund_lowers_the_weight_of_us_shares(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        connection,
        """
        select observation_date, weight, weight_change from fct_sovereign_fund_weight
        where fund = 'Government Pension Fund Global' and asset_class = 'equities' and country = 'United States' order by 1 desc limit 2
        """,
    )
    assert [row[0] for row in found] == [date(2023, 6, 30), date(2022, 12, 31)]
    assert [round(row[1], 2) for row in found] == [0.33, 0.38]
    assert found[0][2] == pytest.approx(found[0][1] - found[1][1])


def test_regions_are_sums_and_asia_gains(connection: duckdb.DuckDBPyConnection) -> None:
    found = dict(
        rows(
            connection,
            """
            select region, sum(weight_change) from fct_sovereign_fund_weight
            where fund = 'Government Pension Fund Global' and asset_class = 'equities' and observation_date = '2023-06-30' group by region
            """,
        )
    )
    assert found["North America"] < -0.03
    assert found["Asia"] > 0.005
    # newly listed countries do not matter: what one region loses others gain, bonds and real estate included
    total = rows(connection, "select sum(weight_change) from fct_sovereign_fund_weight where observation_date = '2023-06-30' and weight is not null")[0][0]
    assert total == pytest.approx(0, abs=1e-12)


def test_form_13f_of_sovereign_funds_is_what_the_positions_say(connection: duckdb.DuckDBPyConnection) -> None:
    shown = rows(
        connection,
        """
        select fund, observation_date, sum(holdings_usd), count(weight) from fct_sovereign_fund_weight
        where basis = 'US-listed holdings (Form 13F)' group by 1, 2 order by 1, 2
        """,
    )
    held = rows(
        connection,
        """
        select manager_name, observation_date, sum(value_usd), 0 from mart.signals.fct_manager_position_quarterly
        where manager_kind = 'sovereign' and asset_class <> 'option' group by 1, 2 order by 1, 2
        """,
    )
    assert {row[0] for row in shown} == {"Norges Bank", "Saudi PIF", "Temasek"}
    assert [row[:2] + row[3:] for row in shown] == [row[:2] + row[3:] for row in held]
    assert [row[2] for row in shown] == pytest.approx([row[2] for row in held])


# --- reserves -----------------------------------------------------------------------------------------------------------


def test_dollar_share_falls_to_its_lowest(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(
        connection,
        "select observation_date, share, share_change_4q, is_lowest_on_record from fct_reserve_currency_quarterly where currency = 'US dollar' order by 1 desc",
    )
    assert found[0][0] == date(2023, 6, 30)
    assert found[0][1] == pytest.approx(0.581, abs=5e-4)
    assert found[0][2] < 0
    assert found[0][3]
    gold = rows(connection, "select share_with_gold_change_4q from fct_reserve_currency_quarterly where currency = 'gold' order by observation_date desc")
    assert gold[0][0] > 0


def test_exchange_rates_are_taken_out_as_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    """The newest quarter at the rates of a year before, from published shares and the daily rates, currency by currency."""
    named = {"US dollar": ("CI_USD", None, 0), "euro": ("CI_EUR", "DEXUSEU", 1), "yen": ("CI_JPY", "DEXJPUS", -1)}
    named |= {"pound sterling": ("CI_GBP", "DEXUSUK", 1), "renminbi": ("CI_CNY", "DEXCHUS", -1)}

    def newest(table: str, condition: str) -> float:
        query = f"select value from warehouse.staging.{table} where {condition} order by observation_date desc, available_at desc limit 1"
        return float(rows(connection, query)[0][0])

    def worth(series: str | None, power: int, day: str) -> float:
        if series is None:
            return 1.0
        return newest("stg_fred__observation", f"series_id = '{series}' and observation_date <= '{day}' and value is not null") ** power

    share, then = {}, {}
    for currency, (code, series, power) in named.items():
        share[currency] = newest("stg_imf__observation", f"series_key = 'G001.AFXRA.{code}.SHRO_PT.Q' and observation_date = '2023-06-30'")
        then[currency] = share[currency] * worth(series, power, "2022-06-30") / worth(series, power, "2023-06-30")
    abroad = [currency for currency in named if currency != "US dollar"]
    share["other currencies"] = 1 - sum(share.values())
    then["other currencies"] = share["other currencies"] * sum(then[c] for c in abroad) / sum(share[c] for c in abroad)
    expected = {currency: (share[currency], value / sum(then.values())) for currency, value in then.items()}
    found = rows(
        connection,
        """
        select currency, share, share_at_rates_4q_before, exchange_rate_effect_4q + quantity_effect_4q - share_change_4q
        from fct_reserve_currency_quarterly where observation_date = '2023-06-30' and currency <> 'gold'
        """,
    )
    assert {row[0]: row[1:3] for row in found} == {currency: pytest.approx(values) for currency, values in expected.items()}
    assert [row[3] for row in found] == pytest.approx([0] * 6, abs=1e-15)
    # the dollar fell over the year: a part of the fall of its share is that
    assert found and expected["US dollar"][0] < expected["US dollar"][1]


def test_gold_is_worth_its_price(connection: duckdb.DuckDBPyConnection) -> None:
    tonnes, price, worth = rows(
        connection, "select gold_tonnes, usd_per_unit, amount_usd from fct_reserve_currency_quarterly where currency = 'gold' order by observation_date desc"
    )[0]
    assert 30_000 < tonnes < 40_000
    assert worth == pytest.approx(tonnes * 1e6 / 31.1034768 * price)


# --- liquidity by sector ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2018-09-11", "2021-05-05", "2022-08-25", "2023-12-29"])
def test_turnover_of_a_sector_is_that_of_its_symbols_as_known(connection: duckdb.DuckDBPyConnection, day: str) -> None:
    """Means of the newest 21 sessions known at the end of the day, symbol by symbol, and of those 252 sessions before."""
    listed = rows(
        connection,
        """
        select symbol, sector from warehouse.staging.symbol_sector
        where sector is not null and symbol in (select symbol from warehouse.staging.stg_price__daily)
        """,
    )
    turnover: dict[str, float] = {}
    compared: dict[str, tuple[float, float]] = {}
    symbols: dict[str, int] = {}
    for symbol, sector in listed:
        known = rows(
            connection,
            f"""
            select arg_max(close * volume, available_at) from warehouse.staging.stg_price__daily
            where symbol = '{symbol}' and available_at < date '{day}' + interval 1 day and close > 0 and volume is not null
            group by observation_date order by observation_date desc limit 273
            """,
        )
        if len(known) < 21:
            continue
        symbols[sector] = symbols.get(sector, 0) + 1
        mean = sum(row[0] for row in known[:21]) / 21
        turnover[sector] = turnover.get(sector, 0) + mean
        if len(known) == 273:
            now, before = compared.get(sector, (0.0, 0.0))
            compared[sector] = now + mean, before + sum(row[0] for row in known[252:]) / 21
    total, now, before = sum(turnover.values()), sum(pair[0] for pair in compared.values()), sum(pair[1] for pair in compared.values())
    found = rows(
        connection,
        f"""
        select sector, turnover_usd, turnover_share, turnover_share_change_1y, symbols, herfindahl
        from fct_liquidity_stratification_daily where observation_date = '{day}'
        """,
    )
    assert {row[0] for row in found} == set(turnover)
    concentration = sum((value / total) ** 2 for value in turnover.values())
    for sector, usd, share, change, count, herfindahl in found:
        assert (usd, share, herfindahl) == pytest.approx((turnover[sector], turnover[sector] / total, concentration)), sector
        assert count == symbols[sector]
        pair = compared.get(sector)
        assert change == (pytest.approx(pair[0] / now - pair[1] / before, abs=1e-12) if pair else None), sector


# --- all of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mart", ["fct_cross_border_flow_monthly", "fct_sovereign_fund_weight", "fct_reserve_currency_quarterly", "fct_liquidity_stratification_daily"]
)
def test_nothing_is_shown_before_it_is_known(connection: duckdb.DuckDBPyConnection, mart: str) -> None:
    query = f"select count(*), count(*) filter (where available_at is null or file_id is null), max(available_at) from {mart}"
    count, unknown, latest = rows(connection, query)[0]
    assert count > 100
    assert unknown == 0
    assert latest <= END.replace(tzinfo=None)
    if mart.endswith("daily"):
        assert rows(connection, f"select count(*) from {mart} where available_at >= observation_date + interval 1 day") == [(0,)]
