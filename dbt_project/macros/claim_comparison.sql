{#-
    The comparisons a claim may make; docs/claims.md defines each in words.

    Columns they read: of the claim comparison, value_from, value_to, tolerance_from, tolerance, period_from; of what was measured start_value, end_value and
    since_date (int_claim_measurement), measured_from and measured_to.
-#}

{#- Whether a comparison looks at a start and an end; the others read one value from the period. -#}
{% macro claim_compares_change() -%}
    comparison in (
        'change_between', 'change_rate', 'change_amount', 'direction_up', 'direction_down', 'rises_to', 'crosses_above', 'not_below_start'
    )
{%- endmacro %}

{#- Whether a comparison needs the level of what is claimed: a stand-in has a direction in common with it, no level. -#}
{% macro claim_compares_level() -%}
    comparison in ('level', 'change_between', 'change_amount', 'above', 'below', 'between', 'crosses_above', 'rises_to')
{%- endmacro %}

{#- Whether rounding a value, or cutting it off, at the last digit printed gives the figure claimed; the tolerance is half a unit of that digit. -#}
{% macro claim_agrees(value, claimed, tolerance) -%}
    (
        abs({{ value }} - {{ claimed }}) <= {{ tolerance }}
        or {{ value }} * {{ claimed }} > 0 and abs({{ value }}) >= abs({{ claimed }}) and abs({{ value }}) < abs({{ claimed }}) + 2 * {{ tolerance }}
    )
{%- endmacro %}

{% macro claim_measured_from() -%}
    case when {{ claim_compares_change() }} and comparison not in ('change_rate', 'change_amount') then start_value end
{%- endmacro %}

{% macro claim_measured_to() -%}
    case comparison
        when 'change_rate' then {{ safe_divide('end_value', 'start_value') }} - 1
        when 'change_amount' then end_value - start_value
        else end_value
    end
{%- endmacro %}

{#- Whether the claim holds; null where a value is missing. -#}
{% macro claim_holds() -%}
    case comparison
        when 'level' then {{ claim_agrees('measured_to', 'value_to', 'tolerance') }}
        when 'change_between'
            then {{ claim_agrees('measured_from', 'value_from', 'tolerance_from') }} and {{ claim_agrees('measured_to', 'value_to', 'tolerance') }}
        when 'change_rate' then {{ claim_agrees('measured_to', 'value_to', 'tolerance') }}
        when 'change_amount' then {{ claim_agrees('measured_to', 'value_to', 'tolerance') }}
        when 'direction_up' then measured_to > measured_from
        when 'direction_down' then measured_to < measured_from
        when 'above' then measured_to > value_to
        when 'below' then measured_to < value_to
        when 'between' then measured_to between value_from and value_to
        when 'crosses_above' then measured_from <= value_to and measured_to > value_to
        when 'rises_to' then measured_to > measured_from and {{ claim_agrees('measured_to', 'value_to', 'tolerance') }}
        when 'rank_lowest' then measured_to = value_to
        when 'rank_highest' then measured_to = value_to
        when 'highest_since' then {{ claim_is_extreme_since() }}
        when 'lowest_since' then {{ claim_is_extreme_since() }}
        when 'not_below_start' then measured_to >= measured_from - tolerance
        when 'regime_is' then measured_to > 0.5
    end
{%- endmacro %}

{#- Not as high (low) since the month in which the period begins, and at the figure claimed where there is one. -#}
{% macro claim_is_extreme_since() -%}
    (since_date is null or since_date <= last_day(period_from))
    and case when value_to is null then measured_to is not null else {{ claim_agrees('measured_to', 'value_to', 'tolerance') }} end
{%- endmacro %}

{#- A figure as a sentence shows it. -#}
{% macro claim_figure(value) -%}
    case
        when abs({{ value }}) >= 1e9 then format('{:,.1f}bn', {{ value }} / 1e9)
        when abs({{ value }}) >= 1e6 then format('{:,.1f}mn', {{ value }} / 1e6)
        when abs({{ value }}) >= 1000 then format('{:,.0f}', {{ value }})
        else format('{:.4g}', {{ value }})
    end
{%- endmacro %}

{#- Growth at which a Gordon model of one cash flow gives two prices at two discount rates: price x (rate - g) is the same at both. -#}
{% macro gordon_growth(price, rate, other_price, other_rate) -%}
    {{ safe_divide('(' ~ other_price ~ ' * ' ~ other_rate ~ ' - ' ~ price ~ ' * ' ~ rate ~ ')', '(' ~ other_price ~ ' - ' ~ price ~ ')') }}
{%- endmacro %}

{#- Market value of which a lower multiple takes away a loss. -#}
{% macro value_behind_loss(loss, multiple_before, multiple) -%}
    {{ safe_divide(loss, '(1 - ' ~ safe_divide(multiple, multiple_before) ~ ')') }}
{%- endmacro %}

{#- Market value that a lower multiple takes away, the other way round: above 0 where the multiple fell. -#}
{% macro value_at_stake(market_value, multiple_before, multiple) -%}
    {{ safe_divide(market_value ~ ' * (' ~ multiple_before ~ ' - ' ~ multiple ~ ')', multiple_before) }}
{%- endmacro %}
