-- grain: version of market_file, symbol, observation_date. Shares traded off exchange, and how many of them were sold short.
with source as (
    select * from {{ source('finra', 'finra_short_volume') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        market_file,
        symbol,
        observation_date,
        short_volume as short_volume_shares,
        short_exempt_volume as short_exempt_volume_shares,
        total_volume as total_volume_shares,
        {{ safe_divide('short_volume', 'total_volume') }} as short_share,
        market,
        {{ lineage(['market_file', 'symbol', 'observation_date']) }}
    from source
)

select * from renamed
