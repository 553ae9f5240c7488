-- grain: manager_id, observation_date, sector, asset_class. What managers hold of each sector and asset class, and how they moved between them
with position as (
    select * from {{ ref('fct_manager_position_quarterly') }}
),

part as (
    select
        observation_date,
        manager_id,
        manager_name,
        manager_kind,
        sector,
        asset_class,
        count(*) filter (where value_usd > 0) as positions,
        sum(value_usd) as value_usd,
        sum(value_before_usd) as value_before_usd,
        sum(active_change_usd) as active_change_usd,
        sum(price_effect_usd) as price_effect_usd,
        max(available_at) as available_at,
        arg_max(file_id, row(value_usd, row_key)) as file_id,
        arg_max(row_key, row(value_usd, row_key)) as row_key
    from position
    group by observation_date, manager_id, manager_name, manager_kind, sector, asset_class
),

-- options stand beside the portfolio: their value is that of the shares they are on
portfolio as (
    select
        observation_date,
        manager_id,
        manager_kind,
        sum(value_usd) as value_usd,
        sum(value_before_usd) as value_before_usd,
        {{ known_share() }} as known_share,
        {{ active_change_share("asset_class in ('share', 'equity fund')") }} as equity_change_share,
        {{ active_change_share("asset_class = 'bond fund'") }} as bond_fund_change_share
    from part
    where asset_class <> 'option'
    group by observation_date, manager_id, manager_kind
),

judged as (
    select
        *,
        {{ stock_to_bond_switch('equity_change_share', 'bond_fund_change_share') }} as stock_to_bond_switch,
        {{ counts_in_breadth('manager_kind') }} as counts_in_breadth
    from portfolio
),

breadth as (
    select
        observation_date,
        count(stock_to_bond_switch) as managers_compared,
        count(*) filter (where stock_to_bond_switch) as managers_switching
    from judged
    where counts_in_breadth
    group by observation_date
)

select
    part.observation_date,
    part.manager_id,
    part.manager_name,
    part.manager_kind,
    part.sector,
    part.asset_class,
    part.positions,
    part.value_usd,
    {{ safe_divide('part.value_usd', 'judged.value_usd') }} as weight,
    part.value_before_usd,
    part.active_change_usd,
    part.price_effect_usd,
    {{ safe_divide('part.active_change_usd', 'judged.value_before_usd') }} as active_change_share,
    {{ safe_divide('part.active_change_usd', 'part.value_before_usd') }} as active_change_of_holding,
    judged.known_share,
    judged.equity_change_share,
    judged.bond_fund_change_share,
    judged.stock_to_bond_switch,
    coalesce(breadth.managers_compared, 0) as managers_compared,
    coalesce(breadth.managers_switching, 0) as managers_switching,
    {{ safe_divide('breadth.managers_switching', 'breadth.managers_compared') }} as switch_breadth,
    part.available_at,
    part.file_id,
    part.row_key
from part
inner join judged on part.observation_date = judged.observation_date and part.manager_id = judged.manager_id
left join breadth on part.observation_date = breadth.observation_date
