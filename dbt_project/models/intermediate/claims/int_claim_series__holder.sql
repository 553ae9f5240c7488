-- grain: metric, variant, observation_date. Measured series of claims about pension plans, sovereign funds, reserves, foreign holders and emerging markets,
-- newest versions known.
with current_plan as (
    {{ latest_version(ref('stg_public_plans__allocation'), ['plan_id', 'observation_date']) }}
),

-- one observation a fiscal year, dated by the last of its plans
plan_year as (
    select
        max(observation_date) as observation_date,
        avg(domestic_equity_actual) as mean_weight,
        {{ safe_divide('sum(domestic_equity_actual * market_assets_usd)', 'sum(market_assets_usd)') }} as weighted_weight,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, market_assets_usd) as file_id,
        arg_max(row_key, market_assets_usd) as row_key
    from current_plan
    where domestic_equity_actual is not null
    group by fiscal_year
),

pension as (
    select
        'state_pension_us_equity_weight' as metric,
        unnest(['mean over plans', 'weighted by assets']) as variant,
        observation_date,
        unnest([mean_weight, weighted_weight]) as value,
        rows_behind,
        available_at,
        file_id,
        row_key
    from plan_year
),

current_holding as (
    {{ latest_version(ref('stg_nbim__holding'), ['row_key']) }}
),

labelled_holding as (
    select
        *,
        asset_type = 'eq' as is_equity,
        asset_type = 'eq' and country = 'United States' as is_us_equity,
        asset_type in ('re', 'ri') as is_real_asset,
        asset_type = 'eq' and country = 'Singapore' and industry = 'Real Estate' as is_singapore_real_estate,
        -- the industry is basic materials for any miner, so the miner is told by its name
        asset_type = 'eq' and country = 'Australia'
        and regexp_matches(issuer, '(?i)lithium|pilbara minerals|allkem|orocobre|galaxy resources|mineral resources|igo ltd|liontown|sayona') as is_lithium
    from current_holding
    where market_value_usd is not null
),

norway_report as (
    select
        observation_date,
        sum(market_value_usd) as fund,
        sum(market_value_usd) filter (where is_equity) as equity,
        sum(market_value_usd) filter (where is_us_equity) as us_equity,
        sum(market_value_usd) filter (where is_real_asset) as real_asset,
        coalesce(sum(market_value_usd) filter (where is_singapore_real_estate), 0) as singapore_real_estate,
        coalesce(sum(market_value_usd) filter (where is_lithium), 0) as lithium,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, market_value_usd) as file_id,
        arg_max(row_key, market_value_usd) filter (where is_us_equity) as us_row_key,
        arg_max(row_key, market_value_usd) filter (where is_real_asset) as real_row_key,
        coalesce(
            arg_max(row_key, market_value_usd) filter (where is_singapore_real_estate or is_lithium), arg_max(row_key, market_value_usd)
        ) as destination_row_key
    from labelled_holding
    group by observation_date
),

norway_us_weight as (
    select
        'norway_us_equity_weight' as metric,
        unnest(['of the fund', 'of its equities']) as variant,
        observation_date,
        unnest([{{ safe_divide('us_equity', 'fund') }}, {{ safe_divide('us_equity', 'equity') }}]) as value,
        rows_behind,
        available_at,
        file_id,
        us_row_key as row_key
    from norway_report
),

norway_destination as (
    select
        'norway_destination_holdings' as metric,
        unnest(['both', 'Singapore real estate', 'Australian lithium']) as variant,
        observation_date,
        unnest([singapore_real_estate + lithium, singapore_real_estate, lithium]) as value,
        rows_behind,
        available_at,
        file_id,
        destination_row_key as row_key
    from norway_report
),

norway_real_asset as (
    select
        'sovereign_real_asset_weight' as metric,
        'Norway' as variant,
        observation_date,
        {{ safe_divide('real_asset', 'fund') }} as value,
        rows_behind,
        available_at,
        file_id,
        real_row_key as row_key
    from norway_report
),

-- a month that stands in both of the Treasury's tables counts once, in its newest version
current_security_flow as (
    {{ latest_version(ref('stg_tic__security_flow'), ['direction', 'term', 'instrument', 'measure', 'country_code', 'observation_date']) }}
),

