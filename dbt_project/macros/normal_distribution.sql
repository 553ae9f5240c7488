{#-
    Cumulative standard normal distribution, for engines without erf: Hart's rational approximation in the form of West 2005,
    "Better approximations to cumulative normal functions", error below 1e-14. `x` is a column or a bracketed expression.
-#}
{% macro normal_distribution(x) -%}
    {{ return(adapter.dispatch('normal_distribution', 'ebbtide')(x)) }}
{%- endmacro %}

{% macro default__normal_distribution(x) -%}
    {%- set numerator = [0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871,
                         221.213596169931, 220.206867912376] -%}
    {%- set denominator = [0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674,
                           637.333633378831, 793.826512519948, 440.413735824752] -%}
    {%- set tail = 'exp(-' ~ x ~ ' * ' ~ x ~ ' / 2) * (' ~ horner(numerator, x) ~ ') / (' ~ horner(denominator, x) ~ ')' -%}
    -- beyond 7 standard deviations the probability is 0 or 1 to twelve digits
    case
        when {{ x }} > 7 then 1
        when {{ x }} < -7 then 0
        when {{ x }} > 0 then 1 - {{ tail }}
        else {{ tail }}
    end
{%- endmacro %}

{#- Polynomial in |x| by Horner's rule, coefficients from the highest power down. -#}
{% macro horner(coefficients, x) -%}
    {%- set ns = namespace(sql='cast(' ~ coefficients[0] ~ ' as double)') -%}
    {%- for coefficient in coefficients[1:] -%}
        {%- set ns.sql = '(' ~ ns.sql ~ ' * abs(' ~ x ~ ') + ' ~ coefficient ~ ')' -%}
    {%- endfor -%}
    {{ return(ns.sql) }}
{%- endmacro %}

{#-
    Share of the index, in points, that one unit of the standardised aggregate contributes: g(Z) = (100 Phi(Z) - 50) / Z, the
    Aumann-Shapley (integrated-gradient) weight; its limit 100 phi(0) = 39.894228 where |Z| < 1e-6.
-#}
{% macro contribution_weight(z) -%}
    {{ return(adapter.dispatch('contribution_weight', 'ebbtide')(z)) }}
{%- endmacro %}

{% macro default__contribution_weight(z) -%}
    case when abs({{ z }}) < 1e-6 then 39.894228040143267 else (100 * ({{ normal_distribution(z) }}) - 50) / {{ z }} end
{%- endmacro %}
