-- grain: observation_date, symbol, discount_rate
with month as (
    select * from {{ ref('int_company_valuation_monthly') }}
),

judged as (
    select
        month.* exclude (status),
        worth.discount_rate,
        case
            when status.has_value and month.growth_terminal >= worth.discount_rate then 'growth at or above the discount rate'
            else month.status
        end as status,
        case when status.has_value and month.growth_terminal < worth.discount_rate then worth.value_per_share end as value_per_share
    from month
    inner join {{ ref('valuation_status') }} as status on month.status = status.status
    inner join {{ ref('int_discounted_value') }} as worth on month.symbol = worth.symbol and month.observation_date = worth.observation_date
)

select
    observation_date,
    symbol,
    discount_rate,
    free_cash_flow_usd,
    cash_flow_date,
    shares,
    split_factor,
    shares_date,
    {{ safe_divide('free_cash_flow_usd', 'shares') }} as free_cash_flow_per_share,
    growth_start,
    growth_terminal,
    risk_free_rate,
    value_per_share,
    price,
    price_date,
    {{ safe_divide('price', 'value_per_share') }} as price_to_value,
    status,
    available_at,
    accession_number,
    file_id,
    row_key
from judged
