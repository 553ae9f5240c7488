-- grain: moment at which the newest value changed. Share of managers whose active change was below -2% of the portfolio in shares and above 2% in bond funds (Grinblatt and Titman 1993).
with as_known as (
    select
        known_at as vintage_at,
        known_at,
        observation_date,
        switch_breadth as value,
        available_at_source,
        file_id,
        row_key
    from {{ ref('int_manager_breadth_as_known') }}
    where is_representative
)

{{ signal_event('stock_bond_switch_breadth', 'as_known', [none, none, 1]) }}
