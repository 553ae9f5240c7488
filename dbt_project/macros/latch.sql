{#- State that is on from the day `enter` is true until the day `leave` is; leaving wins where both are true. Order: observation_date. -#}
{% macro latch(enter, leave) -%}
    {{ return(adapter.dispatch('latch', 'ebbtide')(enter, leave)) }}
{%- endmacro %}

{% macro default__latch(enter, leave) -%}
    coalesce(last_value(case when {{ leave }} then false when {{ enter }} then true end ignore nulls) over (
        order by observation_date rows between unbounded preceding and current row
    ), false)
{%- endmacro %}
