-- grain: version of indicator_id, country_code, observation_date. Stock-market value, turnover and gross domestic product by country and year.
with source as (
    select * from {{ source('world_bank', 'world_bank_indicator') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        indicator_id,
        country_code,
        country,
        country_code_iso3,
        -- groups bear codes that ISO 3166 does not give to countries; XK is Kosovo
        regexp_matches(country_code, '^(.?[0-9].?|X[^K]|Z[FGHIJQT]|EU|OE)$') as is_aggregate,
        observation_date,
        value as value_usd,
        {{ lineage(['indicator_id', 'country_code', 'observation_date']) }}
    from source
)

select * from renamed
