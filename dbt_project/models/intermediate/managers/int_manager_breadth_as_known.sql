-- grain: known_at, observation_date. Active changes of all managers that decide what they hold, for the newest quarters, as known at each moment
with manager as (
    select
        *,
        {{ stock_to_bond_switch('equity_change_share', 'bond_fund_change_share') }} as stock_to_bond_switch
    from {{ ref('int_manager_rotation_as_known') }}
    where counts_in_breadth
),

moment as (
    select distinct known_at
    from manager
),

-- the newest quarter, two more that a signal may be about and one before them
quarter as (
    select
        moment.known_at,
        manager.observation_date,
        manager.before_date,
        count(*) as managers_reporting,
        count(manager.stock_to_bond_switch) as managers_compared,
        -- sums in another order differ in their last bits: no news
        round({{ safe_divide(
            'sum(manager.technology_change_share * manager.value_before_usd)',
            'sum(manager.value_before_usd) filter (where manager.technology_change_share is not null)'
        ) }}, 12) as technology_change_share,
        {{ safe_divide('count(*) filter (where manager.stock_to_bond_switch)', 'count(manager.stock_to_bond_switch)') }} as switch_breadth,
        max(manager.available_at_source) as available_at_source,
        arg_max(manager.file_id, row(manager.value_usd, manager.row_key)) as file_id,
        arg_max(manager.row_key, row(manager.value_usd, manager.row_key)) as row_key
    from moment
    inner join manager
        on
            moment.known_at >= manager.known_at
            and (manager.known_until is null or moment.known_at < manager.known_until)
            and manager.observation_date >= cast(moment.known_at as date) - 500
    group by moment.known_at, manager.observation_date, manager.before_date
)

-- once enough managers have filed for a quarter, it stays the one the signals are about
select
    quarter.known_at,
    quarter.observation_date,
    quarter.managers_compared,
    coalesce(before.managers_reporting, 0) as managers_expected,
    max({{ safe_divide('quarter.managers_compared', 'before.managers_reporting') }}) over (
        partition by quarter.observation_date order by quarter.known_at
    ) >= {{ var('manager_rotation').filed_share }} as is_representative,
    quarter.technology_change_share,
    quarter.switch_breadth,
    quarter.available_at_source,
    quarter.file_id,
    quarter.row_key
from quarter
left join quarter as before on quarter.known_at = before.known_at and quarter.before_date = before.observation_date
