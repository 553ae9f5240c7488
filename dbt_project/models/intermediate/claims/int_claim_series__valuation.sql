-- grain: metric, variant, observation_date. Measured series of claims about the political-risk premium, discount rates and market value, newest versions known.
with political_risk as (
    select
        'political_risk_premium' as metric,
        'equity risk premium' as variant,
        source_observation_date as observation_date,
        political_risk_premium as value,
        months as rows_behind,
        available_at,
        file_id,
        row_key
    from {{ ref('int_political_risk_premium') }}
    qualify row_number() over (partition by source_observation_date order by available_at desc) = 1
),

implied_rate as (
    select
        'tesla_implied_discount_rate' as metric,
        'discounted cash flow' as variant,
        found.observation_date,
        found.implied_discount_rate as value,
        1 as rows_behind,
        day.available_at,
        day.file_id,
        day.row_key
    from {{ ref('int_implied_discount_rate') }} as found
    inner join {{ ref('int_company_valuation_daily') }} as day
        on found.symbol = day.symbol and found.observation_date = day.observation_date
    where found.symbol = 'TSLA'
),

discount_rate as (
    select
        'tesla_implied_discount_rate' as metric,
        'sum of its terms' as variant,
        observation_date,
        discount_rate as value,
        3 as rows_behind,
        available_at,
        file_id,
        row_key
    from {{ ref('int_discount_rate_daily') }}
    where symbol = 'TSLA'
),

current_own as (
    {{ latest_version(ref('stg_own__series'), ['series_id', 'observation_date']) }}
),

-- against the end of the year before last: the article's end of 2021 for a figure of 2023
multiple as (
    select
        *,
        make_date(year(observation_date) - 2, 12, 31) as then_date
    from current_own
    where series_id in ('msci_acwi_median_pe', 'sp500_price_earnings') and value > 0
),

current_indicator as (
    {{ latest_version(ref('stg_world_bank__indicator'), ['indicator_id', 'country_code', 'observation_date']) }}
),

current_fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

-- FRED dates a quarter by its first day
market_value as (
    select
        'MSCI ACWI' as variant,
        'msci_acwi_median_pe' as multiple_id,
        last_day(observation_date) as observation_date,
        value as market_value_usd,
        available_at
    from current_own
    where series_id = 'msci_acwi_market_value'
    union all
    select
        'all listed companies' as variant,
        'msci_acwi_median_pe' as multiple_id,
        observation_date,
        value_usd as market_value_usd,
        available_at
    from current_indicator
    where indicator_id = 'CM.MKT.LCAP.CD' and country_code = '1W'
    union all
    select
        'S&P 500' as variant,
        'sp500_price_earnings' as multiple_id,
        last_day(observation_date + interval 2 month) as observation_date,
        value as market_value_usd,
        available_at
    from current_fred
    where series_id = 'NCBEILQ027S'
),

at_stake as (
    select
        'market_value_at_risk' as metric,
        market_value.variant,
        now.observation_date,
        {{ value_at_stake('market_value.market_value_usd', 'earlier.value', 'now.value') }} as value,
        3 as rows_behind,
        greatest(now.available_at, earlier.available_at, market_value.available_at) as available_at,
        now.file_id,
        now.row_key
    from multiple as now
    inner join multiple as earlier on now.series_id = earlier.series_id and last_day(earlier.observation_date) = now.then_date
    inner join market_value on now.series_id = market_value.multiple_id and now.then_date = market_value.observation_date
),

measured as (
    {% for relation in ['political_risk', 'implied_rate', 'discount_rate', 'at_stake'] -%}
    {%- if not loop.first %}union all by name
    {% endif -%}
    select * from {{ relation }}
    {% endfor %}
)

select *
from measured
where isfinite(value)
