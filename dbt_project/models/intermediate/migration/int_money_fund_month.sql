-- grain: observation_date (month end). Assets of US money-market funds on the last Wednesday and what came in since that of the month before, newest versions known
with assets_version as (
    select *
    from {{ ref('stg_ici__money_fund') }}
    where investor = 'all' and category = 'total' and observation_date <= {{ last_ended_day() }}
),

weekly as (
    {{ latest_version('assets_version', ['observation_date']) }}
),

rate_version as (
    select *
    from {{ ref('stg_fred__observation') }}
    where series_id = 'EFFR'
),

daily_rate as (
    {{ latest_version('rate_version', ['observation_date']) }}
),

-- one Wednesday lies within the last seven days of a month
last_wednesday as (
    select
        observation_date as wednesday,
        net_assets_usd,
        available_at,
        file_id,
        row_key,
        last_day(observation_date) as observation_date
    from weekly
    where date_diff('day', observation_date, last_day(observation_date)) < 7 and last_day(observation_date) <= {{ last_ended_day() }} and net_assets_usd > 0
),

with_month_before as (
    select
        *,
        {{ earlier('net_assets_usd', 1, 31, '1') }} as net_assets_before_usd,
        {{ earlier('wednesday', 1, 31, '1') }} as wednesday_before
    from last_wednesday
),

rate_between as (
    select
        with_month_before.observation_date,
        avg(daily_rate.value) as federal_funds_rate,
        max(daily_rate.available_at) as available_at
    from with_month_before
    inner join daily_rate
        on with_month_before.wednesday_before < daily_rate.observation_date and with_month_before.wednesday >= daily_rate.observation_date
    group by with_month_before.observation_date
),

-- interest that stays in the fund is no inflow; funds earn about the federal funds rate, of a year of 360 days
with_interest as (
    select
        with_month_before.* exclude (available_at),
        with_month_before.net_assets_before_usd * rate_between.federal_funds_rate
        * date_diff('day', with_month_before.wednesday_before, with_month_before.wednesday) / 360 as interest_usd,
        greatest(with_month_before.available_at, rate_between.available_at) as available_at
    from with_month_before
    inner join rate_between on with_month_before.observation_date = rate_between.observation_date
)

select
    observation_date,
    net_assets_usd,
    interest_usd,
    available_at,
    file_id,
    row_key,
    net_assets_usd - net_assets_before_usd - interest_usd as inflow_usd
from with_interest
where interest_usd is not null
