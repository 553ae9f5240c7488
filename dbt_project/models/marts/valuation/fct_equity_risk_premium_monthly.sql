-- grain: source_table, observation_date
with current_version as (
    {{ latest_version(ref('int_implied_premium'), ['source_table', 'observation_date']) }}
),

-- he rounds premium and inputs to a basis point
compared as (
    select
        *,
        10000 * (implied_premium - published_premium) as difference_basis_points,
        10000 * abs(implied_premium - published_premium) <= 1 as is_reproduced
    from current_version
    where observation_date <= {{ last_ended_day() }}
)

select
    source_table,
    observation_date,
    implied_premium,
    status,
    implied_return,
    bond_rate,
    index_level,
    cash_flow,
    expected_growth,
    published_variant,
    published_premium,
    difference_basis_points,
    is_reproduced,
    premium_sustainable_payout,
    premium_trailing_adjusted,
    premium_smoothed,
    premium_normalized,
    premium_net_cash_yield,
    premium_covid_adjusted,
    available_at,
    file_id,
    row_key
from compared
