-- grain: observation_date. Return of a position in VIX futures that is kept 30 days from expiration by rolling from the first into the second, newest versions known.
with settlement as (
    {{ latest_version(ref('stg_cboe__futures_settlement'), ['symbol', 'observation_date']) }}
),

monthly as (
    select
        observation_date,
        expiration_date,
        days_to_expiration,
        available_at,
        -- a price of zero is none
        nullif(settlement_price, 0) as price
    from settlement
    where product = 'VX' and not is_weekly and days_to_expiration > 0
),

-- the last contract within 30 days and the next one after it
pair as (
    select
        observation_date,
        max(expiration_date) filter (where days_to_expiration <= 30) as first_expiration,
        min(expiration_date) filter (where days_to_expiration > 30) as second_expiration
    from monthly
    group by observation_date
),

curve as (
    select
        pair.*,
        first_future.price as first_price,
        second_future.price as second_price,
        first_future.available_at,
        {{ safe_divide('second_future.days_to_expiration - 30', 'second_future.days_to_expiration - first_future.days_to_expiration') }} as first_weight,
        lead(pair.observation_date) over (order by pair.observation_date) as next_date
    from pair
    inner join monthly as first_future
        on pair.observation_date = first_future.observation_date and pair.first_expiration = first_future.expiration_date
    inner join monthly as second_future
        on pair.observation_date = second_future.observation_date and pair.second_expiration = second_future.expiration_date
),

-- what was held overnight, at the prices of the next session
held as (
    select
        curve.next_date as observation_date,
        next_second.available_at,
        curve.first_weight * curve.first_price + (1 - curve.first_weight) * curve.second_price as value_before,
        curve.first_weight * next_first.price + (1 - curve.first_weight) * next_second.price as value_after
    from curve
    inner join monthly as next_first
        on curve.next_date = next_first.observation_date and curve.first_expiration = next_first.expiration_date
    inner join monthly as next_second
        on curve.next_date = next_second.observation_date and curve.second_expiration = next_second.expiration_date
    where date_diff('day', curve.observation_date, curve.next_date) <= 7
)

select
    held.observation_date,
    held.available_at,
    {{ safe_divide('held.value_after', 'held.value_before') }} - 1 as daily_return,
    -- what the position loses in a year while the curve stays as it is: its slope over the price, both a day at a time
    -365 * {{ safe_divide(
        '(curve.second_price - curve.first_price)',
        "date_diff('day', curve.first_expiration, curve.second_expiration) * (curve.first_weight * curve.first_price + (1 - curve.first_weight) * curve.second_price)"
    ) }} as carry
from held
left join curve on held.observation_date = curve.observation_date
