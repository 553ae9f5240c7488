{#- Whether a date is a session of the New York Stock Exchange: a weekday that is not in the seed market_holiday. -#}
{% macro is_session(date_column) -%}
    isodow({{ date_column }}) < 6
    and {{ date_column }} not in (select holiday.holiday_date from {{ ref('market_holiday') }} as holiday)
{%- endmacro %}

{#- The S&P sector funds (State Street), over which the price-impact signals take a median. -#}
{% macro sector_funds() -%}
    ('XLB', 'XLC', 'XLE', 'XLF', 'XLI', 'XLK', 'XLP', 'XLRE', 'XLU', 'XLV', 'XLY')
{%- endmacro %}

{#- Whether a symbol, as Yahoo writes it, is a share or fund traded in the US: no index (^), no currency or future (=), not listed abroad (suffix after a dot). -#}
{% macro is_traded_in_usd(symbol) -%}
    not regexp_matches({{ symbol }}, '[.=^]')
{%- endmacro %}
