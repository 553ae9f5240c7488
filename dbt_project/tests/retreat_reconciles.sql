-- What left US shares is what arrived elsewhere and what is not explained, to the cent, in every month in which all is known; and each month says what is not explained.
with by_month as (
    select
        observation_date,
        bool_and(is_complete) as is_complete,
        sum(amount_usd) filter (where side = 'out') as out_usd,
        sum(amount_usd) filter (where side = 'arrived') as arrived_usd,
        sum(amount_usd) filter (where side = 'residual') as residual_usd,
        count(*) filter (where side = 'residual') as residual_rows
    from {{ ref('fct_retreat_reconciliation_monthly') }}
    group by observation_date
)

select *
from by_month
where
    residual_rows <> 1
    or case when is_complete then coalesce(abs(out_usd - arrived_usd - residual_usd) > 0.005, true) else residual_usd is not null end
