{#- Severity of a measure by the thresholds of a rule (var `alert`). -#}
{% macro alert_severity(measure, thresholds) -%}
    case
        when {{ measure }} >= {{ thresholds.critical }} then 'critical'
        when {{ measure }} >= {{ thresholds.warning }} then 'warning'
        else 'information'
    end
{%- endmacro %}

{#- The lines of var `alert.level`, a row a signal; a line is crossed upwards where `leave` lies below `enter`. -#}
{% macro alert_level() -%}
    {%- for signal_id, line in var('alert').level.items() %}
    select
        '{{ signal_id }}' as signal_id,
        cast({{ line.enter }} as double) as enter_level,
        cast({{ line.leave }} as double) as leave_level,
        {{ 'true' if line.leave <= line.enter else 'false' }} as is_upwards,
        '{{ line.severity }}' as severity
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
