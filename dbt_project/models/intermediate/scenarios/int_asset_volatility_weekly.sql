-- grain: asset, observation_date (Friday that ends the week). Realised volatility of each week, newest versions known.
with week as (
    select
        asset,
        cast(date_trunc('week', observation_date) as date) + 4 as observation_date,
        sum(daily_return * daily_return) as squared_returns,
        count(*) as sessions,
        max(available_at) as available_at
    from {{ ref('int_asset_return_daily') }}
    group by asset, cast(date_trunc('week', observation_date) as date) + 4
)

-- a week of three sessions or more counts, put on a year of 252 sessions; one in which nothing moved has no logarithm
select
    asset,
    observation_date,
    available_at,
    sqrt(252 * squared_returns / sessions) as volatility
from week
where sessions >= 3 and squared_returns > 0 and observation_date <= {{ last_ended_day() }}
