-- grain: observation_date, symbol
with day as (
    select * from {{ ref('int_company_valuation_daily') }}
)

select
    day.observation_date,
    day.symbol,
    day.price,
    day.price_date,
    day.shares,
    day.split_factor,
    day.shares_date,
    day.market_value_usd,
    day.free_cash_flow_usd,
    day.cash_flow_date,
    {{ safe_divide('day.free_cash_flow_usd', 'day.market_value_usd') }} as free_cash_flow_yield,
    day.growth_start,
    day.growth_terminal,
    day.risk_free_rate,
    found.implied_discount_rate,
    case
        when not status.has_value or found.implied_discount_rate is not null then day.status
        else 'no rate in range'
    end as status,
    day.available_at,
    day.accession_number,
    day.file_id,
    day.row_key
from day
inner join {{ ref('valuation_status') }} as status on day.status = status.status
left join {{ ref('int_implied_discount_rate') }} as found on day.symbol = found.symbol and day.observation_date = found.observation_date
