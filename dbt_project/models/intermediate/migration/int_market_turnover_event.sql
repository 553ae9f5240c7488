-- grain: market, available_at: moment at which the newest values changed. US equity turnover of all venues, 21-session mean, then and a year of sessions before
with smoothed as (
    select
        *,
        {{ trailing_mean('turnover_usd', 21, 40) }} as mean_turnover_usd
    from {{ ref('int_market_turnover_daily') }}
),

compared as (
    select
        *,
        {{ earlier('mean_turnover_usd', var('liquidity').year_sessions, 400) }} as mean_turnover_year_before_usd
    from smoothed
),

newest_at_each_moment as (
    select *
    from compared
    qualify lead(known_at) over (partition by vintage_at order by observation_date) is distinct from known_at
)

select
    'all venues' as market,
    observation_date as source_observation_date,
    known_at as available_at,
    mean_turnover_usd,
    mean_turnover_year_before_usd
from newest_at_each_moment
where mean_turnover_usd is not null
