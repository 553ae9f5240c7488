-- grain: moment at which the newest value changed. 21-session flow / assets before of XLU, XLP and XLV less that of XLK, XLY and XLC.
with funds as (
    select *
    from {{ ref('int_fund_share_count') }}
    where ticker in ('XLU', 'XLP', 'XLV', 'XLK', 'XLY', 'XLC')
),

as_known as (
    {{ trailing_as_known('funds', observations=90, series=['ticker'], present='shares_outstanding > 0 and net_asset_value > 0') }}
),

daily_flow as (
    select
        *,
        shares_outstanding * net_asset_value as assets,
        {{ fund_flow('vintage_at, ticker') }} as flow
    from as_known
),

fund_flow as (
    select
        *,
        sum(flow) over (
            partition by vintage_at, ticker order by observation_date rows between 20 preceding and current row
        ) as flow_sum,
        lag(assets, 21) over fund as assets_before,
        lag(observation_date, 21) over fund as date_before
    from daily_flow
    window fund as (partition by vintage_at, ticker order by observation_date)
),

-- a fund with gaps has no 21-session flow
groups as (
    select
        vintage_at,
        observation_date,
        ticker in ('XLU', 'XLP', 'XLV') as is_defensive,
        max(known_at) as known_at,
        {{ safe_divide('sum(flow_sum)', 'sum(assets_before)') }} as flow_share,
        arg_max(file_id, assets) as file_id,
        arg_max(row_key, assets) as row_key,
        max(available_at_source) as available_at_source
    from fund_flow
    where date_diff('day', date_before, observation_date) <= 40
    group by vintage_at, observation_date, ticker in ('XLU', 'XLP', 'XLV')
),

rotation as (
    select
        defensive.vintage_at,
        defensive.observation_date,
        defensive.file_id,
        defensive.row_key,
        defensive.available_at_source,
        greatest(defensive.known_at, cyclical.known_at) as known_at,
        defensive.flow_share - cyclical.flow_share as value
    from groups as defensive
    inner join groups as cyclical
        on defensive.vintage_at = cyclical.vintage_at and defensive.observation_date = cyclical.observation_date
    where defensive.is_defensive and not cyclical.is_defensive
)

{{ signal_event('defensive_rotation_flow', 'rotation', [5, 20, 63]) }}
