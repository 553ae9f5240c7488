{#-
    Left join to the newest row not later: each left row meets at most one row of `relation`.

    equal: list of equality conditions; not_later: one condition `left >= right` on the date or moment.
-#}
{% macro as_of_join(relation, alias, equal, not_later) -%}
    {{ return(adapter.dispatch('as_of_join', 'ebbtide')(relation, alias, equal, not_later)) }}
{%- endmacro %}

{% macro default__as_of_join(relation, alias, equal, not_later) -%}
    asof left join {{ relation }} as {{ alias }}
        on {{ (equal + [not_later]) | join(' and ') }}
{%- endmacro %}
