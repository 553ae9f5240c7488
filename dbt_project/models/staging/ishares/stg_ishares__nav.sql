-- grain: version of ticker, observation_date. Net asset value and shares outstanding of iShares funds.
with source as (
    select * from {{ source('ishares', 'ishares_nav') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        ticker,
        observation_date,
        net_asset_value,
        shares_outstanding,
        total_net_assets,
        {{ lineage(['ticker', 'observation_date']) }}
    from source
)

select * from renamed
