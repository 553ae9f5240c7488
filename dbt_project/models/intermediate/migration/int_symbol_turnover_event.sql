-- grain: symbol, available_at: moment at which the newest values changed. Value traded of the symbols of a sector, 21-session mean, then and a year of sessions before
{%- set liquidity = var('liquidity') %}
with published as (
    select price.*
    from {{ ref('stg_price__daily') }} as price
    inner join {{ ref('symbol_sector') }} as listed on price.symbol = listed.symbol
    where listed.sector is not null
),

as_known as (
    {{ trailing_as_known(
        'published', observations=liquidity.year_sessions + 28, series=['adjustment'], clock=['symbol'], present='close > 0 and volume is not null'
    ) }}
),

-- close x volume is the same before and after a split; the price less dividends is taken only where there is no other
traded as (
    select
        *,
        close * volume as turnover
    from as_known
    qualify row_number() over (partition by vintage_at, symbol, observation_date order by adjustment) = 1
),

smoothed as (
    select
        *,
        {{ trailing_mean('turnover', 21, 40, 'vintage_at, symbol') }} as mean_turnover_usd
    from traded
),

compared as (
    select
        *,
        {{ earlier('mean_turnover_usd', liquidity.year_sessions, 400, 'vintage_at, symbol') }} as mean_turnover_year_before_usd
    from smoothed
),

newest_at_each_moment as (
    select *
    from compared
    qualify lead(known_at) over (partition by vintage_at, symbol order by observation_date) is distinct from known_at
)

select
    symbol,
    observation_date as source_observation_date,
    known_at as available_at,
    mean_turnover_usd,
    mean_turnover_year_before_usd,
    file_id,
    row_key
from newest_at_each_moment
where mean_turnover_usd is not null
