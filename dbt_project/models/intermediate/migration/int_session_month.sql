-- grain: observation_date (month end). Months that have ended at the as-of moment, with the last session of the New York Stock Exchange in them
select
    last_day(observation_date) as observation_date,
    max(observation_date) as last_session
from {{ ref('int_trading_day') }}
group by last_day(observation_date)
having last_day(max(observation_date)) <= {{ last_ended_day() }}
