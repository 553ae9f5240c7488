-- grain: vintage_at, sector, observation_date. Close x volume of sector funds and listed companies by sector, as known at each moment
with published as (
    select
        price.*,
        listed.sector,
        listed.kind
    from {{ ref('stg_price__daily') }} as price
    inner join {{ ref('symbol_sector') }} as listed on price.symbol = listed.symbol
    where listed.sector is not null
),

as_known as (
    {{ trailing_as_known('published', observations=345, series=['symbol', 'adjustment'], present='close > 0 and volume is not null') }}
),

-- close x volume is the same before and after a split; the price less dividends is taken only where there is no other
chosen as (
    select
        *,
        close * volume as turnover
    from as_known
    qualify row_number() over (partition by vintage_at, symbol, observation_date order by adjustment) = 1
)

select
    vintage_at,
    sector,
    observation_date,
    max(known_at) as known_at,
    sum(turnover) as turnover_usd,
    sum(case when kind = 'fund' then turnover else 0 end) as fund_turnover_usd,
    sum(case when kind = 'company' then turnover else 0 end) as company_turnover_usd,
    count(*) as symbols,
    max(available_at_source) as available_at_source,
    arg_max(file_id, turnover) as file_id,
    arg_max(row_key, turnover) as row_key
from chosen
group by vintage_at, sector, observation_date
