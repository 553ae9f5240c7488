-- grain: symbol, adjustment, available_at: moment at which the newest prices changed. Beta of a company's share to the S&P 500
{%- set beta = var('beta') %}
with price as (
    select *
    from {{ ref('stg_price__daily') }}
),

company as (
    select distinct
        price.symbol,
        price.adjustment,
        listed.cik,
        listed.sector
    from price
    inner join {{ ref('company_of_interest') }} as listed
        on {{ plain_symbol('price.symbol') }} = {{ plain_symbol('listed.ticker') }}
    where {{ is_traded_in_usd('price.symbol') }}
),

-- the index carries no dividends, so both adjustments of its price are versions of one level
side as (
    select
        company.symbol,
        company.adjustment,
        price.* exclude (symbol, adjustment),
        'company' as side
    from company
    inner join price on company.symbol = price.symbol and company.adjustment = price.adjustment
    union all
    select
        company.symbol,
        company.adjustment,
        price.* exclude (symbol, adjustment),
        'index' as side
    from company
    cross join price
    where price.symbol = '^GSPC'
),

-- one price more than returns, and a month for sessions that only one of both has
as_known as (
    {{ trailing_as_known('side', observations=beta.sessions + 22, series=['side'], clock=['symbol', 'adjustment'], present='close > 0', inner=true) }}
),

-- sessions on which both are known
side_by_side as (
    select
        share.symbol,
        share.adjustment,
        share.vintage_at,
        share.observation_date,
        share.close as share_close,
        market.close as market_close,
        share.file_id,
        share.row_key,
        greatest(share.known_at, market.known_at) as known_at
    from as_known as share
    inner join as_known as market
        on
            share.symbol = market.symbol
            and share.adjustment = market.adjustment
            and share.vintage_at = market.vintage_at
            and share.observation_date = market.observation_date
    where share.side = 'company' and market.side = 'index'
),

session_return as (
    select
        *,
        share_close / lag(share_close) over series - 1 as share_return,
        market_close / lag(market_close) over series - 1 as market_return
    from side_by_side
    window series as (partition by symbol, adjustment, vintage_at order by observation_date)
),

measured as (
    select
        *,
        count(share_return) over two_years as sessions,
        date_diff('day', min(observation_date) over two_years, observation_date) as days_of_window,
        regr_slope(share_return, market_return) over two_years as slope,
        lead(known_at) over series as next_known_at
    from session_return
    window
        series as (partition by symbol, adjustment, vintage_at order by observation_date),
        two_years as (
            partition by symbol, adjustment, vintage_at order by observation_date rows between {{ beta.sessions - 1 }} preceding and current row
        )
)

select
    measured.symbol,
    measured.adjustment,
    company.cik,
    company.sector,
    measured.observation_date as source_observation_date,
    measured.known_at as available_at,
    measured.sessions as beta_sessions,
    measured.file_id,
    measured.row_key,
    case
        when measured.sessions >= {{ beta.minimum_sessions }} and measured.days_of_window <= {{ beta.days }} and isfinite(measured.slope)
            then measured.slope
    end as beta_raw
from measured
inner join company on measured.symbol = company.symbol and measured.adjustment = company.adjustment
where measured.next_known_at is distinct from measured.known_at
