-- grain: version of series_id, observation_date. What FRED says of a series, as of each update of it.
with source as (
    select * from {{ source('fred', 'fred_series_info') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        series_id,
        observation_date,
        title,
        units as published_units,
        frequency,
        seasonal_adjustment,
        first_date,
        last_date,
        last_updated as last_updated_at,
        notes,
        {{ lineage(['series_id', 'observation_date']) }}
    from source
)

select * from renamed
