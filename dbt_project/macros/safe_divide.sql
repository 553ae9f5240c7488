{#- Quotient of two expressions; null where the divisor is zero or null, on every engine. -#}
{% macro safe_divide(dividend, divisor) -%}
    {{ return(adapter.dispatch('safe_divide', 'ebbtide')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__safe_divide(dividend, divisor) -%}
    cast({{ dividend }} as double) / nullif({{ divisor }}, 0)
{%- endmacro %}
