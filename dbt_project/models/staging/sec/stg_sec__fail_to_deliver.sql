-- grain: version of cusip, observation_date. Shares not delivered, and the symbol the security had on the day.
with source as (
    select * from {{ source('sec', 'sec_fails_to_deliver') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        cusip,
        observation_date,
        symbol,
        description,
        quantity as undelivered_shares,
        price as close_before,
        {{ lineage(['cusip', 'observation_date']) }}
    from source
)

select * from renamed
