-- grain: observation_date, universe
{%- set settings = var('multiples') %}
with company as (
    select
        *,
        has_new_earnings and net_income_usd > 0 and market_value_usd > 0 as is_member,
        {{ safe_divide('market_value_usd', 'net_income_usd') }} as price_earnings,
        case
            when sector in ('Information Technology', 'Communication Services') then 'technology companies of interest'
            else 'other companies of interest'
        end as part
    from {{ ref('int_company_valuation_daily') }}
),

in_universe as (
    select
        *,
        'companies of interest' as universe
    from company
    union all
    select
        *,
        part as universe
    from company
),

of_companies as (
    select
        observation_date,
        universe,
        count(*) filter (where is_member) as members,
        count(*) filter (where has_new_earnings and net_income_usd <= 0) as members_with_losses,
        median(price_earnings) filter (where is_member) as median_pe,
        quantile_cont(price_earnings, 0.25) filter (where is_member) as lower_quartile_pe,
        quantile_cont(price_earnings, 0.75) filter (where is_member) as upper_quartile_pe,
        {{ safe_divide('sum(market_value_usd) filter (where is_member)', 'sum(net_income_usd) filter (where is_member)') }} as weighted_pe,
        sum(market_value_usd) filter (where is_member) as market_value_usd,
        max(available_at) as available_at,
        -- reports and prices of several companies become known at one moment
        arg_max(file_id, row(available_at, symbol)) as file_id,
        arg_max(row_key, row(available_at, symbol)) as row_key
    from in_universe
    group by observation_date, universe
),

index_price as (
    select *
    from {{ ref('stg_price__daily') }}
    where symbol = '^GSPC' and close > 0
),

newest_index_price as (
    select
        * exclude (observation_date),
        observation_date as price_date
    from ({{ newest_observation('index_price', ['symbol']) }}) as news
),

index_price_on_day as (
    {{ known_on_day(ref('int_trading_day'), 'newest_index_price', ['symbol']) }}
),

index_earnings as (
    select
        *,
        '^GSPC' as symbol
    from {{ ref('stg_shiller__market') }}
    where earnings > 0
),

newest_index_earnings as (
    select
        * exclude (observation_date),
        observation_date as earnings_date
    from ({{ newest_observation('index_earnings', ['symbol']) }}) as news
),

index_earnings_on_day as (
    {{ known_on_day(ref('int_trading_day'), 'newest_index_earnings', ['symbol']) }}
),

published_multiple as (
    select *
    from {{ ref('stg_own__series') }}
    where series_id in ('msci_acwi_median_pe', 'sp500_price_earnings', 'nasdaq_100_price_earnings') and value > 0
),

newest_multiple as (
    select
        * exclude (observation_date),
        observation_date as multiple_date
    from ({{ newest_observation('published_multiple', ['series_id']) }}) as news
),

multiple_on_day as (
    {{ known_on_day(ref('int_trading_day'), 'newest_multiple', ['series_id']) }}
),

of_universe as (
    select * from of_companies
    union all by name
    select
        price.observation_date,
        'S&P 500' as universe,
        {{ safe_divide('price.close', 'earnings.earnings') }} as weighted_pe,
        greatest(price.available_at, earnings.available_at) as available_at,
        earnings.file_id,
        earnings.row_key
    from index_price_on_day as price
    inner join index_earnings_on_day as earnings on price.observation_date = earnings.observation_date
    where
        date_diff('day', price.price_date, price.observation_date) <= {{ settings.price_days }}
        and date_diff('day', earnings.earnings_date, earnings.observation_date) <= {{ settings.earnings_days }}
    union all by name
    select
        observation_date,
        case series_id
            when 'msci_acwi_median_pe' then 'MSCI ACWI'
            when 'sp500_price_earnings' then 'S&P 500 (own series)'
            else 'Nasdaq-100'
        end as universe,
        case when series_id = 'msci_acwi_median_pe' then value end as median_pe,
        case when series_id <> 'msci_acwi_median_pe' then value end as weighted_pe,
        available_at,
        file_id,
        row_key
    from multiple_on_day
    where date_diff('day', multiple_date, observation_date) <= {{ settings.published_days }}
),

-- the last session up to the day so many years before
with_comparison as (
    select
        now.*,
        case when date_diff('day', before.observation_date, now.earlier_day) <= {{ settings.price_days }} then before.observation_date end as comparison_date,
        before.median_pe as before_median_pe,
        before.weighted_pe as before_weighted_pe,
        before.market_value_usd as before_market_value_usd
    from (
        select
            *,
            cast(observation_date - interval '{{ settings.comparison_years }} year' as date) as earlier_day
        from of_universe
    ) as now
    {{ as_of_join('of_universe', 'before', ['now.universe = before.universe'], 'now.earlier_day >= before.observation_date') }}
),

compared as (
    select
        *,
        case when comparison_date is not null then before_median_pe end as median_pe_before,
        case when comparison_date is not null then before_weighted_pe end as weighted_pe_before,
        case when comparison_date is not null then before_market_value_usd end as market_value_before_usd
    from with_comparison
)

select
    observation_date,
    universe,
    members,
    members_with_losses,
    median_pe,
    lower_quartile_pe,
    upper_quartile_pe,
    weighted_pe,
    market_value_usd,
    comparison_date,
    median_pe_before,
    weighted_pe_before,
    market_value_before_usd,
    {{ value_at_stake('market_value_before_usd', 'median_pe_before', 'median_pe') }} as market_value_at_stake_by_median_usd,
    {{ value_at_stake('market_value_before_usd', 'weighted_pe_before', 'weighted_pe') }} as market_value_at_stake_by_weight_usd,
    case when coalesce(median_pe, weighted_pe) is null then 'missing earnings' else 'computed' end as status,
    available_at,
    file_id,
    row_key
from compared
