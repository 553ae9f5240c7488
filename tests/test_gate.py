"""The quality gates: clean data passes, each planted defect is caught by the check meant for it, and results are kept."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from click.testing import CliRunner

from expectations.check import BuildUnderCheck, Check, Suite
from expectations.gate import GateError, GateResult, run_gate, stage_suites
from expectations.project import PROJECT, ProjectError, feeds_behind, read_models
from expectations.statement import ROWS, counts
from ingest.feeds import FEEDS
from warehouse.cli import main

AS_OF = datetime(2023, 12, 29, 23, 59, 59)
FIRST_DAY = date(2021, 1, 4)
BUILD = "20231229-test"

# -- a small warehouse ---------------------------------------------------------------------------------------------------

# Rows of each raw table over three years, as SQL on `trading_day` (sessions), `tuesday` and `month_end`; lineage is added.
RAW_ROWS = {
    "cboe_put_call": """
        select
            trading_day as observation_date, product, 'volume' as measure,
            cast(calls as bigint) as call_contracts, cast(puts as bigint) as put_contracts,
            cast(calls as bigint) + cast(puts as bigint) as total_contracts,
            round(cast(puts as bigint) / cast(calls as bigint), 2) as published_ratio
        from (
            select *, 1e6 * (1 + 0.1 * sin(epoch(trading_day) / 1e5)) as calls, 8e5 * (1 + 0.1 * cos(epoch(trading_day) / 1e5)) as puts
            from trading_day cross join (values ('total'), ('equity')) as products(product)
        )
    """,
    "cboe_index_history": """
        select
            index_name, trading_day as observation_date, level as open, level * 1.03 as high, level * 0.97 as low, level * 1.01 as close
        from (
            select *, base * (1 + 0.2 * sin(epoch(trading_day) / 1e6)) as level
            from trading_day cross join (values ('VIX', 20), ('SKEW', 130)) as indices(index_name, base)
        )
    """,
    "cftc_tff": """
        select
            * replace (cast(open_interest as bigint) as open_interest),
            dealer_long + asset_manager_long + leveraged_funds_long + other_reportable_long
                + dealer_spread + asset_manager_spread + leveraged_funds_spread + other_reportable_spread as total_reportable_long,
            dealer_short + asset_manager_short + leveraged_funds_short + other_reportable_short
                + dealer_spread + asset_manager_spread + leveraged_funds_spread + other_reportable_spread as total_reportable_short
        from (
            select
                tuesday as observation_date, contract_code, 'FutOnly' as report_scope, contract_code as contract_name,
                1000 + week as dealer_long, 2000 as dealer_short, 100 as dealer_spread,
                3000 as asset_manager_long, 1000 + week as asset_manager_short, 200 as asset_manager_spread,
                500 as leveraged_funds_long, 1500 as leveraged_funds_short, 50 as leveraged_funds_spread,
                400 as other_reportable_long, 300 as other_reportable_short, 10 as other_reportable_spread,
                90 as nonreportable_long, 190 as nonreportable_short, 5350 + week as open_interest
            from tuesday cross join (values ('13874A'), ('13874+')) as contracts(contract_code)
        )
    """,
    "tic_major_foreign_holders": """
        select country, month_end as observation_date, '-' as series, holdings + month_number as holdings
        from month_end cross join (values
            ('Japan', 1000.0), ('China, Mainland', 800.0), ('All Other', 3700.0), ('Country A', 100.0), ('Country B', 100.0),
            ('Country C', 100.0), ('Country D', 100.0), ('Country E', 100.0), ('Country F', 100.0), ('Country G', 100.0),
            ('Country H', 100.0), ('Country I', 100.0), ('Country J', 100.0), ('Country K', 100.0), ('Country L', 100.0),
            ('Country M', 100.0), ('Foreign Official', 4000.0),
            ('Foreign Official Treasury Bills', 400.0)
        ) as holders(country, holdings)
        union all
        select 'Grand Total', month_end, '-', 6800.0 + 16 * month_number from month_end
        union all
        select 'Foreign Official T-Bonds & Notes', month_end, '-', 3600.0 from month_end
    """,
    "ofr_fsi": """
        select
            trading_day as observation_date, 0.5 + wave as ofr_fsi, 0.1 + wave as credit, 0.1 as equity_valuation,
            0.1 as safe_assets, 0.1 as funding, 0.1 as volatility, 0.3 as united_states, 0.1 as other_advanced_economies,
            0.1 + wave as emerging_markets
        from (select *, round(0.3 * sin(epoch(trading_day) / 1e6), 3) as wave from trading_day)
    """,
    "ssga_nav": """
        select
            'SPY' as ticker, trading_day as observation_date, value as net_asset_value, 9e8 as shares_outstanding,
            value * 9e8 as total_net_assets
        from (select *, 400 + 20 * sin(epoch(trading_day) / 1e6) as value from trading_day)
    """,
    "fred_series": """
        select 'DGS10' as series_id, trading_day as observation_date, 4 + 0.3 * sin(epoch(trading_day) / 1e6) as value, null::date as vintage_date
        from trading_day
    """,
    "shiller_market": """
        select
            month_end as observation_date, level as price, 0.015 * level as dividend,
            -- reported one or two quarters later
            case when month_end < date '2023-08-01' then 0.045 * level end as earnings,
            300.0 as consumer_price_index, 4.0 as long_interest_rate_percent, 1.02 * level as real_price, 1.02 * 0.015 * level as real_dividend,
            50 * level as real_total_return_price, case when month_end < date '2023-08-01' then 0.046 * level end as real_earnings,
            case when month_end < date '2023-08-01' then 2 * level end as real_total_return_scaled_earnings,
            30.0 as cape, 32.0 as total_return_cape, 0.015 as excess_cape_yield
        from (select *, 4000 + 200 * sin(month_number) as level from month_end where month_end < date '2023-12-01')
    """,
    "finra_margin": """
        select month_end as observation_date, 700000.0 + 1000 * month_number as debit_balances, 2e5 as free_credit_cash, 2e5 as free_credit_margin
        from month_end where month_end < date '2023-12-01'
    """,
}

PROJECT_FILES = {
    "staging/cboe/stg_cboe__put_call.sql": "select * from {{ source('cboe', 'cboe_put_call') }}",
    "staging/cboe/_models.yml": """
        models:
          - name: stg_cboe__put_call
            config: {meta: {grain: [observation_date, product, measure, available_at]}}
            columns:
              - {name: put_contracts, config: {meta: {unit: contracts, minimum: 0}}}
    """,
    "intermediate/int_signal__put_call.sql": "select * from {{ ref('stg_cboe__put_call') }}",
    "intermediate/_models.yml": """
        models:
          - name: int_signal__put_call
            config: {meta: {grain: [observation_date]}}
            columns: []
    """,
    "marts/signals/fct_retreat_index_daily.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/signals/fct_etf_flow_weekly.sql": "select * from {{ source('vanguard', 'vanguard_nav') }}",
    "marts/signals/fct_claim_check.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/signals/fct_short_interest.sql": """
        select * from {{ source('vanguard', 'vanguard_nav') }} left join {{ ref('stg_cboe__put_call') }} using (observation_date)
    """,
    "marts/signals/fct_signal_alert.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/migration/fct_cross_border_flow_monthly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/migration/fct_sovereign_fund_weight.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/migration/fct_reserve_currency_quarterly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/migration/fct_liquidity_stratification_daily.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/migration/_models.yml": """
        models:
          - name: fct_cross_border_flow_monthly
            config: {meta: {grain: [observation_date, country_code]}}
            columns: []
          - name: fct_sovereign_fund_weight
            config: {meta: {grain: [fund, observation_date, country]}}
            columns: []
          - name: fct_reserve_currency_quarterly
            config: {meta: {grain: [observation_date, currency]}}
            columns: []
          - name: fct_liquidity_stratification_daily
            config: {meta: {grain: [observation_date, sector]}}
            columns: []
    """,
    **{
        f"marts/valuation/{name}.sql": "select * from {{ ref('int_signal__put_call') }}"
        for name in ("fct_dcf_valuation", "fct_implied_discount_rate", "fct_pe_compression", "fct_repricing_attribution")
    },
    "marts/valuation/fct_discount_rate_daily.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/valuation/fct_equity_risk_premium_monthly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/valuation/fct_political_risk_premium_monthly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/valuation/_models.yml": """
        models:
          - name: fct_dcf_valuation
            config: {meta: {grain: [observation_date, symbol, discount_rate]}}
            columns: []
          - name: fct_implied_discount_rate
            config: {meta: {grain: [observation_date, symbol]}}
            columns: []
          - name: fct_pe_compression
            config: {meta: {grain: [observation_date, universe]}}
            columns: []
          - name: fct_repricing_attribution
            config: {meta: {grain: [symbol, period_start, period_end, kind]}}
            columns: []
          - name: fct_discount_rate_daily
            config: {meta: {grain: [observation_date, symbol]}}
            columns: []
          - name: fct_equity_risk_premium_monthly
            config: {meta: {grain: [source_table, observation_date]}}
            columns: []
          - name: fct_political_risk_premium_monthly
            config: {meta: {grain: [observation_date]}}
            columns: []
    """,
    "marts/signals/_models.yml": """
        models:
          - name: fct_claim_check
            config: {meta: {grain: [claim_id, variant]}}
            columns: []
          - name: fct_retreat_index_daily
            config: {meta: {grain: [observation_date]}}
            columns:
              - {name: retreat_index, config: {meta: {unit: points, minimum: 0, maximum: 100}}}
              - {name: breadth, config: {meta: {unit: fraction, minimum: 0, maximum: 1}}}
          - name: fct_etf_flow_weekly
            config: {meta: {grain: [observation_date, ticker]}}
            columns: []
          - name: fct_short_interest
            config: {meta: {grain: [observation_date, ticker], rows_from: [vanguard_nav]}}
            columns: []
          - name: fct_signal_alert
            config: {meta: {grain: [signal_id, rule, start_date], rows_from: []}}
            columns: []
    """,
    "marts/scenarios/fct_derivatives_concentration_weekly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/fct_defence.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/fct_minsky_quarterly.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/fct_retreat_path.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/fct_spillover.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/fct_contagion_path.sql": "select * from {{ ref('int_signal__put_call') }}",
    "marts/scenarios/_models.yml": """
        models:
          - name: fct_contagion_path
            config: {meta: {grain: [shock, asset, day]}}
            columns: []
          - name: fct_derivatives_concentration_weekly
            config: {meta: {grain: [observation_date, contract_code, report_scope]}}
            columns: []
          - name: fct_defence
            config: {meta: {grain: [portfolio, sample, horizon_days]}}
            columns: []
          - name: fct_minsky_quarterly
            config: {meta: {grain: [observation_date]}}
            columns: []
          - name: fct_retreat_path
            config: {meta: {grain: [pace, is_hedged, observation_date]}}
            columns: []
          - name: fct_spillover
            config: {meta: {grain: [observation_date, asset, from_asset]}}
            columns: []
    """,
}


def build_warehouse(path: Path, trading_days: list[date]) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create temp table trading_day as select unnest(cast(? as date[])) as trading_day", [trading_days])
        connection.execute(
            """
            create temp table tuesday as
            select cast(day as date) as tuesday, row_number() over (order by day) as week
            from range(timestamp '2021-01-05', timestamp '2023-12-27', interval 7 day) as days(day);
            create temp table month_end as
            select last_day(day) as month_end, row_number() over (order by day) as month_number
            from range(timestamp '2021-01-01', timestamp '2023-12-01', interval 1 month) as days(day);
            create schema raw;
            create schema meta;
            create table meta.build_in_progress (build_id varchar, source varchar, as_of timestamp, started_at timestamp, code_version varchar);
            create table meta.file (
                file_id integer, feed varchar, format varchar, name varchar, path varchar, sha256 varchar, url varchar, source varchar,
                edition_at timestamp, fetched_at timestamp, build_id varchar, rows_read bigint, rows_loaded bigint, rows_quarantined bigint,
                rows_unchanged bigint, rows_skipped bigint, skipped map(varchar, bigint), first_observation date, last_observation date,
                status varchar, message varchar
            );
            create table meta.quarantine (file_id integer, feed varchar, row_number bigint, line varchar, reason varchar, decision varchar)
            """
        )
        connection.execute("insert into meta.build_in_progress values (?, 'sample', ?, ?, 'test')", [BUILD, AS_OF, AS_OF])
        for file_id, (name, rows) in enumerate(RAW_ROWS.items(), start=1):
            feed = FEEDS[name]
            columns = ", ".join(f'"{column.name}" {column.type}' for column in feed.columns)
            connection.execute(
                f"create table raw.{name} ({columns}, _file_id integer, _row_number bigint, _available_at timestamp, _available_at_source varchar)"
            )
            connection.execute(
                f"""
                insert into raw.{name} by name
                select
                    *, {file_id} as _file_id, row_number() over () as _row_number,
                    observation_date + interval '20 hour' + interval '{feed.lag.days} day' as _available_at, 'lag' as _available_at_source
                from ({rows})
                """
            )
            connection.execute(
                f"""
                insert into meta.file by name
                select
                    {file_id} as file_id, '{name}' as feed, '{name}.csv' as name, timestamp '{AS_OF}' as edition_at,
                    timestamp '{AS_OF}' as fetched_at, '{BUILD}' as build_id, count(*) as rows_read, count(*) as rows_loaded,
                    0 as rows_quarantined, 0 as rows_unchanged, 'loaded' as status
                from raw.{name}
                """
            )
        connection.execute(
            f"""
            create schema staging;
            create schema intermediate;
            create view staging.stg_cboe__put_call as
            select
                * exclude (_file_id, _row_number, _available_at, _available_at_source),
                _available_at as available_at, _available_at_source as available_at_source, _file_id as file_id, _row_number as row_number
            from raw.cboe_put_call where _available_at <= timestamp '{AS_OF}';
            create table intermediate.int_signal__put_call as
            select observation_date, available_at, published_ratio as value from staging.stg_cboe__put_call where product = 'equity'
            """
        )


def build_mart(path: Path, trading_days: list[date]) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create temp table trading_day as select unnest(cast(? as date[])) as trading_day", [trading_days])
        connection.execute(
            """
            create schema signals;
            create table signals.fct_signal_alert (signal_id varchar, rule varchar, start_date date, end_date date, extreme_date date);
            create table signals.fct_retreat_index_daily as
            select
                trading_day as observation_date, 50 + hedging + flows as retreat_index, 0.5::double as breadth,
                hedging as hedging_contribution, flows as flows_contribution
            from (select *, 10 * sin(epoch(trading_day) / 1e6) as hedging, 5 * cos(epoch(trading_day) / 1e6) as flows from trading_day);
            create table signals.fct_claim_check as
            from (values
                ('P1-1', 'equity', true, 'confirmed', 0.72, 5, 1, 'equity: 0.72'), ('P1-1', 'total', false, 'refuted', 0.95, 5, 1, 'total: 0.95'),
                ('P1-6', 'none', true, 'not measurable', null, 0, null, 'no public source')
            ) as line (claim_id, variant, is_used, verdict, measured_to, rows_used, file_id, why);
            create schema scenarios;
            create table scenarios.fct_derivatives_concentration_weekly as
            from (values
                (date '2023-12-26', '13874A', 'FutOnly', 0.2, 0.2, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1)
            ) as report (
                observation_date, contract_code, report_scope, concentration_gross_4_long, concentration_gross_4_short, concentration_gross_8_long,
                concentration_gross_8_short, concentration_net_4_long, concentration_net_4_short, concentration_net_8_long, concentration_net_8_short
            );
            create table scenarios.fct_contagion_path as
            from (values ('crash', 'gold', 0, -0.1, 0.0, 0.1), ('crash', 'gold', 1, -0.2, 0.0, 0.2), ('crash', 'gold', 2, -0.3, 0.0, 0.3)) as path (
                shock, asset, day, price_change_low, price_change, price_change_high
            );
            create table scenarios.fct_defence as
            from (values ('60/40', 'all', 1, 0.6, 0.0, 0.4, 0.0, 0.0)) as defence (
                portfolio, sample, horizon_days, weight_us_shares, weight_emerging_asian_shares, weight_treasury_bonds, weight_gold, weight_yen
            );
            create table scenarios.fct_minsky_quarterly as
            from (values (date '2023-09-30', 4, 0.5, 0.25, 0.25, 0.0, 0.0)) as quarter (
                observation_date, firms, hedge_share, speculative_share, ponzi_share, no_debt_share, unclassified_share
            );
            create table scenarios.fct_retreat_path as
            from (values
                (0.05, false, date '2024-03-31', 1000, 900, 100, 100, -0.03, -0.05, -0.08),
                (0.05, false, date '2024-06-30', 1000, 810, 90, 90, -0.06, -0.1, -0.16)
            ) as path (
                pace, is_hedged, observation_date, speculative_stock_usd, stock_left_usd, retreat_usd, shares_sold_usd, price_change_mild, price_change,
                price_change_severe
            );
            create table scenarios.fct_spillover as
            from (values
                (date '2023-11-24', 'gold', 'gold', 80.0), (date '2023-11-24', 'gold', 'dollar', 20.0),
                (date '2023-11-24', 'dollar', 'dollar', 70.0), (date '2023-11-24', 'dollar', 'gold', 30.0)
            ) as share (observation_date, asset, from_asset, share_percent);
            create schema migration;
            create table migration.fct_cross_border_flow_monthly as
            select
                last_day(month) as observation_date, 'foreign holdings of US securities' as direction, 'equities' as instrument, 'cslt' as source_table, area.*
            from range(date '2021-01-01', date '2023-12-01', interval 1 month) as months (month)
            cross join (
                values ('42609', 60.0, false), ('43001', 40.5, false), ('36005', 60.0, true), ('99996', 100.0, true)
            ) as area (country_code, holdings_usd, is_aggregate);
            create table migration.fct_sovereign_fund_weight as
            from (values
                ('Oil Fund', date '2022-12-31', 'Japan', 'all holdings', 60.0::double), ('Oil Fund', date '2022-12-31', 'Korea', 'all holdings', 40.0),
                ('Oil Fund', date '2023-06-30', 'Japan', 'all holdings', 110.0), ('Oil Fund', date '2023-06-30', 'Korea', 'all holdings', 50.0),
                ('Gas Fund', date '2022-12-31', 'United States', 'US-listed holdings (Form 13F)', 1.0),
                ('Gas Fund', date '2023-03-31', 'United States', 'US-listed holdings (Form 13F)', 9.0)
            ) as part (fund, observation_date, country, basis, holdings_usd);
            create table migration.fct_reserve_currency_quarterly as
            select last_day(month) as observation_date, held.*
            from range(date '2021-03-01', date '2023-12-02', interval 3 month) as months (month)
            cross join (
                values ('US dollar', 0.601, 60.0), ('other currencies', 0.399, 40.0), ('gold', null, 900.0)
            ) as held (currency, share, amount_usd);
            create table migration.fct_liquidity_stratification_daily as
            select trading_day as observation_date, sector, 2 as sectors, 0.5 + 0.3 * sin(epoch(trading_day) / 1e6) ^ 2 as herfindahl
            from trading_day cross join (values ('Energy'), ('Utilities')) as sectors (sector);
            create schema valuation;
            create table valuation.fct_dcf_valuation as
            from (values
                (date '2023-11-30', 'AAPL', 0.06, 'computed', 371.9), (date '2023-11-30', 'GME', 0.06, 'negative cash flow', null)
            ) as line (observation_date, symbol, discount_rate, status, value_per_share);
            create table valuation.fct_implied_discount_rate as
            from (values
                (date '2023-12-29', 'NVDA', 'computed after a split', 0.061), (date '2023-12-29', 'GME', 'negative cash flow', null)
            ) as line (observation_date, symbol, status, implied_discount_rate);
            create table valuation.fct_pe_compression as
            from (values
                (date '2023-12-29', 'companies of interest', 20.0, 26.6, 36.1, date '2021-12-29', 16e12),
                (date '2023-12-29', 'S&P 500', null, null, null, null, null)
            ) as line (observation_date, universe, lower_quartile_pe, median_pe, upper_quartile_pe, comparison_date, market_value_before_usd);
            create table valuation.fct_repricing_attribution as
            from (values
                ('TSLA', date '2023-07-19', date '2023-10-26', 'article', 'computed', -92.5, 13.875, 12.625, -119.0),
                ('GME', date '2023-06-30', date '2023-09-29', 'quarter', 'negative cash flow', -7.5, null, null, null)
            ) as line (symbol, period_start, period_end, kind, status, price_change_usd, rate_effect_usd, cash_flow_effect_usd, residual_usd);
            create table valuation.fct_discount_rate_daily as
            select
                trading_day as observation_date, symbol, 'computed' as status, risk_free_rate, beta, 0.045::double as equity_risk_premium,
                0.005::double as political_risk_premium, 0.05::double as implied_premium, risk_free_rate + beta * 0.045 + 0.005 as discount_rate
            from (select *, 0.04 + 0.002 * sin(epoch(trading_day) / 1e6) as risk_free_rate from trading_day)
            cross join (values ('^GSPC', 1.0::double), ('TSLA', 1.5)) as share (symbol, beta);
            insert into valuation.fct_discount_rate_daily values (date '2021-01-04', 'NEW', 'short history', 0.04, null, 0.045, null, 0.045, null);
            create table valuation.fct_equity_risk_premium_monthly as
            select
                'premium by month' as source_table, cast(month as date) as observation_date, 0.04604 as implied_premium, 0.046 as published_premium,
                0.4::double as difference_basis_points
            from range(date '2021-01-01', date '2023-12-02', interval 1 month) as months (month);
            create table valuation.fct_political_risk_premium_monthly as
            select
                last_day(month) as observation_date, 'computed' as status, 0.01 as slope, ratio as log_geopolitical_risk_ratio,
                0.01 * ratio as political_risk_premium, 0.01 * ratio - 0.002 as political_risk_premium_lower,
                0.01 * ratio + 0.002 as political_risk_premium_upper
            from (
                select *, 0.5 * sin(epoch(month) / 1e7) as ratio
                from range(date '2021-01-01', date '2023-12-01', interval 1 month) as months (month)
            )
            """
        )


@dataclass(frozen=True)
class Place:
    """A warehouse of one's own to plant a defect in, with the small dbt project."""

    warehouse: Path
    mart: Path
    quality: Path
    project: Path

    def plant(self, sql: str, *, in_mart: bool = False) -> None:
        with duckdb.connect(str(self.mart if in_mart else self.warehouse)) as connection:
            connection.execute(sql)

    def gate(self, stage: str, *feeds: str) -> GateResult:
        """Run a gate; `feeds` limits the raw gate to these."""
        return run_gate(
            stage,  # type: ignore[arg-type]
            warehouse=self.warehouse,
            mart=self.mart if stage == "marts" else None,
            quality_dir=self.quality,
            feeds={name: FEEDS[name] for name in feeds or FEEDS},
            project=self.project,
        )

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a clean warehouse, mart and dbt project; tests copy it."""
    import exchange_calendars

    folder = tmp_path_factory.mktemp("clean")
    sessions = exchange_calendars.get_calendar("XNYS", start="2021-01-01", end="2023-12-31").sessions
    days = [session.date() for session in sessions if FIRST_DAY <= session.date() <= AS_OF.date()]
    build_warehouse(folder / "warehouse.duckdb", days)
    build_mart(folder / "next.duckdb", days)
    for name, text in PROJECT_FILES.items():
        path = folder / "project" / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def copy_of(clean: Path, folder: Path) -> Place:
    for name in ("warehouse.duckdb", "next.duckdb"):
        shutil.copy(clean / name, folder / name)
    return Place(folder / "warehouse.duckdb", folder / "next.duckdb", folder / "quality", clean / "project")


@pytest.fixture
def place(clean: Path, tmp_path: Path) -> Place:
    return copy_of(clean, tmp_path)


# -- clean data ----------------------------------------------------------------------------------------------------------


def test_clean_data_passes_the_raw_gate(place: Place) -> None:
    result = place.gate("raw")
    assert result.success, result.message
    assert [str(failure) for failure in result.failures] == []
    absent = {check.suite for check in result.results if check.is_skipped}
    assert absent == {f"raw.{name}" for name in FEEDS if name not in RAW_ROWS}


@pytest.mark.parametrize("stage", ["staging", "marts"])
def test_clean_data_passes(place: Place, stage: str) -> None:
    result = place.gate(stage)
    assert result.success and result.warnings == 0, result.message


# -- planted defects -------------------------------------------------------------------------------------------------------

# the newest observation the build may know
NEWEST = f"(select max(observation_date) from raw.{{table}} where _available_at <= timestamp '{AS_OF}')"


@dataclass(frozen=True, eq=False)
class Defect:
    """A defect, and the checks that must report it: name -> severity. No other check may fail critically."""

    name: str
    table: str
    sql: str
    found_by: dict[str, str]

    def __str__(self) -> str:
        return f"{self.table}-{self.name.replace(' ', '-')}"


RAW_DEFECTS = [
    Defect("emptied table", "ofr_fsi", "delete from raw.ofr_fsi", {"has_rows": "critical"}),
    Defect("duplicate key", "finra_margin", "insert into raw.finra_margin from raw.finra_margin limit 1", {"key_unique": "critical"}),
    Defect(
        "missing key",
        "tic_major_foreign_holders",
        "update raw.{table} set country = null where country = 'Japan' and observation_date = {newest}",
        {"key_present": "critical", "countries_add_up": "critical"},
    ),
    Defect("lost rows", "finra_margin", "delete from raw.{table} where observation_date = {newest}", {"rows_stored": "critical"}),
    Defect("unbalanced file", "finra_margin", "update meta.file set rows_read = rows_read + 1 where feed = '{table}'", {"rows_accounted_for": "critical"}),
    Defect("dropped day", "cboe_put_call", "delete from raw.{table} where observation_date = date '2022-06-15'", {"calendar_complete": "warning"}),
    Defect("dropped week", "cftc_tff", "delete from raw.{table} where observation_date = date '2022-06-14'", {"calendar_complete": "warning"}),
    Defect("dropped month", "finra_margin", "delete from raw.{table} where observation_date = date '2022-06-30'", {"calendar_complete": "warning"}),
    Defect(
        "outage of one series",
        "cboe_index_history",
        "delete from raw.{table} where index_name = 'SKEW' and month(observation_date) in (5, 6)",
        {"calendar_complete": "warning"},
    ),
    Defect(
        "dates shifted by a day",
        "cboe_index_history",
        "update raw.{table} set observation_date = observation_date + 1",
        {"dated_on_weekdays": "critical", "no_stray_days": "warning"},
    ),
    Defect(
        "one stray weekend",
        "cboe_index_history",
        "update raw.{table} set observation_date = date '2023-06-17' where observation_date = date '2023-06-16'",
        {"no_stray_days": "warning"},
    ),
    Defect("month end shifted", "finra_margin", "update raw.{table} set observation_date = observation_date + 1", {"dated_at_month_end": "critical"}),
    Defect("Tuesday shifted", "cftc_tff", "update raw.{table} set observation_date = observation_date + 1", {"dated_on_tuesday": "warning"}),
    Defect(
        "date in the future",
        "fred_series",
        "update raw.{table} set (observation_date, _available_at) = (date '2033-12-28', timestamp '2033-12-29') where observation_date = {newest}",
        {"known_after_observed": "critical"},
    ),
    Defect(
        "known before observed",
        "ofr_fsi",
        "update raw.{table} set _available_at = _available_at - interval '10 day' where observation_date = {newest}",
        {"known_after_observed": "critical"},
    ),
    Defect("late feed", "ofr_fsi", "delete from raw.{table} where observation_date > date '2023-12-15'", {"fresh": "warning"}),
    Defect("stale feed", "ofr_fsi", "delete from raw.{table} where observation_date > date '2023-11-15'", {"fresh": "warning", "not_stale": "critical"}),
    Defect("late series", "fred_series", "update raw.{table} set series_id = 'DGS2' where observation_date <= date '2023-11-15'", {"series_fresh": "warning"}),
    Defect("null burst", "fred_series", "update raw.{table} set value = null where observation_date > date '2023-12-20'", {"values_present": "warning"}),
    Defect(
        "scaled unit",
        "finra_margin",
        "update raw.{table} set debit_balances = debit_balances * 1000 where observation_date = {newest}",
        {"unit_unchanged": "warning"},
    ),
    Defect("percent as fraction", "fred_series", "update raw.{table} set value = value / 100 where observation_date = {newest}", {"unit_unchanged": "warning"}),
    Defect("sign flip", "fred_series", "update raw.{table} set value = -value where observation_date > date '2023-12-20'", {"unit_unchanged": "warning"}),
    Defect(
        "drifted level", "fred_series", "update raw.{table} set value = value + 6 where observation_date > date '2022-12-31'", {"level_unchanged": "warning"}
    ),
    Defect(
        "wrong total",
        "cboe_put_call",
        "update raw.{table} set total_contracts = total_contracts + 1 where observation_date = {newest}",
        {"puts_and_calls_add_up": "critical", "puts_and_calls_add_up_throughout": "warning"},
    ),
    Defect(
        "wrong total long ago",
        "cboe_put_call",
        "update raw.{table} set total_contracts = total_contracts + 1 where observation_date = date '2021-06-15'",
        {"puts_and_calls_add_up_throughout": "warning"},
    ),
    Defect(
        "totals misread in an old file",
        "cboe_put_call",
        "update raw.{table} set total_contracts = total_contracts + 1 where observation_date < date '2021-03-15'",
        {"puts_and_calls_add_up": "critical"},
    ),
    Defect(
        "swapped calls and puts",
        "cboe_put_call",
        "update raw.{table} set call_contracts = put_contracts, put_contracts = call_contracts where observation_date = date '2023-12-20'",
        {"ratio_is_puts_by_calls": "critical"},
    ),
    Defect(
        "swapped low and high",
        "cboe_index_history",
        "update raw.{table} set low = high, high = low where observation_date = {newest}",
        {"close_in_range": "critical"},
    ),
    Defect(
        "swapped long and short",
        "cftc_tff",
        "update raw.{table} set dealer_long = dealer_short, dealer_short = dealer_long where observation_date = {newest}",
        {"long_positions_add_up": "critical", "short_positions_add_up": "critical"},
    ),
    Defect(
        "sign flip of a part",
        "ofr_fsi",
        "update raw.{table} set safe_assets = -safe_assets where observation_date = {newest}",
        {"categories_add_up": "critical"},
    ),
    Defect(
        "real price in another year's prices",
        "shiller_market",
        "update raw.{table} set real_price = real_price * 1.02 where observation_date = {newest}",
        {"real_columns_share_a_price_level": "critical"},
    ),
    Defect(
        "prices lost",
        "shiller_market",
        "update raw.{table} set price = null where observation_date > date '2023-08-15'",
        {"values_present": "warning"},
    ),
    Defect(
        "shares in thousands",
        "ssga_nav",
        "update raw.{table} set shares_outstanding = shares_outstanding / 1000 where observation_date = {newest}",
        {"assets_are_shares_at_value": "critical", "unit_unchanged": "warning"},
    ),
    Defect(
        "country counted twice",
        "tic_major_foreign_holders",
        "update raw.{table} set holdings = holdings * 2 where country = 'Japan' and observation_date = {newest}",
        {"countries_add_up": "critical"},
    ),
    Defect(
        "official holdings wrong",
        "tic_major_foreign_holders",
        "update raw.{table} set holdings = holdings + 9 where country = 'Foreign Official Treasury Bills' and observation_date = {newest}",
        {"official_holdings_add_up": "critical"},
    ),
]


@pytest.fixture(scope="session")
def gate_after_defects(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Defect], GateResult]:
    """The raw gate's result for a defect. Defects of different tables share a run, as each table has a suite of its own."""
    rounds: list[dict[str, Defect]] = []
    for defect in RAW_DEFECTS:
        free = next((planted for planted in rounds if defect.table not in planted), None)
        if free is None:
            rounds.append(free := {})
        free[defect.table] = defect
    results: dict[int, GateResult] = {}

    def result_of(defect: Defect) -> GateResult:
        number = next(n for n, planted in enumerate(rounds) if planted.get(defect.table) == defect)
        if number not in results:
            place = copy_of(clean, tmp_path_factory.mktemp("defects"))
            for planted in rounds[number].values():
                plant_raw(place, planted)
            results[number] = place.gate("raw", *rounds[number])
        return results[number]

    return result_of


