{#- USD in one unit of a 13F value: filings before 2023-01-03 state thousands (SEC release 34-95148), later ones dollars, whatever their period. -#}
{% macro form_13f_value_unit(filing_date) -%}
    case when {{ filing_date }} < date '2023-01-03' then 1000 else 1 end
{%- endmacro %}
