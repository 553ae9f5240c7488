-- grain: part. What speculative capital has in US shares, as far as it is published: the newest figure of each part, newest versions known.
with hedge_fund as (
    {{ latest_version(ref('stg_ofr__hedge_fund'), ['series_id', 'observation_date']) }}
),

margin as (
    {{ latest_version(ref('stg_finra__margin'), ['observation_date']) }}
),

leveraged_fund as (
    {{ latest_version(ref('int_leveraged_fund'), ['ticker', 'observation_date']) }}
),

-- funds that bet on rising prices, at the exposure they aim at
leveraged_fund_day as (
    select
        observation_date,
        sum(total_net_assets * multiple) as amount_usd,
        max(available_at) as available_at,
        arg_max(file_id, total_net_assets) as file_id,
        arg_max(row_key, total_net_assets) as row_key
    from leveraged_fund
    where multiple > 0
    group by observation_date
),

every_amount as (
    select
        'hedge funds' as part,
        observation_date,
        value as amount_usd,
        available_at,
        file_id,
        row_key
    from hedge_fund
    where series_id = 'FPF-STRATEGY_EQUITY_GAV_SUM'
    union all
    select
        'margin debt' as part,
        observation_date,
        debit_balances_usd as amount_usd,
        available_at,
        file_id,
        row_key
    from margin
    union all
    select
        'leveraged funds' as part,
        observation_date,
        amount_usd,
        available_at,
        file_id,
        row_key
    from leveraged_fund_day
)

select *
from every_amount
where amount_usd is not null
qualify row_number() over (partition by part order by observation_date desc) = 1
