-- grain: moment at which the newest value changed. Debit balances / those twelve months earlier - 1, both as known at the same moment.
with as_known as (
    {{ trailing_as_known(ref('stg_finra__margin'), observations=18, present='debit_balances_usd > 0') }}
),

year_earlier as (
    select
        *,
        lag(debit_balances_usd, 12) over vintage as earlier_balances,
        lag(observation_date, 12) over vintage as earlier_date
    from as_known
    window vintage as (partition by vintage_at order by observation_date)
),

growth as (
    select
        *,
        case
            when date_diff('month', earlier_date, observation_date) = 12
                then {{ safe_divide('debit_balances_usd', 'earlier_balances') }} - 1
        end as value
    from year_earlier
)

{{ signal_event('margin_debt_yoy', 'growth', [none, 1, 3]) }}
