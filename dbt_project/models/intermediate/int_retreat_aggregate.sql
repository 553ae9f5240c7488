-- grain: trading day: weighted sum of z over the core blocks (and over all blocks), its scale from the days before, standardised
with member as (
    select * from {{ ref('int_signal_daily') }}
),

-- without enough live core blocks there is no index
aggregate as (
    select
        observation_date,
        max(live_core_blocks) as live_core_blocks,
        case
            when max(live_core_blocks) >= {{ var('minimum_core_blocks') }} then sum(index_weight * z_score)
        end as aggregate,
        case
            when max(live_core_blocks) >= {{ var('minimum_core_blocks') }} then sum(wide_weight * wide_z_score)
        end as wide_aggregate,
        {{ safe_divide(
            "count(*) filter (where is_core and weight > 0 and z_score > " ~ var('breadth_z') ~ ")",
            "count(*) filter (where is_core and weight > 0 and z_score is not null)"
        ) }} as breadth
    from member
    group by observation_date
),

-- root mean square of the days before, not its deviation from a mean: a mean would absorb the retreat
scaled as (
    select
        *,
        {{ trailing_scale('aggregate') }} as scale,
        {{ trailing_scale('wide_aggregate') }} as wide_scale
    from aggregate
    window days_before as (
        order by observation_date rows between {{ var('scale_days') }} preceding and 1 preceding
    )
)

select
    *,
    {{ safe_divide('aggregate', 'scale') }} as z_score,
    {{ safe_divide('wide_aggregate', 'wide_scale') }} as wide_z_score
from scaled
