-- grain: claim_id. What the figures of claims imply for each other; nothing is measured here.
with price as (
    select * from {{ ref('claim') }}
    where metric = 'tesla_price'
),

multiple as (
    select * from {{ ref('claim') }}
    where metric = 'global_median_pe'
)

select
    rate.claim_id,
    {{ gordon_growth('price.value_from', 'rate.value_from', 'price.value_to', 'rate.value_to') }} as implied_value,
    format(
        'a Gordon model of one cash flow has both prices, {:.0f} at {:.0f}% and {:.0f} at {:.0f}%, only with growth of {:.3f}% a year',
        price.value_from, 100 * rate.value_from, price.value_to, 100 * rate.value_to, 100 * implied_value
    ) as sentence
from {{ ref('claim') }} as rate
cross join price
where rate.metric = 'tesla_implied_discount_rate'
union all by name
select
    loss.claim_id,
    {{ value_behind_loss('loss.value_to', 'multiple.value_from', 'multiple.value_to') }} as implied_value,
    format(
        'a multiple of {:.0f} instead of {:.0f} takes away {:.2f}%, so that a loss of {:.1f}tn USD is one on {:.1f}tn USD',
        multiple.value_to, multiple.value_from, 100 * {{ safe_divide('loss.value_to', 'implied_value') }}, loss.value_to / 1e12, implied_value / 1e12
    ) as sentence
from {{ ref('claim') }} as loss
cross join multiple
where loss.metric = 'market_value_at_risk'
