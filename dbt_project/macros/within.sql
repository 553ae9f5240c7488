{#- A value held within bounds (`lowest`, `highest`); null stays null, on engines too where least and greatest pass it over. -#}
{% macro within(expression, bounds) -%}
    case when {{ expression }} is not null then least(greatest({{ expression }}, {{ bounds.lowest }}), {{ bounds.highest }}) end
{%- endmacro %}
