-- grain: moment at which the newest value changed. ln(debit balances now / 3 months earlier) - ln(S&P 500 at the same two month ends).
with published as (
    select
        'margin debt' as measured,
        observation_date,
        debit_balances_usd as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_finra__margin') }}
    union all
    select
        adjustment as measured,
        observation_date,
        close as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_price__daily') }}
    where symbol = '^GSPC'
),

as_known as (
    {{ trailing_as_known('published', observations=220, series=['measured'], present='amount > 0') }}
),

-- the index carries no dividends, so both adjustments hold the same level
month_end_level as (
    select
        vintage_at,
        date_trunc('month', observation_date) as month_start,
        arg_max(amount, (observation_date, measured = 'split')) as index_level,
        max(known_at) as known_at
    from as_known
    where measured <> 'margin debt'
    group by vintage_at, date_trunc('month', observation_date)
),

-- a month joins a vintage when its margin debt does; a price known later belongs to a later vintage
side_by_side as (
    select
        margin.*,
        month_end_level.index_level
    from as_known as margin
    inner join month_end_level
        on
            margin.vintage_at = month_end_level.vintage_at
            and date_trunc('month', margin.observation_date) = month_end_level.month_start
            and margin.known_at >= month_end_level.known_at
    where margin.measured = 'margin debt'
),

three_months_earlier as (
    select
        *,
        lag(amount, 3) over vintage as earlier_amount,
        lag(index_level, 3) over vintage as earlier_level,
        lag(observation_date, 3) over vintage as earlier_date
    from side_by_side
    window vintage as (partition by vintage_at order by observation_date)
),

growth as (
    select
        *,
        case
            when date_diff('month', earlier_date, observation_date) = 3
                then ln(amount / earlier_amount) - ln(index_level / earlier_level)
        end as value
    from three_months_earlier
)

{{ signal_event('margin_growth_ex_price', 'growth', [none, 1, 3]) }}
