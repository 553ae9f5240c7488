-- grain: manager_id, observation_date, known_at. How a manager moved between shares, technology and bond funds in a quarter, as known from each moment on
with moment as (
    select * from {{ ref('int_manager_moment') }}
),

position as (
    {{ manager_position('moment') }}
    where position_kind not in ('put', 'call')
),

portfolio as (
    select
        manager_id,
        observation_date,
        known_at,
        sum(value_usd) as value_usd,
        sum(value_before_usd) as value_before_usd,
        {{ known_share() }} as known_share,
        {{ active_change_share("sector = 'Information Technology' and asset_class in ('share', 'equity fund')") }} as technology_change_share,
        {{ active_change_share("asset_class in ('share', 'equity fund')") }} as equity_change_share,
        {{ active_change_share("asset_class = 'bond fund'") }} as bond_fund_change_share,
        max(available_at_source) as available_at_source,
        arg_max(file_id, row(value_usd, row_key)) as file_id,
        arg_max(row_key, row(value_usd, row_key)) as row_key
    from position
    group by manager_id, observation_date, known_at
),

manager as (
    select distinct
        manager_id,
        manager_kind
    from {{ ref('int_manager_filer') }}
)

select
    moment.manager_id,
    manager.manager_kind,
    {{ counts_in_breadth('manager.manager_kind') }} as counts_in_breadth,
    moment.observation_date,
    moment.before_date,
    moment.known_at,
    moment.known_until,
    moment.is_compared,
    portfolio.value_usd,
    portfolio.value_before_usd,
    portfolio.known_share,
    portfolio.technology_change_share,
    portfolio.equity_change_share,
    portfolio.bond_fund_change_share,
    portfolio.available_at_source,
    portfolio.file_id,
    portfolio.row_key
from moment
inner join portfolio
    on moment.manager_id = portfolio.manager_id and moment.observation_date = portfolio.observation_date and moment.known_at = portfolio.known_at
inner join manager on moment.manager_id = manager.manager_id
