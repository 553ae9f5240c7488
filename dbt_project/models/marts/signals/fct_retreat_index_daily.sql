-- grain: observation_date
with aggregate as (
    select * from {{ ref('int_retreat_aggregate') }}
),

block as (
    select
        observation_date,
        block,
        sum(index_weight * z_score) as block_aggregate
    from {{ ref('int_signal_daily') }}
    where is_core
    group by observation_date, block
),

-- one row a day, one column a core block
block_aggregate as (
    select
        {% for name in var('core_blocks') %}
        coalesce(max(block_aggregate) filter (where block = '{{ name }}'), 0) as {{ name }},
        {% endfor %}
        observation_date
    from block
    group by observation_date
)

select
    aggregate.observation_date,
    100 * ({{ normal_distribution('aggregate.z_score') }}) as retreat_index,
    aggregate.z_score,
    aggregate.scale,
    aggregate.breadth,
    regime.speed,
    regime.shift_evidence,
    regime.regime,
    aggregate.live_core_blocks,
    {%- for name in var('core_blocks') %}
    {{ safe_divide('block_aggregate.' ~ name, 'aggregate.scale') }}
    * {{ contribution_weight('aggregate.z_score') }} as {{ name }}_contribution,
    {%- endfor %}
    100 * ({{ normal_distribution('aggregate.wide_z_score') }}) as retreat_index_wide
from aggregate
left join block_aggregate on aggregate.observation_date = block_aggregate.observation_date
left join {{ ref('int_retreat_regime') }} as regime on aggregate.observation_date = regime.observation_date
