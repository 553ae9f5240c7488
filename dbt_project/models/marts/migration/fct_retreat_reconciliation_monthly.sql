-- grain: observation_date (month end), side, item
with known_item as (
    select
        observation_date,
        seller as item,
        outflow_usd as amount_usd,
        available_at,
        file_id,
        row_key
    from {{ ref('int_equity_outflow_month') }}
    union all by name
    select
        observation_date,
        destination as item,
        inflow_usd as amount_usd,
        available_at,
        file_id,
        row_key
    from {{ ref('int_capital_destination_month') }}
),

expected_item as (
    select
        'out' as side,
        'US funds' as item
    union all
    select
        'out' as side,
        'foreigners' as item
    union all
    select
        'arrived' as side,
        destination as item
    from {{ ref('capital_destination') }}
    where is_in_reconciliation
),

in_reconciliation as (
    select
        known_item.*,
        expected_item.side
    from known_item
    inner join expected_item on known_item.item = expected_item.item
),

-- months with a figure of either seller; one of a destination alone says nothing of a retreat
month_of_figures as (
    select distinct observation_date
    from in_reconciliation
    where side = 'out'
),

item_month as (
    select
        in_reconciliation.* exclude (observation_date, side, item),
        month_of_figures.observation_date,
        expected_item.side,
        expected_item.item
    from month_of_figures
    cross join expected_item
    left join in_reconciliation
        on month_of_figures.observation_date = in_reconciliation.observation_date and expected_item.item = in_reconciliation.item
),

-- a sum over some of the items would pass for one over all
total as (
    select
        observation_date,
        count(*) = count(amount_usd) as is_complete,
        string_agg(item, ', ' order by item) filter (where amount_usd is null) as missing_items,
        case when count(*) = count(amount_usd) then sum(amount_usd) filter (where side = 'out') end as out_usd,
        case when count(*) = count(amount_usd) then sum(amount_usd) filter (where side = 'arrived') end as arrived_usd,
        max(available_at) as available_at,
        arg_max(file_id, concat(available_at, item)) filter (where amount_usd is not null) as file_id,
        arg_max(row_key, concat(available_at, item)) filter (where amount_usd is not null) as row_key
    from item_month
    group by observation_date
),

every_item as (
    select
        observation_date,
        side,
        item,
        amount_usd,
        file_id,
        row_key
    from item_month
    union all by name
    select
        observation_date,
        'residual' as side,
        'not explained' as item,
        out_usd - arrived_usd as amount_usd,
        file_id,
        row_key
    from total
),

with_total as (
    select
        every_item.*,
        total.is_complete,
        total.missing_items,
        total.out_usd,
        total.available_at,
        year(every_item.observation_date) * 12 + month(every_item.observation_date) as month_number
    from every_item
    inner join total on every_item.observation_date = total.observation_date
),

over_year as (
    select
        *,
        case when count(amount_usd) over year_to_date = 12 then sum(amount_usd) over year_to_date end as amount_12m_usd,
        case when count(out_usd) over year_to_date = 12 then sum(out_usd) over year_to_date end as out_12m_usd,
        max(available_at) over year_to_date as year_available_at
    from with_total
    window year_to_date as (partition by side, item order by month_number range between 11 preceding and current row)
)

-- what is not known has no row, but what is not explained has one each month and says what is missing
select
    observation_date,
    side,
    item,
    amount_usd,
    case when out_usd > 0 then {{ safe_divide('amount_usd', 'out_usd') }} end as share_of_out,
    amount_12m_usd,
    case when out_12m_usd > 0 then {{ safe_divide('amount_12m_usd', 'out_12m_usd') }} end as share_of_out_12m,
    is_complete,
    missing_items,
    year_available_at as available_at,
    file_id,
    row_key
from over_year
where amount_usd is not null or side = 'residual'
