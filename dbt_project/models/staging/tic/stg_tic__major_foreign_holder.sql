-- grain: version of country, observation_date, series. Foreign holdings of US Treasury securities by country and month, with the aggregates the Treasury prints.
with source as (
    select * from {{ source('tic', 'tic_major_foreign_holders') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        country,
        observation_date,
        series,
        holdings * 1e9 as holdings_usd,
        {{ lineage(['country', 'observation_date', 'series']) }}
    from source
)

select * from renamed
