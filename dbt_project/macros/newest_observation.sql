{#-
    Of all versions, those that were about the newest observation when they became known: one row a moment at which the newest
    value changed. What is learnt later about an older observation is no news about the newest one.

    relation: versions with observation_date, available_at, file_id, file_row_number; partition: columns that tell the series apart.
-#}
{% macro newest_observation(relation, partition) -%}
    {{ return(adapter.dispatch('newest_observation', 'ebbtide')(relation, partition)) }}
{%- endmacro %}

{% macro default__newest_observation(relation, partition) -%}
    {%- set series = partition | join(', ') -%}
    select *
    from {{ relation }}
    qualify
        observation_date = max(observation_date) over (
            partition by {{ series }} order by available_at range between unbounded preceding and current row
        )
        and row_number() over (
            partition by {{ series }}, available_at order by observation_date desc, file_id desc, file_row_number desc
        ) = 1
{%- endmacro %}
