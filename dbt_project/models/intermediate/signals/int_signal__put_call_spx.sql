-- grain: moment at which the newest value changed. 5-session mean of put volume / call volume, SPX and SPXW; all index options before 2019-10-07, when the product split began.
with published as (
    select
        *,
        {{ safe_divide('put_contracts', 'call_contracts') }} as ratio
    from {{ ref('stg_cboe__put_call') }}
    where
        measure = 'volume'
        and product = case when observation_date < date '2019-10-07' then 'index' else 'spx' end
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

{{ signal_event('put_call_spx', 'smoothed', [5, 20, 63]) }}
