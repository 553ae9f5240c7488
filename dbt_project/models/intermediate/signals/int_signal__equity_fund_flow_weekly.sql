-- grain: moment at which the newest value changed. 4-week flow of US domestic equity mutual funds and ETFs / market value of the shares of US nonfinancial corporations.
-- the funds' own assets have no open feed; they move with the market, whose value the Financial Accounts give each quarter
with published as (
    select
        'flow' as measured,
        observation_date,
        net_flow_usd as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_ici__fund_flow') }}
    where frequency = 'weekly' and vehicle = 'combined' and category = 'domestic_equity'
    union all
    select
        'market value' as measured,
        observation_date,
        value as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_fred__observation') }}
    where series_id = 'NCBEILQ027S'
),

as_known as (
    {{ trailing_as_known(
        'published', observations=24, series=['measured'], present="amount is not null and (measured = 'flow' or amount > 0)"
    ) }}
),

flow as (
    select * from as_known
    where measured = 'flow'
),

market_value as (
    select * from as_known
    where measured = 'market value'
),

-- a quarter bears the date of its first day and is known 167 days later: at most 259 days old while releases are on time.
-- one that became known after the flow of its time belongs to a later vintage
side_by_side as (
    select
        flow.*,
        market_value.amount as market_value
    from flow
    {{ as_of_join(
        'market_value', 'market_value', ['flow.vintage_at = market_value.vintage_at'], 'flow.observation_date >= market_value.observation_date'
    ) }}
    where market_value.known_at <= flow.known_at and date_diff('day', market_value.observation_date, flow.observation_date) <= 370
),

four_weeks as (
    select
        *,
        {{ safe_divide(trailing_sum('amount', 4, 24), 'market_value') }} as value
    from side_by_side
)

{{ signal_event('equity_fund_flow_weekly', 'four_weeks', [1, 4, 13]) }}
