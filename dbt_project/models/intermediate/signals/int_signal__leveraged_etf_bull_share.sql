-- grain: moment at which the newest value changed. Assets of bull funds / assets of bull and bear funds on broad US share indices (Cheng & Madhavan 2009).
with published as (
    select * from {{ ref('int_leveraged_fund') }}
),

-- 13 weeks are 63 sessions: 80 hold them
as_known as (
    {{ trailing_as_known('published', observations=80, series=['ticker'], present='total_net_assets > 0') }}
),

all_funds as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        {{ safe_divide('sum(total_net_assets) filter (where multiple > 0)', 'sum(total_net_assets)') }} as value,
        arg_max(file_id, total_net_assets) as file_id,
        arg_max(row_key, total_net_assets) as row_key,
        max(available_at_source) as available_at_source
    from as_known
    group by vintage_at, observation_date
    -- one side alone is no share
    having count(*) filter (where multiple > 0) > 0 and count(*) filter (where multiple < 0) > 0
)

{{ signal_event('leveraged_etf_bull_share', 'all_funds', [5, 20, 63]) }}
