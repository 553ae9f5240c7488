-- grain: version of dataset, series_key, observation_date. Currencies of reserves, gold reserves and commodity prices.
with source as (
    select * from {{ source('imf', 'imf_sdmx') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        dataset,
        series_key,
        country,
        indicator,
        currency,
        transformation,
        frequency,
        observation_date,
        case
            when transformation = 'SHRO_PT' then value / 100
            -- 1,000,000 g / 31.1034768 g
            when transformation = 'FTO' then value / 32150.7466
            else value
        end as value,
        case
            when transformation = 'SHRO_PT' then 'share'
            when transformation = 'FTO' then 'tonnes'
            when transformation in ('NV_USD', 'USD') then 'USD'
            else transformation
        end as unit,
        {{ lineage(['dataset', 'series_key', 'observation_date']) }}
    from source
)

select * from renamed
