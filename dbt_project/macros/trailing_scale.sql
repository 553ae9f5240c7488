{#- Root mean square over the window days_before; null before scale_minimum_days, never below scale_floor (dbt vars). -#}
{% macro trailing_scale(expression) -%}
    {{ return(adapter.dispatch('trailing_scale', 'ebbtide')(expression)) }}
{%- endmacro %}

{% macro default__trailing_scale(expression) -%}
    case
        when count({{ expression }}) over days_before >= {{ var('scale_minimum_days') }}
            then greatest({{ var('scale_floor') }}, sqrt(avg({{ expression }} * {{ expression }}) over days_before))
    end
{%- endmacro %}
