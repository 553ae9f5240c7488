-- grain: version of ticker, observation_date. Assets of leveraged funds on broad US share indices, with the multiple each aims at
select
    nav.ticker,
    nav.observation_date,
    fund.index_name,
    fund.multiple,
    nav.total_net_assets,
    nav.available_at,
    nav.available_at_source,
    nav.file_id,
    nav.file_row_number,
    nav.row_key
from {{ ref('stg_proshares__nav') }} as nav
inner join {{ ref('leveraged_fund') }} as fund on nav.ticker = fund.ticker
