-- grain: moment at which the newest value changed. Dollar share of allocated reserves less that of four quarters earlier, within one vintage (IMF COFER).
with published as (
    select *
    from {{ ref('stg_imf__observation') }}
    where series_key = 'G001.AFXRA.CI_USD.SHRO_PT.Q'
),

as_known as (
    {{ trailing_as_known('published', observations=8, present='value > 0') }}
),

change as (
    select
        * exclude (value),
        value - {{ earlier('value', 4, 380) }} as value
    from as_known
)

{{ signal_event('usd_reserve_share_4q', 'change', [none, none, 1]) }}
