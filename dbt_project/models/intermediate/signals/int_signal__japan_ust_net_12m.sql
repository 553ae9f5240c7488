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
    {{ purchases_and_holdings('as_known') }}
),

share as (
    select
        *,
        {{ safe_divide(trailing_sum('purchases', 12, 340), earlier('holdings', 12, 370)) }} as value
    from by_month
)

{{ signal_event('japan_ust_net_12m', 'share', [none, 1, 3]) }}
