-- grain: observation_date, plan_id
with newest as (
    {{ latest_version(ref('stg_public_plans__allocation'), ['plan_id', 'observation_date']) }}
),

-- plans that do not tell US from foreign shares have only the weight of both
weighed as (
    select
        *,
        coalesce(domestic_equity_actual, equity_actual) as us_equity_weight,
        case
            when domestic_equity_actual is not null then 'US shares'
            when equity_actual is not null then 'all shares'
        end as basis
    from newest
),

-- against the fiscal year before, where it was reported on the same basis
changed as (
    select
        *,
        us_equity_weight * market_assets_usd as us_equity_usd,
        case
            when
                lag(fiscal_year) over plan = fiscal_year - 1
                and lag(basis) over plan = basis
                then us_equity_weight - lag(us_equity_weight) over plan
        end as us_equity_weight_change
    from weighed
    window plan as (partition by plan_id order by observation_date)
)

select
    observation_date,
    plan_id,
    fiscal_year,
    plan_name,
    state,
    us_equity_weight,
    basis,
    us_equity_weight_change,
    equity_target as equity_target_weight,
    fixed_income_actual as fixed_income_weight,
    market_assets_usd,
    us_equity_usd,
    available_at,
    file_id,
    row_key
from changed
