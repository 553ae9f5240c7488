-- grain: version of symbol, observation_date. Settlement prices of volatility futures.
with source as (
    select * from {{ source('cboe', 'cboe_vx_settlement') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        symbol,
        observation_date,
        product,
        expiration_date,
        date_diff('day', observation_date, expiration_date) as days_to_expiration,
        regexp_matches(symbol, '^VXM?[0-9]{2}/') as is_weekly,
        settlement_price,
        {{ lineage(['symbol', 'observation_date']) }}
    from source
)

select * from renamed
