-- grain: portfolio, sample, horizon_days. What each defence takes off the tail of a 60/40 portfolio, and what it costs.
with figure as (
    select * from {{ ref('int_defence') }}
),

plain as (
    select * from figure
    where portfolio = '60/40'
),

held as (
    select
        portfolio,
        min(observation_date) as first_observation_date,
        max(observation_date) as last_observation_date,
        avg(weight_us_shares) as weight_us_shares,
        avg(weight_emerging_asian_shares) as weight_emerging_asian_shares,
        avg(weight_treasury_bonds) as weight_treasury_bonds,
        avg(weight_gold) as weight_gold,
        avg(weight_yen) as weight_yen,
        avg(weight_vix_futures) as weight_vix_futures,
        avg(weight_treasury_futures) as weight_treasury_futures
    from {{ ref('int_defence_day') }}
    group by portfolio
)

select
    figure.portfolio,
    figure.sample,
    figure.horizon_days,
    figure.cases,
    figure.mean_return,
    figure.expected_shortfall,
    figure.largest_drawdown,
    figure.carry,
    held.first_observation_date,
    held.last_observation_date,
    held.weight_us_shares,
    held.weight_emerging_asian_shares,
    held.weight_treasury_bonds,
    held.weight_gold,
    held.weight_yen,
    held.weight_vix_futures,
    held.weight_treasury_futures,
    plain.expected_shortfall - figure.expected_shortfall as shortfall_taken_off,
    plain.largest_drawdown - figure.largest_drawdown as drawdown_taken_off,
    plain.carry - figure.carry as carry_given_up
from figure
inner join plain on figure.sample = plain.sample and figure.horizon_days = plain.horizon_days
inner join held on figure.portfolio = held.portfolio