def plant_raw(place: Place, defect: Defect) -> None:
    place.plant(defect.sql.format(table=defect.table, newest=NEWEST.format(table=defect.table)))
    if "rows_stored" not in defect.found_by and "rows_accounted_for" not in defect.found_by:
        # the defect is the provider's: what the file holds was loaded
        count = f"(select count(*) from raw.{defect.table})"
        place.plant(f"update meta.file set rows_read = {count}, rows_loaded = {count} where feed = '{defect.table}'")


@pytest.mark.parametrize("defect", RAW_DEFECTS, ids=str)
def test_raw_gate_catches(gate_after_defects: Callable[[Defect], GateResult], defect: Defect) -> None:
    result = gate_after_defects(defect)
    about_it = [f for f in result.failures if f.suite == f"raw.{defect.table}" or any(row.get("feed") == defect.table for row in f.sample)]
    failed = {failure.expectation: failure.severity for failure in about_it}
    assert defect.found_by.items() <= failed.items(), result.message
    unexpected = {name for name, severity in failed.items() if severity == "critical"} - set(defect.found_by)
    assert not unexpected, result.message


def test_a_warning_alone_lets_the_build_through(place: Place) -> None:
    place.plant("update raw.cboe_put_call set total_contracts = total_contracts + 1 where observation_date = date '2021-06-15'")
    result = place.gate("raw", "cboe_put_call")
    assert result.success and result.critical_failed == 0 and result.warnings == 1, result.message


