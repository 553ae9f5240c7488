-- grain: trading day: realised volatility of the S&P 500 as known at the end of the day
with days as (
    select * from {{ ref('int_trading_day') }}
),

volatility_event as (
    select * from {{ ref('int_equity_volatility') }}
),

known as (
    {{ known_on_day('days', 'volatility_event', ['market']) }}
)

select
    observation_date,
    volatility
from known
