-- grain: version of symbol, observation_date, adjustment. Daily prices and volume by symbol.
with source as (
    select * from {{ source('price', 'price_daily') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        symbol,
        observation_date,
        adjustment,
        open,
        high,
        low,
        close,
        volume,
        split_ratio,
        {{ lineage(['symbol', 'observation_date', 'adjustment']) }}
    from source
)

select * from renamed
