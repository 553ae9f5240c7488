{#- Slope on the market moved towards 1, to which betas return (Blume 1975); the weights are var `beta`. Null without a slope. -#}
{% macro blume_beta(slope) -%}
    {%- set beta = var('beta') -%}
    ({{ beta.slope_weight }} * {{ slope }} + {{ beta.market_weight }}) / cast({{ beta.slope_weight + beta.market_weight }} as double)
{%- endmacro %}
