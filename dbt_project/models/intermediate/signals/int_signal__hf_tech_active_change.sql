-- grain: moment at which the newest value changed. Managers' purchases less sales of technology shares and funds at the prices of the quarter before / their portfolios then (Grinblatt and Titman 1993).
with as_known as (
    select
        known_at as vintage_at,
        known_at,
        observation_date,
        technology_change_share as value,
        available_at_source,
        file_id,
        row_key
    from {{ ref('int_manager_breadth_as_known') }}
    where is_representative
)

{{ signal_event('hf_tech_active_change', 'as_known', [none, none, 1]) }}
