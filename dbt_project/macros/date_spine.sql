{#- Every calendar day from `first_day` to `last_day` (SQL expressions of type date), as column observation_date. -#}
{% macro date_spine(first_day, last_day) -%}
    {{ return(adapter.dispatch('date_spine', 'ebbtide')(first_day, last_day)) }}
{%- endmacro %}

{% macro default__date_spine(first_day, last_day) -%}
    select cast(unnest(generate_series({{ first_day }}, {{ last_day }}, interval '1 day')) as date) as observation_date
{%- endmacro %}

{% macro spark__date_spine(first_day, last_day) -%}
    select unnest(generate_series(cast({{ first_day }} as date), cast({{ last_day }} as date), interval '1 day')) as observation_date
{%- endmacro %}
