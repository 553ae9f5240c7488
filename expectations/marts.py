"""Suites of the marts gate: one for each mart, derived from the dbt project, and reconciliation written by hand.

The gate runs on the file that is about to be published. Relationships, column types and the keys its YAML tests stay with
dbt; here stands what a reader of the published build relies on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.check import (
    BuildUnderCheck,
    Check,
    Suite,
    day,
    has_rows,
    identifier,
    identifiers,
    literal,
    query,
    timestamp,
)
from expectations.history import with_history
from expectations.project import PROJECT, Model, feeds_behind, read_models

if TYPE_CHECKING:
    from ingest.feed import Feed

# Days the newest row of a mart may be old by the rhythm in its name, before publication lags are added.
RHYTHM_DAYS: Mapping[str, int] = {"daily": 5, "weekly": 8, "monthly": 31, "quarterly": 92, "yearly": 366}

# Difference allowed between an index and the sum of its contributions: rounding of floating-point sums.
ROUNDING = 1e-6


def suites(build: BuildUnderCheck, feeds: Mapping[str, Feed], project: Path = PROJECT) -> list[Suite]:
    """The suites of the marts gate: `marts.<model>`."""
    models = read_models(project)
    return [model_suite(build, model, models, feeds) for model in models.values() if model.layer == "marts"]


def model_suite(build: BuildUnderCheck, model: Model, models: Mapping[str, Model], feeds: Mapping[str, Feed]) -> Suite:
    """The suite of one mart; when none of the feeds behind it, or that its rows come from, has been loaded it may be empty and is not judged."""
    name = f"marts.{model.name}"
    behind = feeds_behind(model, models) if model.rows_from is None else model.rows_from
    present = sorted(feed for feed in behind if build.feeds.get(feed) == "landed")
    if behind and not present:
        return Suite(name, model.schema, model.name, skipped=f"absent: no file has been loaded for {', '.join(sorted(behind))}")
    if (model.schema, model.name) not in build.columns:
        return Suite(name, model.schema, model.name, skipped="the mart has not been built", skipped_severity="critical")
    columns = build.columns[model.schema, model.name]
    checks = [
        *_rows(build, model),
        *known_by_as_of(build, model, columns),
        *bounds_kept(model, columns),
        *_newest_row(build, model, columns, [feeds[feed] for feed in present if feed in feeds]),
        *_trading_days_complete(model, columns),
        *RECONCILIATIONS.get(model.name, _no_reconciliation)(columns),
    ]
    return with_history(build, Suite(name, model.schema, model.name, tuple(checks)), model.grain)


def _rows(build: BuildUnderCheck, model: Model) -> Iterable[Check]:
    if model.rows_from == frozenset():
        return
    # a replayed folder may hold files of feeds that no signal needs, or too few days of them
    yield has_rows("The mart has rows, as at least one feed behind it has.", "warning" if build.source == "replay" else "critical")


def known_by_as_of(build: BuildUnderCheck, model: Model, columns: Iterable[str]) -> list[Check]:
    """No row became known after the build's as-of: a look ahead."""
    if "available_at" not in columns:
        return []
    return [
        Check(
            "known_by_as_of",
            f"No row became known after the build's as-of, {build.as_of:%Y-%m-%d %H:%M:%S} UTC.",
            "critical",
            f"select {identifiers(model.grain)}, available_at\nfrom {{batch}}\nwhere available_at > {timestamp(build.as_of)}",
        )
    ]


