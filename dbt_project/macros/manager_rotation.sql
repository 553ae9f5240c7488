{#-
    Active change of the rows where `condition` holds, as share of the holdings before; options left out by the caller. Null where too little of the
    holdings before has a known asset class: what is not known must not look like what did not change.
-#}
{% macro active_change_share(condition) -%}
    case
        when {{ known_share() }} >= {{ var('manager_rotation').known_share }}
            then {{ safe_divide('coalesce(sum(active_change_usd) filter (where ' ~ condition ~ '), 0)', 'sum(value_before_usd)') }}
    end
{%- endmacro %}

{#- Share of the holdings before whose asset class is known. -#}
{% macro known_share() -%}
    1 - {{ safe_divide("coalesce(sum(value_before_usd) filter (where asset_class = 'unknown'), 0)", 'sum(value_before_usd)') }}
{%- endmacro %}

{#- Whether a manager went from shares to bonds: active changes as shares of the portfolio before; null where they are. -#}
{% macro stock_to_bond_switch(equity_change_share, bond_fund_change_share) -%}
    ({{ equity_change_share }} < -{{ var('manager_rotation').switch_share }}
    and {{ bond_fund_change_share }} > {{ var('manager_rotation').switch_share }})
{%- endmacro %}

{#- Whether a manager counts among those who decide what they hold. -#}
{% macro counts_in_breadth(manager_kind) -%}
    {{ manager_kind }} not in ({% for kind in var('manager_rotation').left_out_kinds %}'{{ kind }}'{% if not loop.last %}, {% endif %}{% endfor %})
{%- endmacro %}
