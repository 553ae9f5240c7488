-- grain: version of symbol, observation_date. Prices of companies of interest in the shares of their own day, as they were traded
--
-- A provider keeps all prices in the shares of the day on which its file was made. Taking splits since then out of a price uses nothing that was not
-- known on the day: it gives back what was printed.
with published as (
    select
        price.*,
        cast(timezone('America/New_York', timezone('UTC', coalesce(file.edition_at, price.available_at))) as date) as stated_on
    from {{ ref('stg_price__daily') }} as price
    left join {{ source('meta', 'file') }} as file on price.file_id = file.file_id
    -- a price less dividends is none that was paid
    where price.adjustment = 'split' and price.close > 0
),

of_company as (
    select
        published.*,
        company.cik
    from published
    inner join {{ ref('company_of_interest') }} as company on published.symbol = replace(company.ticker, '.', '-')
),

beside_splits as (
    select
        of_company.*,
        coalesce(stated.shares_for_one, 1) / coalesce(traded.shares_for_one, 1) as splits_since
    from of_company
    {{ as_of_join(
        ref('int_share_split'), 'traded', ['of_company.symbol = traded.symbol'], 'of_company.observation_date >= traded.observation_date'
    ) }}
    {{ as_of_join(
        ref('int_share_split'), 'stated', ['of_company.symbol = stated.symbol'], 'of_company.stated_on >= stated.observation_date'
    ) }}
)

select
    symbol,
    cik,
    observation_date,
    splits_since,
    available_at,
    file_id,
    file_row_number,
    row_key,
    close * splits_since as close,
    high * splits_since as high
from beside_splits
