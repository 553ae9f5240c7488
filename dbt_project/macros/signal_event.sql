{#-
    The last part of an `int_signal__*` model: from the signal's value at each observation of each vintage to one row a
    moment at which the newest value changed.

    relation  rows of vintages (see trailing_as_known): vintage_at, known_at, observation_date, value, file_id, row_key,
              available_at_source
    steps     how many observations make one, four and thirteen weeks; `none` where the cadence is longer

    The values one, four and thirteen weeks earlier come from the same vintage, so that a change never mixes revision and news.
-#}
{% macro signal_event(signal_id, relation, steps) -%}
    {{ return(adapter.dispatch('signal_event', 'ebbtide')(signal_id, relation, steps)) }}
{%- endmacro %}

{% macro default__signal_event(signal_id, relation, steps) -%}
    select
        '{{ signal_id }}' as signal_id,
        observation_date as source_observation_date,
        known_at as available_at,
        value,
        value_1w_earlier,
        value_4w_earlier,
        value_13w_earlier,
        case when available_at_source = 'lag' then 'pseudo' else 'real' end as vintage_kind,
        file_id,
        row_key
    from (
        select
            *,
            {% for weeks in [1, 4, 13] -%}
            {%- set step = steps[loop.index0] -%}
            {% if step %}{{ earlier('value', step, 9 * weeks + 7) }}{% else %}cast(null as double){% endif %} as value_{{ weeks }}w_earlier,
            {% endfor -%}
            lead(known_at) over vintage as next_known_at
        from {{ relation }}
        where isfinite(value)
        window vintage as (partition by vintage_at order by observation_date)
    ) as numbered
    where next_known_at is distinct from known_at
    qualify
        row(observation_date, value, value_1w_earlier, value_4w_earlier, value_13w_earlier)
        is distinct from
        lag(row(observation_date, value, value_1w_earlier, value_4w_earlier, value_13w_earlier)) over (order by known_at)
{%- endmacro %}