def test_corrected_version_no_longer_counts(place: Place) -> None:
    place.plant(
        """
        create temp table correction as from raw.cboe_put_call where product = 'total' order by observation_date limit 1;
        update raw.cboe_put_call set total_contracts = 1 where observation_date = (select observation_date from correction) and product = 'total';
        insert into raw.cboe_put_call select * replace (_available_at + interval '1 day' as _available_at) from correction;
        update meta.file set rows_read = rows_read + 1, rows_loaded = rows_loaded + 1 where feed = 'cboe_put_call'
        """
    )
    result = place.gate("raw", "cboe_put_call")
    assert result.success, result.message


def test_consolidated_contracts_may_differ_by_rounding(place: Place) -> None:
    place.plant("update raw.cftc_tff set open_interest = open_interest + 3 where contract_code = '13874+'")
    assert place.gate("raw", "cftc_tff").success
    place.plant("update raw.cftc_tff set open_interest = open_interest + 1 where contract_code = '13874A'")
    assert not place.gate("raw", "cftc_tff").success


def test_stale_feed_is_a_warning_in_replay(place: Place) -> None:
    place.plant("update meta.build_in_progress set source = 'replay:../files', as_of = timestamp '2026-01-01'")
    result = place.gate("raw", "ofr_fsi")
    assert result.success, result.message
    assert [failure.expectation for failure in result.failures] == ["fresh"]


