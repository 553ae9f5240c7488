{%- set alert = var('alert') -%}
-- grain: trading day, signal, rule: whether the alert is on (a regime: which), and how severe the day is
with judged as (
    select * from {{ ref('int_signal_alert_day') }}
),

-- lines with a meaning of their own
level as (
    {{ alert_level() }}
),

compared as (
    select
        judged.signal_id,
        judged.observation_date,
        judged.is_live,
        'level' as rule,
        case
            when level.is_upwards then judged.value >= level.enter_level
            else judged.value <= level.enter_level
        end as enters,
        case
            when level.is_upwards then judged.value < level.leave_level
            else judged.value > level.leave_level
        end as leaves,
        level.severity
    from judged
    inner join level on judged.signal_id = level.signal_id
    -- a CUSUM is judged in multiples of its threshold
    {%- for rule, measure in {'z': 'z_score', 'cusum': safe_divide('cusum', 'cusum_threshold')}.items() %}
    union all
    select
        signal_id,
        observation_date,
        is_live,
        '{{ rule }}' as rule,
        {{ measure }} >= {{ alert[rule].enter }} as enters,
        coalesce({{ measure }} < {{ alert[rule].leave }}, true) as leaves,
        {{ alert_severity(measure, alert[rule]) }} as severity
    from judged
    {%- endfor %}
    {%- for rule, column, of_outflow in [('highest_since', 'days_since_as_high', 1), ('lowest_since', 'days_since_as_low', -1)] %}
    union all
    select
        signal_id,
        observation_date,
        is_live,
        '{{ rule }}' as rule,
        {{ column }} >= {{ alert.since.enter }} as enters,
        count(*) filter (where {{ column }} >= {{ alert.since.enter }}) over (
            partition by signal_id order by observation_date rows between {{ alert.since.leave_trading_days - 1 }} preceding and current row
        ) = 0 as leaves,
        case when direction = {{ of_outflow }} then {{ alert_severity(column, alert.since) }} else 'information' end as severity
    from judged
    {%- endfor %}
),

-- a signal whose next release is long overdue says nothing any more
latched as (
    select
        signal_id,
        observation_date,
        rule,
        severity,
        case
            when {{ latch('enters', 'leaves or not is_live', 'signal_id, rule') }} then 'on'
        end as state
    from compared
),

-- regimes have their own way in and out
regime as (
    select
        signal_id,
        observation_date,
        'regime' as rule,
        case regime
            {%- for name, severity in alert.regime.items() %}
            when '{{ name }}' then '{{ severity }}'
            {%- endfor %}
        end as severity,
        case when regime <> 'calm' then regime end as state
    from judged
    where signal_id = 'retreat_index'
)

select * from latched
union all by name
select * from regime
