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
        last_day(observation_date) as observation_date,
        observation_date as wednesday,
        net_assets_usd,
        available_at,
        file_id,
        row_key
    from weekly
    where last_day(observation_date) - observation_date < 7 and last_day(observation_date) <= {{ last_ended_day() }} and net_assets_usd > 0
),

with_month_before as (
    select
        *,
        {{ earlier('net_assets_usd', 1, 31, '1') }} as net_assets_before_usd,
        {{ earlier('wednesday', 1, 31, '1') }} as wednesday_before
    from last_wednesday
),

-- interest that stays in the fund is no inflow; funds earn about the federal funds rate, of a year of 360 days
with_interest as (
    select
        month.observation_date,
        month.net_assets_usd,
        month.net_assets_before_usd,
        month.net_assets_before_usd * avg(daily_rate.value) * (month.wednesday - month.wednesday_before) / 360 as interest_usd,
        greatest(month.available_at, max(daily_rate.available_at)) as available_at,
        month.file_id,
        month.row_key
    from with_month_before as month
    inner join daily_rate on daily_rate.observation_date > month.wednesday_before and daily_rate.observation_date <= month.wednesday
    where daily_rate.value is not null
    group by all
)

select
    observation_date,
    net_assets_usd,
    interest_usd,
    net_assets_usd - net_assets_before_usd - interest_usd as inflow_usd,
    available_at,
    file_id,
    row_key
from with_interest
