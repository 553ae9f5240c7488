"""The dbt project on a small made-up raw store: point in time, formulas against a recomputation in NumPy, absent feeds, documentation."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from expectations.project import PROJECT, read_models
from ingest.feeds import FEEDS
from ingest.load import create_tables
from tests.equal import assert_equal
from warehouse.dbt import SIGNALS, DbtFailed, measured_signals, run_dbt

FIRST = "2018-01-01"
LAST = "2022-06-30"
EARLIER = date(2022, 3, 16)
SECTOR_FUNDS = ("XLK", "XLF", "XLU")
PUT_CALL_REVISED = date(2022, 3, 14)

# Days of New York and of the calendar, and the dates a series of each cadence has.
CALENDARS = {
    "daily": f"select i::date as day from generate_series(date '{FIRST}', date '{LAST}', interval 1 day) as s(i) where isodow(i) < 6",
    "calendar": f"select i::date as day from generate_series(date '{FIRST}', date '{LAST}', interval 1 day) as s(i)",
    "tuesdays": f"select i::date as day from generate_series(date '{FIRST}', date '{LAST}', interval 1 day) as s(i) where isodow(i) = 2",
    "month_ends": f"select last_day(i)::date as day from generate_series(date '{FIRST}', date '{LAST}', interval 1 month) as s(i)",
    # a relation of months needs sixty of them
    "long_month_ends": f"select last_day(i)::date as day from generate_series(date '2014-01-01', date '{LAST}', interval 1 month) as s(i)",
    "long_month_starts": f"select i::date as day from generate_series(date '2014-02-01', date '{LAST}', interval 1 month) as s(i)",
}


LEVELS = (
    ("^GSPC", 2700), ("^NDX", 6500), ("^NSEI", 10000), ("^VNINDEX.VN", 900), ("^JKSE", 6000), ("INR=X", 70), ("VND=X", 23000), ("IDR=X", 14000),
    ("DX-Y.NYB", 95), ("TSLA", 300),
)  # fmt: skip


def noise(*columns: str) -> str:
    """SQL of a number in (0, 1) that depends on the columns alone."""
    return f"((hash({', '.join(columns)}) % 1000003) + 0.5) / 1000003.0"


def day_number() -> str:
    return f"(day - date '{FIRST}')"


def put(
    connection: duckdb.DuckDBPyConnection, feed: str, calendar: str, columns: str, hours: float, *, per: str = "(values (0)) as one(one)", where: str = "true"
) -> None:
    """Rows of a feed: one a day of the calendar and row of `per`, known `hours` after the start of its day."""
    connection.execute(
        f"""
        insert into raw.{feed} by name
        select *, 1 as _file_id, row_number() over (order by observation_date) as _row_number,
               observation_date + to_hours({int(hours)}) as _available_at, 'lag' as _available_at_source
        from (select day as observation_date, {columns} from ({CALENDARS[calendar]}) as calendar cross join {per} where {where})
        """
    )


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Every feed a signal reads, with revisions, a late row, a value that is revised and restored, and a split."""
    put(
        connection,
        "cboe_put_call",
        "daily",
        f"product, 'volume' as measure, 1000000 as call_contracts, cast(600000 * (1 + 0.5 * {noise('day', 'product')}) as bigint) as put_contracts",
        23,
        per="(values ('equity'), ('spx'), ('index')) as product(product)",
    )
    put(
        connection,
        "cboe_index_history",
        "daily",
        f"index_name, level * (1 + 0.3 * {noise('day', 'index_name')} + 0.2 * sin({day_number()} / 200.0)) as close",
        22,
        per="(values ('VIX', 16), ('VIX3M', 18), ('SKEW', 120)) as level(index_name, level)",
    )
    put(
        connection,
        "fred_series",
        "daily",
        f"series_id, level + 0.5 * sin({day_number()} / 300.0) + 0.1 * {noise('day', 'series_id')} as value",
        46,
        per="(values ('DGS1', 3), ('DFII10', 1), ('DEXJPUS', 110)) as level(series_id, level)",
    )
    put(connection, "fred_series", "calendar", f"'DFF' as series_id, 2.5 + floor(2 * sin({day_number()} / 400.0)) as value", 46)
    put(connection, "fred_series", "calendar", f"'CBBTCUSD' as series_id, 9000 * exp({day_number()} / 900.0) * (1 + 0.1 * {noise('day')}) as value", 49)
    put(connection, "fred_series", "tuesdays", f"'NFCILEVERAGE' as series_id, 0.5 * sin({day_number()} / 100.0) + 0.1 * {noise('day')} as value", 132)
    put(
        connection,
        "fred_series",
        "month_ends",
        f"'PCEPILFE' as series_id, 100 * exp({day_number()} / 12000.0) * (1 + 0.001 * {noise('day', 'vintage')}) as value, day + 30 + vintage as vintage_date",
        31 * 24,
        per="(values (0), (30)) as vintage(vintage)",
    )
    connection.execute(
        """
        update raw.fred_series set _available_at = vintage_date + interval 1 day, _available_at_source = 'provider' where vintage_date is not null
        """
    )
    positions = ", ".join(
        f"cast(300000 * (1 + 0.5 * {noise('day', 'code', repr(group + side))}) as bigint) as {group}_{side}"
        for group in ("dealer", "asset_manager", "leveraged_funds", "other_reportable")
        for side in ("long", "short", "spread")
    )
    put(
        connection,
        "cftc_tff",
        "tuesdays",
        f"""code as contract_code, 'FutOnly' as report_scope, code as contract_name, 4000000 as open_interest, {positions},
            1000 as nonreportable_long, 900 as nonreportable_short""",
        92,
        per="(values ('13874A'), ('13874+'), ('1170E1'), ('097741')) as contract(code)",
    )
    put(
        connection,
        "cftc_disaggregated",
        "tuesdays",
        f"'085692' as contract_code, 'FutOnly' as report_scope, cast(200000 * (1 + {noise('day')}) as bigint) as open_interest",
        92,
    )
    put(
        connection,
        "cboe_market_history",
        "daily",
        f"venue, 100000000000 * (1 + 0.3 * {noise('day', 'venue')}) as total_notional, 1000000000 as total_shares",
        28,
        per="(values ('NYSE (N)'), ('FINRA / NYSE TRF (DN)')) as venue(venue)",
    )
    put(connection, "gld_archive", "daily", f"800 + 100 * sin({day_number()} / 400.0) + {noise('day')} as tonnes_in_trust", 36)
    put(connection, "finra_margin", "month_ends", f"300000 * (1 + {day_number()} / 5000.0 + 0.1 * {noise('day')}) as debit_balances", 22 * 24)
    put(connection, "gpr_daily", "calendar", f"100 as articles, 80 + 60 * {noise('day')} as gprd", 8 * 24)
    put(connection, "gpr_monthly", "long_month_ends", f"'GPR' as index_name, 80 + 60 * {noise('day')} as value", 8 * 24)
    # cash flows go with the risk of the month that ended the day before
    put(
        connection,
        "damodaran_erp_monthly",
        "long_month_starts",
        f"""3000 as index_level, 0.03 as bond_rate, 90 + 20 * {noise("day - 1")} + 40 * {noise("day", "'own'")} as cash_flow_trailing,
            0.06 as expected_growth, 0.05 as premium_trailing""",
        9 * 24,
    )
    put(connection, "treasury_par_yield", "daily", f"120 as maturity_months, 2 + {noise('day')} as par_yield_percent", 23)
    prices = f"""
        (select * exclude (day), level * exp(sum(step) over (partition by symbol order by day)) as close
         from (select day as on_day, day, symbol, level, 0.02 * ({noise("day", "symbol")} - 0.5) + 0.01 * ({noise("day")} - 0.48) as step
               from ({CALENDARS["daily"]}) as calendar
               cross join (values {", ".join(f"('{s}', {level})" for s, level in (*LEVELS, *((fund, 50) for fund in SECTOR_FUNDS)))}) as level(symbol, level)))
    """
    put(
        connection,
        "price_daily",
        "daily",
        f"""symbol, 'split' as adjustment, price.close, price.close * (1 + 0.004 * ({noise("price.on_day", "symbol", "'o'")} - 0.5)) as open,
            greatest(open, price.close) * (1 + 0.004 * {noise("price.on_day", "symbol", "'h'")}) as high,
            least(open, price.close) * (1 - 0.004 * {noise("price.on_day", "symbol", "'l'")}) as low,
            cast(10000000 * (1 + {noise("price.on_day", "symbol", "'v'")}) as bigint) as volume""",
        24,
        per=f"{prices} as price",
        where="price.on_day = calendar.day",
    )
    for feed, tickers in (("ssga_nav", ("SPY", "XLU", "XLP", "XLV", "XLK", "XLY", "XLC")), ("ishares_nav", ("IVV",)), ("vanguard_nav", ("VOO",))):
        put(
            connection,
            feed,
            "daily",
            f"""ticker, 100 * (1 + 0.2 * sin({day_number()} / 300.0)) as net_asset_value,
                round(10000000 * (1 + 0.3 * sin({day_number()} / 500.0)) + 200000 * {noise("day", "ticker")}) as shares_outstanding""",
            36,
            per=f"(values {', '.join(f'({t!r})' for t in tickers)}) as fund(ticker)",
        )
    put(
        connection,
        "finra_short_volume",
        "daily",
        f"""'CNMS' as market_file, symbol, round(5000000 * (1 + 0.5 * {noise("day", "symbol", "'off'")})) as total_volume,
            round(2000000 * (1 + 0.5 * {noise("day", "symbol", "'short'")})) as short_volume, 0 as short_exempt_volume""",
        23,
        per=f"(values {', '.join(f'({fund!r})' for fund in SECTOR_FUNDS[:2])}) as fund(symbol)",
    )
    # a put/call day revised and restored (A, B, A), spread over the earlier as-of; another published late; a gauge revised
    connection.execute(
        f"""
        insert into raw.cboe_put_call
        select * replace (
            put_contracts + 400000 as put_contracts, timestamp '2022-03-15 12:00' as _available_at, 'edition' as _available_at_source, 2 as _file_id
        )
        from raw.cboe_put_call where observation_date = '{PUT_CALL_REVISED}' and product = 'equity';
        insert into raw.cboe_put_call
        select * replace (put_contracts - 400000 as put_contracts, timestamp '2022-03-18 12:00' as _available_at, 3 as _file_id)
        from raw.cboe_put_call where _file_id = 2;
        update raw.cboe_put_call set _available_at = timestamp '2022-03-20 12:00'
        where observation_date = '2022-03-15' and product = 'equity';
        insert into raw.gpr_daily
        select * replace (gprd + 5 as gprd, _available_at + interval 3 day as _available_at, 'edition' as _available_at_source, 2 as _file_id)
        from raw.gpr_daily where isodow(observation_date) in (1, 2);
        update raw.price_daily set _available_at = _available_at + interval 9 day where observation_date = '2022-03-10' and symbol in ('XLK', '^GSPC');
        delete from raw.price_daily
        where (symbol = '^VNINDEX.VN' and observation_date between '2021-02-08' and '2021-02-17') or (symbol = '^NSEI' and day(observation_date) = 15);
        insert into raw.price_daily
        select * replace (
            timestamp '2021-08-31 20:00' as _available_at, 'edition' as _available_at_source, 2 as _file_id,
            open / 5 as open, high / 5 as high, low / 5 as low, close / 5 as close, volume * 5 as volume
        )
        from raw.price_daily where symbol in ('XLK', 'TSLA') and _available_at < timestamp '2021-08-31 20:00';
        insert into raw.gpr_monthly
        select * replace (value * 1.4 as value, timestamp '2021-11-20 12:00' as _available_at, 'edition' as _available_at_source, 2 as _file_id)
        from raw.gpr_monthly where observation_date = '2020-02-29';
        update raw.damodaran_erp_monthly set _available_at = _available_at + interval 40 day where observation_date = '2021-06-01';
        update raw.finra_short_volume set _available_at = _available_at + interval 6 day where observation_date = '2022-03-14' and symbol = 'XLF'
        """
    )


