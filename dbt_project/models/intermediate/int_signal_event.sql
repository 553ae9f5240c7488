{#- The measured signals of the seed `signal`, each with its model int_signal__*: warehouse/dbt.py gives them to dbt. -#}
{%- set signals = var('measured_signals') -%}
-- grain: signal, moment at which its newest value changed. All measured signals in one relation
with every_signal as (
    {%- for signal in signals %}
    select * from {{ ref('int_signal__' ~ signal) }}
    {%- if not loop.last %}
    union all by name
    {%- endif %}
    {%- endfor %}
)

select
    every_signal.*,
    min(every_signal.available_at) over (
        partition by every_signal.signal_id, every_signal.source_observation_date
    ) as first_available_at
from every_signal
