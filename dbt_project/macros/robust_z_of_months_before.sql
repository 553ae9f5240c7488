{#-
    Robust z of a value of a month among the months before it: (value - median) / (1.4826 x median absolute deviation), clipped to the var z_clip.

    Null with fewer than `minimum` values in the window, and where more than half of them are one value. Column used: month_number, which counts months.
-#}
{% macro robust_z_of_months_before(value, months, minimum, partition) -%}
    {{ return(adapter.dispatch('robust_z_of_months_before', 'ebbtide')(value, months, minimum, partition)) }}
{%- endmacro %}

{% macro default__robust_z_of_months_before(value, months, minimum, partition) -%}
    {%- set before = '(partition by ' ~ partition ~ ' order by month_number range between ' ~ months ~ ' preceding and 1 preceding)' -%}
    {%- set median = 'median(' ~ value ~ ') over ' ~ before -%}
    {%- set deviation = 'mad(' ~ value ~ ') over ' ~ before -%}
    case
        when count({{ value }}) over {{ before }} >= {{ minimum }} and {{ deviation }} > 0
            then {{ robust_z(value, median, '(1.4826 * ' ~ deviation ~ ')', 1) }}
    end
{%- endmacro %}
