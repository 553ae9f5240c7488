-- grain: signal, native observation: each observation at the end of the first day on which it was the newest, with that day's value
with event as (
    select
        *,
        cast(available_at as date) as known_day
    from {{ ref('int_signal_event') }}
),

end_of_day as (
    select *
    from event
    qualify row_number() over (partition by signal_id, known_day order by available_at desc) = 1
),

first_day as (
    select *
    from end_of_day
    qualify row_number() over (partition by signal_id, source_observation_date order by known_day) = 1
),

native as (
    select
        first_day.signal_id,
        first_day.source_observation_date,
        first_day.known_day,
        first_day.value,
        signal.cadence,
        signal.direction,
        row_number() over (partition by first_day.signal_id order by first_day.known_day) as native_number
    from first_day
    inner join {{ ref('signal') }} as signal on first_day.signal_id = signal.signal_id
),

-- the window ends a gap before the observation, so that a slow drift does not become its own yardstick
baseline as (
    {%- for cadence, robust_z in var('robust_z').items() %}
    select
        *,
        {{ median_over('value', 'before_' ~ cadence | replace(' ', '_')) }} as median_before,
        {{ median_absolute_deviation_over('value', 'before_' ~ cadence | replace(' ', '_')) }} as deviation_before,
        count(*) over before_{{ cadence | replace(' ', '_') }} as observations_before,
        {{ robust_z.minimum }} as observations_needed,
        native_number - {{ robust_z.window + robust_z.gap }} as first_in_window,
        native_number - {{ robust_z.gap }} as last_in_window,
        native_number - {{ robust_z.window }} as first_in_rank,
        cume_dist(order by value) over ranked_{{ cadence | replace(' ', '_') }} as percentile_rank
    from native
    where cadence = '{{ cadence }}'
    window
        before_{{ cadence | replace(' ', '_') }} as (
            partition by signal_id order by native_number
            rows between {{ robust_z.window + robust_z.gap }} preceding and {{ robust_z.gap }} preceding
        ),
        ranked_{{ cadence | replace(' ', '_') }} as (
            partition by signal_id order by native_number rows between {{ robust_z.window }} preceding and current row
        )
    {%- if not loop.last %}
    union all by name
    {%- endif %}
    {%- endfor %}
),

-- more than half of the window is one value: mean absolute deviation instead
flat as (
    select
        baseline.signal_id,
        baseline.native_number,
        avg(abs(native.value - baseline.median_before)) as mean_deviation
    from baseline
    inner join native
        on
            baseline.signal_id = native.signal_id
            and native.native_number between baseline.first_in_window and baseline.last_in_window
    where baseline.deviation_before = 0 and baseline.observations_before >= baseline.observations_needed
    group by baseline.signal_id, baseline.native_number
),

-- 1.4826 and 1.2533 make either deviation the standard deviation of a normal distribution
scaled as (
    select
        baseline.* exclude (cadence, deviation_before, first_in_window, last_in_window, observations_needed),
        case
            when baseline.observations_before < baseline.observations_needed then 'short history'
            when baseline.deviation_before > 0 or flat.mean_deviation > 0 then 'computed'
            else 'flat'
        end as z_status,
        case
            when baseline.deviation_before > 0 then 1.4826 * baseline.deviation_before
            else nullif(1.2533 * flat.mean_deviation, 0)
        end as scale
    from baseline
    left join flat
        on baseline.signal_id = flat.signal_id and baseline.native_number = flat.native_number
),

standardised as (
    select
        *,
        case when z_status = 'computed' then {{ robust_z('value', 'median_before', 'scale', 'direction') }} end as z_score
    from scaled
),

stepped as (
    select
        *,
        sum(coalesce(z_score - {{ var('cusum_allowance') }}, 0)) over so_far as walk,
        count(z_score) over so_far as steps
    from standardised
    window so_far as (partition by signal_id order by native_number rows between unbounded preceding and current row)
)

-- max(0, C + z - k) step by step equals the walk less its lowest point so far
select
    * exclude (walk, steps),
    case
        when steps > 0
            then walk - least(0, min(walk) over (
                partition by signal_id order by native_number rows between unbounded preceding and current row
            ))
    end as cusum,
    cast({{ var('cusum_threshold') }} as double) as cusum_threshold
from stepped
