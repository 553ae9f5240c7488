-- grain: observation_date (calendar quarter end). How companies are financed, and margin debt against output.
with company as (
    select * from {{ ref('fct_minsky_company_quarterly') }}
),

finance as (
    select
        observation_date,
        count(*) as firms,
        avg(cast(finance = 'hedge' as integer)) as hedge_share,
        avg(cast(finance = 'speculative' as integer)) as speculative_share,
        avg(cast(finance = 'ponzi' as integer)) as ponzi_share,
        avg(cast(finance = 'no debt' as integer)) as no_debt_share,
        avg(cast(finance = 'unclassified' as integer)) as unclassified_share,
        {{ safe_divide("sum(debt_usd) filter (where finance = 'speculative')", 'sum(debt_usd)') }} as speculative_share_of_debt,
        {{ safe_divide("sum(debt_usd) filter (where finance = 'ponzi')", 'sum(debt_usd)') }} as ponzi_share_of_debt,
        max(available_at) as available_at
    from company
    group by observation_date
),

margin_month as (
    {{ latest_version(ref('stg_finra__margin'), ['observation_date']) }}
),

fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

-- FRED dates a quarter by its first day; output is at a yearly rate
output as (
    select
        value as output_usd,
        available_at,
        cast(observation_date + interval 3 month as date) - 1 as observation_date
    from fred
    where series_id = 'GDP' and value is not null
),

margin as (
    select
        margin_month.observation_date,
        margin_month.debit_balances_usd as margin_debt_usd,
        output.output_usd,
        greatest(margin_month.available_at, output.available_at) as available_at
    from margin_month
    inner join output on margin_month.observation_date = output.observation_date
)

select
    coalesce(finance.observation_date, margin.observation_date) as observation_date,
    coalesce(finance.firms, 0) as firms,
    finance.hedge_share,
    finance.speculative_share,
    finance.ponzi_share,
    finance.no_debt_share,
    finance.unclassified_share,
    coalesce(finance.speculative_share_of_debt, case when finance.firms > 0 then 0 end) as speculative_share_of_debt,
    coalesce(finance.ponzi_share_of_debt, case when finance.firms > 0 then 0 end) as ponzi_share_of_debt,
    margin.margin_debt_usd,
    margin.output_usd,
    {{ safe_divide('margin.margin_debt_usd', 'margin.output_usd') }} as margin_debt_to_output,
    greatest(finance.available_at, margin.available_at) as available_at
from finance
full join margin on finance.observation_date = margin.observation_date
