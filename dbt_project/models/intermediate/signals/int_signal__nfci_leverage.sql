-- grain: moment at which the newest value changed. Change over 13 weeks of the leverage subindex of the Chicago Fed (Brave and Butters 2012), within one vintage.
with published as (
    select *
    from {{ ref('stg_fred__observation') }}
    where series_id = 'NFCILEVERAGE'
),

as_known as (
    {{ trailing_as_known('published', observations=30, present='value is not null') }}
),

change as (
    select
        * exclude (value),
        value - {{ earlier('value', 13, 105) }} as value
    from as_known
)

{{ signal_event('nfci_leverage', 'change', [1, 4, 13]) }}
