-- grain: moment at which the newest value changed. VIX close / VIX3M close - 1: above 0 when near-term protection costs more.
with published as (
    select *
    from {{ ref('stg_cboe__index_level') }}
    where index_name in ('VIX', 'VIX3M') and {{ is_session('observation_date') }}
),

as_known as (
    {{ trailing_as_known('published', observations=75, series=['index_name'], present='close > 0', inner=true) }}
),

side_by_side as (
    select
        near.vintage_at,
        near.observation_date,
        near.file_id,
        near.row_key,
        near.available_at_source,
        greatest(near.known_at, far.known_at) as known_at,
        {{ safe_divide('near.close', 'far.close') }} - 1 as value
    from as_known as near
    inner join as_known as far
        on near.vintage_at = far.vintage_at and near.observation_date = far.observation_date
    where near.index_name = 'VIX' and far.index_name = 'VIX3M'
)

{{ signal_event('vix_term_slope', 'side_by_side', [5, 20, 63]) }}
