{#- A number as a sentence shows it: three digits that count, a share in percent. `points`: what percentage points are called. -#}
{% macro shown_number(value, unit, points) -%}
    {{ return(adapter.dispatch('shown_number', 'ebbtide')(value, unit, points)) }}
{%- endmacro %}

{% macro default__shown_number(value, unit, points) -%}
    case
        when {{ unit }} like 'share%' then {{ three_digits('100 * ' ~ value) }} || '%'
        when {{ unit }} = 'percentage points' then {{ three_digits(value) }} || '{{ points }}'
        else {{ three_digits(value) }}
    end
{%- endmacro %}

{% macro three_digits(value) -%}
    {{ return(adapter.dispatch('three_digits', 'ebbtide')(value)) }}
{%- endmacro %}

{% macro default__three_digits(value) -%}
    printf(case when abs({{ value }}) >= 100 then '%.0f' else '%.3g' end, {{ value }})
{%- endmacro %}

{% macro spark__three_digits(value) -%}
    case when abs({{ value }}) >= 100 then format_string('%.0f', {{ value }}) else significant_digits({{ value }}, 3) end
{%- endmacro %}