def test_rows_known_after_the_as_of_do_not_count(place: Place) -> None:
    """A build as of an earlier day judges that day's world, although raw holds more."""
    place.plant("update meta.build_in_progress set as_of = timestamp '2023-06-30 23:59:59'")
    place.plant("update raw.ofr_fsi set credit = credit + 1 where observation_date > date '2023-07-10'")
    result = place.gate("raw", "ofr_fsi")
    assert result.success and result.warnings == 0, result.message


def test_quarantined_rows_and_files_are_named(place: Place) -> None:
    place.plant(
        """
        insert into meta.quarantine select 1, 'cboe_put_call', range, 'line', 'volume is negative', null from range(40);
        update meta.file set rows_read = rows_read + 40, rows_quarantined = 40 where file_id = 1;
        insert into meta.file (file_id, feed, name, status, message, rows_read, rows_loaded, fetched_at)
        values (99, 'gpr_daily', 'gpr.xls', 'quarantined', 'HTML page instead of a workbook', 0, 0, timestamp '2023-12-29'),
            (98, 'ofr_fsi', 'ofr_fsi.csv', 'loaded', null, 3, 0, timestamp '2023-12-30');
        update meta.file set rows_unchanged = 3 where file_id = 98
        """
    )
    result = place.gate("raw", "cboe_put_call", "gpr_daily")
    assert result.success, result.message
    assert {failure.expectation for failure in result.failures} == {"quarantine_small", "files_readable", "suite_run", "files_not_shrunken"}
    assert "HTML page instead of a workbook" in result.message
    # what was looked at and decided is no longer warned of
    place.plant("update meta.quarantine set decision = case when row_number < 20 then 'dropped' else 'released' end")
    place.plant("update meta.file set status = 'dropped' where file_id = 99")
    result = place.gate("raw", "cboe_put_call", "gpr_daily")
    assert {failure.expectation for failure in result.failures} == {"files_not_shrunken"}


