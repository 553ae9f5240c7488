-- grain: observation_date, currency
with held as (
    select
        *,
        currency not in ('US dollar', 'other currencies', 'gold') as is_exchanged,
        max(amount_usd) filter (where currency = 'gold') over (partition by observation_date) as gold_usd,
        {{ earlier('share', 1, 100, 'currency') }} as share_1q_before,
        {{ earlier('share', 4, 380, 'currency') }} as share_4q_before,
        {{ earlier('usd_per_unit', 4, 380, 'currency') }} as usd_per_unit_4q_before
    from {{ ref('int_reserve_currency_quarterly') }}
),

-- what the holdings of today would be worth at the exchange rates of then; currencies without one of their own move as the mean of those exchanged
at_earlier_rates as (
    select
        *,
        case
            when currency = 'other currencies'
                then share * {{ safe_divide(
                    "sum(share * usd_per_unit_4q_before / usd_per_unit) filter (where is_exchanged) over (partition by observation_date)",
                    "sum(share) filter (where is_exchanged) over (partition by observation_date)"
                ) }}
            when currency <> 'gold' then share * usd_per_unit_4q_before / usd_per_unit
        end as worth_at_earlier_rates
    from held
),

restated as (
    select
        *,
        case
            when count(share) over (partition by observation_date) = count(worth_at_earlier_rates) over (partition by observation_date)
                then {{ safe_divide('worth_at_earlier_rates', 'sum(worth_at_earlier_rates) over (partition by observation_date)') }}
        end as share_at_rates_4q_before,
        case when currency = 'gold' then amount_usd else share * allocated_usd end / (allocated_usd + gold_usd) as share_with_gold
    from at_earlier_rates
),

changed as (
    select
        *,
        share_with_gold - {{ earlier('share_with_gold', 4, 380, 'currency') }} as share_with_gold_change_4q
    from restated
),

-- the last quarter before at which the share was as low or lower
as_low_before as (
    select
        changed.observation_date,
        changed.currency,
        max(earlier.observation_date) as lowest_since
    from changed
    inner join changed as earlier
        on
            changed.currency = earlier.currency
            and changed.observation_date > earlier.observation_date
            and changed.share >= earlier.share
    group by changed.observation_date, changed.currency
)

select
    changed.observation_date,
    changed.currency,
    changed.amount_usd,
    changed.share,
    changed.share_at_rates_4q_before,
    as_low_before.lowest_since,
    changed.usd_per_unit,
    changed.gold_tonnes,
    changed.share_with_gold,
    changed.share_with_gold_change_4q,
    changed.available_at,
    changed.file_id,
    changed.row_key,
    changed.share - changed.share_1q_before as share_change_1q,
    changed.share - changed.share_4q_before as share_change_4q,
    changed.share - changed.share_at_rates_4q_before as exchange_rate_effect_4q,
    changed.share_at_rates_4q_before - changed.share_4q_before as quantity_effect_4q,
    changed.share is not null and as_low_before.lowest_since is null as is_lowest_on_record
from changed
left join as_low_before on changed.observation_date = as_low_before.observation_date and changed.currency = as_low_before.currency
where changed.share is not null or changed.currency = 'gold'
