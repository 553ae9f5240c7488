-- grain: manager_id, observation_date, cusip, position_kind. Holdings of managers and their change, split into shares and price, as known at the as-of
with quarter as (
    select * from {{ ref('int_manager_quarter') }}
    where complete_at <= {{ as_of() }}
),

moment as (
    select
        quarter.manager_id,
        quarter.observation_date,
        quarter.before_date,
        {{ as_of() }} as known_at,
        before.manager_id is not null as is_compared
    from quarter
    left join quarter as before on quarter.manager_id = before.manager_id and quarter.before_date = before.observation_date
),

position as (
    {{ manager_position('moment') }}
),

-- options stand beside the portfolio
portfolio as (
    select
        manager_id,
        observation_date,
        sum(value_usd) as value_usd
    from position
    where asset_class <> 'option'
    group by manager_id, observation_date
),

manager as (
    select distinct
        manager_id,
        manager_name,
        manager_kind
    from {{ ref('int_manager_filer') }}
)

select
    position.observation_date,
    position.manager_id,
    manager.manager_name,
    manager.manager_kind,
    position.cusip,
    position.position_kind,
    position.ticker,
    position.issuer_name,
    position.asset_class,
    position.sector,
    case when position.position_kind <> 'convertible' then position.quantity end as shares,
    case when position.position_kind = 'convertible' then position.quantity end as principal_usd,
    position.value_usd,
    {{ safe_divide('position.value_usd', 'portfolio.value_usd') }} as weight,
    position.split_ratio,
    case when position.position_kind <> 'convertible' then position.quantity_before end as shares_before,
    case when position.position_kind <> 'convertible' then position.quantity - position.quantity_before end as share_change,
    position.value_before_usd,
    position.price_before_usd,
    position.value_usd - position.value_before_usd as value_change_usd,
    position.active_change_usd,
    position.value_usd - position.value_before_usd - position.active_change_usd as price_effect_usd,
    position.value_unit_corrected,
    position.available_at,
    position.file_id,
    position.row_key
from position
inner join manager on position.manager_id = manager.manager_id
left join portfolio on position.manager_id = portfolio.manager_id and position.observation_date = portfolio.observation_date
