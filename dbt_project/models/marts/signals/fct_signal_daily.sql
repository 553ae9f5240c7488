-- grain: observation_date, signal_id
with daily as (
    select * from {{ ref('int_signal_daily') }}
),

aggregate as (
    select * from {{ ref('int_retreat_aggregate') }}
)

select
    daily.observation_date,
    daily.signal_id,
    daily.value,
    daily.change_1w,
    daily.change_4w,
    daily.change_13w,
    daily.z_score,
    daily.z_status,
    daily.percentile_rank,
    daily.weight,
    daily.is_live,
    cast(daily.index_weight as double) as index_weight,
    daily.index_weight * {{ safe_divide('coalesce(daily.z_score, 0)', 'aggregate.scale') }}
    * {{ contribution_weight('aggregate.z_score') }} as contribution,
    daily.cusum,
    daily.cusum_threshold,
    daily.is_frozen,
    daily.vintage_kind,
    daily.source_observation_date,
    daily.available_at,
    daily.file_id,
    daily.row_key
from daily
inner join aggregate on daily.observation_date = aggregate.observation_date
