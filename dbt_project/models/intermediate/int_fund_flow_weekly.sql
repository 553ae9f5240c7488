-- grain: week, fund. Net creations of complete weeks, in the newest versions known
with current_share_count as (
    {{ latest_version(ref('int_fund_share_count'), ['ticker', 'observation_date']) }}
),

daily_flow as (
    select
        *,
        cast(date_trunc('week', observation_date) as date) + 4 as week_end_date,
        shares_outstanding * net_asset_value as assets,
        {{ fund_flow('ticker') }} as flow,
        lag(shares_outstanding * net_asset_value) over (partition by ticker order by observation_date) as assets_before,
        lag(observation_date) over (partition by ticker order by observation_date) as date_before
    from current_share_count
    where shares_outstanding > 0 and net_asset_value > 0
),

week_of_sessions as (
    select
        cast(date_trunc('week', observation_date) as date) + 4 as week_end_date,
        max(observation_date) as last_session
    from {{ ref('int_trading_day') }}
    group by cast(date_trunc('week', observation_date) as date) + 4
    having cast(date_trunc('week', max(observation_date)) as date) + 4 <= {{ last_ended_day() }}
),

fund_week as (
    select
        week_end_date,
        ticker as fund,
        sum(flow) as flow,
        arg_min(assets_before, observation_date) as assets_before,
        arg_max(assets, observation_date) as assets,
        max(observation_date) as last_observation_date,
        min(date_before) as date_before,
        max(available_at) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from daily_flow
    group by week_end_date, ticker
    having count(flow) > 0
)

-- the week counts where the fund has its last session and a figure from the week before
select fund_week.*
from fund_week
inner join week_of_sessions
    on
        fund_week.week_end_date = week_of_sessions.week_end_date
        and fund_week.last_observation_date = week_of_sessions.last_session
where date_diff('day', fund_week.date_before, fund_week.week_end_date) <= 11
