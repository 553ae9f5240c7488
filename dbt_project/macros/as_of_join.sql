{#-
    Left join to the newest row not later: each left row meets at most one row of `relation`. `join_kind`: `left`, or `inner` for those alone that meet one.

    equal: list of equality conditions; not_later: one condition `left >= right` or `left > right` on the date or moment.
-#}
{% macro as_of_join(relation, alias, equal, not_later, join_kind='left') -%}
    {{ return(adapter.dispatch('as_of_join', 'ebbtide')(relation, alias, equal, not_later, join_kind)) }}
{%- endmacro %}

{% macro default__as_of_join(relation, alias, equal, not_later, join_kind) -%}
    asof {{ join_kind }} join {{ relation }} as {{ alias }}
        on {{ (equal + [not_later]) | join(' and ') }}
{%- endmacro %}

{#- Each row of `relation` holds until the next of the same key: a join on the key and the two ends. It adds the column as_of_until to the right side. -#}
{% macro spark__as_of_join(relation, alias, equal, not_later, join_kind) -%}
    {%- set prefix = alias ~ '.' -%}
    {%- set key = [] -%}
    {%- for condition in equal -%}
        {%- for side in condition.split(' = ') if (side | trim).startswith(prefix) -%}{%- do key.append((side | trim).removeprefix(prefix)) -%}{%- endfor -%}
    {%- endfor -%}
    {%- set is_strict = ' >= ' not in not_later -%}
    {%- set left, right = not_later.split(' > ' if is_strict else ' >= ') -%}
    {%- set moment = (right | trim).removeprefix(prefix) -%}
    {{ join_kind }} join (
        select
            *,
            lead({{ moment }}) over ({% if key %}partition by {{ key | join(', ') }} {% endif %}order by {{ moment }}) as as_of_until
        from {{ relation }}
    ) as {{ alias }}
        on
            {{ (equal + [not_later]) | join(' and ') }}
            and ({{ alias }}.as_of_until is null or {{ left }} {{ '<=' if is_strict else '<' }} {{ alias }}.as_of_until)
{%- endmacro %}
