-- grain: metric, variant, observation_date. Measured series of claims about interest rates, inflation, geopolitical risk and multiples, newest versions known.
with current_fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

fred as (
    select * from current_fred
    where value is not null
),

core_price_index as (
    select
        *,
        lag(value, 12) over (order by observation_date) as value_before,
        lag(observation_date, 12) over (order by observation_date) as date_before
    from fred
    where series_id = 'PCEPILFE'
),

-- FRED dates a month by its first day
core_inflation as (
    select
        'core_pce_yoy' as metric,
        'newest versions' as variant,
        observation_date,
        {{ safe_divide('value', 'value_before') }} - 1 as value,
        2 as rows_behind,
        available_at,
        file_id,
        row_key
    from core_price_index
    where date_diff('month', date_before, observation_date) = 12
),

-- staging holds rates as fractions; these claims count in percent
policy_rate as (
    select
        'policy_rate' as metric,
        'effective' as variant,
        observation_date,
        100 * value as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from fred
    where series_id = 'DFF'
),

current_own as (
    {{ latest_version(ref('stg_own__series'), ['series_id', 'observation_date']) }}
),

expected_rate as (
    select
        'one-year Treasury' as variant,
        observation_date,
        100 * value as rate,
        available_at,
        file_id,
        row_key
    from fred
    where series_id = 'DGS1'
    union all by name
    select
        'federal funds futures' as variant,
        observation_date,
        value as rate,
        available_at,
        file_id,
        row_key
    from current_own
    where series_id = 'fed_funds_futures_rate_12m'
),

expected_change as (
    select
        'expected_policy_rate_change_12m' as metric,
        expected_rate.variant,
        expected_rate.observation_date,
        expected_rate.rate - policy_rate.value as value,
        2 as rows_behind,
        greatest(expected_rate.available_at, policy_rate.available_at) as available_at,
        expected_rate.file_id,
        expected_rate.row_key
    from expected_rate
    inner join policy_rate on expected_rate.observation_date = policy_rate.observation_date
),

convenience_yield_day as (
    select
        'treasury_convenience_yield' as metric,
        'day' as variant,
        observation_date,
        100 * value as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from fred
    where series_id = 'AAA10Y'
),

convenience_yield as (
    select * from convenience_yield_day
    union all by name
    select
        'treasury_convenience_yield' as metric,
        'mean of a month' as variant,
        last_day(observation_date) as observation_date,
        avg(value) as value,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from convenience_yield_day
    where last_day(observation_date) <= {{ last_ended_day() }}
    group by last_day(observation_date)
    having count(*) >= {{ var('claim_month_sessions') }}
),

current_risk as (
    {{ latest_version(ref('stg_gpr__monthly'), ['index_name', 'observation_date']) }}
),

risk_month as (
    select
        *,
        avg(value) over year_to_month as mean_of_year,
        count(*) over year_to_month as months,
        min(observation_date) over year_to_month as first_month,
        max(available_at) over year_to_month as known_at
    from current_risk
    where index_name = 'GPR' and value is not null
    window year_to_month as (order by observation_date rows between 11 preceding and current row)
),

geopolitical_risk as (
    select
        'gpr_index' as metric,
        'month' as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from risk_month
    union all by name
    select
        'gpr_index' as metric,
        'mean of 12 months' as variant,
        observation_date,
        mean_of_year as value,
        months as rows_behind,
        known_at as available_at,
        file_id,
        row_key
    from risk_month
    where months = 12 and date_diff('day', first_month, observation_date) <= 336
),

multiple as (
    select
        case series_id when 'nasdaq_100_price_earnings' then 'nasdaq_price_earnings' else 'global_median_pe' end as metric,
        case series_id when 'nasdaq_100_price_earnings' then 'Nasdaq-100' when 'msci_acwi_median_pe' then 'MSCI ACWI' else 'S&P 500' end as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_own
    where series_id in ('nasdaq_100_price_earnings', 'msci_acwi_median_pe', 'sp500_price_earnings')
),

measured as (
    select * from core_inflation
    {% for relation in ['policy_rate', 'expected_change', 'convenience_yield', 'geopolitical_risk', 'multiple'] -%}
    union all by name
    select * from {{ relation }}
    {% endfor %}
)

select *
from measured
where isfinite(value)
