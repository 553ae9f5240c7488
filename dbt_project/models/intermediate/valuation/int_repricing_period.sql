-- grain: symbol, period_start, period_end, kind. Both ends of a repricing, in the shares of the later day: price of the day, cash flow and rate known at its end
with valuation as (
    select * from {{ ref('int_company_valuation_daily') }}
),

quarter_end as (
    select distinct observation_date
    from valuation
    where last_day(cast(date_trunc('quarter', observation_date) + interval 2 month as date)) <= {{ last_ended_day() }}
    qualify observation_date = max(observation_date) over (partition by date_trunc('quarter', observation_date))
),

quarter as (
    select
        observation_date as period_end,
        lag(observation_date) over (order by observation_date) as period_start
    from quarter_end
),

company as (
    select distinct
        symbol,
        cik
    from valuation
),

-- the article's case: its prices are the high of the first day and the close of the last
period as (
    select
        company.symbol,
        quarter.period_start,
        quarter.period_end,
        'quarter' as kind
    from quarter
    cross join company
    where quarter.period_start is not null
    union all
    select
        company.symbol,
        claim.period_from as period_start,
        claim.period_to as period_end,
        'article' as kind
    from {{ ref('claim') }} as claim
    inner join company on company.symbol = 'TSLA'
    where claim.metric = 'tesla_price' and claim.period_to <= {{ last_ended_day() }}
),

price as (
    {{ latest_version(ref('int_price_as_traded'), ['symbol', 'observation_date']) }}
),

together as (
    select
        period.*,
        price_end.close as price_to,
        at_start.price_date as shares_day_start,
        at_end.price_date as shares_day_end,
        at_start.growth_start as growth_start_from,
        at_end.growth_start as growth_start_to,
        at_start.growth_terminal as growth_terminal_from,
        at_end.growth_terminal as growth_terminal_to,
        at_start.status as valuation_status_from,
        at_end.status as valuation_status_to,
        rate_start.discount_rate as rate_from,
        rate_end.discount_rate as rate_to,
        rate_start.status as rate_status_from,
        rate_end.status as rate_status_to,
        price_end.file_id,
        price_end.row_key,
        case when period.kind = 'article' then price_start.high else price_start.close end as price_start_as_traded,
        {{ safe_divide('at_start.free_cash_flow_usd', 'at_start.shares') }} as cash_flow_start,
        {{ safe_divide('at_end.free_cash_flow_usd', 'at_end.shares') }} as cash_flow_end,
        greatest(
            price_start.available_at, price_end.available_at, at_start.available_at, at_end.available_at, rate_start.available_at, rate_end.available_at
        ) as available_at
    from period
    -- an inner join would let the planner pair all days of a company before it looks at the periods
    left join valuation as at_start on period.symbol = at_start.symbol and period.period_start = at_start.observation_date
    left join valuation as at_end on period.symbol = at_end.symbol and period.period_end = at_end.observation_date
    left join price as price_start on period.symbol = price_start.symbol and period.period_start = price_start.observation_date
    left join price as price_end on period.symbol = price_end.symbol and period.period_end = price_end.observation_date
    left join {{ ref('int_discount_rate_daily') }} as rate_start
        on period.symbol = rate_start.symbol and period.period_start = rate_start.observation_date
    left join {{ ref('int_discount_rate_daily') }} as rate_end
        on period.symbol = rate_end.symbol and period.period_end = rate_end.observation_date
),

beside_splits as (
    select
        together.*,
        coalesce(split_end.shares_for_one, 1) / coalesce(split_start.shares_for_one, 1) as split_factor,
        coalesce(split_end.shares_for_one, 1) / coalesce(counted_start.shares_for_one, 1) as counted_factor_start,
        coalesce(split_end.shares_for_one, 1) / coalesce(counted_end.shares_for_one, 1) as counted_factor_end
    from together
    {{ as_of_join(
        ref('int_share_split'), 'split_start', ['together.symbol = split_start.symbol'], 'together.period_start >= split_start.observation_date'
    ) }}
    {{ as_of_join(
        ref('int_share_split'), 'split_end', ['together.symbol = split_end.symbol'], 'together.period_end >= split_end.observation_date'
    ) }}
    {{ as_of_join(
        ref('int_share_split'), 'counted_start', ['together.symbol = counted_start.symbol'], 'together.shares_day_start >= counted_start.observation_date'
    ) }}
    {{ as_of_join(
        ref('int_share_split'), 'counted_end', ['together.symbol = counted_end.symbol'], 'together.shares_day_end >= counted_end.observation_date'
    ) }}
)

select
    beside_splits.symbol,
    beside_splits.period_start,
    beside_splits.period_end,
    beside_splits.kind,
    beside_splits.price_to,
    beside_splits.split_factor,
    beside_splits.growth_start_from,
    beside_splits.growth_start_to,
    beside_splits.growth_terminal_from,
    beside_splits.growth_terminal_to,
    beside_splits.rate_from,
    beside_splits.rate_to,
    beside_splits.available_at,
    beside_splits.file_id,
    beside_splits.row_key,
    beside_splits.price_start_as_traded / beside_splits.split_factor as price_from,
    beside_splits.cash_flow_start / beside_splits.counted_factor_start as cash_flow_per_share_from,
    beside_splits.cash_flow_end / beside_splits.counted_factor_end as cash_flow_per_share_to,
    case
        when not status_from.has_value then beside_splits.valuation_status_from
        when not status_to.has_value then beside_splits.valuation_status_to
        when beside_splits.price_start_as_traded is null or beside_splits.price_to is null then 'missing price'
        when beside_splits.rate_from is null then coalesce(beside_splits.rate_status_from, 'missing discount rate')
        when beside_splits.rate_to is null then coalesce(beside_splits.rate_status_to, 'missing discount rate')
        when
            beside_splits.growth_terminal_from >= beside_splits.rate_from or beside_splits.growth_terminal_to >= beside_splits.rate_to
            then 'growth at or above the discount rate'
        when
            beside_splits.split_factor <> 1
            or beside_splits.valuation_status_from = 'computed after a split' or beside_splits.valuation_status_to = 'computed after a split'
            then 'computed after a split'
        else 'computed'
    end as status
from beside_splits
inner join {{ ref('valuation_status') }} as status_from on beside_splits.valuation_status_from = status_from.status
inner join {{ ref('valuation_status') }} as status_to on beside_splits.valuation_status_to = status_to.status
