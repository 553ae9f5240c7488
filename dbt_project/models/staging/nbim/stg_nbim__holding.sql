-- grain: version of asset_type, observation_date, country, issuer, occurrence. Holdings of Norway's Government Pension Fund Global by issuer.
with source as (
    select * from {{ source('nbim', 'nbim_holding') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        asset_type,
        observation_date,
        region,
        country,
        issuer,
        occurrence,
        industry,
        market_value_usd,
        market_value_nok,
        voting,
        ownership,
        incorporation_country,
        {{ lineage(['asset_type', 'observation_date', 'country', 'issuer', 'occurrence']) }}
    from source
)

select * from renamed
