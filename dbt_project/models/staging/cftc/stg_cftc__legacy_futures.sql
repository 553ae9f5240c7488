-- grain: version of observation_date, contract_code, report_scope. Legacy commitments of traders: futures positions of hedgers and others.
with source as (
    select * from {{ source('cftc', 'cftc_legacy') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        observation_date,
        contract_code,
        report_scope,
        contract_name,
        market_code,
        region_code,
        commodity_code,
        open_interest,
        noncommercial_long,
        noncommercial_short,
        noncommercial_spread,
        commercial_long,
        commercial_short,
        total_reportable_long,
        total_reportable_short,
        nonreportable_long,
        nonreportable_short,
        traders_total,
        traders_noncommercial_long,
        traders_noncommercial_short,
        traders_noncommercial_spread,
        traders_commercial_long,
        traders_commercial_short,
        traders_total_reportable_long,
        traders_total_reportable_short,
        concentration_gross_4_long / 100.0 as concentration_gross_4_long,
        concentration_gross_4_short / 100.0 as concentration_gross_4_short,
        concentration_gross_8_long / 100.0 as concentration_gross_8_long,
        concentration_gross_8_short / 100.0 as concentration_gross_8_short,
        concentration_net_4_long / 100.0 as concentration_net_4_long,
        concentration_net_4_short / 100.0 as concentration_net_4_short,
        concentration_net_8_long / 100.0 as concentration_net_8_long,
        concentration_net_8_short / 100.0 as concentration_net_8_short,
        contract_units,
        published_at,
        {{ lineage(['observation_date', 'contract_code', 'report_scope']) }}
    from source
)

select * from renamed