def bounds_kept(model: Model, columns: Iterable[str]) -> list[Check]:
    """Every value lies within the bounds its column declares; infinite and not-a-number are outside."""
    present = set(columns)
    outside, ranges = [], []
    for column, bounds in model.bounds.items():
        if column not in present:
            continue
        name = identifier(column)
        conditions = [f"not isfinite(cast({name} as double))"]
        if bounds.minimum is not None:
            conditions.append(f"{name} < {bounds.minimum}")
        if bounds.maximum is not None:
            conditions.append(f"{name} > {bounds.maximum}")
        outside.append(f"case when {' or '.join(conditions)} then {literal(column + ' = ')} || cast({name} as varchar) end")
        least = "" if bounds.minimum is None else f" from {bounds.minimum:g}"
        greatest = "" if bounds.maximum is None else f" to {bounds.maximum:g}"
        ranges.append(f"{column}{least}{greatest}")
    if not outside:
        return []
    text = query(
        f"""
        with judged as (
            select
                {identifiers(model.grain)},
                concat_ws(
                    ', ',
                    <outside>
                ) as out_of_bounds
            from {{batch}}
        )
        select *
        from judged
        where out_of_bounds <> ''
        """
    ).replace("<outside>", (",\n" + " " * 12).join(outside))
    return [Check("bounds_kept", f"Values are within their declared bounds: {', '.join(ranges)}.", "critical", text)]


def _rhythm(model: Model) -> str | None:
    suffix = model.name.rpartition("_")[2]
    return suffix if suffix in RHYTHM_DAYS else None


def _newest_row(build: BuildUnderCheck, model: Model, columns: Iterable[str], present: list[Feed]) -> Iterable[Check]:
    rhythm = _rhythm(model)
    if rhythm is None or "observation_date" not in columns:
        return
    days = RHYTHM_DAYS[rhythm]
    if rhythm != "daily":
        # a daily mart has a row for every day; the others wait for the slowest of their feeds
        days += max((round(1.5 * feed.lag.days) + 3 + feed.cadence.days for feed in present), default=0)
    earliest = day((build.as_of - timedelta(days=days)).date())
    yield Check(
        "newest_row_recent",
        f"The newest row is at most {days} days older than the build's as-of.",
        "warning" if build.is_replay else "critical",
        query(
            f"""
            select max(observation_date) as newest_row, {earliest} as expected_from
            from {{batch}}
            having max(observation_date) < {earliest}
            """
        ),
    )
    if rhythm == "daily":
        # observation_date of a daily mart is the day it speaks of, which cannot lie ahead
        yield Check(
            "no_row_ahead",
            f"No row is dated after the build's as-of, {build.as_of:%Y-%m-%d}.",
            "critical",
            f"select {identifiers(model.grain)}\nfrom {{batch}}\nwhere observation_date > {day(build.as_of.date())}",
        )


def _trading_days_complete(model: Model, columns: Iterable[str]) -> Iterable[Check]:
    if _rhythm(model) != "daily" or "observation_date" not in columns:
        return
    yield Check(
        "trading_days_complete",
        "Every trading day between the first row and the last has a row.",
        "critical",
        query(
            """
            with mart_day as (
                select distinct observation_date
                from {batch}
            ),
            covered as (
                select min(observation_date) as first_day, max(observation_date) as last_day
                from mart_day
            )
            select trading_day.trading_day as missing_day
            from trading_day
            inner join covered on trading_day.trading_day between covered.first_day and covered.last_day
            where not exists (select 1 from mart_day where mart_day.observation_date = trading_day.trading_day)
            order by missing_day desc
            """
        ),
    )


# -- written by hand ---------------------------------------------------------------------------------------------------


def _no_reconciliation(columns: Iterable[str]) -> list[Check]:
    return []


def _retreat_index(columns: Iterable[str]) -> list[Check]:
    parts = sorted(column for column in columns if column.startswith("contribution_") or column.endswith("_contribution"))
    added = " + ".join(f"coalesce({identifier(part)}, 0)" for part in parts)
    checks = [
        Check(
            "index_between_0_and_100",
            "The index lies between 0 and 100.",
            "critical",
            "select observation_date, retreat_index\nfrom {batch}\n"
            "where retreat_index < 0 or retreat_index > 100 or isnan(retreat_index)\norder by observation_date desc",
        )
    ]
    if parts:
        checks.append(
            Check(
                "contributions_add_up",
                "The blocks' contributions add up to the index less 50.",
                "critical",
                f"select observation_date, retreat_index, {added} as added_up\nfrom {{batch}}\n"
                f"where retreat_index is not null and abs({added} - (retreat_index - 50)) > {ROUNDING}\norder by observation_date desc",
            )
        )
    return checks


