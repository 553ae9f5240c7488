{%- set path = var('retreat_path') -%}
-- grain: pace, is_hedged, observation_date (quarter end). An orderly retreat of the speculative stock at a steady pace, and what it does to prices.
with stock as (
    select
        sum(amount_usd) as speculative_stock_usd,
        max(amount_usd) filter (where part = 'hedge funds') as hedge_fund_equity_usd,
        max(amount_usd) filter (where part = 'margin debt') as margin_debt_usd,
        max(amount_usd) filter (where part = 'leveraged funds') as leveraged_fund_exposure_usd,
        max(available_at) as available_at
    from {{ ref('int_speculative_stock') }}
),

fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

market as (
    select
        value as market_value_usd,
        available_at
    from fred
    where series_id = 'NCBEILQ027S' and value is not null
    order by observation_date desc
    limit 1
),

index_level as (
    {{ latest_version(ref('stg_cboe__index_level'), ['index_name', 'observation_date']) }}
),

-- cost of a put at the money a quarter, as a share of what it protects: 0.4 x volatility x root of time (Brenner and Subrahmanyam 1988)
put_cost as (
    select 0.4 * close / 100 * sqrt(0.25) as put_cost_share
    from index_level
    where index_name = 'VIX'
    order by observation_date desc
    limit 1
),

quarters_ahead as (
    {{ quarter_spine(last_ended_day() ~ " + 1", "greatest(date '" ~ path.until ~ "', " ~ last_ended_day() ~ " + interval " ~ 3 * path.quarters ~ " month)") }}
),

variant as (
    select
        pace.pace,
        hedging.is_hedged,
        case when hedging.is_hedged then {{ path.hedged_share }} else 0 end as hedged_share
    from (select unnest([{{ path.paces | join(', ') }}])::double as pace) as pace
    cross join (values (false), (true)) as hedging (is_hedged)
),

-- a pace is a share a year of what is left of the speculative stock, never of the market
left_over as (
    select
        variant.*,
        stock.* exclude (available_at),
        quarters_ahead.observation_date,
        quarters_ahead.quarter,
        market.market_value_usd,
        put_cost.put_cost_share,
        greatest(stock.available_at, market.available_at) as available_at,
        stock.speculative_stock_usd * pow(1 - variant.pace, (quarters_ahead.quarter - 1) / 4.0) as stock_before_usd,
        stock.speculative_stock_usd * pow(1 - variant.pace, quarters_ahead.quarter / 4.0) as stock_left_usd
    from variant
    cross join quarters_ahead
    cross join stock
    cross join market
    left join put_cost on true
    where stock.speculative_stock_usd is not null
),

-- what is taken off with puts reaches the market only as far as dealers sell against them
sold as (
    select
        *,
        stock_before_usd - stock_left_usd as retreat_usd,
        (stock_before_usd - stock_left_usd) * (1 - hedged_share * (1 - {{ path.hedge_delta }})) as shares_sold_usd,
        (speculative_stock_usd - stock_left_usd) * hedged_share as hedged_usd
    from left_over
),

summed as (
    select
        *,
        sum(shares_sold_usd) over so_far as shares_sold_so_far_usd,
        sum(hedged_usd * put_cost_share) over so_far as hedge_cost_so_far_usd
    from sold
    window so_far as (partition by pace, is_hedged order by observation_date)
)

select
    pace,
    is_hedged,
    observation_date,
    speculative_stock_usd,
    hedge_fund_equity_usd,
    margin_debt_usd,
    leveraged_fund_exposure_usd,
    market_value_usd,
    stock_left_usd,
    retreat_usd,
    shares_sold_usd,
    shares_sold_so_far_usd,
    hedged_usd,
    hedge_cost_so_far_usd,
    available_at,
    {{ safe_divide('shares_sold_so_far_usd', 'market_value_usd') }} as share_of_market_sold,
    -{{ path.multiplier_low }} * {{ safe_divide('shares_sold_so_far_usd', 'market_value_usd') }} as price_change_mild,
    -{{ path.multiplier }} * {{ safe_divide('shares_sold_so_far_usd', 'market_value_usd') }} as price_change,
    -{{ path.multiplier_high }} * {{ safe_divide('shares_sold_so_far_usd', 'market_value_usd') }} as price_change_severe
from summed
