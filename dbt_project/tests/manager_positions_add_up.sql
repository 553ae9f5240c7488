-- Change in value is active change and price effect; weights of a portfolio without its options are 1; the rotation holds what the positions hold.
with position as (
    select
        manager_id,
        observation_date,
        sum(value_usd) as value_usd
    from {{ ref('fct_manager_position_quarterly') }}
    group by manager_id, observation_date
),

rotation as (
    select
        manager_id,
        observation_date,
        sum(value_usd) as value_usd
    from {{ ref('fct_manager_rotation_quarterly') }}
    group by manager_id, observation_date
)

select
    concat_ws(' ', 'position', manager_id, observation_date, cusip, position_kind) as where_it_is,
    value_change_usd - active_change_usd - price_effect_usd as difference
from {{ ref('fct_manager_position_quarterly') }}
where abs(value_change_usd - active_change_usd - price_effect_usd) > 1e-9 * (1 + abs(active_change_usd) + abs(price_effect_usd))
union all
select
    concat_ws(' ', 'weights', manager_id, observation_date) as where_it_is,
    sum(weight) - 1 as difference
from {{ ref('fct_manager_rotation_quarterly') }}
where asset_class <> 'option'
group by manager_id, observation_date
having abs(sum(weight) - 1) > 1e-9
union all
select
    concat_ws(' ', 'rotation', rotation.manager_id, rotation.observation_date) as where_it_is,
    rotation.value_usd - position.value_usd as difference
from rotation
full join position on rotation.manager_id = position.manager_id and rotation.observation_date = position.observation_date
where coalesce(abs(rotation.value_usd - position.value_usd) > 1e-9 * position.value_usd, true)