def test_missing_table_of_a_landed_feed_fails(place: Place) -> None:
    place.plant("insert into meta.file (file_id, feed, status, rows_read, rows_loaded) values (99, 'gpr_daily', 'loaded', 0, 0)")
    result = place.gate("raw", "gpr_daily")
    assert [(f.suite, f.severity) for f in result.failures] == [("raw.gpr_daily", "critical")]


def test_check_that_cannot_run_fails_the_gate(place: Place) -> None:
    place.plant("alter table raw.ofr_fsi drop column credit")
    result = place.gate("raw", "ofr_fsi")
    assert not result.success
    assert "could not run" in result.message and "credit" in result.message


STAGING_DEFECTS = {
    "row known after the as-of": (
        "create or replace view staging.stg_cboe__put_call as select * replace (timestamp '2024-01-05' as available_at) from ({view})",
        "known_by_as_of",
    ),
    "rows lost on the way": ("create or replace view staging.stg_cboe__put_call as select * from ({view}) where product = 'total'", "rows_as_in_raw"),
    "rows doubled by a join": (
        "create or replace view staging.stg_cboe__put_call as select * from ({view}) cross join (values (1), (2)) as twice(n)",
        "rows_as_in_raw",
    ),
    "unknown file": ("create or replace view staging.stg_cboe__put_call as select * replace (777 as file_id) from ({view})", "file_known"),
    "sign flip": (
        "create or replace view staging.stg_cboe__put_call as select * replace (-put_contracts as put_contracts) from ({view})",
        "bounds_kept",
    ),
    "empty model": ("create or replace view staging.stg_cboe__put_call as select * from ({view}) where false", "has_rows"),
    "model not built": ("drop view staging.stg_cboe__put_call", "suite_run"),
}


@pytest.mark.parametrize(("sql", "check"), STAGING_DEFECTS.values(), ids=STAGING_DEFECTS)
def test_staging_gate_catches(place: Place, sql: str, check: str) -> None:
    view = place.rows("select sql from duckdb_views() where view_name = 'stg_cboe__put_call'")[0][0]
    body = re.sub(r"^create view .*? as ", "", str(view).rstrip().rstrip(";"), flags=re.IGNORECASE | re.DOTALL)
    place.plant(sql.format(view=body))
    result = place.gate("staging")
    assert not result.success
    assert check in {failure.expectation for failure in result.failures if failure.severity == "critical"}, result.message


