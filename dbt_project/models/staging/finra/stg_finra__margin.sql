-- grain: version of observation_date. Customer margin debt and free credit balances at FINRA member firms.
with source as (
    select * from {{ source('finra', 'finra_margin') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        debit_balances * 1e6 as debit_balances_usd,
        free_credit_cash * 1e6 as free_credit_cash_usd,
        free_credit_margin * 1e6 as free_credit_margin_usd,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
