{#-
    From the cross-border transactions and holdings of a vintage (stg_tic__security_flow, measures `net` and `pos`) to one row
    a month with both, as far as both are known. Lineage is that of the transactions.

    relation  rows of vintages (see trailing_as_known), a row a measure and month
-#}
{% macro purchases_and_holdings(relation) -%}
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        max(amount_usd) filter (where measure = 'net') as purchases,
        max(amount_usd) filter (where measure = 'pos') as holdings,
        max(file_id) filter (where measure = 'net') as file_id,
        max(row_key) filter (where measure = 'net') as row_key,
        max(available_at_source) as available_at_source
    from {{ relation }}
    group by vintage_at, observation_date
    having purchases is not null and holdings is not null
{%- endmacro %}
