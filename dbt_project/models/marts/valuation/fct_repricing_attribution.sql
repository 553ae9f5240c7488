-- grain: symbol, period_start, period_end, kind
with period as (
    select * from {{ ref('int_repricing_period') }}
),

-- what the article says of its case, taken at its word
story as (
    select
        price.period_from as period_start,
        price.period_to as period_end,
        'article' as kind,
        price.value_from as story_price_from,
        price.value_to as story_price_to,
        rate.value_from as story_rate_from,
        rate.value_to as story_rate_to,
        {{ gordon_growth('price.value_from', 'rate.value_from', 'price.value_to', 'rate.value_to') }} as story_growth_needed
    from {{ ref('claim') }} as price
    inner join {{ ref('claim') }} as rate on rate.metric = 'tesla_implied_discount_rate'
    where price.metric = 'tesla_price'
)

select
    period.symbol,
    period.period_start,
    period.period_end,
    period.kind,
    period.price_from,
    period.price_to,
    period.price_to - period.price_from as price_change_usd,
    period.split_factor,
    period.cash_flow_per_share_from,
    period.cash_flow_per_share_to,
    period.rate_from,
    period.rate_to,
    implied_from.implied_discount_rate as implied_rate_from,
    implied_to.implied_discount_rate as implied_rate_to,
    effect.value_from,
    effect.value_to,
    effect.rate_effect_usd,
    effect.cash_flow_effect_usd,
    effect.residual_usd,
    {{ safe_divide('effect.rate_effect_usd', 'period.price_to - period.price_from') }} as share_explained_by_rate,
    story.story_price_from,
    story.story_price_to,
    story.story_rate_from,
    story.story_rate_to,
    story.story_growth_needed,
    period.status,
    period.available_at,
    period.file_id,
    period.row_key
from period
left join {{ ref('int_repricing_effect') }} as effect
    on
        period.symbol = effect.symbol
        and period.period_start = effect.period_start
        and period.period_end = effect.period_end
        and period.kind = effect.kind
left join {{ ref('int_implied_discount_rate') }} as implied_from
    on period.symbol = implied_from.symbol and period.period_start = implied_from.observation_date
left join {{ ref('int_implied_discount_rate') }} as implied_to
    on period.symbol = implied_to.symbol and period.period_end = implied_to.observation_date
left join story on period.kind = story.kind and period.period_start = story.period_start and period.period_end = story.period_end
