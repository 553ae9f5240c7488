-- grain: observation_date (month end). Gold in SPDR Gold Shares and what came in over the month, in tonnes and in USD at the price of each day, newest versions known
with newest as (
    {{ latest_version(ref('stg_spdr__gold_trust'), ['observation_date']) }}
),

-- the trust's own value of an ounce
daily as (
    select
        *,
        {{ safe_divide('total_net_asset_value', 'ounces_in_trust') }} as usd_an_ounce,
        lag(tonnes_in_trust) over (order by observation_date) as tonnes_before,
        lag(observation_date) over (order by observation_date) as date_before
    from newest
    where tonnes_in_trust > 0 and total_net_asset_value > 0 and ounces_in_trust > 0
),

-- gold sold for expenses was not taken out
daily_inflow as (
    select
        *,
        tonnes_in_trust - tonnes_before * (1 - {{ var('gold_expense_rate') }} * date_diff('day', date_before, observation_date) / 365) as inflow_tonnes
    from daily
),

monthly as (
    select
        last_day(observation_date) as observation_date,
        arg_max(tonnes_in_trust, observation_date) as tonnes,
        arg_max(usd_an_ounce, observation_date) as usd_an_ounce,
        sum(inflow_tonnes) as inflow_tonnes,
        sum(inflow_tonnes * {{ var('ounces_per_tonne') }} * usd_an_ounce) as inflow_usd,
        max(date_diff('day', date_before, observation_date)) as longest_gap_days,
        min(date_before) as date_before,
        max(observation_date) as last_date,
        max(available_at) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from daily_inflow
    group by last_day(observation_date)
)

-- whole months without a hole
select
    monthly.observation_date,
    monthly.tonnes,
    monthly.usd_an_ounce,
    monthly.inflow_tonnes,
    monthly.inflow_usd,
    monthly.available_at,
    monthly.file_id,
    monthly.row_key
from monthly
inner join {{ ref('int_session_month') }} as session_month on monthly.observation_date = session_month.observation_date
where
    monthly.longest_gap_days <= 7
    and monthly.date_before < date_trunc('month', monthly.observation_date)
    and monthly.last_date >= session_month.last_session
