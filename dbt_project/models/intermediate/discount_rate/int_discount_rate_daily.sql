-- grain: observation_date, symbol
{%- set limit = var('discount_rate') %}
with risk_free as (
    select *
    from ({{ known_on_day(ref('int_trading_day'), ref('int_risk_free_event'), ['risk_free_source']) }}) as known
    where date_diff('day', source_observation_date, observation_date) <= {{ limit.risk_free_days }}
    qualify row_number() over (partition by observation_date order by risk_free_source = 'treasury_par_yield 10-year' desc) = 1
),

implied_premium as (
    select *
    from ({{ known_on_day(ref('int_trading_day'), ref('int_implied_premium_event'), ['source_table']) }}) as known
    where
        date_diff('day', source_observation_date, observation_date)
        <= case source_table when 'premium by month' then {{ limit.premium_by_month_days }} else {{ limit.premium_by_year_days }} end
    qualify row_number() over (partition by observation_date order by source_observation_date desc) = 1
),

political_risk as (
    select *
    from ({{ known_on_day(ref('int_trading_day'), ref('int_political_risk_premium'), ['index_name']) }}) as known
    where date_diff('day', source_observation_date, observation_date) <= {{ limit.political_risk_days }}
),

-- split-adjusted prices where a symbol has both
beta as (
    select *
    from ({{ known_on_day(ref('int_trading_day'), ref('int_beta_event'), ['symbol', 'adjustment']) }}) as known
    where date_diff('day', source_observation_date, observation_date) <= 7
    qualify row_number() over (partition by observation_date, symbol order by adjustment) = 1
),

-- from the first day on which a term of the rate is known
index_day as (
    select observation_date
    from {{ ref('int_trading_day') }}
    where
        observation_date >= (
            select min(first_day.observation_date)
            from (
                select observation_date from risk_free
                union all
                select observation_date from implied_premium
            ) as first_day
        )
),

-- the index moves with itself
measured as (
    select
        observation_date,
        '^GSPC' as symbol,
        1 as beta_raw,
        1 as beta,
        cast(null as varchar) as cik,
        cast(null as varchar) as sector,
        cast(null as date) as beta_observation_date,
        cast(null as bigint) as beta_sessions,
        cast(null as timestamp) as price_available_at,
        cast(null as bigint) as file_id,
        cast(null as varchar) as row_key
    from index_day
    union all by name
    select
        observation_date,
        symbol,
        cik,
        sector,
        source_observation_date as beta_observation_date,
        beta_sessions,
        beta_raw,
        available_at as price_available_at,
        file_id,
        row_key,
        {{ blume_beta('beta_raw') }} as beta
    from beta
),

term as (
    select
        measured.* exclude (file_id, row_key, price_available_at),
        risk_free.risk_free_rate,
        risk_free.risk_free_source,
        risk_free.source_observation_date as risk_free_observation_date,
        implied_premium.implied_premium,
        implied_premium.source_table as implied_premium_source,
        implied_premium.source_observation_date as implied_premium_observation_date,
        political_risk.political_risk_premium,
        political_risk.source_observation_date as political_risk_observation_date,
        coalesce(political_risk.status, 'missing political risk') as political_risk_premium_status,
        greatest(
            measured.price_available_at, risk_free.available_at, implied_premium.available_at, political_risk.available_at
        ) as available_at,
        -- the row that decides: prices of a company, the yield for the index
        coalesce(measured.file_id, risk_free.file_id) as file_id,
        coalesce(measured.row_key, risk_free.row_key) as row_key
    from measured
    left join risk_free on measured.observation_date = risk_free.observation_date
    left join implied_premium on measured.observation_date = implied_premium.observation_date
    left join political_risk on measured.observation_date = political_risk.observation_date
),

without_double_count as (
    select
        *,
        implied_premium - coalesce(political_risk_premium, 0) as equity_risk_premium
    from term
),

rate as (
    select
        *,
        risk_free_rate + beta * equity_risk_premium + coalesce(political_risk_premium, 0) as discount_rate,
        case
            when risk_free_rate is null or implied_premium is null then 'missing discount rate'
            when beta is null then 'short history'
            else 'computed'
        end as status
    from without_double_count
)

select
    observation_date,
    symbol,
    cik,
    sector,
    discount_rate,
    status,
    risk_free_rate,
    beta,
    equity_risk_premium,
    political_risk_premium,
    political_risk_premium_status,
    implied_premium,
    beta_raw,
    beta_sessions,
    risk_free_source,
    risk_free_observation_date,
    implied_premium_source,
    implied_premium_observation_date,
    political_risk_observation_date,
    beta_observation_date,
    available_at,
    file_id,
    row_key
from rate
