-- grain: moment at which the newest value changed. Sum over 63 sessions of bitcoin's log return less beta times that of the Nasdaq-100; beta from the 252 sessions that ended 63 sessions ago.
with published as (
    select
        'bitcoin' as asset,
        observation_date,
        value as price,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_fred__observation') }}
    where series_id = 'CBBTCUSD'
    union all
    -- the index carries no dividends, so both adjustments of its price are versions of one level
    select
        'nasdaq' as asset,
        observation_date,
        close as price,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_price__daily') }}
    where symbol = '^NDX'
),

-- bitcoin trades every day: 560 days hold the 379 sessions needed
as_known as (
    {{ trailing_as_known('published', observations=560, series=['asset'], present='price > 0', inner=true) }}
),

-- sessions on which both are known
side_by_side as (
    select
        bitcoin.vintage_at,
        bitcoin.observation_date,
        bitcoin.file_id,
        bitcoin.row_key,
        bitcoin.available_at_source,
        bitcoin.price as bitcoin_price,
        nasdaq.price as nasdaq_price,
        greatest(bitcoin.known_at, nasdaq.known_at) as known_at
    from as_known as bitcoin
    inner join as_known as nasdaq
        on bitcoin.vintage_at = nasdaq.vintage_at and bitcoin.observation_date = nasdaq.observation_date
    where bitcoin.asset = 'bitcoin' and nasdaq.asset = 'nasdaq'
),

log_returns as (
    select
        *,
        ln(bitcoin_price / lag(bitcoin_price) over vintage) as bitcoin_return,
        ln(nasdaq_price / lag(nasdaq_price) over vintage) as nasdaq_return
    from side_by_side
    window vintage as (partition by vintage_at order by observation_date)
),

residual as (
    select
        *,
        {{ trailing_residual('bitcoin_return', 'nasdaq_return') }} as value
    from log_returns
)

{{ signal_event('bitcoin_resid_13w', 'residual', [5, 20, 63]) }}
