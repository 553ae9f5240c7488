-- grain: cusip, observation_date. Median over filings of the price that value and shares of a security imply, at the end of a quarter
--
-- Filings of the first 60 days only: whoever files for the next quarter can know it, and it never changes afterwards.
with implied as (
    select
        accession_number,
        cusip,
        observation_date,
        {{ safe_divide('sum(value_usd)', 'sum(shares)') }} as price_usd
    from {{ ref('stg_sec__form_13f_holding') }}
    where
        not is_option and shares > 0 and value_usd > 0
        and available_at < observation_date + interval '1 day' * {{ var('form_13f').settled_days }}
    group by accession_number, cusip, observation_date
)

select
    cusip,
    observation_date,
    median(price_usd) as price_usd,
    count(*) as filings,
    cast(observation_date as timestamp) + interval '1 day' * {{ var('form_13f').settled_days }} as available_at
from implied
group by cusip, observation_date
