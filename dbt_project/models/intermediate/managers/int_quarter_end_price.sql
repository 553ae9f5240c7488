-- grain: plain_symbol, observation_date, available_at. Last close of each quarter, adjusted for splits known then, as it was known from each moment on
with close_near_end as (
    select
        {{ plain_symbol('symbol') }} as plain_symbol,
        last_day(cast(date_trunc('quarter', observation_date) + interval 2 month as date)) as quarter_end,
        observation_date as price_date,
        close,
        available_at,
        file_id,
        file_row_number
    from {{ ref('stg_price__daily') }}
    -- no indices, currencies or shares listed abroad
    where adjustment = 'split' and close > 0 and {{ is_traded_in_usd('symbol') }}
)

select distinct
    plain_symbol,
    quarter_end as observation_date,
    available_at,
    arg_max(close, row(price_date, available_at, file_id, file_row_number)) over known as close
from close_near_end
where date_diff('day', price_date, quarter_end) <= 6
window
    known as (partition by plain_symbol, quarter_end order by available_at range between unbounded preceding and current row)
