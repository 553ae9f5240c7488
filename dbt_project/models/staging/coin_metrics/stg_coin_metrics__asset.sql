-- grain: version of asset, observation_date. Price, market value and supply of bitcoin by UTC day.
with source as (
    select * from {{ source('coin_metrics', 'coin_metrics') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        asset,
        observation_date,
        price_usd,
        market_value_usd,
        supply as supply_coins,
        {{ lineage(['asset', 'observation_date']) }}
    from source
)

select * from renamed
