{#-
    Fails a model or seed whose rows are not identified by the columns of config.meta.grain, once it is written; what reads it is not built then.

    It runs as a post-hook: a test of dbt's is a node of its own, which costs many times its statement.
-#}
{% macro check_grain() -%}
    {%- set meta = model.config.meta -%}
    {%- if execute and meta.get('grain_tested', true) -%}
        {%- for row in run_query(broken_grain(this, meta.grain)) -%}
            {%- set key = [] -%}
            {%- for column in meta.grain -%}
                {%- do key.append(column ~ ' ' ~ row[column]) -%}
            {%- endfor -%}
            {%- do exceptions.raise_compiler_error(
                'grain of ' ~ this ~ ' is broken: its columns ' ~ meta.grain | join(', ') ~ ' identify a row and are never null, but '
                ~ row['row_count'] ~ ' row(s) have ' ~ key | join(', ')
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- A key of the grain that more than one row has or that lacks a column, with the number of its rows. -#}
{% macro broken_grain(relation, grain) -%}
    select
        {{ grain | join(', ') }},
        count(*) as row_count
    from {{ relation }}
    group by {{ grain | join(', ') }}
    having count(*) > 1 or {% for column in grain %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
    limit 1
{%- endmacro %}
