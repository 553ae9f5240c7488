-- grain: fund, observation_date, asset_class, region, country
with newest as (
    {{ latest_version(ref('stg_nbim__holding'), ['asset_type', 'observation_date', 'country', 'issuer', 'occurrence']) }}
),

-- the lists of Norway's fund, added up
part as (
    select
        observation_date,
        asset_type,
        country,
        coalesce(region, 'not stated') as region,
        sum(market_value_usd) as holdings_usd,
        max(available_at) as available_at,
        arg_max(file_id, row(market_value_usd, row_key)) as file_id,
        arg_max(row_key, row(market_value_usd, row_key)) as row_key
    from newest
    where market_value_usd is not null and observation_date <= {{ last_ended_day() }}
    group by observation_date, asset_type, coalesce(region, 'not stated'), country
),

-- a list an asset class: where one is missing, the weights of the others would be too large
listed as (
    select
        observation_date,
        sum(holdings_usd) as fund_usd,
        max(available_at) as available_at,
        count(distinct asset_type) as asset_types,
        bool_or(asset_type = 'eq') and bool_or(asset_type = 'fi') as has_equities_and_bonds
    from part
    group by observation_date
),

judged as (
    select
        *,
        has_equities_and_bonds and asset_types >= coalesce(lag(asset_types) over (order by observation_date), 0) as is_whole
    from listed
),

period as (
    select
        observation_date,
        available_at,
        is_whole,
        case when is_whole then fund_usd end as fund_usd,
        case
            when is_whole
                then max(case when is_whole then observation_date end) over (order by observation_date rows between unbounded preceding and 1 preceding)
        end as before_date
    from judged
),

-- the same day of the year before is looked up by its date: lists were yearly before they were half-yearly
compared_period as (
    select
        period.observation_date,
        period.is_whole,
        period.fund_usd,
        before.observation_date as before_date,
        before.fund_usd as fund_before_usd,
        year_before.observation_date as year_before_date,
        year_before.fund_usd as fund_year_before_usd,
        greatest(
            period.available_at, coalesce(before.available_at, period.available_at), coalesce(year_before.available_at, period.available_at)
        ) as available_at
    from period
    left join period as before on period.before_date = before.observation_date
    left join period as year_before
        on
            period.is_whole
            and year_before.is_whole
            and last_day(period.observation_date - interval '1 year') = year_before.observation_date
),

-- what was sold off altogether still has a change, so that the changes of a period add up to 0
part_of_period as (
    select distinct
        compared_period.observation_date,
        part.asset_type,
        part.region,
        part.country
    from compared_period
    inner join part
        on part.observation_date in (compared_period.observation_date, compared_period.before_date, compared_period.year_before_date)
),

norway as (
    select
        part_of_period.observation_date,
        'Government Pension Fund Global' as fund,
        case part_of_period.asset_type
            when 'eq' then 'equities'
            when 'fi' then 'bonds'
            when 're' then 'real estate'
            when 'ri' then 'renewable infrastructure'
            else part_of_period.asset_type
        end as asset_class,
        part_of_period.region,
        part_of_period.country,
        case when compared_period.is_whole then 'all holdings' else 'part of the holdings' end as basis,
        coalesce(part.holdings_usd, 0) as holdings_usd,
        {{ safe_divide('coalesce(part.holdings_usd, 0)', 'compared_period.fund_usd') }} as weight,
        compared_period.before_date as previous_observation_date,
        {{ safe_divide('coalesce(before.holdings_usd, 0)', 'compared_period.fund_before_usd') }} as weight_before,
        {{ safe_divide('coalesce(year_before.holdings_usd, 0)', 'compared_period.fund_year_before_usd') }} as weight_year_before,
        case when compared_period.before_date is not null then coalesce(before.holdings_usd, 0) end as holdings_before_usd,
        cast(null as double) as active_change_usd,
        compared_period.available_at,
        coalesce(part.file_id, before.file_id, year_before.file_id) as file_id,
        coalesce(part.row_key, before.row_key, year_before.row_key) as row_key
    from part_of_period
    inner join compared_period on part_of_period.observation_date = compared_period.observation_date
    {%- for joined, day in [('part', 'observation_date'), ('before', 'before_date'), ('year_before', 'year_before_date')] %}
    left join part{% if joined != 'part' %} as {{ joined }}{% endif %}
        on
            compared_period.{{ day }} = {{ joined }}.observation_date
            and part_of_period.asset_type = {{ joined }}.asset_type
            and part_of_period.region = {{ joined }}.region
            and part_of_period.country = {{ joined }}.country
    {%- endfor %}
),

-- of the other funds what they have to report in the United States; the whole fund, and so the weight, is not known
part_reported as (
    select
        * exclude (asset_class),
        case
            when asset_class in ('share', 'equity fund') then 'US-listed equities'
            when asset_class = 'bond fund' then 'US-listed bond funds'
            when asset_class = 'unknown' then 'US-listed, class unknown'
            else 'US-listed, other'
        end as asset_class
    from {{ ref('fct_manager_rotation_quarterly') }}
    where manager_kind = 'sovereign' and asset_class <> 'option'
),

reported as (
    select
        observation_date,
        manager_name as fund,
        asset_class,
        sum(value_usd) as holdings_usd,
        sum(value_before_usd) as holdings_before_usd,
        sum(active_change_usd) as active_change_usd,
        max(available_at) as available_at,
        arg_max(file_id, row(value_usd, row_key)) as file_id,
        arg_max(row_key, row(value_usd, row_key)) as row_key
    from part_reported
    group by observation_date, manager_name, asset_class
),

every_fund as (
    select * from norway
    union all by name
    select
        *,
        'North America' as region,
        'United States' as country,
        'US-listed holdings (Form 13F)' as basis,
        case when holdings_before_usd is not null then last_day(observation_date - interval '3 months') end as previous_observation_date
    from reported
)

select
    observation_date,
    fund,
    asset_class,
    region,
    country,
    basis,
    holdings_usd,
    weight,
    previous_observation_date,
    active_change_usd,
    available_at,
    file_id,
    row_key,
    weight - weight_before as weight_change,
    weight - weight_year_before as weight_change_1y,
    holdings_usd - holdings_before_usd as holdings_change_usd
from every_fund
