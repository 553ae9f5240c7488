-- grain: symbol, observation_date. Splits by the first day in the new shares, each with the product of those up to it
with newest as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
)

select
    symbol,
    observation_date,
    split_ratio,
    product(split_ratio) over (partition by symbol order by observation_date) as shares_for_one
from newest
where adjustment = 'split' and split_ratio > 0 and split_ratio <> 1
