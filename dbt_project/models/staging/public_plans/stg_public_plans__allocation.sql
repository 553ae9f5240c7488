-- grain: version of plan_id, observation_date. Asset allocation of US state and local pension plans by fiscal year.
with source as (
    select * from {{ source('public_plans', 'public_plan') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        plan_id,
        observation_date,
        fiscal_year,
        plan_name,
        state,
        equity_actual,
        domestic_equity_actual,
        foreign_equity_actual,
        equity_target,
        fixed_income_actual,
        private_equity_actual,
        real_estate_actual,
        market_assets * 1e3 as market_assets_usd,
        {{ lineage(['plan_id', 'observation_date']) }}
    from source
)

select * from renamed
