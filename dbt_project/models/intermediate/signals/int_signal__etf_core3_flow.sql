-- grain: moment at which the newest value changed. Net flow into SPY, IVV and VOO over 5 sessions / their assets before, over the funds that have figures (ICI Fact Book).
with funds as (
    select *
    from {{ ref('int_fund_share_count') }}
    where ticker in ('SPY', 'IVV', 'VOO')
),

as_known as (
    {{ trailing_as_known('funds', observations=75, series=['ticker'], present='shares_outstanding > 0 and net_asset_value > 0') }}
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
            partition by vintage_at, ticker order by observation_date rows between 4 preceding and current row
        ) as flow_sum,
        lag(assets, 5) over fund as assets_before,
        lag(observation_date, 5) over fund as date_before
    from daily_flow
    window fund as (partition by vintage_at, ticker order by observation_date)
),

-- a fund with gaps has no 5-session flow
all_funds as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        {{ safe_divide('sum(flow_sum)', 'sum(assets_before)') }} as value,
        arg_max(file_id, assets) as file_id,
        arg_max(row_key, assets) as row_key,
        max(available_at_source) as available_at_source
    from fund_flow
    where date_diff('day', date_before, observation_date) <= 12
    group by vintage_at, observation_date
)

{{ signal_event('etf_core3_flow', 'all_funds', [5, 20, 63]) }}