def test_empty_intermediate_model_is_a_warning(place: Place) -> None:
    place.plant("delete from intermediate.int_signal__put_call")
    result = place.gate("staging")
    assert result.success
    assert [(f.suite, f.severity) for f in result.failures] == [("intermediate.int_signal__put_call", "warning")]


MART_DEFECTS = {
    "empty mart": ("delete from signals.fct_retreat_index_daily", "has_rows"),
    "dropped day": ("delete from signals.fct_retreat_index_daily where observation_date = date '2023-06-15'", "trading_days_complete"),
    "percent instead of fraction": ("update signals.fct_retreat_index_daily set breadth = 50", "bounds_kept"),
    "not a number": ("update signals.fct_retreat_index_daily set breadth = 'nan' where observation_date = date '2023-06-15'", "bounds_kept"),
    "contribution left out": ("update signals.fct_retreat_index_daily set flows_contribution = 0", "contributions_add_up"),
    "index out of range": ("update signals.fct_retreat_index_daily set retreat_index = 101", "index_between_0_and_100"),
    "stale mart": ("delete from signals.fct_retreat_index_daily where observation_date > date '2023-11-30'", "newest_row_recent"),
    "row ahead of the as-of": ("insert into signals.fct_retreat_index_daily (observation_date) values (date '2024-01-02')", "no_row_ahead"),
    "alert that ends before it starts": (
        "insert into signals.fct_signal_alert values ('vix_log', 'z', date '2023-06-15', date '2023-06-14', date '2023-06-15')",
        "episodes_in_order",
    ),
    "alerts that overlap": (
        "insert into signals.fct_signal_alert values ('vix_log', 'z', date '2023-06-15', null, date '2023-06-15'), "
        "('vix_log', 'z', date '2023-06-20', date '2023-06-21', date '2023-06-20')",
        "episodes_in_order",
    ),
    "mart not built": ("drop table signals.fct_retreat_index_daily", "suite_run"),
    "two lines speak for a claim": ("update signals.fct_claim_check set is_used = true", "one_line_speaks_for_each_claim"),
    "no line speaks for a claim": ("update signals.fct_claim_check set is_used = false where variant = 'equity'", "one_line_speaks_for_each_claim"),
    "verdict without a value": ("update signals.fct_claim_check set measured_to = null", "verdict_has_its_ground"),
    "verdict without a file": ("update signals.fct_claim_check set file_id = null", "verdict_has_its_ground"),
    "verdict of another name": ("update signals.fct_claim_check set verdict = 'true'", "verdict_has_its_ground"),
    "eight traders hold less than four": (
        "update scenarios.fct_derivatives_concentration_weekly set concentration_net_8_short = 0",
        "eight_hold_no_less_than_four",
    ),
    "day of a path left out": ("delete from scenarios.fct_contagion_path where day = 1", "bands_in_order_on_every_day"),
    "sign of a path turned": ("update scenarios.fct_contagion_path set price_change_high = -price_change_high", "bands_in_order_on_every_day"),
    "weight counted twice": ("update scenarios.fct_defence set weight_gold = 0.4", "what_is_paid_for_adds_up"),
    "class of companies left out": ("update scenarios.fct_minsky_quarterly set ponzi_share = 0", "shares_of_finance_add_up"),
    "stock that grows while it leaves": (
        "update scenarios.fct_retreat_path set stock_left_usd = 950 where observation_date = date '2024-06-30'",
        "path_falls_and_bands_are_in_order",
    ),
    "bands that cross": ("update scenarios.fct_retreat_path set price_change_mild = -0.2", "path_falls_and_bands_are_in_order"),
    "share of uncertainty lost": ("delete from scenarios.fct_spillover where asset = 'gold' and from_asset = 'dollar'", "shares_add_up_to_100"),
    "value of a company that loses money": (
        "update valuation.fct_dcf_valuation set value_per_share = 5 where symbol = 'GME'",
        "value_where_the_status_says_so",
    ),
    "rate computed and not there": (
        "update valuation.fct_implied_discount_rate set implied_discount_rate = null where symbol = 'NVDA'",
        "value_where_the_status_says_so",
    ),
    "median outside the quartiles": ("update valuation.fct_pe_compression set median_pe = 40 where median_pe is not null", "quartiles_in_order"),
    "multiple compared with a later one": (
        "update valuation.fct_pe_compression set comparison_date = date '2024-01-02' where comparison_date is not null",
        "quartiles_in_order",
    ),
    "effect of the rate left out": ("update valuation.fct_repricing_attribution set rate_effect_usd = 0 where symbol = 'TSLA'", "effects_add_up"),
    "effect without a value": ("update valuation.fct_repricing_attribution set residual_usd = -7.5 where symbol = 'GME'", "effects_add_up"),
    "effect missing": ("update valuation.fct_repricing_attribution set residual_usd = null where symbol = 'TSLA'", "effects_add_up"),
    "political risk counted twice": (
        "update valuation.fct_discount_rate_daily set equity_risk_premium = 0.05, discount_rate = risk_free_rate + beta * 0.05 + 0.005",
        "index_pays_the_implied_premium",
    ),
    "index with a beta": (
        "update valuation.fct_discount_rate_daily set beta = 1.2, discount_rate = risk_free_rate + 1.2 * 0.045 + 0.005 where symbol = '^GSPC'",
        "index_pays_the_implied_premium",
    ),
    "term left out": ("update valuation.fct_discount_rate_daily set discount_rate = risk_free_rate + beta * 0.045 where symbol = 'TSLA'", "terms_add_up"),
    "rate with a term that is unknown": ("update valuation.fct_discount_rate_daily set discount_rate = 0.09 where symbol = 'NEW'", "terms_add_up"),
    "no rate and no reason": ("update valuation.fct_discount_rate_daily set discount_rate = null where symbol = 'TSLA'", "terms_add_up"),
    "premium of another month": ("update valuation.fct_political_risk_premium_monthly set slope = 2 * slope", "premium_follows_from_slope"),
    "premium without a relation": (
        "update valuation.fct_political_risk_premium_monthly set status = 'no measured relation'",
        "premium_follows_from_slope",
    ),
    "band to one side": (
        "update valuation.fct_political_risk_premium_monthly set political_risk_premium_upper = political_risk_premium_lower",
        "premium_follows_from_slope",
    ),
    "nothing measured and no reason": ("update signals.fct_claim_check set why = null where variant = 'none'", "verdict_has_its_ground"),
    "list of a fund in kroner": (
        "update migration.fct_sovereign_fund_weight set holdings_usd = 10.7 * holdings_usd where observation_date = date '2023-06-30'",
        "fund_neither_halved_nor_doubled",
    ),
    "list of a fund cut off": (
        "delete from migration.fct_sovereign_fund_weight where observation_date = date '2022-12-31' and country = 'Japan'",
        "fund_neither_halved_nor_doubled",
    ),
    "share of another currency": (
        "update migration.fct_reserve_currency_quarterly set share = 0.399 where currency = 'US dollar' and observation_date = date '2023-06-30'",
        "shares_agree_with_amounts",
    ),
    "concentration below all alike": ("update migration.fct_liquidity_stratification_daily set herfindahl = 0.49", "concentration_within_its_limits"),
    "concentration above all in one": ("update migration.fct_liquidity_stratification_daily set herfindahl = 1.01", "concentration_within_its_limits"),
}


@pytest.mark.parametrize(("sql", "check"), MART_DEFECTS.values(), ids=MART_DEFECTS)
def test_marts_gate_catches(place: Place, sql: str, check: str) -> None:
    place.plant(sql, in_mart=True)
    result = place.gate("marts")
    assert not result.success
    assert check in {failure.expectation for failure in result.failures if failure.severity == "critical"}, result.message


