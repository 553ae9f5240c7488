-- grain: moment at which the newest value changed. Hedge funds' gross assets / net assets less that of four quarters earlier, within one release (OFR Hedge Fund Monitor).
with published as (
    select *
    from {{ ref('stg_ofr__hedge_fund') }}
    where series_id = 'FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN'
),

as_known as (
    {{ trailing_as_known('published', observations=8, present='value is not null') }}
),

change as (
    select
        * exclude (value),
        value - {{ earlier('value', 4, 380) }} as value
    from as_known
)

{{ signal_event('hf_leverage', 'change', [none, none, 1]) }}
