-- Contributions of the core blocks add up to the index less 50, and so do those of the signals.
with by_block as (
    select
        observation_date,
        retreat_index - 50 as expected,
        hedging_contribution + leverage_contribution + flows_contribution + positioning_contribution + impact_contribution as block_sum
    from {{ ref('fct_retreat_index_daily') }}
),

by_signal as (
    select
        observation_date,
        sum(contribution) as signal_sum
    from {{ ref('fct_signal_daily') }}
    group by observation_date
)

select
    by_block.*,
    by_signal.signal_sum
from by_block
inner join by_signal on by_block.observation_date = by_signal.observation_date
where abs(by_block.block_sum - by_block.expected) > 1e-9 or abs(by_signal.signal_sum - by_block.expected) > 1e-9
