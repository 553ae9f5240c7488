-- grain: trading day: what the index rests on, in words. Core blocks that point outwards, and the signal that adds most, with the last day it stood so far out
with member as (
    select
        *,
        index_weight * z_score as pull
    from {{ ref('int_signal_daily') }}
    where is_core and index_weight > 0 and z_score is not null
),

block as (
    select
        observation_date,
        block,
        sum(pull) as pull
    from member
    group by observation_date, block
),

counted as (
    select
        observation_date,
        count(*) as live_blocks,
        count(*) filter (where pull > 0) as blocks_out
    from block
    group by observation_date
),

strongest as (
    select *
    from member
    where pull > 0
    qualify row_number() over (partition by observation_date order by pull desc, signal_id asc) = 1
),

-- further out is higher for some signals, lower for others
placed as (
    select
        strongest.observation_date,
        strongest.signal_id,
        strongest.z_score,
        signal.name_en,
        signal.name_zh,
        extreme.record_start,
        signal.direction = 1 as is_upwards,
        case when signal.direction = 1 then extreme.highest_since else extreme.lowest_since end as since_date
    from strongest
    inner join {{ ref('signal') }} as signal on strongest.signal_id = signal.signal_id
    inner join {{ ref('int_signal_extreme') }} as extreme
        on
            strongest.signal_id = extreme.signal_id
            and strongest.source_observation_date = extreme.source_observation_date
            and strongest.value = extreme.value
)

select
    counted.observation_date,
    placed.signal_id as strongest_signal_id,
    cast(counted.blocks_out as integer) as blocks_out,
    counted.blocks_out || ' of ' || counted.live_blocks || ' core blocks point out'
    || coalesce(
        '; strongest: ' || placed.name_en || ', ' || {{ three_digits('placed.z_score') }} || ' standard deviations, '
        || case when placed.is_upwards then 'highest' else 'lowest' end
        || coalesce(' since ' || placed.since_date, ' on record, which begins ' || placed.record_start), ''
    ) as evidence_en,
    counted.live_blocks || '个核心板块中' || counted.blocks_out || '个指向资本撤离'
    || coalesce(
        '；最强：' || placed.name_zh || '，' || {{ three_digits('placed.z_score') }} || '个标准差，'
        || coalesce(placed.since_date || '以来', placed.record_start || '有记录以来')
        || case when placed.is_upwards then '最高' else '最低' end, ''
    ) as evidence_zh
from counted
left join placed on counted.observation_date = placed.observation_date
