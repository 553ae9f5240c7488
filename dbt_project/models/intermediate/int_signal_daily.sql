-- grain: trading day, signal: what was known of the signal at the end of the day, its freshness and its share in the indices
with days as (
    select * from {{ ref('int_trading_day') }}
),

score as (
    select * from {{ ref('int_signal_score') }}
),

known as (
    {{ known_on_day('days', 'score', ['signal_id']) }}
),

-- a release is expected one cadence after the last; from one cadence after that the weight falls, to 0 at two
aged as (
    select
        known.*,
        signal.block,
        signal.family,
        signal.is_core,
        {{ freshness('known.observation_date', 'known.first_available_at', 'signal.cadence_days') }} as weight
    from known
    inner join {{ ref('signal') }} as signal on known.signal_id = signal.signal_id
),

member as (
    select
        *,
        case when z_score is not null then weight else 0 end as member_weight
    from aged
),

-- signals to families to blocks: equal weights at each step over live members
in_family as (
    select
        *,
        max(member_weight) over (partition by observation_date, block, family) as family_weight,
        {{ safe_divide('member_weight', 'sum(member_weight) over (partition by observation_date, block, family)') }} as share_of_family
    from member
),

family as (
    select
        observation_date,
        block,
        family,
        is_core,
        family_weight,
        sum(share_of_family * z_score) as family_z
    from in_family
    group by observation_date, block, family, is_core, family_weight
),

in_block as (
    select
        *,
        max(family_weight) over (partition by observation_date, block) as block_weight,
        {{ safe_divide('family_weight', 'sum(family_weight) over (partition by observation_date, block)') }} as share_of_block
    from family
),

block as (
    select
        observation_date,
        block,
        is_core,
        block_weight,
        sum(share_of_block * family_z) as block_z
    from in_block
    group by observation_date, block, is_core, block_weight
),

in_index as (
    select
        *,
        {{ safe_divide('block_weight', 'sum(block_weight) over (partition by observation_date)') }} as share_of_wide,
        {{ safe_divide('block_weight', 'sum(block_weight) over (partition by observation_date, is_core)') }} as share_of_core,
        count(*) filter (where is_core and block_weight > 0) over (partition by observation_date) as live_core_blocks,
        max(block_z) filter (where block = 'flows') over (partition by observation_date) as flows_z
    from block
)

select
    in_family.observation_date,
    in_family.signal_id,
    in_family.block,
    in_family.is_core,
    in_family.source_observation_date,
    in_family.available_at,
    in_family.value,
    in_family.value - in_family.value_1w_earlier as change_1w,
    in_family.value - in_family.value_4w_earlier as change_4w,
    in_family.value - in_family.value_13w_earlier as change_13w,
    in_family.z_score,
    in_family.z_status,
    in_family.percentile_rank,
    in_family.weight,
    in_family.weight > 0 as is_live,
    in_family.cusum,
    in_family.cusum_threshold,
    in_family.is_frozen,
    in_family.vintage_kind,
    in_family.file_id,
    in_family.row_key,
    in_index.live_core_blocks,
    case
        when in_family.is_core
            then coalesce(in_family.share_of_family * in_block.share_of_block * in_index.share_of_core, 0)
        else 0
    end as index_weight,
    coalesce(in_family.share_of_family * in_block.share_of_block * in_index.share_of_wide, 0) as wide_weight,
    -- a destination counts only while money leaves the funds
    case
        when in_family.block = 'destinations'
            then
                case
                    when in_index.flows_z > {{ var('destination_flow_z') }} then greatest(0, in_family.z_score) else 0
                end
        else in_family.z_score
    end as wide_z_score
from in_family
inner join in_block
    on
        in_family.observation_date = in_block.observation_date
        and in_family.block = in_block.block
        and in_family.family = in_block.family
inner join in_index
    on in_family.observation_date = in_index.observation_date and in_family.block = in_index.block
