-- grain: shock, asset, day. What a shock to some assets does to all of them in the days after, with bands.
with path as (
    select * from {{ ref('int_contagion_path') }}
),

moved as (
    select distinct
        shock,
        asset
    from {{ ref('shock') }}
)

select
    path.shock,
    path.asset,
    path.day,
    path.price_change_low,
    path.price_change,
    path.price_change_high,
    path.first_day as first_observation_date,
    path.last_day as last_observation_date,
    path.stressed_days,
    moved.asset is not null as is_shocked
from path
left join moved on path.shock = moved.shock and path.asset = moved.asset
