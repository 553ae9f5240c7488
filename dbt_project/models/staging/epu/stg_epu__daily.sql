-- grain: version of observation_date. Daily index of economic policy uncertainty in US newspapers.
with source as (
    select * from {{ source('epu', 'epu_daily') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        policy_uncertainty,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
