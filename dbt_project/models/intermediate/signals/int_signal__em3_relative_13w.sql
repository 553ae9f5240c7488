-- grain: moment at which the newest value changed. Mean log return of India, Vietnam and Indonesia in USD over 63 New York sessions less the S&P 500's, less beta times that of the dollar; beta from the 252 sessions that ended 63 sessions ago.
with published as (
    -- indices and currencies carry no dividends, so both adjustments of a price are versions of one level
    select
        symbol,
        observation_date,
        close as price,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_price__daily') }}
    where symbol in ('^GSPC', '^NSEI', '^VNINDEX.VN', '^JKSE', 'INR=X', 'VND=X', 'IDR=X', 'DX-Y.NYB')
),

-- 316 sessions are needed, currencies are quoted on every weekday: 340 hold them
as_known as (
    {{ trailing_as_known('published', observations=340, series=['symbol'], present='price > 0') }}
),

-- a row a weekday; currencies are units a dollar
by_day as (
    select
        vintage_at,
        observation_date,
        max(known_at) as day_known_at,
        max(file_id) filter (where symbol = '^GSPC') as file_id,
        max(row_key) filter (where symbol = '^GSPC') as row_key,
        max(available_at_source) filter (where symbol = '^GSPC') as available_at_source,
        max(price) filter (where symbol = '^GSPC') as us_shares,
        max(price) filter (where symbol = '^NSEI') as india,
        max(price) filter (where symbol = '^VNINDEX.VN') as vietnam,
        max(price) filter (where symbol = '^JKSE') as indonesia,
        max(price) filter (where symbol = 'INR=X') as rupee,
        max(price) filter (where symbol = 'VND=X') as dong,
        max(price) filter (where symbol = 'IDR=X') as rupiah,
        max(price) filter (where symbol = 'DX-Y.NYB') as dollar
    from as_known
    group by vintage_at, observation_date
),

-- markets abroad close on other days, at the lunar new year for up to nine weekdays: the last level of the last ten counts
filled as (
    select
        vintage_at,
        observation_date,
        file_id,
        row_key,
        available_at_source,
        us_shares,
        max(day_known_at) over recent as known_at,
        last_value(dollar ignore nulls) over recent as dollar,
        last_value(india ignore nulls) over recent / last_value(rupee ignore nulls) over recent as india_usd,
        last_value(vietnam ignore nulls) over recent / last_value(dong ignore nulls) over recent as vietnam_usd,
        last_value(indonesia ignore nulls) over recent / last_value(rupiah ignore nulls) over recent as indonesia_usd
    from by_day
    window recent as (partition by vintage_at order by observation_date rows between 9 preceding and current row)
),

log_returns as (
    select
        *,
        ln(dollar / lag(dollar) over vintage) as dollar_return,
        (
            ln(india_usd / lag(india_usd) over vintage)
            + ln(vietnam_usd / lag(vietnam_usd) over vintage)
            + ln(indonesia_usd / lag(indonesia_usd) over vintage)
        ) / 3 - ln(us_shares / lag(us_shares) over vintage) as relative_return
    from filled
    where us_shares is not null
    window vintage as (partition by vintage_at order by observation_date)
),

residual as (
    select
        *,
        {{ trailing_residual('relative_return', 'dollar_return') }} as value
    from log_returns
)

{{ signal_event('em3_relative_13w', 'residual', [5, 20, 63]) }}
