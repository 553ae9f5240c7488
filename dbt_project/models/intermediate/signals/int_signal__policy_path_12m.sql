-- grain: moment at which the newest value changed. One-year Treasury yield less the effective federal funds rate, percentage points; the term premium is not removed (Gurkaynak, Sack and Swanson 2007).
with published as (
    select *
    from {{ ref('stg_fred__observation') }}
    where series_id in ('DGS1', 'DFF')
),

as_known as (
    {{ trailing_as_known('published', observations=110, series=['series_id'], present='value is not null', inner=true) }}
),

-- staging holds rates as fractions; the signal is in percentage points
difference as (
    select
        one_year.vintage_at,
        one_year.observation_date,
        one_year.file_id,
        one_year.row_key,
        one_year.available_at_source,
        greatest(one_year.known_at, overnight.known_at) as known_at,
        100 * (one_year.value - overnight.value) as value
    from as_known as one_year
    inner join as_known as overnight
        on one_year.vintage_at = overnight.vintage_at and one_year.observation_date = overnight.observation_date
    where one_year.series_id = 'DGS1' and overnight.series_id = 'DFF'
)

{{ signal_event('policy_path_12m', 'difference', [5, 20, 63]) }}
