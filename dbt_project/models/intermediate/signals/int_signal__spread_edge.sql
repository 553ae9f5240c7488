-- grain: moment at which the newest value changed. Median over sector funds of the EDGE estimate of the effective spread on 21 sessions (Ardia, Guidotti and Kroencke 2024).
with as_known as (
    select * from {{ ref('int_sector_fund_as_known') }}
),

smoothed as (
    {{ effective_spread('as_known') }}
),

-- the split-adjusted figure where a session has both
chosen as (
    select *
    from smoothed
    where spread is not null
    qualify row_number() over (partition by vintage_at, observation_date, symbol order by adjustment) = 1
),

median_fund as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        median(spread) as value,
        arg_min(file_id, symbol) as file_id,
        arg_min(row_key, symbol) as row_key,
        max(available_at_source) as available_at_source
    from chosen
    group by vintage_at, observation_date
)

{{ signal_event('spread_edge', 'median_fund', [5, 20, 63]) }}
