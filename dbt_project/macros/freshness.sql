{#-
    Weight by age: 1 until one cadence after the release expected next (last release + cadence), then falling linearly to 0 one
    cadence later. Age is taken at the end of the day, 24:00 UTC.
-#}
{% macro freshness(day, released_at, cadence_days) -%}
    {{ return(adapter.dispatch('freshness', 'ebbtide')(day, released_at, cadence_days)) }}
{%- endmacro %}

{% macro default__freshness(day, released_at, cadence_days) -%}
    greatest(0, least(1, 3 - date_diff('second', {{ released_at }}, {{ day }} + interval '1 day') / (86400.0 * {{ cadence_days }})))
{%- endmacro %}
