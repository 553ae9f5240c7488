-- grain: version of series_id, observation_date. Series that cannot be fetched and that the user brings.
with source as (
    select * from {{ source('own', 'own_series') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        series_id,
        observation_date,
        value,
        published_at,
        {{ lineage(['series_id', 'observation_date']) }}
    from source
)

select * from renamed
