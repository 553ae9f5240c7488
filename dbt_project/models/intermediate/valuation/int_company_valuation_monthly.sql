-- grain: observation_date, symbol. The daily inputs at the last session of each month that has ended
select *
from {{ ref('int_company_valuation_daily') }}
where last_day(observation_date) <= {{ last_ended_day() }}
qualify observation_date = max(observation_date) over (partition by last_day(observation_date))
