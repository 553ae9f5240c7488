-- grain: version of observation_date, contract_code, report_scope. Traders in Financial Futures: positions by trader group.
with source as (
    select * from {{ source('cftc', 'cftc_tff') }}
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
        dealer_long,
        dealer_short,
        dealer_spread,
        asset_manager_long,
        asset_manager_short,
        asset_manager_spread,
        leveraged_funds_long,
        leveraged_funds_short,
        leveraged_funds_spread,
        other_reportable_long,
        other_reportable_short,
        other_reportable_spread,
        total_reportable_long,
        total_reportable_short,
        nonreportable_long,
        nonreportable_short,
        traders_total,
        traders_dealer_long,
        traders_dealer_short,
        traders_dealer_spread,
        traders_asset_manager_long,
        traders_asset_manager_short,
        traders_asset_manager_spread,
        traders_leveraged_funds_long,
        traders_leveraged_funds_short,
        traders_leveraged_funds_spread,
        traders_other_reportable_long,
        traders_other_reportable_short,
        traders_other_reportable_spread,
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
