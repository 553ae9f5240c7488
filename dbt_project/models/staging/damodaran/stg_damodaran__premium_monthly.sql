-- grain: version of observation_date. Implied equity risk premium of the S&P 500 at the start of each month, by measure.
with source as (
    select * from {{ source('damodaran', 'damodaran_erp_monthly') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        index_level,
        bond_rate,
        riskfree_rate,
        cash_flow_ten_year_average,
        cash_flow_trailing,
        cash_flow_normalized,
        expected_growth,
        premium_sustainable_payout,
        premium_trailing,
        premium_trailing_adjusted,
        premium_smoothed,
        premium_normalized,
        premium_net_cash_yield,
        premium_covid_adjusted,
        expected_return,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
