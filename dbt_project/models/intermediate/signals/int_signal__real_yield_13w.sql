-- grain: moment at which the newest value changed. Change over 63 sessions of the 10-year inflation-indexed Treasury yield, percentage points.
with published as (
    select *
    from {{ ref('stg_fred__observation') }}
    where series_id = 'DFII10'
),

as_known as (
    {{ trailing_as_known('published', observations=135, present='value is not null') }}
),

-- staging holds yields as fractions; the signal is in percentage points
change as (
    select
        * exclude (value),
        100 * (value - {{ earlier('value', 63, 105) }}) as value
    from as_known
)

{{ signal_event('real_yield_13w', 'change', [5, 20, 63]) }}
