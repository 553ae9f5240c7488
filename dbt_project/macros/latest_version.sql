{#-
    The newest version of each key, for marts that show the current view.

    relation: a staging model; key: columns that identify an observation.
-#}
{% macro latest_version(relation, key) -%}
    {{ return(adapter.dispatch('latest_version', 'ebbtide')(relation, key)) }}
{%- endmacro %}

{% macro default__latest_version(relation, key) -%}
    select *
    from {{ relation }}
    qualify row_number() over (partition by {{ key | join(', ') }} order by available_at desc, file_id desc, file_row_number desc) = 1
{%- endmacro %}
