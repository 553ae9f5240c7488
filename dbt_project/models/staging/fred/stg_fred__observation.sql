-- grain: version of series_id, observation_date. Observations of FRED series, every vintage kept.
with source as (
    select * from {{ source('fred', 'fred_series') }}
    where _available_at <= {{ as_of() }}
),

unit as (
    select * from {{ ref('fred_unit') }}
)

select
    source.series_id,
    source.observation_date,
    source.value * coalesce(unit.multiplier, 1) as value,
    source.value as published_value,
    coalesce(unit.unit, 'as published') as unit,
    source.vintage_date,
    {{ lineage(['source.series_id', 'source.observation_date']) }}
from source
left join unit on source.series_id = unit.series_id
