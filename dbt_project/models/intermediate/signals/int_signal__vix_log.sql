-- grain: moment at which the newest value changed. Natural logarithm of the VIX close (Cboe VIX white paper).
with published as (
    select *
    from {{ ref('stg_cboe__index_level') }}
    where index_name = 'VIX' and {{ is_session('observation_date') }}
),

as_known as (
    {{ trailing_as_known('published', observations=70, present='close > 0') }}
),

transformed as (
    select
        *,
        ln(close) as value
    from as_known
)

{{ signal_event('vix_log', 'transformed', [5, 20, 63]) }}
