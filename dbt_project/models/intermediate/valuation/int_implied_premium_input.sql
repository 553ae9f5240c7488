-- grain: version of source_table, observation_date. What the implied premium is computed from, and what was published beside it
select
    'premium by month' as source_table,
    observation_date,
    index_level,
    cash_flow_trailing as cash_flow,
    expected_growth,
    bond_rate,
    'trailing twelve months' as published_variant,
    premium_trailing as published_premium,
    premium_sustainable_payout,
    premium_trailing_adjusted,
    premium_smoothed,
    premium_normalized,
    premium_net_cash_yield,
    premium_covid_adjusted,
    available_at,
    available_at_source,
    file_id,
    file_row_number,
    row_key
from {{ ref('stg_damodaran__premium_monthly') }}
union all by name
select
    'premium by year' as source_table,
    observation_date,
    index_level,
    dividends_and_buybacks as cash_flow,
    analyst_growth as expected_growth,
    bond_rate,
    'free cash flow to equity' as published_variant,
    premium_free_cash_flow as published_premium,
    premium_sustainable_payout,
    available_at,
    available_at_source,
    file_id,
    file_row_number,
    row_key
from {{ ref('stg_damodaran__premium_yearly') }}
