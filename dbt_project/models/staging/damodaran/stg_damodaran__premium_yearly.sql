-- grain: version of observation_date. Implied equity risk premium of the S&P 500 at the end of each year, by measure.
with source as (
    select * from {{ source('damodaran', 'damodaran_erp_yearly') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        earnings_yield,
        dividend_yield,
        index_level,
        earnings,
        dividends,
        dividends_and_buybacks,
        bill_rate,
        bond_rate,
        smoothed_growth,
        premium_dividend_discount,
        analyst_growth,
        premium_free_cash_flow,
        premium_sustainable_payout,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
