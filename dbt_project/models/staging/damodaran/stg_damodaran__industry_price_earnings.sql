-- grain: version of industry, observation_date. Price-earnings ratios by industry of companies listed in the United States.
with source as (
    select * from {{ source('damodaran', 'damodaran_industry_pe') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        industry,
        observation_date,
        firms,
        share_losing_money,
        price_earnings_current,
        price_earnings_trailing,
        price_earnings_forward,
        price_earnings_aggregate,
        price_earnings_aggregate_profitable,
        expected_growth,
        price_earnings_growth,
        {{ lineage(['industry', 'observation_date']) }}
    from source
)

select * from renamed
