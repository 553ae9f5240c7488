-- grain: version of observation_date, index_name. Geopolitical Risk index by month (Caldara and Iacoviello 2022).
with source as (
    select * from {{ source('gpr', 'gpr_monthly') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        index_name,
        value,
        {{ lineage(['observation_date', 'index_name']) }}
    from source
)

select * from renamed