def _signal_alert(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "episodes_in_order",
            "An episode ends after its first day, not after the next one of its signal and rule begins, and has its extreme in between.",
            "critical",
            query(
                """
                with episode as (
                    select *, lead(start_date) over (partition by signal_id, rule order by start_date) as next_start
                    from {batch}
                )
                select signal_id, rule, start_date, end_date, extreme_date, next_start
                from episode
                where
                    end_date <= start_date
                    or extreme_date not between start_date and coalesce(end_date, extreme_date)
                    or coalesce(end_date, date '9999-12-31') > next_start
                """
            ),
        )
    ]


def _claim_check(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "one_line_speaks_for_each_claim",
            "Of the variants of a claim exactly one speaks for it.",
            "critical",
            "select claim_id, count(*) filter (where is_used) as lines_used\nfrom {batch}\ngroup by claim_id\nhaving lines_used <> 1",
        ),
        Check(
            "verdict_has_its_ground",
            "A claim is confirmed or refuted by a value that rests on rows of a landed file; one that is not measurable says why.",
            "critical",
            query(
                """
                select claim_id, variant, verdict, measured_to, rows_used, file_id, why
                from {batch}
                where
                    case
                        when verdict in ('confirmed', 'refuted') then measured_to is null or rows_used = 0 or file_id is null
                        when verdict in ('not measurable', 'scenario') then coalesce(why, '') = ''
                        else true
                    end
                """
            ),
        ),
    ]


def _contagion_path(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "bands_in_order_on_every_day",
            "The median of the paths lies within its band, and no day of a path is missing.",
            "critical",
            query(
                """
                with path as (
                    select *, lag(day, 1, -1) over (partition by shock, asset order by day) as day_before
                    from {batch}
                )
                select shock, asset, day, price_change_low, price_change, price_change_high
                from path
                where not (price_change_low <= price_change and price_change <= price_change_high and day = day_before + 1)
                """
            ),
        )
    ]


def _defence(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "what_is_paid_for_adds_up",
            "The weights of all but futures add up to 1.",
            "critical",
            query(
                f"""
                select portfolio, sample, horizon_days
                from {{batch}}
                where
                    not abs(
                        weight_us_shares + weight_emerging_asian_shares + weight_treasury_bonds + weight_gold + weight_yen - 1
                    ) <= {ROUNDING}
                """
            ),
        )
    ]


def _minsky(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "shares_of_finance_add_up",
            "The shares of companies by finance add up to 1 wherever there are companies.",
            "critical",
            query(
                f"""
                select observation_date, firms, hedge_share, speculative_share, ponzi_share, no_debt_share, unclassified_share
                from {{batch}}
                where
                    firms > 0
                    and not abs(hedge_share + speculative_share + ponzi_share + no_debt_share + unclassified_share - 1) <= {ROUNDING}
                """
            ),
        )
    ]


def _spillover(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "shares_add_up_to_100",
            "The shares of an asset's uncertainty add up to 100 percent.",
            "critical",
            f"select observation_date, asset, sum(share_percent) as added_up\nfrom {{batch}}\n"
            f"group by observation_date, asset\nhaving not abs(sum(share_percent) - 100) <= {ROUNDING}",
        )
    ]


def _derivatives_concentration(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "eight_hold_no_less_than_four",
            "The eight largest traders hold at least what the four largest hold.",
            "critical",
            query(
                """
                select observation_date, contract_code, report_scope
                from {batch}
                where
                    concentration_gross_8_long < concentration_gross_4_long
                    or concentration_gross_8_short < concentration_gross_4_short
                    or concentration_net_8_long < concentration_net_4_long
                    or concentration_net_8_short < concentration_net_4_short
                """
            ),
        )
    ]


