-- grain: symbol, available_at: moment at which the newest values changed. What daily prices say about the cost of trading a share or fund, on 21 sessions
with published as (
    select *
    from {{ ref('stg_price__daily') }}
    where {{ is_traded_in_usd('symbol') }}
),

-- a formula looks at 22 sessions
as_known as (
    {{ trailing_as_known('published', observations=25, series=['adjustment'], clock=['symbol'], present='close > 0') }}
),

edge as (
    {{ effective_spread('as_known') }}
),

previous_session as (
    select
        *,
        lag(high) over fund as previous_high,
        lag(low) over fund as previous_low,
        lag(close) over fund as previous_close
    from as_known
    window fund as (partition by vintage_at, symbol, adjustment order by observation_date)
),

-- the move from the close before to the nearest price of the session happened overnight
overnight as (
    select
        *,
        case
            when low > previous_close then low - previous_close
            when high < previous_close then high - previous_close
            else 0
        end as overnight_move
    from previous_session
),

-- squared log ranges: of both sessions added up, and of the two as one
log_range as (
    select
        *,
        ln(previous_high / nullif(previous_low, 0)) ^ 2
        + ln((high - overnight_move) / nullif(low - overnight_move, 0)) ^ 2 as beta,
        ln(
            greatest(previous_high, high - overnight_move) / nullif(least(previous_low, low - overnight_move), 0)
        ) ^ 2 as gamma
    from overnight
),

measured as (
    select
        *,
        close * volume as dollar_volume,
        {{ price_impact() }} as price_impact,
        case when high is not null and low is not null then volume * {{ close_location() }} end as located_volume,
        case when previous_close is not null and least(low, previous_low) > 0 then {{ corwin_schultz_spread('beta', 'gamma') }} end as high_low_spread
    from log_range
),

smoothed as (
    select
        *,
        {{ trailing_mean('price_impact', 21, 40, 'vintage_at, symbol, adjustment') }} as mean_price_impact,
        -- 20 pairs lie in 21 sessions
        {{ trailing_mean('high_low_spread', 20, 40, 'vintage_at, symbol, adjustment') }} as mean_high_low_spread,
        {{ safe_divide(
            trailing_sum('located_volume', 21, 40, 'vintage_at, symbol, adjustment'),
            trailing_sum('volume', 21, 40, 'vintage_at, symbol, adjustment')
        ) }} as mean_close_location,
        {{ trailing_mean('dollar_volume', 21, 40, 'vintage_at, symbol, adjustment') }} as mean_dollar_volume
    from measured
),

-- the split-adjusted figures where a session has both
chosen as (
    select
        smoothed.*,
        edge.spread
    from smoothed
    left join edge
        on
            smoothed.vintage_at = edge.vintage_at
            and smoothed.symbol = edge.symbol
            and smoothed.adjustment = edge.adjustment
            and smoothed.observation_date = edge.observation_date
    qualify row_number() over (partition by smoothed.vintage_at, smoothed.symbol, smoothed.observation_date order by smoothed.adjustment) = 1
),

newest_at_each_moment as (
    select *
    from chosen
    qualify lead(known_at) over (partition by vintage_at, symbol order by observation_date) is distinct from known_at
)

select
    symbol,
    observation_date as source_observation_date,
    known_at as available_at,
    dollar_volume,
    mean_dollar_volume,
    mean_price_impact,
    spread as effective_spread,
    mean_high_low_spread,
    mean_close_location,
    file_id,
    row_key
from newest_at_each_moment