japan_transaction as (
    select
        'japan_ust_net_purchases' as metric,
        'transactions' as variant,
        observation_date,
        sum(amount_usd) over so_far as value,
        count(*) over so_far as rows_behind,
        available_at,
        file_id,
        row_key
    from current_security_flow
    where direction = 'for' and term = 'lt' and instrument = 'treas' and measure = 'net' and country = 'Japan' and amount_usd is not null
    window so_far as (order by observation_date rows between unbounded preceding and current row)
),

foreign_equity_month as (
    select
        *,
        sum(amount_usd) over year_to_month as twelve_months,
        count(*) over year_to_month as months,
        min(observation_date) over year_to_month as first_month,
        max(available_at) over year_to_month as known_at
    from current_security_flow
    where direction = 'for' and term = 'lt' and instrument = 'eqty' and measure = 'net' and country_code = '99996' and amount_usd is not null
    window year_to_month as (order by observation_date rows between 11 preceding and current row)
),

foreign_equity as (
    select
        'foreign_net_us_equity_purchases' as metric,
        'month' as variant,
        observation_date,
        amount_usd as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from foreign_equity_month
    union all by name
    select
        'foreign_net_us_equity_purchases' as metric,
        '12 months' as variant,
        observation_date,
        twelve_months as value,
        months as rows_behind,
        known_at as available_at,
        file_id,
        row_key
    from foreign_equity_month
    where months = 12 and date_diff('day', first_month, observation_date) <= 336
),

current_holder as (
    {{ latest_version(ref('stg_tic__major_foreign_holder'), ['country', 'observation_date', 'series']) }}
),

-- groups and totals of the table are no countries
holder as (
    select
        *,
        rank() over (partition by observation_date order by holdings_usd desc) as place,
        count(*) over (partition by observation_date) as countries
    from current_holder
    where
        series = 'main' and holdings_usd is not null
        and not regexp_matches(country, '(?i)^(all other|grand total|foreign official|oil exporters|carib)')
),

japan_holding as (
    select
        'japan_ust_net_purchases' as metric,
        'holdings' as variant,
        observation_date,
        holdings_usd as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from holder
    where country = 'Japan'
    union all by name
    select
        'japan_ust_holdings_rank' as metric,
        'countries' as variant,
        observation_date,
        place as value,
        countries as rows_behind,
        available_at,
        file_id,
        row_key
    from holder
    where country = 'Japan'
),

current_reserve as (
    {{ latest_version(ref('stg_imf__observation'), ['dataset', 'series_key', 'observation_date']) }}
),

reserve as (
    select
        'usd_reserve_share' as metric,
        'world' as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_reserve
    where dataset = 'COFER' and country = 'G001' and currency = 'CI_USD' and transformation = 'SHRO_PT' and frequency = 'Q'
),

current_indicator as (
    {{ latest_version(ref('stg_world_bank__indicator'), ['indicator_id', 'country_code', 'observation_date']) }}
),

india as (
    select
        'india_market_cap' as metric,
        'World Bank' as variant,
        observation_date,
        value_usd as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_indicator
    where indicator_id = 'CM.MKT.LCAP.CD' and country_code = 'IN'
),

current_own as (
    {{ latest_version(ref('stg_own__series'), ['series_id', 'observation_date']) }}
),

brought as (
    select
        case series_id when 'vietnam_foreign_ownership' then 'vietnam_foreign_ownership' else 'pif_real_asset_purchases' end as metric,
        case series_id when 'vietnam_foreign_ownership' then 'listed companies' else 'brought figures' end as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_own
    where series_id in ('vietnam_foreign_ownership', 'pif_purchases_usd')
),

measured as (
    select * from pension
    {% for relation in [
        'norway_us_weight', 'norway_destination', 'norway_real_asset', 'japan_transaction', 'japan_holding', 'foreign_equity', 'reserve', 'india', 'brought'
    ] -%}
    union all by name
    select * from {{ relation }}
    {% endfor %}
)

select *
from measured
where isfinite(value)
