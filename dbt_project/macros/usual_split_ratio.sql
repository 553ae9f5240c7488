{#- The usual ratio of a split (new shares for an old one, or 1) next to a figure; null where none is within `tolerance`, a share of it. -#}
{% macro usual_split_ratio(ratio, tolerance) -%}
    {%- set forward = [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100] -%}
    {%- set usual = [] -%}
    {%- for each in forward | reverse -%}{%- do usual.append(1 / each) -%}{%- endfor -%}
    {%- do usual.append(1) -%}
    {%- for each in forward -%}{%- do usual.append(each) -%}{%- endfor -%}
    case
        {%- for each in usual %}
        -- the geometric mean of two ratios is half way between them
        when {% if not loop.last %}{{ ratio }} <= sqrt({{ each }} * {{ loop.nextitem }}){% else %}true{% endif %}
            then case when abs(ln({{ ratio }} / {{ each }})) <= ln(1 + {{ tolerance }}) then cast({{ each }} as double) end
        {%- endfor %}
    end
{%- endmacro %}
