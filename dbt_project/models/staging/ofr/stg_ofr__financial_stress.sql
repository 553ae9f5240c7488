-- grain: version of observation_date. Financial Stress Index of the Office of Financial Research with its contributions; 0 is average stress.
with source as (
    select * from {{ source('ofr', 'ofr_fsi') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        ofr_fsi,
        credit,
        equity_valuation,
        safe_assets,
        funding,
        volatility,
        united_states,
        other_advanced_economies,
        emerging_markets,
        {{ lineage(['observation_date']) }}
    from source
)

select * from renamed
