{#-
    Net creation of a day in USD: change in shares outstanding x net asset value (ICI Fact Book).

    Null on the first day and on a split, where shares jump by more than a quarter while assets stay within a tenth.
    Columns used: shares_outstanding, net_asset_value, observation_date; `partition` tells the funds apart.
-#}
{% macro fund_flow(partition) -%}
    {{ return(adapter.dispatch('fund_flow', 'ebbtide')(partition)) }}
{%- endmacro %}

{% macro default__fund_flow(partition) -%}
    {%- set fund = '(partition by ' ~ partition ~ ' order by observation_date)' -%}
    case
        when
            abs(ln(shares_outstanding / lag(shares_outstanding) over {{ fund }})) > ln(1.25)
            and abs(ln(
                shares_outstanding * net_asset_value
                / lag(shares_outstanding * net_asset_value) over {{ fund }}
            )) < 0.1
            then null
        else (shares_outstanding - lag(shares_outstanding) over {{ fund }}) * net_asset_value
    end
{%- endmacro %}
