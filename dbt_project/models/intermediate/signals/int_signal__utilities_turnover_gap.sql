-- grain: moment at which the newest value changed. Log of utilities' turnover against its year, less that of the market's turnover against its year.
with published as (
    select
        'market' as part,
        venue as item,
        observation_date,
        total_notional_usd as turnover,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_cboe__venue_volume') }}
    union all
    -- 'split' sorts before 'split_and_dividend'
    select
        'utilities' as part,
        concat_ws('|', price.symbol, price.adjustment) as item,
        price.observation_date,
        price.close * price.volume as turnover,
        price.available_at,
        price.available_at_source,
        price.file_id,
        price.file_row_number,
        price.row_key
    from {{ ref('stg_price__daily') }} as price
    inner join {{ ref('symbol_sector') }} as listed on price.symbol = listed.symbol
    where listed.sector = 'Utilities'
),

-- a session counts once both parts are known, so that the later one is in order by itself
as_known as (
    {{ trailing_as_known('published', observations=345, series=['part', 'item'], present='turnover > 0', inner=true) }}
),

chosen as (
    select *
    from as_known
    qualify row_number() over (partition by vintage_at, observation_date, part, split_part(item, '|', 1) order by item) = 1
),

side_by_side as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        sum(case when part = 'market' then turnover end) as market_turnover,
        sum(case when part = 'utilities' then turnover end) as utilities_turnover,
        max(available_at_source) as available_at_source,
        arg_max(file_id, (part, turnover)) as file_id,
        arg_max(row_key, (part, turnover)) as row_key
    from chosen
    group by vintage_at, observation_date
    having count(distinct part) = 2
),

means as (
    select
        *,
        {{ trailing_mean('market_turnover', 21, 40) }} as market_month,
        {{ trailing_mean('market_turnover', 252, 400) }} as market_year,
        {{ trailing_mean('utilities_turnover', 21, 40) }} as utilities_month,
        {{ trailing_mean('utilities_turnover', 252, 400) }} as utilities_year
    from side_by_side
),

gap as (
    select
        *,
        ln(utilities_month / utilities_year) - ln(market_month / market_year) as value
    from means
)

{{ signal_event('utilities_turnover_gap', 'gap', [5, 20, 63]) }}
