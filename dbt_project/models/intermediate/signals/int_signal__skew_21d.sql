-- grain: moment at which the newest value changed. 21-session mean of the Cboe SKEW close (Cboe SKEW white paper).
with published as (
    select *
    from {{ ref('stg_cboe__index_level') }}
    where index_name = 'SKEW' and {{ is_session('observation_date') }}
),

as_known as (
    {{ trailing_as_known('published', observations=90, present='close > 0') }}
),

smoothed as (
    select
        *,
        {{ trailing_mean('close', 21, 40) }} as value
    from as_known
)

{{ signal_event('skew_21d', 'smoothed', [5, 20, 63]) }}
