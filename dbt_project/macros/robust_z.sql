{#- Robust z: (value - median) / scale, signed so that a rise says capital leaves, clipped to the var z_clip. -#}
{% macro robust_z(value, median, scale, direction) -%}
    {{ return(adapter.dispatch('robust_z', 'ebbtide')(value, median, scale, direction)) }}
{%- endmacro %}

{% macro default__robust_z(value, median, scale, direction) -%}
    greatest(-{{ var('z_clip') }}, least({{ var('z_clip') }}, {{ direction }} * {{ safe_divide('(' ~ value ~ ' - ' ~ median ~ ')', scale) }}))
{%- endmacro %}
