-- grain: manager_id, observation_date. Quarters that managers have reported, and when all that reports for the house was in
with report as (
    select * from {{ ref('int_manager_report') }}
),

quarter as (
    select
        manager_id,
        observation_date,
        min(in_force_from) as first_report_at
    from report
    group by manager_id, observation_date
),

asked as (
    select
        quarter.manager_id,
        quarter.observation_date,
        filer.cik
    from quarter
    inner join {{ ref('int_manager_filer') }} as filer
        on quarter.manager_id = filer.manager_id and quarter.observation_date between filer.valid_from and filer.valid_to
),

-- a notice is an answer, too
answered as (
    select
        asked.manager_id,
        asked.observation_date,
        asked.cik,
        min(filing.available_at) as answered_at
    from asked
    left join {{ ref('stg_sec__form_13f_filing') }} as filing on asked.cik = filing.cik and asked.observation_date = filing.observation_date
    group by asked.manager_id, asked.observation_date, asked.cik
),

house as (
    select
        manager_id,
        observation_date,
        case when count(answered_at) = count(*) then max(answered_at) end as all_answered_at
    from answered
    group by manager_id, observation_date
)

-- half a house must not look like a house that sold half
select
    quarter.manager_id,
    quarter.observation_date,
    last_day(quarter.observation_date - interval 3 month) as before_date,
    quarter.first_report_at,
    greatest(
        quarter.first_report_at,
        least(coalesce(house.all_answered_at, timestamp '9999-12-31'), quarter.observation_date + interval '1 day' * {{ var('form_13f').deadline_days }})
    ) as complete_at
from quarter
inner join house on quarter.manager_id = house.manager_id and quarter.observation_date = house.observation_date
