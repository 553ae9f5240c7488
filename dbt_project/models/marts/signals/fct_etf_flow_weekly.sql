-- grain: observation_date, fund
with fund_week as (
    select * from {{ ref('int_fund_flow_weekly') }}
),

-- the three large S&P 500 funds together, over those that have the week
core_total as (
    select
        week_end_date,
        'total' as fund,
        sum(flow) as flow,
        sum(assets_before) as assets_before,
        sum(assets) as assets,
        count(*) as funds_covered,
        string_agg(fund, '+' order by fund) as covered_funds,
        max(available_at) as available_at,
        arg_max(file_id, assets) as file_id,
        arg_max(row_key, assets) as row_key
    from fund_week
    where fund in ('SPY', 'IVV', 'VOO')
    group by week_end_date
),

every_fund as (
    select
        week_end_date,
        fund,
        flow,
        assets_before,
        assets,
        1 as funds_covered,
        fund as covered_funds,
        available_at,
        file_id,
        row_key
    from fund_week
    union all by name
    select * from core_total
)

-- ranks among the weeks up to this one; a total over other funds is another history
select
    week_end_date as observation_date,
    fund,
    flow as net_flow_usd,
    {{ safe_divide('flow', 'assets_before') }} as net_flow_share,
    assets as net_assets_usd,
    rank(order by flow) over history as rank_lowest,
    rank(order by flow desc) over history as rank_highest,
    count(*) over history as weeks_in_history,
    cast(funds_covered as integer) as funds_covered,
    covered_funds,
    available_at,
    file_id,
    row_key
from every_fund
window history as (
    partition by fund, covered_funds order by week_end_date rows between unbounded preceding and current row
)
