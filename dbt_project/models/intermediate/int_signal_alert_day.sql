-- grain: trading day, signal: what alerts are judged by, the index itself under signal_id 'retreat_index'
with signal_day as (
    select
        daily.observation_date,
        daily.signal_id,
        signal.direction,
        daily.is_live,
        daily.value,
        daily.z_score,
        daily.cusum,
        daily.cusum_threshold,
        cast(null as varchar) as regime,
        daily.source_observation_date,
        daily.value as compared_value,
        daily.file_id,
        daily.row_key
    from {{ ref('int_signal_daily') }} as daily
    inner join {{ ref('signal') }} as signal on daily.signal_id = signal.signal_id
),

index_day as (
    select
        aggregate.observation_date,
        'retreat_index' as signal_id,
        1 as direction,
        aggregate.z_score is not null as is_live,
        100 * ({{ normal_distribution('aggregate.z_score') }}) as value,
        aggregate.z_score,
        cast(null as double) as cusum,
        cast(null as double) as cusum_threshold,
        regime.regime,
        aggregate.observation_date as source_observation_date,
        aggregate.z_score as compared_value,
        cast(null as bigint) as file_id,
        cast(null as varchar) as row_key
    from {{ ref('int_retreat_aggregate') }} as aggregate
    left join {{ ref('int_retreat_regime') }} as regime on aggregate.observation_date = regime.observation_date
),

every_day as (
    select * from signal_day
    union all by name
    select * from index_day
)

-- where the record holds nothing as high, the whole record is shorter than "since"
select
    every_day.* exclude (compared_value),
    extreme.highest_since,
    extreme.lowest_since,
    extreme.record_start,
    date_diff('day', coalesce(extreme.highest_since, extreme.record_start), every_day.source_observation_date) as days_since_as_high,
    date_diff('day', coalesce(extreme.lowest_since, extreme.record_start), every_day.source_observation_date) as days_since_as_low
from every_day
left join {{ ref('int_signal_extreme') }} as extreme
    on
        every_day.signal_id = extreme.signal_id
        and every_day.source_observation_date = extreme.source_observation_date
        and every_day.compared_value = extreme.value
