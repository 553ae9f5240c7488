{%- set regimes_zh = {'inflow': '资本流入', 'orderly_retreat': '有序撤退', 'contagion': '危机传染'} -%}
-- grain: signal_id, rule, start_date
with judged as (
    select * from {{ ref('int_signal_alert_day') }}
),

change as (
    select
        *,
        lag(state) over each_rule as state_before,
        lead(observation_date) over each_rule as next_date
    from {{ ref('int_signal_alert_state') }}
    window each_rule as (partition by signal_id, rule order by observation_date)
),

-- the extreme lies where the alert points: up or down in the signal's own unit
episode_day as (
    select
        change.*,
        judged.value,
        case
            when change.rule = 'highest_since' then 1
            when change.rule = 'lowest_since' or change.state = 'inflow' then -1
            else judged.direction
        end as towards,
        count(*) filter (where change.state is distinct from change.state_before) over (
            partition by change.signal_id, change.rule order by change.observation_date rows between unbounded preceding and current row
        ) as episode
    from change
    inner join judged on change.signal_id = judged.signal_id and change.observation_date = judged.observation_date
    where change.state is not null
),

-- over on the day after its last one; no such day yet: it lasts
episode as (
    select
        signal_id,
        rule,
        state,
        min(observation_date) as start_date,
        case when bool_and(next_date is not null) then max(next_date) end as end_date,
        count(*) as trading_days,
        arg_min(severity, observation_date) as severity,
        max(case severity when 'critical' then 3 when 'warning' then 2 else 1 end) as worst_severity,
        arg_max(value, towards * value) as extreme_value,
        -- the first of several days that stand as high
        arg_min(observation_date, case when value is not null then row(-towards * value, observation_date) end) as extreme_date
    from episode_day
    group by signal_id, rule, state, episode
),

-- everything said of the start is from the row of that day
started as (
    select
        episode.*,
        judged.value,
        judged.z_score,
        judged.cusum,
        judged.cusum_threshold,
        judged.source_observation_date,
        judged.file_id,
        judged.row_key,
        judged.record_start,
        case episode.rule
            when 'highest_since' then judged.highest_since
            when 'lowest_since' then judged.lowest_since
        end as since_date,
        coalesce(signal.name_en, 'Retreat Index') as name_en,
        coalesce(signal.name_zh, '资本撤退指数') as name_zh,
        coalesce(signal.unit, 'index 0-100') as unit
    from episode
    inner join judged on episode.signal_id = judged.signal_id and episode.start_date = judged.observation_date
    left join {{ ref('signal') }} as signal on episode.signal_id = signal.signal_id
),

level as (
    {{ alert_level() }}
)

select
    started.signal_id,
    started.rule,
    started.start_date,
    started.end_date,
    started.severity,
    case started.worst_severity when 3 then 'critical' when 2 then 'warning' else 'information' end as worst_severity,
    started.value,
    started.z_score,
    started.since_date,
    case when started.rule = 'regime' then started.state end as regime,
    started.extreme_value,
    started.extreme_date,
    cast(started.trading_days as integer) as trading_days,
    started.name_en || ' ' || {{ shown_number('started.value', 'started.unit', ' percentage points') }}
    || ' on ' || cast(started.source_observation_date as varchar) || ', '
    || case started.rule
        when 'level'
            then
                case when level.is_upwards then 'at or above' else 'at or below' end || ' its line of '
                || {{ shown_number('level.enter_level', 'started.unit', ' percentage points') }}
        when 'z' then {{ three_digits('started.z_score') }} || ' standard deviations from its own past, towards capital leaving'
        when 'cusum'
            then
                'a drift towards capital leaving: cumulative sum ' || {{ three_digits('started.cusum') }}
                || ', threshold ' || {{ three_digits('started.cusum_threshold') }}
        when 'highest_since'
            then coalesce(
                'highest since ' || cast(started.since_date as varchar), 'highest on record, which begins ' || cast(started.record_start as varchar)
            )
        when 'lowest_since'
            then coalesce(
                'lowest since ' || cast(started.since_date as varchar), 'lowest on record, which begins ' || cast(started.record_start as varchar)
            )
        when 'regime' then 'regime ' || replace(started.state, '_', ' ')
    end as reason_en,
    started.name_zh || cast(started.source_observation_date as varchar) || '为'
    || {{ shown_number('started.value', 'started.unit', '个百分点') }} || '，'
    || case started.rule
        when 'level'
            then
                case when level.is_upwards then '达到或高于' else '达到或低于' end || '警戒线'
                || {{ shown_number('level.enter_level', 'started.unit', '个百分点') }}
        when 'z' then '向资本撤离方向偏离自身历史' || {{ three_digits('started.z_score') }} || '个标准差'
        when 'cusum'
            then
                '持续偏向资本撤离：累积和' || {{ three_digits('started.cusum') }}
                || '，阈值' || {{ three_digits('started.cusum_threshold') }}
        when 'highest_since'
            then coalesce(
                '为' || cast(started.since_date as varchar) || '以来最高', '为' || cast(started.record_start as varchar) || '有记录以来最高'
            )
        when 'lowest_since'
            then coalesce(
                '为' || cast(started.since_date as varchar) || '以来最低', '为' || cast(started.record_start as varchar) || '有记录以来最低'
            )
        when 'regime'
            then
                '状态转为'
                || case started.state
                    {%- for name, name_zh in regimes_zh.items() %}
                    when '{{ name }}' then '{{ name_zh }}'
                    {%- endfor %}
                end
    end as reason_zh,
    started.file_id,
    started.row_key
from started
left join level on started.signal_id = level.signal_id
