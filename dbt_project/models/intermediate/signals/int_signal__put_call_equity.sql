-- grain: moment at which the newest value changed. 5-session mean of equity put volume / call volume (Pan and Poteshman 2006).
with published as (
    select
        *,
        {{ safe_divide('put_contracts', 'call_contracts') }} as ratio
    from {{ ref('stg_cboe__put_call') }}
    where product = 'equity' and measure = 'volume'
),

as_known as (
    {{ trailing_as_known('published', observations=70, present='ratio is not null') }}
),

smoothed as (
    select
        *,
        {{ trailing_mean('ratio', 5, 14) }} as value
    from as_known
)

{{ signal_event('put_call_equity', 'smoothed', [5, 20, 63]) }}
