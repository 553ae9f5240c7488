{#-
    How tables and views of target `spark` are made. The SQL of a model follows the mark, in DuckDB's words; warehouse/spark.py puts it into Spark's on its way
    to the session. Types of a contract are cast to, so that a mart has them on both engines.
-#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
    create table {{ relation }} using parquet as
    {{ translated_below() }}
    {% if config.get('contract').enforced -%}
    select
        {%- for column in model.columns.values() %}
        cast({{ column.name }} as {{ column.data_type }}) as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
    {{ compiled_code }}
    ) as model
    {%- else -%}
    {{ compiled_code }}
    {%- endif %}
{%- endmacro %}

{% macro spark__create_view_as(relation, sql) -%}
    create or replace view {{ relation }} as
    {{ translated_below() }}
    {{ sql }}
{%- endmacro %}

{% macro translated_below() -%}
    /* translated below */
{%- endmacro %}

{#- Spark has schemas and no databases above them. -#}
{% macro spark__generate_database_name(custom_database_name=none, node=none) -%}
    {{ return(none) }}
{%- endmacro %}
