-- grain: version of observation_date. Price, earnings, consumer prices and CAPE of the S&P Composite.
with source as (
    select * from {{ source('shiller', 'shiller_market') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        price,
        dividend,
        earnings,
        consumer_price_index,
        long_interest_rate_percent / 100 as long_interest_rate,
        real_price,
        real_dividend,
        real_total_return_price,
        real_earnings,
        real_total_return_scaled_earnings,
        cape,
        total_return_cape,
        excess_cape_yield,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
