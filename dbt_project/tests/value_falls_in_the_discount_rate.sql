-- The value of a cash flow falls strictly as the rate rises: only then is there one rate at most that gives a price.
with beside_lower_rate as (
    select
        observation_date,
        symbol,
        discount_rate,
        value_per_share,
        lag(value_per_share) over (partition by observation_date, symbol order by discount_rate) as value_at_lower_rate
    from {{ ref('fct_dcf_valuation') }}
)

select *
from beside_lower_rate
where value_per_share >= value_at_lower_rate or value_per_share <= 0
