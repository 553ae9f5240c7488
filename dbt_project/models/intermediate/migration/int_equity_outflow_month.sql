-- grain: observation_date (month end), seller. What US funds and foreigners took out of US shares, newest versions known
with fund_flow as (
    select *
    from {{ ref('stg_ici__fund_flow') }}
    where frequency = 'monthly' and vehicle = 'combined' and category = 'domestic_equity' and observation_date <= {{ last_ended_day() }}
),

newest_fund_flow as (
    {{ latest_version('fund_flow', ['observation_date']) }}
)

select
    observation_date,
    'US funds' as seller,
    -net_flow_usd as outflow_usd,
    available_at,
    file_id,
    row_key
from newest_fund_flow
where net_flow_usd is not null
union all by name
select
    observation_date,
    'foreigners' as seller,
    -net_purchases_usd as outflow_usd,
    available_at,
    file_id,
    row_key
from {{ ref('int_foreign_purchase_month') }}
where instrument = 'eqty'
