-- grain: observation_date, symbol. What a valuation of a company takes, as known at the end of each trading day since its first report
{%- set settings = var('discounted_cash_flow') %}
with yield_version as (
    select *
    from {{ ref('stg_treasury__par_yield') }}
    where maturity_months = 120 and par_yield is not null
),

newest_yield as (
    select * exclude (observation_date)
    from ({{ newest_observation('yield_version', ['maturity_months']) }}) as news
),

yield_on_day as (
    {{ known_on_day(ref('int_trading_day'), 'newest_yield', ['maturity_months']) }}
),

newest_price as (
    select
        * exclude (observation_date),
        observation_date as price_date
    from ({{ newest_observation(ref('int_price_as_traded'), ['symbol']) }}) as news
),

price_on_day as (
    select *
    from ({{ known_on_day(ref('int_trading_day'), 'newest_price', ['symbol']) }}) as price
    where date_diff('day', price_date, observation_date) <= {{ settings.price_days }}
),

report_on_day as (
    {{ known_on_day(ref('int_trading_day'), ref('int_free_cash_flow'), ['symbol']) }}
),

together as (
    select
        report.* exclude (file_id),
        price.close as price,
        price.price_date,
        price.available_at as price_available_at,
        price.file_id,
        price.row_key,
        yield.par_yield as risk_free_rate,
        {{ within('yield.par_yield', settings.terminal_growth) }} as growth_terminal,
        {{ within('report.revenue_growth', settings.growth) }} as growth_start
    from report_on_day as report
    left join price_on_day as price on report.symbol = price.symbol and report.observation_date = price.observation_date
    left join yield_on_day as yield on report.observation_date = yield.observation_date
),

beside_splits as (
    select
        together.*,
        case
            when together.price_date is not null and together.shares_stated_on is not null
                then coalesce(priced.shares_for_one, 1) / coalesce(stated.shares_for_one, 1)
        end as split_factor
    from together
    {{ as_of_join(ref('int_share_split'), 'priced', ['together.symbol = priced.symbol'], 'together.price_date >= priced.observation_date') }}
    {{ as_of_join(ref('int_share_split'), 'stated', ['together.symbol = stated.symbol'], 'together.shares_stated_on >= stated.observation_date') }}
),

in_shares_of_the_price as (
    select
        *,
        shares_outstanding * split_factor as shares
    from beside_splits
)

select
    observation_date,
    symbol,
    cik,
    sector,
    price,
    price_date,
    shares,
    split_factor,
    shares_date,
    price * shares as market_value_usd,
    operating_cash_flow_usd,
    capital_expenditure_usd,
    free_cash_flow_usd,
    cash_flow_date,
    revenue_growth,
    growth_years,
    growth_start,
    growth_terminal,
    risk_free_rate,
    net_income_usd,
    earnings_date,
    coalesce(
        date_diff('day', earnings_date, observation_date)
        <= case when is_year_of_earnings_as_reported then {{ settings.stale_days.year }} else {{ settings.stale_days.quarter }} end,
        false
    ) as has_new_earnings,
    case
        when sector = 'Financials' then 'financial company'
        when price is null then 'missing price'
        when shares_outstanding is null then 'missing shares'
        when free_cash_flow_usd is null then 'missing cash flow'
        when
            date_diff('day', cash_flow_date, observation_date)
            > case when is_year_as_reported then {{ settings.stale_days.year }} else {{ settings.stale_days.quarter }} end
            then 'stale filing'
        when free_cash_flow_usd <= 0 then 'negative cash flow'
        when growth_start is null then 'short history'
        when risk_free_rate is null then 'missing discount rate'
        when split_factor <> 1 then 'computed after a split'
        else 'computed'
    end as status,
    greatest(available_at, price_available_at) as available_at,
    accession_number,
    file_id,
    row_key
from in_shares_of_the_price
