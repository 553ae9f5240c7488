-- grain: version of observation_date, product, measure. Put and call volume and open interest on the Cboe exchanges by day, product and measure.
with source as (
    select * from {{ source('cboe', 'cboe_put_call') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        product,
        measure,
        call_contracts,
        put_contracts,
        total_contracts,
        published_ratio,
        {{ lineage(['observation_date', 'product', 'measure']) }}
    from source
)

select * from renamed
