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
        {{ safe_divide(trailing_sum('purchases', 3, 65), earlier('holdings', 3, 100)) }} as value
    from by_month
    where purchases is not null and holdings is not null
)

{{ signal_event('tic_foreign_equity_net', 'share', [none, 1, 3]) }}