def test_group_taken_for_a_country_is_a_warning(place: Place) -> None:
    place.plant("update migration.fct_cross_border_flow_monthly set is_aggregate = false where country_code = '36005'", in_mart=True)
    result = place.gate("marts")
    assert result.success
    assert [(f.suite, f.expectation) for f in result.failures] == [("marts.fct_cross_border_flow_monthly", "countries_within_grand_total")]


def test_premium_of_another_variant_is_a_warning(place: Place) -> None:
    place.plant("update valuation.fct_equity_risk_premium_monthly set difference_basis_points = -12 where observation_date = date '2023-06-01'", in_mart=True)
    result = place.gate("marts")
    assert result.success
    assert [(f.suite, f.expectation) for f in result.failures] == [("marts.fct_equity_risk_premium_monthly", "published_premium_reproduced")]


def test_mart_without_a_present_input_may_be_empty(place: Place) -> None:
    result = place.gate("marts")
    skipped = {check.suite: check for check in result.results if check.is_skipped}
    assert skipped["marts.fct_etf_flow_weekly"].success
    assert "vanguard_nav" in skipped["marts.fct_etf_flow_weekly"].observed_value


def test_mart_without_the_feed_its_rows_come_from_may_be_empty(place: Place) -> None:
    """Put/call, which only fills columns of this mart, is there."""
    skipped = {check.suite: check for check in place.gate("marts").results if check.is_skipped}
    assert skipped["marts.fct_short_interest"].success
    assert "no file has been loaded for vanguard_nav" in skipped["marts.fct_short_interest"].observed_value


def test_mart_of_events_may_be_empty(place: Place) -> None:
    checks = {check.expectation: check.success for check in place.gate("marts").results if check.suite == "marts.fct_signal_alert"}
    assert checks == {"episodes_in_order": True}


def test_feeds_that_marts_name_for_their_rows_are_behind_them() -> None:
    models = read_models()
    named = {model.name: model.rows_from for model in models.values() if model.rows_from}
    assert {"fct_tape_daily", "fct_short_interest"} <= named.keys()
    for name, feeds in named.items():
        assert feeds <= feeds_behind(models[name], models), name


# -- compared with the build before ------------------------------------------------------------------------------------------


def publish(place: Place, stage: str = "marts", *feeds: str) -> None:
    """What a gate passes becomes the newest published build; another build begins."""
    result = place.gate(stage, *feeds)
    assert result.success, result.message
    place.plant(
        f"""
        create table if not exists meta.build (build_id varchar, as_of timestamp, status varchar);
        insert into meta.build select build_id, as_of, 'published' from meta.build_in_progress;
        update meta.build_in_progress set (build_id, as_of) = ('next', timestamp '{AS_OF}')
        """
    )


HISTORY_DEFECTS = {
    "day of a past year lost": ("delete from {index} where observation_date = date '2021-06-15'", "as_in_build_before", "fewer rows"),
    "unit changed": ("update {index} set breadth = breadth / 100", "as_in_build_before", "other size"),
    "values lost": (
        "update {index} set breadth = null where year(observation_date) = 2022 and month(observation_date) = 4",
        "as_in_build_before",
        "values missing",
    ),
    "sign turned": ("update {index} set flows_contribution = abs(flows_contribution)", "as_in_build_before", "other sign"),
    "columns swapped": ("update {index} set (breadth, retreat_index) = (retreat_index, breadth)", "as_in_build_before", "other size"),
    "dates shifted": (
        "update {index} set observation_date = observation_date + 1 where observation_date between date '2022-01-01' and date '2022-12-01'",
        "as_in_build_before",
        "other dates",
    ),
    "no newer rows": ("delete from {index} where observation_date > date '2023-12-01'", "newest_row_as_before", None),
    "row of next year": (
        "update {index} set observation_date = date '2024-12-31' where observation_date = date '2023-12-28'",
        "newest_row_as_before",
        None,
    ),
}


@pytest.mark.parametrize(("sql", "check", "finding"), HISTORY_DEFECTS.values(), ids=HISTORY_DEFECTS)
def test_what_differs_from_the_build_before_is_a_warning(place: Place, sql: str, check: str, finding: str | None) -> None:
    publish(place)
    place.plant(sql.format(index="signals.fct_retreat_index_daily"), in_mart=True)
    found = [failure for failure in place.gate("marts").failures if failure.expectation == check]
    assert [(failure.suite, failure.severity) for failure in found] == [("marts.fct_retreat_index_daily", "warning")]
    assert finding is None or finding in {row["finding"] for row in found[0].sample}


def test_a_build_with_newer_rows_is_as_the_one_before(place: Place) -> None:
    place.plant("update meta.build_in_progress set as_of = timestamp '2023-06-30 23:59:59'")
    place.plant("create table main.later as from raw.ofr_fsi where observation_date > date '2023-06-29'")
    place.plant("delete from raw.ofr_fsi where observation_date > date '2023-06-29'")
    publish(place, "raw", "ofr_fsi")
    place.plant("insert into raw.ofr_fsi from main.later")
    result = place.gate("raw", "ofr_fsi")
    assert "as_in_build_before" in {check.expectation for check in result.results if check.suite == "raw.ofr_fsi"}
    assert result.success and result.warnings == 0, result.message


def test_a_repeated_gate_compares_with_the_same_build(place: Place) -> None:
    publish(place)
    place.plant("update signals.fct_retreat_index_daily set breadth = breadth / 100", in_mart=True)
    first, again = place.gate("marts"), place.gate("marts")
    assert [str(failure) for failure in first.failures] == [str(failure) for failure in again.failures] != []
    assert place.rows("select build_id from quality.column_by_year group by build_id order by build_id") == [(BUILD,), ("next",)]


def test_a_failed_gate_keeps_no_history(place: Place) -> None:
    publish(place)
    place.plant("update signals.fct_retreat_index_daily set breadth = 2", in_mart=True)
    assert not place.gate("marts").success
    assert place.rows("select distinct build_id from quality.column_by_year") == [(BUILD,)]


# -- what a gate leaves behind ---------------------------------------------------------------------------------------------


def test_results_are_rows_once_a_build_and_stage(place: Place) -> None:
    place.plant("update raw.ofr_fsi set credit = 9 where observation_date = date '2023-12-20'")
    first = place.gate("raw", "ofr_fsi")
    again = place.gate("raw", "ofr_fsi")
    place.gate("staging")
    counts = place.rows("select stage, count(*) from quality.validation_result group by stage order by stage")
    assert counts[0] == ("raw", len(again.results)) and len(first.results) == len(again.results)
    assert counts[1][0] == "staging"
    row = place.rows(
        """
        select build_id, suite, table_name, severity, success, observed_value, unexpected_count, unexpected_sample
        from quality.validation_result where expectation = 'categories_add_up'
        """
    )[0]
    assert row[:7] == (BUILD, "raw.ofr_fsi", "raw.ofr_fsi", "critical", False, "1 unexpected row", 1)
    assert json.loads(str(row[7]))[0]["observation_date"] == "2023-12-20"
    comments = place.rows("select count(*) from duckdb_columns() where table_name = 'validation_result' and comment is null")
    assert comments == [(0,)]


def test_failure_says_suite_check_table_value_and_sample(place: Place) -> None:
    place.plant("update raw.ofr_fsi set credit = 9 where observation_date = date '2023-12-20'")
    message = place.gate("raw", "ofr_fsi").message
    assert "FAILED" in message.splitlines()[0]
    for part in ("critical", "raw.ofr_fsi", "categories_add_up", "1 unexpected row", "2023-12-20"):
        assert part in message


def test_the_file_is_free_for_writing_right_after(place: Place) -> None:
    for stage in ("raw", "staging", "marts"):
        place.gate(stage)
        for path in (place.warehouse, place.mart):
            with duckdb.connect(str(path)) as connection:
                connection.execute("create or replace table main.written (n integer)")
        # another process too: no lock is left on the file
        script = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create or replace table main.written (n integer)')"
        subprocess.run([sys.executable, "-c", script, str(place.warehouse)], check=True, timeout=60)


