-- grain: moment at which the newest value changed. Foreigners' net purchases of US shares over 3 months / their holdings before, within one release (Treasury TIC; Bertaut & Judson 2014).
with published as (
    select *
    from {{ ref('stg_tic__security_flow') }}
    where
        source_table = 'cslt' and direction = 'for' and term = 'lt' and instrument = 'eqty'
        and country_code = '99996' and measure in ('net', 'pos')
),

as_known as (
    {{ trailing_as_known('published', observations=12, series=['measure']) }}
),

by_month as (
    {{ purchases_and_holdings('as_known') }}
),

share as (
    select
        *,
        {{ safe_divide(trailing_sum('purchases', 3, 65), earlier('holdings', 3, 100)) }} as value
    from by_month
)

{{ signal_event('tic_foreign_equity_net', 'share', [none, 1, 3]) }}
