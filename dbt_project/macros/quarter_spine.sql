{#- Ends of the whole quarters that begin on or after `first_day` and by `last_day` (SQL expressions of type date): observation_date, and quarter from 1. -#}
{% macro quarter_spine(first_day, last_day) -%}
    {{ return(adapter.dispatch('quarter_spine', 'ebbtide')(first_day, last_day)) }}
{%- endmacro %}

{% macro default__quarter_spine(first_day, last_day) -%}
    select
        last_day(cast(quarter_start as date) + interval 2 month) as observation_date,
        row_number() over (order by quarter_start) as quarter
    from (select unnest(generate_series(
        date_trunc('quarter', {{ first_day }} + interval 3 month - interval 1 day), date_trunc('quarter', {{ last_day }}), interval 3 month
    )) as quarter_start) as quarter_starts
{%- endmacro %}
