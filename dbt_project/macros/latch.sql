{#- State that is on from the day `enter` is true until the day `leave` is; leaving wins where both are true. Order: observation_date.
    `partition`: columns within which; none for one state. -#}
{% macro latch(enter, leave, partition=none) -%}
    {{ return(adapter.dispatch('latch', 'ebbtide')(enter, leave, partition)) }}
{%- endmacro %}

{% macro default__latch(enter, leave, partition) -%}
    coalesce(last_value(case when {{ leave }} then false when {{ enter }} then true end ignore nulls) over (
        {% if partition %}partition by {{ partition }} {% endif %}order by observation_date rows between unbounded preceding and current row
    ), false)
{%- endmacro %}
