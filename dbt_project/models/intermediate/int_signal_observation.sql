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
)

{%- for cadence, robust_z in var('robust_z').items() %}
{% if not loop.first %}union all by name
{% endif %}
select
    *,
    native_number - {{ robust_z.window }} as first_in_rank,
    cume_dist(order by {{ without_last_digits('value') }}) over (
        partition by signal_id order by native_number rows between {{ robust_z.window }} preceding and current row
    ) as percentile_rank
from native
where cadence = '{{ cadence }}'
{%- endfor %}
