{#- Mean of the last `count` observations of a vintage; null until there are that many. -#}
{% macro trailing_mean(expression, count, partition='vintage_at') -%}
    {{ return(adapter.dispatch('trailing_mean', 'ebbtide')(expression, count, partition)) }}
{%- endmacro %}

{% macro default__trailing_mean(expression, count, partition) -%}
    {%- set frame = '(partition by ' ~ partition ~ ' order by observation_date rows between ' ~ (count - 1) ~ ' preceding and current row)' -%}
    case when count({{ expression }}) over {{ frame }} = {{ count }} then avg({{ expression }}) over {{ frame }} end
{%- endmacro %}

{#- Sum of the last `count` observations of a vintage; null until there are that many. -#}
{% macro trailing_sum(expression, count, partition='vintage_at') -%}
    {{ return(adapter.dispatch('trailing_sum', 'ebbtide')(expression, count, partition)) }}
{%- endmacro %}

{% macro default__trailing_sum(expression, count, partition) -%}
    {%- set frame = '(partition by ' ~ partition ~ ' order by observation_date rows between ' ~ (count - 1) ~ ' preceding and current row)' -%}
    case when count({{ expression }}) over {{ frame }} = {{ count }} then sum({{ expression }}) over {{ frame }} end
{%- endmacro %}

{#- Median of an expression over a named window. -#}
{% macro median_over(expression, window) -%}
    {{ return(adapter.dispatch('median_over', 'ebbtide')(expression, window)) }}
{%- endmacro %}

{% macro default__median_over(expression, window) -%}
    median({{ expression }}) over {{ window }}
{%- endmacro %}

{#- Median absolute deviation from the median of the same window. Over the window as a list: half the time of mad(). -#}
{% macro median_absolute_deviation_over(expression, window) -%}
    {{ return(adapter.dispatch('median_absolute_deviation_over', 'ebbtide')(expression, window)) }}
{%- endmacro %}

{% macro default__median_absolute_deviation_over(expression, window) -%}
    list_median(list_transform(
        list({{ expression }}) over {{ window }}, lambda item: abs(item - median({{ expression }}) over {{ window }})
    ))
{%- endmacro %}
