-- Shares of the inflows of a month add up to 1 where a destination that ever has a share takes in more than usual; there are none elsewhere.
with destination as (
    select
        observation_date,
        standardised_inflow,
        share_of_inflows,
        count(share_of_inflows) over (partition by destination) > 0 as can_have_share
    from {{ ref('fct_capital_destination_monthly') }}
),

by_month as (
    select
        observation_date,
        sum(share_of_inflows) as share_sum,
        coalesce(max(standardised_inflow) filter (where can_have_share) > 0, false) as has_inflow
    from destination
    group by observation_date
)

select *
from by_month
where case when has_inflow then coalesce(abs(share_sum - 1) > 1e-9, true) else share_sum is not null end
