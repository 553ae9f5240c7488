"""The sample world: one coherent, seeded history of markets, 2004 to 2023, in which capital slowly leaves US shares from July 2023.

Everything is simulated once, as it finally turned out, with the times at which the providers published and revised it; the writers
beside this module show what a given day could see. Every random series has its own stream, so adding one leaves the others as they are.

How it hangs together: a market shock moves implied volatility, volatility sets the size of returns, a common stress factor moves
hedging, leverage, flows and positioning, crises (2008, 2011, 2020 and smaller ones) push all of them at once and fade. The retreat
adds a lasting shift, in standard deviations of each core signal's noise, without adding realised volatility. With `strength=0` there
is no retreat and none of the article's figures is planted: only the stationary world with its crises remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ingest.sample import cross_border, dates, economy, markets
from ingest.sample import positions as futures
from ingest.sample.dates import Days
from ingest.sample.process import BLOCKS, ONSET, RAMP, SEED, STRENGTH, TECHNOLOGY_CUT, Drivers
from ingest.sample.tables import Floats, Fund, Late, Positions, Price, Table, Vintages


@dataclass(frozen=True)
class World:
    """The whole simulated history."""

    seed: int
    strength: float
    drivers: Drivers
    sessions: Days
    indices: Mapping[str, pd.DataFrame]
    options: pd.DataFrame
    prices: Mapping[str, Price]
    funds: Mapping[str, Fund]
    gold: pd.DataFrame
    rates: Mapping[str, tuple[Days, Floats]]
    vintages: Mapping[str, Vintages]
    positions: Mapping[str, Positions]
    stress: Table
    margin: Table
    holders: Table
    cross_border: Table
    risk_daily: Table
    risk_monthly: Table
    late: tuple[Late, ...]


@lru_cache(maxsize=4)
def world(seed: int = SEED, strength: float = STRENGTH) -> World:
    """The world of a seed; `strength` is the retreat's lasting shift in standard deviations, 0 for a world without one."""
    drivers = Drivers(seed, strength)
    indices = markets.indices(drivers)
    options = markets.options(drivers)
    prices, market = markets.prices(drivers)
    funds = markets.funds(drivers, prices, market)
    gold, rates = markets.gold(drivers), economy.rates(drivers)
    margin, late = economy.margin(drivers, market)
    risk_daily, risk_monthly = economy.risk(drivers)
    holders = economy.holders(drivers)
    return World(
        seed=seed,
        strength=strength,
        drivers=drivers,
        sessions=drivers.days[drivers.days >= dates.FIRST_DAY],
        indices={name: table[table.index >= pd.Timestamp(str(dates.FIRST_DAY))] for name, table in indices.items()},
        options=options,
        prices={name: _from_first_day(price) for name, price in prices.items()},
        funds=funds | markets.haven_funds(drivers, rates["DGS10"], gold),
        gold=gold,
        rates=rates | {"NASDAQCOM": economy.index_level(_from_first_day(prices["^IXIC"]))},
        vintages=economy.vintages(drivers, market),
        positions=futures.simulate(drivers),
        stress=economy.stress(drivers, indices),
        margin=margin,
        holders=holders,
        cross_border=cross_border.securities(drivers, holders, prices["^GSPC"], rates),
        risk_daily=risk_daily,
        risk_monthly=risk_monthly,
        late=(late,),
    )


def _from_first_day(price: Price) -> Price:
    shown = price.days >= dates.FIRST_DAY
    bars = {name: bar[shown] for name, bar in price.bars.items()}
    return Price(price.symbol, price.days[shown], bars, price.missing[shown], price.splits, price.dividend_yield)


def truth(seed: int = SEED, strength: float = STRENGTH) -> dict[str, Any]:
    """What is true of the world and a method should find: the retreat's onset, its strength by block, planted figures and revisions.

    `onset`, `full_from` are dates; `strength_sd` is the lasting shift by block in standard deviations of a signal's own noise;
    `figures` are the article's figures as they stand in this world (units in the names); `revisions` and `late` list what the providers
    changed or published late. A world with `strength=0` has no onset and no figures.
    """
    made = world(seed, strength)
    full = dates.sessions()[int(np.searchsorted(dates.sessions(), ONSET)) + RAMP - 1]
    retreat = bool(strength)
    return {
        "seed": seed,
        "onset": _day(ONSET) if retreat else None,
        "full_from": _day(full) if retreat else None,
        "ramp_sessions": RAMP,
        "strength_sd": dict.fromkeys(BLOCKS, strength),
        "figures": _figures(made) if retreat else {},
        "revisions": {
            "ofr_fsi": sorted({each.at for each in made.stress.revisions}),
            "finra_margin": sorted({each.at for each in made.margin.revisions}),
            "tic_major_foreign_holders": sorted({each.at for each in made.holders.revisions}),
            "tic_cslt": sorted({each.at for each in made.cross_border.revisions}),
            "gpr_daily": sorted({each.at for each in made.risk_daily.revisions}),
        },
        "values_taken_back": {
            "ofr_fsi": _day(economy.STRESS_SLIP[0]),
            "finra_margin": _day(economy.MARGIN_SLIP[0]),
            "gpr_daily": _day(economy.RISK_SLIP_DAY),
        },
        "late": [{"feed": each.feed, "observation_date": _day(each.day), "due": each.due, "published": each.at} for each in made.late],
        "late_positions_reports": {date.fromisoformat(report): date.fromisoformat(came) for report, came in futures.DELAYED_REPORTS.items()},
    }