def see_from(warehouse: Path, as_of: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create or replace table meta.build_in_progress as "
            f"select 'build' as build_id, 'sample' as source, timestamp '{as_of}' as as_of, timestamp '2026-01-01' as started_at, '0' as code_version"
        )


def build(warehouse: Path, mart: Path) -> None:
    for selected in (["resource_type:seed", "staging", "intermediate", "--indirect-selection", "cautious"], ["marts"]):
        run_dbt(["build", "--select", *selected, "--exclude-resource-type", "unit_test"], warehouse=warehouse, mart=mart)


@pytest.fixture(scope="module")
def builds(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder with the marts `later`, `earlier` and `empty` and the warehouse as it stood at the later build."""

    def make(folder: Path) -> None:
        warehouse, mart = folder / "warehouse.duckdb", folder / "mart.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'; create schema raw; create schema meta")
            create_tables(connection, tuple(FEEDS.values()))
            fill(connection)
        for name, as_of in (("earlier", f"{EARLIER} 23:59:59"), ("later", f"{LAST} 23:59:59")):
            see_from(warehouse, as_of)
            build(warehouse, mart)
            shutil.copy(mart, folder / f"{name}.duckdb")
        (folder / "later").mkdir()
        shutil.copy(warehouse, folder / "later" / "warehouse.duckdb")
        shutil.copy(folder / "dbt" / "manifest.json", folder / "manifest.json")
        with duckdb.connect(str(warehouse)) as connection:
            for feed in FEEDS:
                connection.execute(f"delete from raw.{feed}")
        build(warehouse, mart)
        shutil.copy(mart, folder / "empty.duckdb")

    return shared("dbt_project", make)


def marts(*paths: Path) -> duckdb.DuckDBPyConnection:
    """The marts attached read-only under the names of their files."""
    connection = duckdb.connect()
    for path in paths:
        connection.execute(f"attach '{path}' as {path.stem} (read_only)")
    return connection


def later_warehouse(builds: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(builds / "later" / "warehouse.duckdb"), read_only=True)


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("signals.fct_signal_daily", ("observation_date", "signal_id")),
        ("signals.fct_retreat_index_daily", ("observation_date",)),
        ("signals.fct_tape_daily", ("observation_date", "symbol")),
        ("migration.fct_liquidity_stratification_daily", ("observation_date", "sector")),
        ("valuation.fct_discount_rate_daily", ("observation_date", "symbol")),
    ],
)
def test_past_days_do_not_change_with_later_knowledge(builds: Path, table: str, keys: Sequence[str]) -> None:
    connection = marts(builds / "earlier.duckdb", builds / "later.duckdb")
    assert connection.execute(f"select max(observation_date) from earlier.{table}").fetchone() == (EARLIER,)
    past = f"(select * from later.{table} where observation_date <= date '{EARLIER}')"
    assert_equal(connection, f"(select * from earlier.{table})", past, keys)


def test_index_exists_and_uses_every_core_block(builds: Path) -> None:
    query = "select count(retreat_index), count(retreat_index_wide), max(live_core_blocks) from later.signals.fct_retreat_index_daily"
    row = marts(builds / "later.duckdb").execute(query).fetchone()
    assert row is not None
    assert row[0] > 100
    assert row[1] == row[0]
    assert row[2] == 5


def test_revision_late_row_and_restored_value_show_on_their_days(builds: Path) -> None:
    """Put/call of each day from the versions known at its end, recomputed one day at a time."""
    raw = later_warehouse(builds)
    shown = dict(
        marts(builds / "later.duckdb")
        .execute(
            """
            select observation_date, value from later.signals.fct_signal_daily
            where signal_id = 'put_call_equity' and observation_date between '2022-03-08' and '2022-03-28'
            """
        )
        .fetchall()
    )
    expected = {day: known_put_call(raw, day) for day in shown}
    assert len(set(expected.values())) > 10
    assert shown == pytest.approx(expected)


def known_put_call(raw: duckdb.DuckDBPyConnection, day: date) -> float:
    row = raw.execute(
        """
        with known as (
            select observation_date, arg_max(put_contracts / call_contracts, (_available_at, _file_id)) as ratio
            from raw.cboe_put_call where product = 'equity' and _available_at < cast(? as date) + interval 1 day
            group by observation_date order by observation_date desc limit 5
        )
        select avg(ratio) from known
        """,
        [day],
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_vintages_hold_what_was_known_at_every_moment(builds: Path) -> None:
    """trailing_as_known against a recomputation at every moment around revisions, late rows and a split."""
    connection = later_warehouse(builds)
    moments = connection.execute(
        """
        select distinct available_at from staging.stg_price__daily
        where symbol = 'XLK' and (
            available_at between timestamp '2021-08-20' and timestamp '2021-09-10'
            or available_at between timestamp '2022-03-08' and timestamp '2022-03-25'
        )
        """
    ).fetchall()
    assert len(moments) > 20
    for (moment,) in moments:
        known = newest(connection, "observation_date, close", "staging.stg_price__daily", "symbol = 'XLK'", moment, 60)
        in_vintage = connection.execute(
            """
            select observation_date, close from intermediate.int_sector_fund_as_known
            where symbol = 'XLK' and known_at <= $moment and vintage_at = (
                select max(vintage_at) from intermediate.int_sector_fund_as_known where vintage_at <= $moment
            )
            order by observation_date desc limit 60
            """,
            {"moment": moment},
        ).fetchall()
        assert in_vintage == known, moment


def newest(connection: duckdb.DuckDBPyConnection, columns: str, relation: str, where: str, moment: datetime, count: int) -> list[tuple[Any, ...]]:
    """The newest observations in the newest versions known at a moment, newest first."""
    return connection.execute(
        f"""
        select {columns} from {relation} where {where} and available_at <= ?
        qualify row_number() over (partition by observation_date order by available_at desc, file_id desc) = 1
        order by observation_date desc limit {count}
        """,
        [moment],
    ).fetchall()


def events(connection: duckdb.DuckDBPyConnection, signal: str) -> list[tuple[datetime, float]]:
    """Some events of a signal: those at its ends and a few between."""
    every = connection.execute(f"select available_at, value from intermediate.int_signal__{signal} order by available_at").fetchall()
    assert len(every) > 100, signal
    return [every[i] for i in (0, 1, len(every) // 3, len(every) // 2, -80, -75, -1)]


def test_volatility_target_exposure(builds: Path) -> None:
    connection = later_warehouse(builds)
    for moment, value in events(connection, "vol_target_exposure"):
        close = np.array([row[1] for row in newest(connection, "observation_date, close", "staging.stg_price__daily", "symbol = '^GSPC'", moment, 257)][::-1])
        squares = np.diff(np.log(close)) ** 2
        weights = 0.94 ** np.arange(251, -1, -1)
        volatility = [np.sqrt(252 * np.average(squares[end - 252 : end], weights=weights)) for end in range(252, 257)]
        assert value == pytest.approx(np.mean([min(1.5, 0.10 / v) for v in volatility]))


def test_bitcoin_residual(builds: Path) -> None:
    connection = later_warehouse(builds)
    for moment, value in events(connection, "bitcoin_resid_13w"):
        bitcoin = dict(newest(connection, "observation_date, value", "staging.stg_fred__observation", "series_id = 'CBBTCUSD'", moment, 600))
        nasdaq = dict(newest(connection, "observation_date, close", "staging.stg_price__daily", "symbol = '^NDX'", moment, 400))
        days = sorted(bitcoin.keys() & nasdaq.keys())[-316:]
        r_bitcoin, r_nasdaq = (np.diff(np.log([series[day] for day in days])) for series in (bitcoin, nasdaq))
        beta = np.polyfit(r_nasdaq[:252], r_bitcoin[:252], 1)[0]
        assert value == pytest.approx(np.sum(r_bitcoin[-63:]) - beta * np.sum(r_nasdaq[-63:]))


def test_emerging_markets_against_us_shares(builds: Path) -> None:
    connection = later_warehouse(builds)
    symbols = ("^GSPC", "^NSEI", "^VNINDEX.VN", "^JKSE", "INR=X", "VND=X", "IDR=X", "DX-Y.NYB")
    for moment, value in events(connection, "em3_relative_13w"):
        levels = {
            symbol: sorted(newest(connection, "observation_date, close", "staging.stg_price__daily", f"symbol = '{symbol}'", moment, 400)) for symbol in symbols
        }
        days = [day for day, _ in levels["^GSPC"]][-316:]

        def change(symbol: str, days: list[date] = days, levels: dict[str, list[tuple[Any, ...]]] = levels) -> np.ndarray:
            known, close = zip(*levels[symbol], strict=True)
            return np.diff(np.log([close[np.searchsorted(np.array(known), day, "right") - 1] for day in days]))

        abroad = [change(index) - change(currency) for index, currency in zip(symbols[1:4], symbols[4:7], strict=True)]
        relative, dollar = np.mean(abroad, axis=0) - change("^GSPC"), change("DX-Y.NYB")
        beta = np.polyfit(dollar[:252], relative[:252], 1)[0]
        assert value == pytest.approx(np.sum(relative[-63:]) - beta * np.sum(dollar[-63:]))


def test_amihud(builds: Path) -> None:
    connection = later_warehouse(builds)
    for moment, value in events(connection, "amihud_market"):
        impact_on: dict[date, list[float]] = {}
        for fund in SECTOR_FUNDS:
            rows = newest(connection, "observation_date, close, volume", "staging.stg_price__daily", f"symbol = '{fund}'", moment, 274)[::-1]
            close, volume = (np.array([row[i] for row in rows], dtype=float) for i in (1, 2))
            impact = 1e6 * np.abs(close[1:] / close[:-1] - 1) / (close[1:] * volume[1:])
            for row, mean in zip(rows[21:], np.lib.stride_tricks.sliding_window_view(impact, 21).mean(axis=1), strict=True):
                impact_on.setdefault(row[0], []).append(float(mean))
        log_impact = [np.log(np.median(impact_on[day])) for day in sorted(impact_on)[-252:]]
        assert value == pytest.approx(log_impact[-1] - np.mean(log_impact))


def edge(o: np.ndarray, h: np.ndarray, low: np.ndarray, c: np.ndarray) -> float:
    """EDGE estimate of the effective spread: the moment conditions of Ardia, Guidotti and Kroencke (2024), equations of their section 2."""
    o, h, low, c = np.log([o, h, low, c])
    m = (h + low) / 2
    o, h, low, m, h1, l1, c1, m1 = o[1:], h[1:], low[1:], m[1:], h[:-1], low[:-1], c[:-1], m[:-1]
    r1, r2, r3, r4, r5 = m - o, o - m1, m - c1, c1 - m1, o - c1
    traded = (h != low) | (low != c1)
    p_open = np.mean(traded & (o != h)) + np.mean(traded & (o != low))
    p_close = np.mean(traded & (c1 != h1)) + np.mean(traded & (c1 != l1))
    d1, d3, d5 = (r - r.mean() / traded.mean() * traded for r in (r1, r3, r5))
    x1 = -4 / p_open * d1 * r2 - 4 / p_close * d3 * r4
    x2 = -4 / p_open * d1 * r5 - 4 / p_close * d5 * r4
    v1, v2 = x1.var(), x2.var()
    return float(np.sqrt(abs((v2 * x1.mean() + v1 * x2.mean()) / (v1 + v2))))


def test_effective_spread(builds: Path) -> None:
    connection = later_warehouse(builds)
    for moment, value in events(connection, "spread_edge"):
        spreads = []
        for fund in SECTOR_FUNDS:
            rows = newest(connection, "observation_date, open, high, low, close", "staging.stg_price__daily", f"symbol = '{fund}'", moment, 21)[::-1]
            spreads.append(edge(*(np.array([row[i] for row in rows]) for i in (1, 2, 3, 4))))
        assert value == pytest.approx(np.median(spreads))


def corwin_schultz(h: np.ndarray, low: np.ndarray, c: np.ndarray) -> float:
    """Mean estimate over pairs of sessions, step by step as Corwin and Schultz (2012) describe it: overnight move off, spread, negative ones to 0."""
    estimates = []
    for i in range(1, len(c)):
        move = max(low[i] - c[i - 1], 0) or min(h[i] - c[i - 1], 0)
        high, bottom = h[i] - move, low[i] - move
        beta = np.log(h[i - 1] / low[i - 1]) ** 2 + np.log(high / bottom) ** 2
        gamma = np.log(max(h[i - 1], high) / min(low[i - 1], bottom)) ** 2
        alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / (3 - 2 * np.sqrt(2)) - np.sqrt(gamma / (3 - 2 * np.sqrt(2)))
        estimates.append(max(0.0, float(2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha)))))
    return float(np.mean(estimates))


# around a split, a day that came late, and at the ends
TAPE_DAYS = ("2018-02-01", "2021-08-31", "2021-09-01", "2021-09-15", "2022-03-11", "2022-03-16", "2022-03-21", "2022-06-30")


@pytest.mark.parametrize("symbol", SECTOR_FUNDS)
@pytest.mark.parametrize("day", list(map(date.fromisoformat, TAPE_DAYS)), ids=str)
def test_tape_shows_what_was_known_that_day(builds: Path, day: date, symbol: str) -> None:
    """Every column of a day from the versions known at its end, with formulas written out in NumPy."""
    connection = later_warehouse(builds)
    end = datetime.combine(day, time(23, 59, 59, 999999))
    rows = newest(connection, "observation_date, open, high, low, close, volume", "staging.stg_price__daily", f"symbol = '{symbol}'", end, 22)[::-1]
    o, h, low, c, volume = (np.array([row[i] for row in rows], dtype=float) for i in range(1, 6))
    located = ((c - low) - (h - c)) / (h - low)
    full = len(rows) == 22
    expected = [
        rows[-1][0],
        c[-1] * volume[-1],
        np.mean((c * volume)[-21:]),
        np.mean(1e6 * np.abs(c[1:] / c[:-1] - 1) / (c * volume)[1:]) if full else None,
        edge(*(values[-21:] for values in (o, h, low, c))),
        corwin_schultz(h[-21:], low[-21:], c[-21:]),
        np.sum((located * volume)[-21:]) / np.sum(volume[-21:]),
        *off_exchange(connection, symbol, end),
    ]
    found = marts(builds / "later.duckdb").execute(
        """
        select source_observation_date, dollar_volume_usd, mean_dollar_volume_usd, price_impact, effective_spread, high_low_spread, close_location,
               off_exchange_share, short_volume_share
        from later.signals.fct_tape_daily where observation_date = ? and symbol = ?
        """,
        [day, symbol],
    )
    assert found.fetchone() == pytest.approx(tuple(expected))


def off_exchange(connection: duckdb.DuckDBPyConnection, symbol: str, end: datetime) -> tuple[float | None, float | None]:
    """Off-exchange share and what of it was sold short, over the newest 21 sessions known; volume as each day's first version gave it."""
    volumes = newest(
        connection, "observation_date, total_volume_shares, short_volume_shares", "staging.stg_finra__short_volume", f"symbol = '{symbol}'", end, 50
    )
    traded = connection.execute(
        "select observation_date, arg_min(volume, available_at) from staging.stg_price__daily where symbol = ? and available_at <= ? group by 1", [symbol, end]
    )
    first = dict(traded.fetchall())
    shares = [total / first[day] for day, total, _ in volumes if day in first and total <= first[day]][:21]
    short = [sold / total for _, total, sold in volumes][:21]
    return tuple(float(np.mean(each)) if len(each) == 21 else None for each in (shares, short))  # type: ignore[return-value]


def test_beta_of_prices_as_known(builds: Path) -> None:
    connection = later_warehouse(builds)
    found = connection.execute("select available_at, beta_raw, beta_sessions from intermediate.int_beta_event where symbol = 'TSLA' order by 1").fetchall()
    assert found[251][1:] == (None, 251) and found[252][1] is not None
    split = next(place for place, (moment, *_) in enumerate(found) if moment == datetime(2021, 8, 31, 20))
    for moment, beta, sessions in (found[252], found[400], found[split - 1], found[split], found[split + 1], found[-80], found[-75], found[-1]):
        close = {
            symbol: dict(newest(connection, "observation_date, close", "staging.stg_price__daily", f"symbol = '{symbol}'", moment, 560))
            for symbol in ("TSLA", "^GSPC")
        }
        days = sorted(close["TSLA"].keys() & close["^GSPC"].keys())[-505:]
        share, market = (np.diff([close[symbol][day] for day in days]) / [close[symbol][day] for day in days[:-1]] for symbol in ("TSLA", "^GSPC"))
        assert sessions == len(share)
        assert beta == pytest.approx(np.polyfit(market, share, 1)[0])


def test_political_risk_premium_on_months_known(builds: Path) -> None:
    connection = later_warehouse(builds)
    columns = "available_at, source_observation_date, premium_observation_date, months, slope, usual_risk, political_risk_premium"
    found = connection.execute(f"select {columns} from intermediate.int_political_risk_premium order by 1").fetchall()
    revised = next(place for place, row in enumerate(found) if row[0] == datetime(2021, 11, 20, 12))
    late = next(place for place, row in enumerate(found) if row[0] == datetime(2021, 7, 20))
    assert any(row[-1] is not None for row in found) and found[0][3] == 0
    for moment, month, start, months, slope, usual, premium in (found[-1], found[-2], found[revised - 1], found[revised], found[late - 1], found[late]):
        risk = dict(newest(connection, "observation_date, value", "staging.stg_gpr__monthly", "index_name = 'GPR'", moment, 500))
        paid = dict(newest(connection, "observation_date - 1, implied_premium", "intermediate.int_implied_premium", "true", moment, 500))
        both = sorted(risk.keys() & paid.keys())
        assert (month, start, months) == (max(risk), both[-1] + timedelta(days=1), len(both))
        assert usual == pytest.approx(np.mean([value for day, value in risk.items() if day.year <= 2019]))
        assert slope == pytest.approx(np.polyfit(np.log([risk[day] for day in both]), [paid[day] for day in both], 1)[0])
        assert premium is None or premium == pytest.approx(slope * np.log(risk[month] / usual))
    assert found[revised][3] == found[revised - 1][3] and found[revised][4] != found[revised - 1][4]
    assert found[late][3] == found[late - 1][3] + 1


def test_normal_distribution_of_the_index(builds: Path) -> None:
    from math import erfc, sqrt

    query = "select z_score, retreat_index from later.signals.fct_retreat_index_daily where z_score is not null"
    rows = marts(builds / "later.duckdb").execute(query).fetchall()
    assert [index for _, index in rows] == pytest.approx([50 * erfc(-z / sqrt(2)) for z, _ in rows], abs=1e-10)


def test_absent_feeds_give_empty_marts(builds: Path) -> None:
    connection = marts(builds / "empty.duckdb")
    rows = dict(connection.execute("select table_name, estimated_size from duckdb_tables() where database_name = 'empty'").fetchall())
    assert rows.pop("dim_signal") == 38
    # the ledger says of each claim that nothing is known
    asked, variants = (list(csv.DictReader((PROJECT / "seeds/staging" / f"{name}.csv").open(encoding="utf-8"))) for name in ("claim", "claim_metric"))
    assert rows.pop("fct_claim_check") == sum(claim["metric"] == variant["metric"] for claim in asked for variant in variants)
    verdicts = connection.execute("select distinct verdict, rows_used from empty.signals.fct_claim_check order by 1").fetchall()
    assert verdicts == [("not measurable", 0), ("scenario", 0)]
    assert set(rows) == {path.stem for path in (PROJECT / "models/marts").rglob("*.sql")} - {"dim_signal", "fct_claim_check"}
    assert set(rows.values()) == {0}


def test_unit_tests_pass(builds: Path) -> None:
    run_dbt(["test", "--select", "test_type:unit"], warehouse=builds / "warehouse.duckdb", mart=builds / "mart.duckdb")


def test_every_measured_signal_of_the_seed_has_a_model_and_is_read(builds: Path) -> None:
    models = {f"int_signal__{name}" for name in measured_signals()}
    assert models == {path.stem for path in PROJECT.rglob("int_signal__*.sql")}
    manifest = json.loads((builds / "manifest.json").read_text(encoding="utf-8"))
    nodes = manifest["nodes"]
    assert {node.rsplit(".", 1)[1] for node in nodes["model.ebbtide.int_signal_event"]["depends_on"]["nodes"]} == models

    def feeds_behind(node: str) -> set[str]:
        if node.startswith("source."):
            return {node.rsplit(".", 1)[1]}
        return set().union(*(feeds_behind(each) for each in nodes[node]["depends_on"]["nodes"])) if node.startswith("model.") else set()

    with SIGNALS.open(encoding="utf-8", newline="") as lines:
        named = {row["signal_id"]: set(row["feed"].split("+")) for row in csv.DictReader(lines)}
    unread = {name: feeds - feeds_behind(f"model.ebbtide.int_signal__{name}") for name, feeds in named.items()}
    assert {name: feeds for name, feeds in unread.items() if feeds} == {}


def test_every_model_source_and_column_is_described_with_its_unit(builds: Path) -> None:
    manifest = json.loads((builds / "manifest.json").read_text(encoding="utf-8"))
    nodes = [n for n in [*manifest["nodes"].values(), *manifest["sources"].values()] if n["resource_type"] in {"model", "seed", "source"}]
    assert len(nodes) > 60
    bare = [n["unique_id"] for n in nodes if not n["description"] or not n["columns"]]
    bare += [f"{n['unique_id']}.{c['name']}" for n in nodes for c in n["columns"].values() if not c["description"] or not c["config"]["meta"].get("unit")]
    grainless = [n["unique_id"] for n in nodes if n["resource_type"] != "source" and not set(n["config"]["meta"].get("grain", ["?"])) <= set(n["columns"])]
    assert not bare
    assert not grainless


GRAIN_DEFECTS = {
    "two rows of a key": (
        "insert into raw.finra_margin from raw.finra_margin where observation_date = '2022-05-31'",
        "2 row(s) have observation_date 2022-05-31",
    ),
    "a key without its date": (
        "update raw.finra_margin set observation_date = null where observation_date = '2022-05-31'",
        "1 row(s) have observation_date None",
    ),
}


@pytest.mark.parametrize(("sql", "said"), GRAIN_DEFECTS.values(), ids=GRAIN_DEFECTS)
def test_model_with_a_broken_grain_fails_and_what_reads_it_is_not_built(builds: Path, tmp_path: Path, sql: str, said: str) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(builds / "later" / "warehouse.duckdb", warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(sql)
        connection.execute("drop table intermediate.int_signal__margin_debt_yoy")
    with pytest.raises(DbtFailed) as failure:
        run_dbt(["run", "--select", "stg_finra__margin", "int_signal__margin_debt_yoy"], warehouse=warehouse, mart=tmp_path / "mart.duckdb")
    assert "failed at 1 node(s)" in str(failure.value)
    assert '"stg_finra__margin" is broken: its columns observation_date, available_at, file_id, file_row_number identify a row' in str(failure.value)
    assert said in str(failure.value)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert not connection.execute("from duckdb_tables() where table_name = 'int_signal__margin_debt_yoy'").fetchall()


def test_every_grain_is_tested_but_those_of_lines_of_filings(builds: Path) -> None:
    manifest = json.loads((builds / "manifest.json").read_text(encoding="utf-8"))
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]
    assert {node["name"] for node in nodes if [hook["sql"] for hook in node["config"]["post-hook"]] != ["{{ check_grain() }}"]} == set()
    left_out = {node["name"] for node in nodes if not node["config"]["meta"].get("grain_tested", True)}
    assert left_out == {model.name for model in read_models().values() if any(FEEDS[feed].filing_of for feed in model.feeds if feed in FEEDS)}


def test_columns_of_models_are_those_described(builds: Path) -> None:
    manifest = json.loads((builds / "manifest.json").read_text(encoding="utf-8"))
    connection = later_warehouse(builds)
    found: dict[str, set[str]] = {}
    for table, column in connection.execute("select table_name, column_name from duckdb_columns() where schema_name in ('staging', 'intermediate')").fetchall():
        found.setdefault(table, set()).add(column)
    described = {n["name"]: set(n["columns"]) for n in manifest["nodes"].values() if n["resource_type"] in {"model", "seed"} and n["database"] == "warehouse"}
    assert {name: columns ^ found.get(name, set()) for name, columns in described.items() if columns != found.get(name)} == {}


def test_macros_other_engines_lack_are_dispatched() -> None:
    point_in_time = ("as_of", "latest_version", "known_on_day", "trailing_as_known", "as_of_join")
    own = (*point_in_time, "safe_divide", "date_spine")
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "macros").glob("*.sql"))
    for name in own:
        assert f"adapter.dispatch('{name}', 'ebbtide')" in text
        assert f"macro default__{name}(" in text


def test_failure_names_the_node_and_releases_the_file(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()
    before = set(PROJECT.rglob("*"))
    with pytest.raises(DbtFailed, match="stg_finra__margin"):
        run_dbt(["run", "--select", "stg_finra__margin"], warehouse=warehouse, mart=tmp_path / "mart.duckdb")
    duckdb.connect(str(warehouse), read_only=True).close()
    assert set(PROJECT.rglob("*")) == before


def test_warehouse_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"warehouse\.duckdb"):
        run_dbt(["parse"], warehouse=tmp_path / "other.duckdb", mart=tmp_path / "mart.duckdb")
