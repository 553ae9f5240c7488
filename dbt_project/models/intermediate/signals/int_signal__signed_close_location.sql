-- grain: moment at which the newest value changed. Median over sector funds of the 21-session sum of close location x volume / sum of volume; close location = ((close - low) - (high - close)) / (high - low), 0 without range (Chaikin).
with as_known as (
    select * from {{ ref('int_sector_fund_as_known') }}
),

located as (
    select
        *,
        volume * {{ close_location() }} as located_volume
    from as_known
    where high is not null and low is not null
),

smoothed as (
    select
        *,
        {{ safe_divide(
            trailing_sum('located_volume', 21, 40, 'vintage_at, symbol, adjustment'),
            trailing_sum('volume', 21, 40, 'vintage_at, symbol, adjustment')
        ) }} as close_location
    from located
),

-- the split-adjusted figure where a session has both
chosen as (
    select *
    from smoothed
    where close_location is not null
    qualify row_number() over (partition by vintage_at, observation_date, symbol order by adjustment) = 1
),

median_fund as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        median(close_location) as value,
        arg_min(file_id, symbol) as file_id,
        arg_min(row_key, symbol) as row_key,
        max(available_at_source) as available_at_source
    from chosen
    group by vintage_at, observation_date
)

{{ signal_event('signed_close_location', 'median_fund', [5, 20, 63]) }}
