-- grain: version of observation_date, contract_code, report_scope. Disaggregated commitments of traders: commodity futures positions by trader group.
with source as (
    select * from {{ source('cftc', 'cftc_disaggregated') }}
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
        producer_long,
        producer_short,
        swap_dealer_long,
        swap_dealer_short,
        swap_dealer_spread,
        managed_money_long,
        managed_money_short,
        managed_money_spread,
        other_reportable_long,
        other_reportable_short,
        other_reportable_spread,
        total_reportable_long,
        total_reportable_short,
        nonreportable_long,
        nonreportable_short,
        traders_total,
        traders_producer_long,
        traders_producer_short,
        traders_swap_dealer_long,
        traders_swap_dealer_short,
        traders_swap_dealer_spread,
        traders_managed_money_long,
        traders_managed_money_short,
        traders_managed_money_spread,
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
