-- grain: session of the New York Stock Exchange from 1990 to the last day that has ended at the as-of moment
with every_day as (
    {{ date_spine("date '1990-01-01'", last_ended_day()) }}
)

select observation_date
from every_day
where {{ is_session('observation_date') }}
