{#-
    Tables and views take the place of those of the build before in one transaction.

    dbt's own materializations make each under a second name, rename both and drop the old one afterwards: five more statements and a commit a model,
    for readers who look meanwhile. Nobody reads these files before they are published; on the lake, where each commit is one of PostgreSQL, they cost
    a fifth of the build.
-#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {{ drop_of_build_before() }}
    {%- if model.language == 'python' -%}
        {#- it writes on a connection of its own -#}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {% call statement('main', language=model.language) -%}
        {{ create_table_as(False, target, compiled_code, model.language) }}
    {%- endcall %}
    {{ placed(target) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {{ drop_of_build_before() }}
    {% call statement('main') -%}
        {{ create_view_as(target, sql) }}
    {%- endcall %}
    {{ placed(target) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- Begins the transaction when there is anything to drop. -#}
{% macro drop_of_build_before() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none -%}
        {% call statement('drop_of_build_before') -%}
            drop {{ existing.type }} if exists {{ existing }}
        {%- endcall %}
    {%- endif -%}
{%- endmacro %}

{#- Comments of the columns that the YAML declares. A contract sees to it that the table has them; dbt's own macro looks that up, a fifth of a mart's build. -#}
{% macro duckdb__alter_column_comment(relation, column_dict) -%}
    {%- for name, column in column_dict.items() %}
        comment on column {{ relation }}.{{ name }} is {{ duckdb_escape_comment(column.description) }};
    {%- endfor %}
{%- endmacro %}

{#- Hooks, comments and commit of what was just made. -#}
{% macro placed(relation) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(relation, model) -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
{%- endmacro %}
