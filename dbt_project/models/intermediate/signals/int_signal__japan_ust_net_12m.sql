-- grain: moment at which the newest value changed. Japan's net purchases of Treasury bonds over 12 months / its holdings before, within one release (Treasury TIC; Bertaut & Judson 2014).
with published as (
    select *
    from {{ ref('stg_tic__security_flow') }}
    where
        source_table = 'cslt' and direction = 'for' and term = 'lt' and instrument = 'treas'
        and country_code = '42609' and measure in ('net', 'pos')
),

as_known as (
    {{ trailing_as_known('published', observations=20, series=['measure']) }}
),

by_month as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        max(amount_usd) filter (where measure = 'net') as purchases,
        max(amount_usd) filter (where measure = 'pos') as holdings,
        max(file_id) filter (where measure = 'net') as file_id,
        max(row_key) filter (where measure = 'net') as row_key,
        max(available_at_source) as available_at_source
    from as_known
    group by vintage_at, observation_date
),

share as (
    select
        *,
        {{ safe_divide(trailing_sum('purchases', 12, 340), earlier('holdings', 12, 370)) }} as value
    from by_month
    where purchases is not null and holdings is not null
)

{{ signal_event('japan_ust_net_12m', 'share', [none, 1, 3]) }}
