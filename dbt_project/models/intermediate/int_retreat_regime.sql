{%- set regime = var('regime') -%}
-- grain: trading day: regime with the conditions it rests on; a regime holds from its entry condition until its leave condition
with aggregate as (
    select * from {{ ref('int_retreat_aggregate') }}
),

days as (
    select * from {{ ref('int_trading_day') }}
),

volatility_event as (
    select * from {{ ref('int_equity_volatility') }}
),

volatility as (
    {{ known_on_day('days', 'volatility_event', ['market']) }}
),

measured as (
    select
        aggregate.*,
        volatility.volatility,
        aggregate.z_score - lag(aggregate.z_score, {{ var('speed_days') }}) over (
            order by aggregate.observation_date
        ) as speed
    from aggregate
    left join volatility on aggregate.observation_date = volatility.observation_date
),

-- a condition on a percentile starts once there is enough history; until then volatility is no obstacle and no speed is high
compared as (
    select
        *,
        count(*) filter (where z_score > {{ regime.enter_z }}) over enter_window as days_above,
        count(*) filter (where z_score < -{{ regime.enter_z }}) over enter_window as days_below,
        count(*) filter (where z_score < {{ regime.leave_z }}) over leave_window as days_not_above,
        count(*) filter (where z_score > -{{ regime.leave_z }}) over leave_window as days_not_below,
        coalesce(
            count(speed) over history >= {{ regime.minimum_history_days }}
            and speed > quantile_cont(speed, {{ regime.contagion_quantile }}) over history, false
        ) as is_fast,
        coalesce(breadth > {{ regime.contagion_breadth }}, false) as is_broad,
        coalesce(
            count(volatility) over history < {{ regime.minimum_history_days }}
            or volatility < quantile_cont(volatility, {{ regime.volatility_quantile }}) over history, true
        ) as is_quiet
    from measured
    window
        enter_window as (
            order by observation_date rows between {{ regime.enter_window - 1 }} preceding and current row
        ),
        leave_window as (
            order by observation_date rows between {{ regime.leave_days - 1 }} preceding and current row
        ),
        history as (order by observation_date rows between unbounded preceding and 1 preceding)
),

latched as (
    select
        *,
        {{ latch(
            'is_fast and is_broad',
            'days_of_contagion = 0'
        ) }} as in_contagion,
        {{ latch(
            'days_above >= ' ~ regime.enter_days ~ ' and is_quiet', 'days_not_above = ' ~ regime.leave_days
        ) }} as in_retreat,
        {{ latch(
            'days_below >= ' ~ regime.enter_days, 'days_not_below = ' ~ regime.leave_days
        ) }} as in_inflow
    from (
        select
            *,
            count(*) filter (where is_fast or is_broad) over (
                order by observation_date rows between {{ regime.contagion_leave_days - 1 }} preceding and current row
            ) as days_of_contagion
        from compared
    ) as counted
)

select
    observation_date,
    speed,
    volatility,
    case
        when z_score is null then null
        when in_contagion then 'contagion'
        when in_retreat then 'orderly_retreat'
        when in_inflow then 'inflow'
        else 'calm'
    end as regime
from latched
