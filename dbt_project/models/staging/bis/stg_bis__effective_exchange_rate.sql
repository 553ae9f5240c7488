-- grain: version of rate_type, basket, area, frequency, observation_date. Value of a currency against those of its trading partners.
with source as (
    select * from {{ source('bis', 'bis_exchange_rate') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        rate_type,
        basket,
        area,
        frequency,
        observation_date,
        rate as effective_exchange_rate,
        {{ lineage(['rate_type', 'basket', 'area', 'frequency', 'observation_date']) }}
    from source
)

select * from renamed
