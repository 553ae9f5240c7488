-- grain: moment at which the newest value changed. Assets of bull funds / assets of bull and bear funds on broad US share indices (Cheng & Madhavan 2009).
with published as (
    select * from {{ ref('int_leveraged_fund') }}
),

-- 13 weeks and the month that says how many funds there are: 63 and 20 sessions
as_known as (
    {{ trailing_as_known('published', observations=90, series=['ticker'], present='total_net_assets > 0') }}
),

all_funds as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        {{ safe_divide('sum(total_net_assets) filter (where multiple > 0)', 'sum(total_net_assets)') }} as value,
        arg_max(file_id, total_net_assets) as file_id,
        arg_max(row_key, total_net_assets) as row_key,
        max(available_at_source) as available_at_source,
        count(*) as funds
    from as_known
    group by vintage_at, observation_date
    -- one side alone is no share
    having count(*) filter (where multiple > 0) > 0 and count(*) filter (where multiple < 0) > 0
),

-- a fund that was there within a month and has no figure today would move the share by its size
complete as (
    select *
    from all_funds
    qualify
        funds >= max(funds) over (partition by vintage_at order by observation_date rows between 20 preceding and current row)
)

{{ signal_event('leveraged_etf_bull_share', 'complete', [5, 20, 63]) }}
