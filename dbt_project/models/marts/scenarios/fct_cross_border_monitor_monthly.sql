{%- set monitor = var('cross_border_monitor') -%}
-- grain: observation_date, direction, instrument. Whether capital crosses the border in an unusual way: surge and stop of foreigners, flight and retrenchment of residents.
with all_countries as (
    select *
    from {{ ref('fct_cross_border_flow_monthly') }}
    where country_code = '{{ monitor.grand_total }}' and net_purchases_usd is not null
),

year as (
    select
        *,
        {{ trailing_sum('net_purchases_usd', 12, 345, 'direction, instrument') }} as flow_12m_usd,
        max(available_at) over (
            partition by direction, instrument order by observation_date rows between 23 preceding and current row
        ) as known_at
    from all_countries
),

year_on_year as (
    select
        *,
        flow_12m_usd - {{ earlier('flow_12m_usd', 12, 370, 'direction, instrument') }} as flow_change_usd
    from year
),

-- five years before, without the month itself
compared as (
    select
        *,
        {{ safe_divide('flow_change_usd - avg(flow_change_usd) over before', 'stddev(flow_change_usd) over before') }} as deviation,
        count(flow_change_usd) over before as months_before
    from year_on_year
    window before as (
        partition by direction, instrument order by observation_date
        rows between {{ monitor.months }} preceding and 1 preceding
    )
),

judged as (
    select
        * exclude (deviation),
        case when months_before = {{ monitor.months }} then deviation end as deviation,
        case when months_before = {{ monitor.months }} and abs(deviation) > {{ monitor.begin }} then sign(deviation) else 0 end as side
    from compared
),

run as (
    select
        *,
        sum(cast(side <> side_before as integer)) over (partition by direction, instrument order by observation_date) as run_number
    from (
        select
            *,
            lag(side, 1, 0) over (partition by direction, instrument order by observation_date) as side_before
        from judged
    ) as turned
)

select
    observation_date,
    direction,
    instrument,
    net_purchases_usd,
    flow_12m_usd,
    flow_change_usd,
    deviation,
    known_at as available_at,
    case
        when side = 0 then 'none'
        when direction = 'foreign holdings of US securities' then case when side > 0 then 'surge' else 'stop' end
        when side > 0 then 'flight'
        else 'retrenchment'
    end as episode,
    side <> 0 and bool_or(abs(deviation) >= {{ monitor.confirm }}) over (
        partition by direction, instrument, run_number order by observation_date
    ) as is_confirmed,
    case when side <> 0 then min(observation_date) over (partition by direction, instrument, run_number) end as episode_start
from run
where flow_change_usd is not null
