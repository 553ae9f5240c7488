{#-
    A company's name for comparison: capitals and digits only, without legal forms, articles and words for the kind of share,
    so that 'Meta Platforms, Inc.' and 'META PLATFORMS INC CLASS A' are the same.
-#}
{% macro plain_name(name) -%}
    trim(regexp_replace(regexp_replace(
        regexp_replace(upper({{ name }}), '[^A-Z0-9 ]+', ' ', 'g'),
        '\b(THE|INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|COS|PLC|LTD|LIMITED|LLC|LP|L P|SA|S A|NV|N V|AG|AB|SE|TR|TRUST|GROUP|HOLDINGS?|HLDGS?|COM|COMMON|STOCK|STK|CAP|CLASS [A-C]|CL [A-C]|SHS?|SHARES?|ORD|ORDINARY|NPV|NEW|DEL|USD[0-9]*|UNITS?|UNIT SER [0-9]|ADR|ADS|SPONSORED)\b',
        ' ', 'g'
    ), ' +', ' ', 'g'))
{%- endmacro %}

{#- A symbol for comparison: what one writes BRK.B, another BRK-B or BRKB. -#}
{% macro plain_symbol(symbol) -%}
    regexp_replace(upper({{ symbol }}), '[^A-Z0-9]', '', 'g')
{%- endmacro %}
