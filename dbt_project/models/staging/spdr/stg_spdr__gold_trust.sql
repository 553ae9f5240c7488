-- grain: version of observation_date. SPDR Gold Trust: price, net asset value and gold held.
with source as (
    select * from {{ source('spdr', 'gld_archive') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        close,
        net_asset_value_per_share,
        share_volume,
        ounces_in_trust,
        tonnes_in_trust,
        total_net_asset_value,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
