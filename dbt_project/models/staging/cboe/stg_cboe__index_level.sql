-- grain: version of index_name, observation_date. Daily levels of Cboe volatility and skew indices.
with source as (
    select * from {{ source('cboe', 'cboe_index_history') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        index_name,
        observation_date,
        open,
        high,
        low,
        close,
        {{ lineage(['index_name', 'observation_date']) }}
    from source
)

select * from renamed