def _retreat_path(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "path_falls_and_bands_are_in_order",
            "What is left of the stock falls from quarter to quarter, what is sold is at most what left, and the severe price change is below the mild one.",
            "critical",
            query(
                """
                with path as (
                    select *, lag(stock_left_usd, 1, speculative_stock_usd) over (partition by pace, is_hedged order by observation_date) as stock_before
                    from {batch}
                )
                select pace, is_hedged, observation_date, stock_before, stock_left_usd, shares_sold_usd, retreat_usd
                from path
                where
                    stock_left_usd >= stock_before
                    or shares_sold_usd > retreat_usd
                    or price_change_severe > price_change
                    or price_change > price_change_mild
                """
            ),
        )
    ]


def _cross_border_flow(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "countries_within_grand_total",
            # the series of single countries are estimates in part, which need not add up to the last million
            "Countries without groups do not hold more than the grand total of the same source, by more than 1%: a group taken for a country would.",
            "warning",
            query(
                """
                select
                    observation_date, direction, instrument, source_table, max(case when country_code = '99996' then holdings_usd end) as grand_total_usd,
                    sum(holdings_usd) filter (where not is_aggregate) as added_up_usd
                from {batch}
                group by observation_date, direction, instrument, source_table
                having added_up_usd > 1.01 * grand_total_usd
                order by observation_date desc
                """
            ),
        )
    ]


def _sovereign_fund(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "fund_neither_halved_nor_doubled",
            "A whole fund is worth more than half of what it was worth at the period before and less than twice: a list in another unit or cut off is not.",
            "critical",
            query(
                """
                with worth as (
                    select fund, observation_date, sum(holdings_usd) as worth_usd
                    from {batch}
                    where basis = 'all holdings'
                    group by fund, observation_date
                ),
                compared as (
                    select *, lag(worth_usd) over (partition by fund order by observation_date) as worth_before_usd
                    from worth
                )
                select *
                from compared
                where worth_usd not between worth_before_usd / 2 and worth_before_usd * 2
                order by observation_date desc
                """
            ),
        )
    ]


def _reserve_currency(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "shares_agree_with_amounts",
            "The published share of a currency is its amount over all amounts, within 0.2 percentage points: both are published on their own.",
            "critical",
            query(
                """
                with compared as (
                    select
                        observation_date, currency, share,
                        amount_usd / sum(amount_usd) over (partition by observation_date) as share_of_amounts
                    from {batch}
                    where currency <> 'gold'
                )
                select *
                from compared
                where abs(share - share_of_amounts) > 0.002
                order by observation_date desc
                """
            ),
        )
    ]


def _liquidity(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "concentration_within_its_limits",
            "A Herfindahl index lies between 1 / sectors, all alike, and 1, all in one.",
            "critical",
            "select observation_date, sector, sectors, herfindahl\nfrom {batch}\n"
            f"where herfindahl not between 1.0 / sectors - {ROUNDING} and 1 + {ROUNDING}\norder by observation_date desc",
        )
    ]


def _status_and_value(value: str) -> Callable[[Iterable[str]], list[Check]]:
    def checks(_: Iterable[str]) -> list[Check]:
        return [
            Check(
                "value_where_the_status_says_so",
                f"There is a value of {value} where the status says it could be computed, and nowhere else.",
                "critical",
                f"select observation_date, symbol, status, {identifier(value)}\nfrom {{batch}}\n"
                f"where (status in ('computed', 'computed after a split')) is distinct from ({identifier(value)} is not null)",
            )
        ]

    return checks


def _pe_compression(_: Iterable[str]) -> list[Check]:
    return [
        Check(
            "quartiles_in_order",
            "The median lies between the quartiles, and market value is compared only with that of an earlier day.",
            "critical",
            query(
                """
                select observation_date, universe, lower_quartile_pe, median_pe, upper_quartile_pe, comparison_date
                from {batch}
                where
                    lower_quartile_pe > median_pe or median_pe > upper_quartile_pe
                    or comparison_date >= observation_date
                    or comparison_date is null and market_value_before_usd is not null
                """
            ),
        )
    ]


