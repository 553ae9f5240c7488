-- grain: instrument, observation_date. Daily return and carry of what the defence portfolios hold, for an investor in USD, newest versions known.
with price as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
),

close_of_day as (
    select
        symbol,
        observation_date,
        arg_min(close, adjustment) as close,
        max(available_at) as available_at
    from price
    where close > 0
    group by symbol, observation_date
),

fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

-- currencies are units a dollar
in_dollars as (
    select
        shares.symbol,
        shares.observation_date,
        shares.close / currency.close as close,
        greatest(shares.available_at, currency.available_at) as available_at
    from (values ('^NSEI', 'INR=X'), ('^JKSE', 'IDR=X'), ('^VNINDEX.VN', 'VND=X')) as market (symbol, currency)
    inner join close_of_day as shares on market.symbol = shares.symbol
    inner join close_of_day as currency
        on market.currency = currency.symbol and shares.observation_date = currency.observation_date
),

market_return as (
    select
        observation_date,
        available_at,
        close / lag(close) over by_market - 1 as daily_return,
        date_diff('day', lag(observation_date) over by_market, observation_date) as days_since
    from in_dollars
    window by_market as (partition by symbol order by observation_date)
),

treasury as (
    select
        observation_date,
        value as yield,
        available_at,
        lag(value) over (order by observation_date) as yield_before,
        date_diff('day', lag(observation_date) over (order by observation_date), observation_date) as days_since
    from fred
    where series_id = 'DGS10' and value is not null
),

policy_rate as (
    select
        observation_date,
        value as rate,
        available_at
    from fred
    where series_id = 'DFF' and value is not null
),

bond as (
    select
        treasury.observation_date,
        treasury.yield,
        policy_rate.rate,
        greatest(treasury.available_at, policy_rate.available_at) as available_at,
        -asset.duration * (treasury.yield - treasury.yield_before) + treasury.yield_before * treasury.days_since / 365 as daily_return,
        policy_rate.rate * treasury.days_since / 365 as financing
    from treasury
    inner join policy_rate on treasury.observation_date = policy_rate.observation_date
    inner join {{ ref('asset') }} as asset on asset.asset = 'Treasury bonds'
    where treasury.days_since <= 7
),

gold_trust as (
    {{ latest_version(ref('stg_spdr__gold_trust'), ['observation_date']) }}
),

every_instrument as (
    select
        'US shares' as instrument,
        observation_date,
        close / lag(close) over (order by observation_date) - 1 as daily_return,
        0.0 as carry,
        available_at
    from close_of_day
    where symbol = '^GSPC'
    union all
    select
        'emerging Asian shares' as instrument,
        observation_date,
        avg(daily_return) as daily_return,
        0.0 as carry,
        max(available_at) as available_at
    from market_return
    where days_since <= 14
    group by observation_date
    having count(*) = 3
    union all
    select
        'Treasury bonds' as instrument,
        observation_date,
        daily_return,
        yield as carry,
        available_at
    from bond
    union all
    select
        'Treasury futures' as instrument,
        observation_date,
        daily_return - financing as daily_return,
        yield - rate as carry,
        available_at
    from bond
    union all
    select
        'gold' as instrument,
        observation_date,
        close / lag(close) over (order by observation_date) - 1 as daily_return,
        0.0 as carry,
        available_at
    from gold_trust
    where close > 0
    union all
    -- FRED gives yen a dollar
    select
        'yen' as instrument,
        observation_date,
        lag(value) over (order by observation_date) / value - 1 as daily_return,
        0.0 as carry,
        available_at
    from fred
    where series_id = 'DEXJPUS' and value > 0
    union all
    select
        'VIX futures' as instrument,
        observation_date,
        daily_return,
        carry,
        available_at
    from {{ ref('int_vix_futures_return_daily') }}
)

select *
from every_instrument
where daily_return is not null and observation_date <= {{ last_ended_day() }}
