-- grain: moment at which the newest value changed. Log of the median over sector funds of the 21-session mean of |return| / (close x volume) x 1e6, less its 252-session mean (Amihud 2002).
with as_known as (
    select * from {{ ref('int_sector_fund_as_known') }}
),

price_impact as (
    select
        *,
        {{ price_impact() }} as price_impact
    from as_known
),

smoothed as (
    select
        *,
        {{ trailing_mean('price_impact', 21, 40, 'vintage_at, symbol, adjustment') }} as mean_impact
    from price_impact
),

-- the split-adjusted figure where a session has both
chosen as (
    select *
    from smoothed
    where mean_impact is not null
    qualify row_number() over (partition by vintage_at, observation_date, symbol order by adjustment) = 1
),

median_fund as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        ln(nullif(median(mean_impact), 0)) as log_impact,
        arg_min(file_id, symbol) as file_id,
        arg_min(row_key, symbol) as row_key,
        max(available_at_source) as available_at_source
    from chosen
    group by vintage_at, observation_date
),

detrended as (
    select
        *,
        log_impact - {{ trailing_mean('log_impact', 252, 400) }} as value
    from median_fund
)

{{ signal_event('amihud_market', 'detrended', [5, 20, 63]) }}
