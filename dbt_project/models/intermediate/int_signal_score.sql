-- grain: signal, moment at which its newest value changed: the value with z, percentile rank and CUSUM of its native observation
with event as (
    select * from {{ ref('int_signal_event') }}
),

native as (
    select * from {{ ref('int_signal_native') }}
),

scored as (
    select
        event.*,
        native.direction,
        native.native_number,
        native.first_in_rank,
        native.z_status,
        native.cusum,
        native.cusum_threshold,
        native.is_frozen,
        native.value as native_value,
        native.percentile_rank as native_percentile_rank,
        native.observations_before,
        case
            when native.z_status = 'computed'
                then {{ robust_z('event.value', 'native.median_before', 'native.scale', 'native.direction') }}
        end as z_score
    from event
    inner join native
        on event.signal_id = native.signal_id and event.source_observation_date = native.source_observation_date
),

-- a revised value is ranked again among the same observations, in place of its first print
ranked_again as (
    select
        scored.signal_id,
        scored.available_at,
        (
            1 + count(*) filter (where {{ without_last_digits('native.value') }} <= {{ without_last_digits('scored.value') }})
        ) / (1 + count(*)) as percentile_rank
    from scored
    inner join native
        on
            scored.signal_id = native.signal_id
            and native.native_number between scored.first_in_rank and scored.native_number - 1
    where scored.value <> scored.native_value
    group by scored.signal_id, scored.available_at
)

select
    scored.* exclude (direction, native_number, first_in_rank, native_value, native_percentile_rank, observations_before),
    case
        when scored.z_status <> 'short history' then coalesce(ranked_again.percentile_rank, scored.native_percentile_rank)
    end as percentile_rank
from scored
left join ranked_again
    on scored.signal_id = ranked_again.signal_id and scored.available_at = ranked_again.available_at
