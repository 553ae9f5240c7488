{#- Each row is identified by the columns of config.meta.grain, none of which is null. -#}
{% test unique_grain(model) %}
{%- set grain = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed'] and node.name == model.identifier -%}
        {%- do grain.extend(node.config.meta.grain) -%}
    {%- endfor -%}
{%- endif -%}
select
    {{ grain | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ grain | join(', ') }}
having count(*) > 1 or {% for column in grain %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
