{#- Each row is identified by the columns of config.meta.grain, none of which is null. -#}
{% test unique_grain(model) %}
{%- set grain = [] -%}
{%- if execute -%}
    {#- by its key: dbt copies every node that is looked at, so that a search through all of them would be most of the test -#}
    {%- set node = graph.nodes.get('model.' ~ project_name ~ '.' ~ model.identifier) or graph.nodes['seed.' ~ project_name ~ '.' ~ model.identifier] -%}
    {%- do grain.extend(node.config.meta.grain) -%}
{%- endif -%}
select
    {{ grain | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ grain | join(', ') }}
having count(*) > 1 or {% for column in grain %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
