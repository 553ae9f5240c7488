{#-
    A column of numbers to 40 of their 53 binary digits, twelve decimal ones: what is the same figure, but summed in another order or by another engine, differs in the last
    ones only, and is to count as high. By Dekker (1971), A floating-point technique for extending the available precision; 8193 is 2^13 + 1.
-#}
{% macro without_last_digits(number) -%}
    {{ number }} * 8193 - ({{ number }} * 8193 - {{ number }})
{%- endmacro %}