def test_junit_and_json_of_failures(place: Place) -> None:
    place.plant("update raw.ofr_fsi set credit = 9 where observation_date = date '2023-12-20'")
    place.plant("update raw.ofr_fsi set ofr_fsi = null where observation_date > date '2023-12-20'")
    place.gate("raw", "ofr_fsi", "gpr_daily")
    place.gate("staging")
    root = ElementTree.parse(place.quality / f"{BUILD}.raw.xml").getroot()
    suites = {suite.get("name"): suite for suite in root}
    assert suites["raw.ofr_fsi"].get("failures") == "1"
    assert suites["raw.gpr_daily"].get("skipped") == "1"
    assert [case.get("name") for case in suites["raw.ofr_fsi"] if case.find("failure") is not None] == ["categories_add_up"]
    record = json.loads((place.quality / f"{BUILD}.json").read_text())
    assert set(record["stages"]) == {"raw", "staging"}
    assert record["stages"]["raw"]["success"] is False and record["stages"]["staging"]["success"] is True
    failed = {failure["expectation"] for failure in record["stages"]["raw"]["failures"]}
    assert failed == {"categories_add_up", "categories_add_up_throughout", "values_present"}


def test_data_docs_need_no_network(place: Place) -> None:
    place.plant("update raw.ofr_fsi set credit = 9 where observation_date = date '2023-12-20'")
    result = place.gate("raw", "ofr_fsi", "gpr_daily")
    place.gate("staging")
    index = result.data_docs.read_text(encoding="utf-8")
    assert "sample world" in index and BUILD in index
    for suite in ("raw.ofr_fsi", "raw.file", "raw.gpr_daily", "staging.stg_cboe__put_call"):
        assert suite in index
    pages = sorted(result.data_docs.parent.rglob("*.html"))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"https?://|//[a-z0-9.-]+\.[a-z]{2,}/", text), page
        for target in re.findall(r'href="([^"#]+)"', text):
            assert (page.parent / target).exists(), f"{page} links to {target}"
    failing = (result.data_docs.parent / "raw" / "raw.ofr_fsi.html").read_text(encoding="utf-8")
    assert "2023-12-20" in failing and "add up to the index" in failing


def test_text_from_files_is_escaped_in_data_docs(place: Place) -> None:
    place.plant("update meta.file set name = '<script>alert(1)</script>', rows_read = 0 where feed = 'ofr_fsi'")
    result = place.gate("raw", "ofr_fsi")
    assert all("<script" not in page.read_text(encoding="utf-8") for page in result.data_docs.parent.rglob("*.html"))


# -- coverage and use --------------------------------------------------------------------------------------------------------


def every_suite() -> list[Suite]:
    """The suites of the project itself, for a build in which every feed has landed and every table exists."""
    models = read_models()
    tables = {("raw", name): ("_file_id",) for name in FEEDS} | {(model.schema, model.name): model.grain for model in models.values()}
    tables[("meta", "file")] = ("file_id",)
    build = BuildUnderCheck("build", "live", AS_OF, dict.fromkeys(FEEDS, "landed"), tables)
    return [suite for stage in ("raw", "staging", "marts") for suite in stage_suites(stage, build, FEEDS)]  # type: ignore[arg-type]


def test_every_feed_and_model_has_a_suite_that_runs() -> None:
    tables = {(suite.schema, suite.table) for suite in every_suite() if suite.skipped is None and suite.checks}
    missing = [f"raw.{name}" for name in FEEDS if ("raw", name) not in tables]
    missing += [f"{model.schema}.{model.name}" for model in read_models(PROJECT).values() if (model.schema, model.name) not in tables]
    assert not missing, f"no suite for {', '.join(missing)}"


def test_one_statement_counts_what_each_query_finds() -> None:
    """Conditions on rows, on groups, with expressions in common, and texts that only look like the end of one."""
    even = "with even as (\n    -- not (odd\n    select * from {batch} where n % 2 = 0\n)"
    queries = {
        "on rows": "select n\nfrom {batch}\nwhere n > 6 -- or (",
        "on rows, with a list": "select n, word\nfrom {batch}\nwhere n in (select n from {batch} where n < 3) or word = '{{)'",
        "distinct": "select distinct word\nfrom {batch}\nwhere n > 1",
        "groups": "select word, count(*)\nfrom {batch}\nwhere n > 1\ngroup by all\nhaving count(*) > 3",
        "in common": f"{even}\nselect n from even",
        "in common, and more": f"{even}, large as (select * from even where n > 4 and word <> ')')\nselect n from large order by n",
        "nothing": f"{even}\nselect n from even where n > 100",
    }
    suite = Suite("raw.numbers", "main", "numbers", tuple(Check(name, "", "warning", text) for name, text in queries.items()))
    with duckdb.connect() as connection:
        connection.execute("create table numbers as select n, if(n < 6, '{)', 'b') as word from range(10) as numbers(n)")
        alone = {name: len(connection.execute(text.format(batch="numbers")).fetchall()) for name, text in queries.items()}
        assert counts(connection, suite) == {ROWS: 10, **alone}
    assert alone == {"on rows": 3, "on rows, with a list": 9 - 3, "distinct": 2, "groups": 2, "in common": 5, "in common, and more": 2, "nothing": 0}


def test_model_without_yaml_or_grain_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "marts" / "signals"
    folder.mkdir(parents=True)
    (folder / "fct_new.sql").write_text("select 1")
    with pytest.raises(ProjectError, match=r"fct_new .* no entry"):
        read_models(tmp_path)
    (folder / "_models.yml").write_text("models: [{name: fct_new}]")
    with pytest.raises(ProjectError, match=r"fct_new has no config\.meta\.grain"):
        read_models(tmp_path)


def test_model_behind_a_variable_is_named(tmp_path: Path) -> None:
    """A ref that only dbt could resolve would leave the gate without the feeds behind the model."""
    folder = tmp_path / "models" / "marts" / "signals"
    folder.mkdir(parents=True)
    (folder / "fct_new.sql").write_text("{% for relation in relations %} select * from {{ ref(relation) }} {% endfor %}")
    (folder / "_models.yml").write_text("models: [{name: fct_new, config: {meta: {grain: [observation_date]}}}]")
    with pytest.raises(ProjectError, match=r"fct_new reads ref\(relation\)"):
        read_models(tmp_path)


def test_gate_without_a_build_says_so(place: Place, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="does not exist"):
        run_gate("raw", warehouse=tmp_path / "none.duckdb", quality_dir=tmp_path)
    place.plant("delete from meta.build_in_progress")
    with pytest.raises(GateError, match="no build is in progress"):
        place.gate("raw")
    with pytest.raises(ValueError, match="no gate 'row'"):
        place.gate("row")


def test_importing_the_gate_is_cheap() -> None:
    """The command line and the DAG files import the gate; what it needs is imported when it runs."""
    heavy = "great_expectations", "sqlalchemy", "pandas", "duckdb", "exchange_calendars", "pyarrow"
    script = f"import sys, expectations.gate, expectations.raw, expectations.staging, expectations.marts; print(set(sys.modules) & set({heavy!r}))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert found.stdout.strip() == "set()"


def test_gate_command_is_for_continuous_integration(clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 or 1, the failure in words, and a JUnit file."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(clean / "warehouse.duckdb", home / "warehouse.duckdb")
    monkeypatch.setenv("EBBTIDE_HOME", str(home))
    passed = CliRunner().invoke(main, ["gate", "raw"])
    assert passed.exit_code == 0, passed.output
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("update raw.ofr_fsi set credit = 9 where observation_date = date '2023-12-20'")
    failed = CliRunner().invoke(main, ["gate", "raw"])
    assert failed.exit_code == 1
    assert "categories_add_up" in failed.output and "2023-12-20" in failed.output
    suites = ElementTree.parse(home / "quality" / f"{BUILD}.raw.xml").getroot()
    assert [suite.get("name") for suite in suites if suite.get("failures") != "0"] == ["raw.ofr_fsi"]
