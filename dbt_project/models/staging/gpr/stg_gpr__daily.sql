-- grain: version of observation_date. Geopolitical Risk index by day (Caldara and Iacoviello 2022).
with source as (
    select * from {{ source('gpr', 'gpr_daily') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        articles,
        gprd,
        gprd_act,
        gprd_threat,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