def _day(day: np.datetime64) -> date:
    return date.fromisoformat(str(day))


def _figures(made: World) -> dict[str, Any]:
    def close(symbol: str, day: str, bar: str = "close") -> float:
        price = made.prices[symbol]
        return float(price.bars[bar][np.searchsorted(price.days, np.datetime64(day), "right") - 1])

    def rate(series: str, day: str) -> float:
        days, values = made.rates[series]
        return float(values[np.searchsorted(days, np.datetime64(day), "right") - 1])

    equity = made.options["volume"]["equity"]
    copper = made.positions["085692"]
    interest = {str(day): int(copper.open_interest[np.searchsorted(copper.days, np.datetime64(day))]) for day in ("2022-12-27", "2023-10-31")}
    flows = weekly_flow(made)
    days, holders = made.holders.seen_at(dates.as_moment(dates.END))
    return {
        "put_call_equity_peak": float((equity["put"] / equity["call"]).loc[pd.DatetimeIndex(markets.HEDGING_PEAK)].mean()),
        "put_call_equity_peak_week": (date.fromisoformat(markets.HEDGING_PEAK[0]), date.fromisoformat(markets.HEDGING_PEAK[-1])),
        "etf_core_flow_week": date.fromisoformat(markets.OUTFLOW_WEEK),
        "etf_core_flow_usd": float(flows.loc[pd.Timestamp(markets.OUTFLOW_WEEK)]),
        "etf_core_flow_rank": int((flows < flows.loc[pd.Timestamp(markets.OUTFLOW_WEEK)]).sum()) + 1,
        "bridgewater_technology_share": -TECHNOLOGY_CUT,
        "tesla_high_usd": close("TSLA", "2023-07-19", "high"),
        "tesla_close_usd": close("TSLA", "2023-10-26"),
        "jakarta_composite_year_share": close("^JKSE", "2023-12-28") / close("^JKSE", "2022-12-31") - 1,
        "bitcoin_october_share": rate("CBBTCUSD", "2023-10-31") / rate("CBBTCUSD", "2023-09-30") - 1,
        "dow_low_2009": close("^DJI", "2009-03-06", "low"),
        "dow_end": close("^DJI", "2023-12-29"),
        "nasdaq_annual_share": (close("^IXIC", "2023-09-29") / close("^IXIC", "2008-12-31")) ** (1 / 14.75) - 1,
        "copper_open_interest_share": interest["2023-10-31"] / interest["2022-12-27"] - 1,
        "gold_tonnes_end": float(made.gold["tonnes_in_trust"].iloc[-1]),
        "japan_holdings_usd_bn": float(holders["Japan"][days == np.datetime64("2023-10-31")][0]),
        "foreign_equity_purchases_usd_bn": {day: _of_month(made.cross_border, "for_lt_eqty_net_99996", day) / 1e3 for day in ("2021-12-31", "2023-10-31")},
        "dollar_reserve_share_percent": dict([*economy.DOLLAR_SHARE[-1:], *economy.DOLLAR_SHARE_RETREAT]),
        "hedge_fund_leverage": dict([*economy.HEDGE_FUND_LEVERAGE[-1:], *economy.HEDGE_FUND_LEVERAGE_RETREAT]),
        "pension_us_equity_weight_of_cutters": dict([*economy.PENSION_US_EQUITY[-1:], *economy.PENSION_US_EQUITY_CUT]),
        "india_market_value_usd": dict([*economy.INDIA_VALUE[-1:], *economy.INDIA_VALUE_RETREAT]),
        "gpr_mean_2021": float(made.risk_monthly.values["GPR"][made.risk_monthly.days.astype("datetime64[Y]") == np.datetime64("2021", "Y")].mean()),
        "gpr_end_2023": float(made.risk_monthly.values["GPR"][-1]),
        "policy_rate_end_percent": rate("DFF", "2023-12-29"),
        "convenience_yield_start_percent": rate("AAA10Y", "2022-01-03"),
        "convenience_yield_end_percent": rate("AAA10Y", "2023-12-29"),
    }


def _of_month(table: Table, column: str, day: str) -> float:
    days, values = table.seen_at(dates.as_moment(dates.END))
    return float(values[column][days == np.datetime64(day)][0])


def weekly_flow(made: World) -> pd.Series:
    """Net flow of SPY, IVV and VOO in USD by calendar week (Monday), from the week after all three exist."""
    total = sum(
        pd.Series(np.concatenate([[0.0], np.diff(fund.shares)]) * fund.net_asset_value, index=pd.DatetimeIndex(fund.days))
        for fund in (made.funds[ticker] for ticker in markets.CORE_FUNDS)
    )
    assert isinstance(total, pd.Series)
    daily = total.dropna()
    days = daily.index.to_numpy().astype("datetime64[D]")
    mondays = pd.DatetimeIndex(days - (days.astype(np.int64) + 3) % 7)
    weekly = daily.groupby(mondays).sum()
    return weekly[weekly.index >= pd.Timestamp("2010-09-13")]
