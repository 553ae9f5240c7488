-- grain: observation_date (calendar quarter end), cik
select
    calendar_quarter as observation_date,
    cik,
    ticker,
    name,
    sector,
    observation_date as fiscal_quarter_end,
    finance,
    operating_cash_flow_usd,
    interest_usd,
    principal_usd,
    cash_flow_before_interest_usd,
    debt_usd,
    debt_change_usd,
    available_at
from {{ ref('int_minsky_company') }}
-- a fiscal year of 53 weeks can end two of its quarters in one of the calendar
qualify row_number() over (partition by calendar_quarter, cik order by observation_date desc) = 1
