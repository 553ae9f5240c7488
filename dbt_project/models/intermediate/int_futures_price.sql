-- grain: contract_code, observation_date. Price of what a futures contract is on, in USD, newest versions known
with contract as (
    select * from {{ ref('futures_contract') }}
),

price as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
),

fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

index_level as (
    {{ latest_version(ref('stg_cboe__index_level'), ['index_name', 'observation_date']) }}
),

every_price as (
    select
        'price' as price_source,
        symbol as price_key,
        observation_date,
        arg_min(close, adjustment) as price
    from price
    group by symbol, observation_date
    union all
    select
        'fred' as price_source,
        series_id as price_key,
        observation_date,
        value as price
    from fred
    union all
    select
        'fred_inverse' as price_source,
        series_id as price_key,
        observation_date,
        {{ safe_divide('1', 'value') }} as price
    from fred
    union all
    select
        'cboe' as price_source,
        index_name as price_key,
        observation_date,
        close as price
    from index_level
)

select
    contract.contract_code,
    every_price.observation_date,
    every_price.price,
    contract.units_per_contract * every_price.price as contract_value_usd
from every_price
inner join contract
    on every_price.price_source = contract.price_source and every_price.price_key = contract.price_key
where every_price.price is not null
