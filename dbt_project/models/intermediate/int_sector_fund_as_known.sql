-- grain: vintage_at, symbol, adjustment, observation_date. Prices of the S&P sector funds as known at each moment, for the
-- price-impact signals, the longest of which looks at 336 sessions
with published as (
    select * exclude (split_ratio)
    from {{ ref('stg_price__daily') }}
    where symbol in {{ sector_funds() }}
)

{{ trailing_as_known('published', observations=345, series=['symbol', 'adjustment'], present='close > 0') }}
