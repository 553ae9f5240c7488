-- grain: version of frequency, vehicle, category, observation_date. Flows of long-term mutual funds and exchange-traded funds by class of assets.
with source as (
    select * from {{ source('ici', 'ici_fund_flow') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        frequency,
        vehicle,
        category,
        observation_date,
        net_flow * 1e6 as net_flow_usd,
        {{ lineage(['frequency', 'vehicle', 'category', 'observation_date']) }}
    from source
)

select * from renamed
