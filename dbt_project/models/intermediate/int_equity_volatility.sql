-- grain: moment at which it changed. Realised volatility of the S&P 500: annualised standard deviation of 21 daily log returns
with published as (
    select *
    from {{ ref('stg_price__daily') }}
    where symbol = '^GSPC'
),

as_known as (
    {{ trailing_as_known('published', observations=30, series=['adjustment'], present='close > 0') }}
),

log_returns as (
    select
        *,
        ln(close / lag(close) over (partition by vintage_at, adjustment order by observation_date)) as log_return
    from as_known
),

volatility as (
    select
        *,
        case
            when count(log_return) over month = 21 and date_diff('day', min(observation_date) over month, observation_date) <= 40
                then sqrt(252) * stddev_samp(log_return) over month
        end as volatility
    from log_returns
    window month as (
        partition by vintage_at, adjustment order by observation_date rows between 20 preceding and current row
    )
),

-- the index carries no dividends, so both adjustments hold the same level
chosen as (
    select
        *,
        lead(known_at) over (partition by vintage_at order by observation_date) as next_known_at
    from (
        select *
        from volatility
        where volatility is not null
        qualify row_number() over (partition by vintage_at, observation_date order by adjustment) = 1
    ) as one_adjustment
)

select
    'S&P 500' as market,
    observation_date as source_observation_date,
    known_at as available_at,
    volatility,
    file_id,
    row_key
from chosen
where next_known_at is distinct from known_at
