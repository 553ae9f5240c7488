-- grain: version of ticker, observation_date. Net asset value, shares and assets of leveraged funds.
with source as (
    select * from {{ source('proshares', 'proshares_nav') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        ticker,
        observation_date,
        fund_name,
        net_asset_value,
        prior_net_asset_value,
        shares_outstanding * 1000 as shares_outstanding,
        coalesce(assets, net_asset_value * shares_outstanding * 1000) as total_net_assets,
        {{ lineage(['ticker', 'observation_date']) }}
    from source
)

select * from renamed