def _repricing_attribution(_: Iterable[str]) -> list[Check]:
    return [
        Check(
            "effects_add_up",
            "Rate, cash flow and what neither explains add up to the change in price, wherever it could be attributed.",
            "critical",
            query(
                f"""
                select symbol, period_start, period_end, kind, status, price_change_usd, rate_effect_usd, cash_flow_effect_usd, residual_usd
                from {{batch}}
                where
                    case
                        when status in ('computed', 'computed after a split')
                            then coalesce(abs(rate_effect_usd + cash_flow_effect_usd + residual_usd - price_change_usd) > {ROUNDING}, true)
                        else rate_effect_usd is not null or cash_flow_effect_usd is not null or residual_usd is not null
                    end
                """
            ),
        )
    ]


def _discount_rate(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "terms_add_up",
            "The discount rate is risk-free rate + beta x equity risk premium + political-risk premium, and there is one where the status says so.",
            "critical",
            query(
                """
                select observation_date, symbol, status, discount_rate, risk_free_rate, beta, equity_risk_premium, political_risk_premium
                from {batch}
                where
                    (status = 'computed') <> (discount_rate is not null)
                    or abs(
                        discount_rate
                        - (risk_free_rate + beta * equity_risk_premium + coalesce(political_risk_premium, 0))
                    ) > 1e-12
                """
            ),
        ),
        Check(
            "index_pays_the_implied_premium",
            "The rate of the index is the risk-free rate and the implied premium: political risk counts once.",
            "critical",
            query(
                """
                select observation_date, discount_rate, risk_free_rate, implied_premium, beta
                from {batch}
                where symbol = '^GSPC' and (beta <> 1 or abs(discount_rate - risk_free_rate - implied_premium) > 1e-12)
                """
            ),
        ),
    ]


def _equity_risk_premium(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "published_premium_reproduced",
            "The premium computed from Damodaran's inputs is the one he publishes, within a basis point; where it is not, he used another variant.",
            # he has changed his model, and prints inputs rounded
            "warning",
            "select source_table, observation_date, implied_premium, published_premium, difference_basis_points\nfrom {batch}\n"
            "where abs(difference_basis_points) > 1\norder by observation_date desc",
        )
    ]


def _political_risk_premium(columns: Iterable[str]) -> list[Check]:
    return [
        Check(
            "premium_follows_from_slope",
            "The political-risk premium is slope x log ratio, within its band, and there is one where the status says so.",
            "critical",
            query(
                """
                select observation_date, status, political_risk_premium, slope, log_geopolitical_risk_ratio
                from {batch}
                where
                    (status = 'computed') <> (political_risk_premium is not null)
                    or abs(political_risk_premium - slope * log_geopolitical_risk_ratio) > 1e-12
                    or political_risk_premium not between political_risk_premium_lower and political_risk_premium_upper
                """
            ),
        )
    ]


RECONCILIATIONS: Mapping[str, Callable[[Iterable[str]], list[Check]]] = {
    "fct_claim_check": _claim_check,
    "fct_contagion_path": _contagion_path,
    "fct_cross_border_flow_monthly": _cross_border_flow,
    "fct_dcf_valuation": _status_and_value("value_per_share"),
    "fct_defence": _defence,
    "fct_derivatives_concentration_weekly": _derivatives_concentration,
    "fct_discount_rate_daily": _discount_rate,
    "fct_equity_risk_premium_monthly": _equity_risk_premium,
    "fct_implied_discount_rate": _status_and_value("implied_discount_rate"),
    "fct_liquidity_stratification_daily": _liquidity,
    "fct_minsky_quarterly": _minsky,
    "fct_pe_compression": _pe_compression,
    "fct_political_risk_premium_monthly": _political_risk_premium,
    "fct_repricing_attribution": _repricing_attribution,
    "fct_reserve_currency_quarterly": _reserve_currency,
    "fct_retreat_index_daily": _retreat_index,
    "fct_retreat_path": _retreat_path,
    "fct_signal_alert": _signal_alert,
    "fct_sovereign_fund_weight": _sovereign_fund,
    "fct_spillover": _spillover,
}
