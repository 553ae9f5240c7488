-- grain: manager_id, observation_date, known_at. Moments from which a manager's quarter, or the quarter it is compared with, was seen in another light
with quarter as (
    select * from {{ ref('int_manager_quarter') }}
),

report as (
    select distinct
        manager_id,
        observation_date,
        in_force_from
    from {{ ref('int_manager_report') }}
),

-- reports on the quarter and the quarter before; then, once most managers have filed, splits and symbols are looked at again
moment as (
    select
        quarter.manager_id,
        quarter.observation_date,
        greatest(report.in_force_from, quarter.complete_at) as known_at
    from quarter
    inner join report on quarter.manager_id = report.manager_id and quarter.observation_date = report.observation_date
    union
    select
        quarter.manager_id,
        quarter.observation_date,
        greatest(report.in_force_from, quarter.complete_at, before.complete_at) as known_at
    from quarter
    inner join quarter as before on quarter.manager_id = before.manager_id and quarter.before_date = before.observation_date
    inner join report on before.manager_id = report.manager_id and before.observation_date = report.observation_date
    union
    select
        manager_id,
        observation_date,
        greatest(cast(observation_date as timestamp) + interval '1 day' * {{ var('form_13f').settled_days }}, complete_at) as known_at
    from quarter
)

select
    moment.manager_id,
    moment.observation_date,
    quarter.before_date,
    moment.known_at,
    coalesce(before.complete_at <= moment.known_at, false) as is_compared,
    lead(moment.known_at) over (partition by moment.manager_id, moment.observation_date order by moment.known_at) as known_until
from moment
inner join quarter on moment.manager_id = quarter.manager_id and moment.observation_date = quarter.observation_date
left join quarter as before on quarter.manager_id = before.manager_id and quarter.before_date = before.observation_date
where moment.known_at <= {{ as_of() }}
