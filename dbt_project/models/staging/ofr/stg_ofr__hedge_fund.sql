-- grain: version of series_id, observation_date. Leverage, assets and borrowing of hedge funds, all together and by strategy, and repo through sponsors.
with source as (
    select * from {{ source('ofr', 'ofr_hfm') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        series_id,
        observation_date,
        value,
        unit,
        {{ lineage(['series_id', 'observation_date']) }}
    from source
)

select * from renamed
