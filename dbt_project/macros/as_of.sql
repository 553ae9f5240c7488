{#- The moment this build sees the world from (timestamp, UTC): the one row of meta.build_in_progress. -#}
{% macro as_of() -%}
    {{ return(adapter.dispatch('as_of', 'ebbtide')()) }}
{%- endmacro %}

{% macro default__as_of() -%}
    (select build.as_of from {{ source('meta', 'build_in_progress') }} as build)
{%- endmacro %}

{#- Last day that has ended at the moment the build sees the world from. A day ends at 24:00 UTC; 23:59:59 counts as ended. -#}
{% macro last_ended_day() -%}
    {{ return(adapter.dispatch('last_ended_day', 'ebbtide')()) }}
{%- endmacro %}

{% macro default__last_ended_day() -%}
    (select cast(build.as_of + interval '1 second' as date) - 1 from {{ source('meta', 'build_in_progress') }} as build)
{%- endmacro %}

{#- The four columns of lineage every staging model ends with. `key` lists the columns that identify an observation. -#}
{% macro lineage(key) -%}
    _available_at as available_at,
    _available_at_source as available_at_source,
    cast(_file_id as bigint) as file_id,
    cast(_row_number as bigint) as file_row_number,
    concat_ws('|', {{ key | join(', ') }}) as row_key
{%- endmacro %}
