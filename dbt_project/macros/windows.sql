{#-
    Windows over the observations of a vintage. Each looks at a number of observations and is null where there are fewer or
    where they reach back further than `days` calendar days: a gap in the files must not pass for a short time.
-#}

{#- Mean of the last `count` observations. -#}
{% macro trailing_mean(expression, count, days, partition='vintage_at') -%}
    {{ return(adapter.dispatch('trailing', 'ebbtide')('avg', expression, count, days, partition)) }}
{%- endmacro %}

{#- Sum of the last `count` observations. -#}
{% macro trailing_sum(expression, count, days, partition='vintage_at') -%}
    {{ return(adapter.dispatch('trailing', 'ebbtide')('sum', expression, count, days, partition)) }}
{%- endmacro %}

{% macro default__trailing(aggregate, expression, count, days, partition) -%}
    {%- set frame = '(partition by ' ~ partition ~ ' order by observation_date rows between ' ~ (count - 1) ~ ' preceding and current row)' -%}
    case
        when count({{ expression }}) over {{ frame }} = {{ count }}
            and date_diff('day', min(observation_date) over {{ frame }}, observation_date) <= {{ days }}
            then {{ aggregate }}({{ expression }}) over {{ frame }}
    end
{%- endmacro %}

{#-
    Sum of a return over 63 sessions less beta times that of another; beta from the 252 sessions that ended 63 sessions ago, all
    of them within 490 calendar days.
-#}
{% macro trailing_residual(own_return, other_return, partition='vintage_at') -%}
    {{ return(adapter.dispatch('trailing_residual', 'ebbtide')(own_return, other_return, partition)) }}
{%- endmacro %}

{% macro default__trailing_residual(own_return, other_return, partition) -%}
    {%- set before = '(partition by ' ~ partition ~ ' order by observation_date rows between 314 preceding and 63 preceding)' -%}
    case
        when count({{ own_return }}) over {{ before }} = 252
            and date_diff('day', min(observation_date) over {{ before }}, observation_date) <= 490
            then
                {{ trailing_sum(own_return, 63, 105, partition) }}
                - regr_slope({{ own_return }}, {{ other_return }}) over {{ before }}
                * {{ trailing_sum(other_return, 63, 105, partition) }}
    end
{%- endmacro %}

{#- Value `count` observations earlier. -#}
{% macro earlier(expression, count, days, partition='vintage_at') -%}
    {{ return(adapter.dispatch('earlier', 'ebbtide')(expression, count, days, partition)) }}
{%- endmacro %}

{% macro default__earlier(expression, count, days, partition) -%}
    {%- set frame = '(partition by ' ~ partition ~ ' order by observation_date)' -%}
    case
        when date_diff('day', lag(observation_date, {{ count }}) over {{ frame }}, observation_date) <= {{ days }}
            then lag({{ expression }}, {{ count }}) over {{ frame }}
    end
{%- endmacro %}
