-- grain: observation_date, symbol
select * from {{ ref('int_discount_rate_daily') }}
