-- Shares of the inflows of a month add up to 1 where a destination that has a share takes in more than usual; there are none elsewhere.
with by_month as (
    select
        destination.observation_date,
        sum(destination.share_of_inflows) as share_sum,
        coalesce(max(destination.standardised_inflow) filter (where seed.is_in_shares) > 0, false) as has_inflow
    from {{ ref('fct_capital_destination_monthly') }} as destination
    inner join {{ ref('capital_destination') }} as seed on destination.destination = seed.destination
    group by destination.observation_date
)

select *
from by_month
where case when has_inflow then coalesce(abs(share_sum - 1) > 1e-9, true) else share_sum is not null end
