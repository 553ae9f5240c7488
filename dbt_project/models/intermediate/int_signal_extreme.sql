{#- Blocks of 1, 2, 4, ... observations: the largest must hold half of the longest history, here 131,072 observations. -#}
{%- set levels = 18 -%}
-- grain: signal, native observation, value shown for it: when the signal stood as high, and as low, the last time before
with recursive
side as (
    select side.sign
    from (values (1), (-1)) as side (sign)
),

-- the index is compared by its Z, which does not saturate
index_day as (
    select
        'retreat_index' as signal_id,
        observation_date as source_observation_date,
        z_score as value,
        row_number() over (order by observation_date) - 1 as position
    from {{ ref('int_retreat_aggregate') }}
    where z_score is not null
),

-- the first print of each observation
observation as (
    select
        signal_id,
        source_observation_date,
        value,
        native_number - 1 as position
    from {{ ref('int_signal_native') }}
    union all by name
    select * from index_day
),

block_size as (
    {%- for level in range(levels) %}
    select
        {{ level }} as level,
        {{ 2 ** level }} as size
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- sizes of blocks, up to the longest history
level as (
    select *
    from block_size
    where size <= (select max(position) from observation)
),

recorded as (
    select
        *,
        min(source_observation_date) over (partition by signal_id order by position) as record_start
    from observation
),

shown_value as (
    select
        signal_id,
        source_observation_date,
        value
    from {{ ref('int_signal_event') }}
    union
    select
        signal_id,
        source_observation_date,
        value
    from index_day
),

-- a revised value is compared with the same earlier observations as the first print was
shown as (
    select
        recorded.signal_id,
        recorded.source_observation_date,
        shown_value.value,
        {{ without_last_digits('shown_value.value') }} as height,
        recorded.position,
        recorded.record_start
    from recorded
    inner join shown_value
        on recorded.signal_id = shown_value.signal_id and recorded.source_observation_date = shown_value.source_observation_date
),

-- highest value (lowest, where sign is -1) of each block of 1, 2, 4, ... neighbouring observations
block as (
    select
        observation.signal_id,
        side.sign,
        level.level,
        {{ whole_quotient('observation.position', 'level.size') }} as block,
        max(side.sign * ({{ without_last_digits('observation.value') }})) as highest
    from observation
    cross join side
    cross join level
    group by observation.signal_id, side.sign, level.level, {{ whole_quotient('observation.position', 'level.size') }}
),

-- the observations before one are a block of each size that its position holds in binary, the newest block the smallest
newest_block as (
    select
        shown.signal_id,
        shown.source_observation_date,
        shown.value,
        shown.height,
        side.sign,
        min(level.level) as level,
        arg_min(block.block, block.level) as block
    from shown
    cross join side
    cross join level
    inner join block
        on
            shown.signal_id = block.signal_id
            and side.sign = block.sign
            and level.level = block.level
            and {{ whole_quotient('shown.position', 'level.size') }} - 1 = block.block
    where {{ whole_quotient('shown.position', 'level.size') }} % 2 = 1 and block.highest >= side.sign * shown.height
    group by shown.signal_id, shown.source_observation_date, shown.value, shown.height, side.sign
),

-- into the newer half wherever that is high enough, down to one observation
descent as (
    select * from newest_block
    union all
    select
        descent.signal_id,
        descent.source_observation_date,
        descent.value,
        descent.height,
        descent.sign,
        descent.level - 1 as level,
        2 * descent.block + case when newer_half.highest >= descent.sign * descent.height then 1 else 0 end as block
    from descent
    inner join block as newer_half
        on
            descent.signal_id = newer_half.signal_id
            and descent.sign = newer_half.sign
            and descent.level - 1 = newer_half.level
            and 2 * descent.block + 1 = newer_half.block
),

last_time as (
    select
        descent.signal_id,
        descent.source_observation_date,
        descent.value,
        max(observation.source_observation_date) filter (where descent.sign = 1) as highest_since,
        max(observation.source_observation_date) filter (where descent.sign = -1) as lowest_since
    from descent
    inner join observation on descent.signal_id = observation.signal_id and descent.block = observation.position
    where descent.level = 0
    group by descent.signal_id, descent.source_observation_date, descent.value
)

select
    shown.signal_id,
    shown.source_observation_date,
    shown.value,
    last_time.highest_since,
    last_time.lowest_since,
    shown.record_start
from shown
left join last_time
    on
        shown.signal_id = last_time.signal_id
        and shown.source_observation_date = last_time.source_observation_date
        and shown.value = last_time.value
