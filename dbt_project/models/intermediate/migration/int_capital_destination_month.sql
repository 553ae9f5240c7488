-- grain: observation_date (month end), destination. Indicator of every destination and what came in, newest versions known
with fund_flow_version as (
    select *
    from {{ ref('stg_ici__fund_flow') }}
    where
        frequency = 'monthly' and vehicle = 'combined' and category in ('bond', 'world_equity', 'commodity')
        and observation_date <= {{ last_ended_day() }}
),

newest_fund_flow as (
    {{ latest_version('fund_flow_version', ['category', 'observation_date']) }}
),

fund_flow as (
    select
        observation_date,
        case category when 'bond' then 'bond funds' when 'world_equity' then 'world equity funds' else 'commodity funds' end as destination,
        net_flow_usd as indicator_value,
        net_flow_usd as inflow,
        net_flow_usd as inflow_usd,
        available_at,
        file_id,
        row_key
    from newest_fund_flow
),

money_fund as (
    select
        observation_date,
        'money-market funds' as destination,
        net_assets_usd as indicator_value,
        inflow_usd as inflow,
        inflow_usd,
        available_at,
        file_id,
        row_key
    from {{ ref('int_money_fund_month') }}
),

gold_fund as (
    select
        observation_date,
        'SPDR Gold Shares' as destination,
        tonnes as indicator_value,
        inflow_tonnes as inflow,
        inflow_usd,
        available_at,
        file_id,
        row_key
    from {{ ref('int_gold_fund_month') }}
),

worldwide_version as (
    select *
    from {{ ref('stg_own__series') }}
    where series_id = 'wgc_gold_etf_tonnes' and observation_date <= {{ last_ended_day() }}
),

newest_worldwide as (
    {{ latest_version('worldwide_version', ['observation_date']) }}
),

worldwide_change as (
    select
        last_day(observation_date) as observation_date,
        value,
        value - {{ earlier('value', 1, 31, '1') }} as inflow,
        available_at,
        file_id,
        row_key
    from newest_worldwide
),

worldwide_gold as (
    select
        worldwide_change.observation_date,
        'gold funds worldwide' as destination,
        worldwide_change.value as indicator_value,
        worldwide_change.inflow,
        worldwide_change.inflow * {{ var('ounces_per_tonne') }} * gold.usd_an_ounce as inflow_usd,
        greatest(worldwide_change.available_at, gold.available_at) as available_at,
        worldwide_change.file_id,
        worldwide_change.row_key
    from worldwide_change
    left join {{ ref('int_gold_fund_month') }} as gold on worldwide_change.observation_date = gold.observation_date
),

foreign_share_version as (
    select *
    from {{ ref('stg_tic__security_flow') }}
    where
        direction = 'us' and term = 'lt' and instrument = 'eqty' and measure = 'net' and country_code = '99996'
        and observation_date <= {{ last_ended_day() }}
),

newest_foreign_share as (
    {{ latest_version('foreign_share_version', ['source_table', 'observation_date']) }}
),

foreign_share as (
    select
        observation_date,
        'foreign shares bought by US residents' as destination,
        amount_usd as indicator_value,
        amount_usd as inflow,
        amount_usd as inflow_usd,
        available_at,
        file_id,
        row_key
    from newest_foreign_share
    qualify row_number() over (partition by observation_date order by (source_table = 'cslt') desc, source_table) = 1
),

copper_version as (
    select *
    from {{ ref('stg_cftc__disaggregated_futures') }}
    where report_scope = 'FutOnly' and contract_code = '085692' and open_interest > 0 and observation_date <= {{ last_ended_day() }}
),

weekly_copper as (
    {{ latest_version('copper_version', ['observation_date']) }}
),

-- reports are weekly: the last of a month lies within its last seven days
monthly_copper as (
    select
        last_day(observation_date) as observation_date,
        arg_max(open_interest, observation_date) as open_interest,
        arg_max(available_at, observation_date) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from weekly_copper
    group by last_day(observation_date)
    having date_diff('day', max(observation_date), last_day(max(observation_date))) < 7 and last_day(max(observation_date)) <= {{ last_ended_day() }}
),

copper as (
    select
        observation_date,
        'copper futures' as destination,
        open_interest as indicator_value,
        open_interest - {{ earlier('open_interest', 1, 31, '1') }} as inflow,
        cast(null as double) as inflow_usd,
        available_at,
        file_id,
        row_key
    from monthly_copper
),

return_beyond_market as (
    select
        observation_date,
        destination,
        return_beyond_market as indicator_value,
        return_beyond_market as inflow,
        cast(null as double) as inflow_usd,
        available_at,
        file_id,
        row_key
    from {{ ref('int_return_beyond_market_month') }}
)

{% for relation in ['fund_flow', 'money_fund', 'gold_fund', 'worldwide_gold', 'foreign_share', 'copper', 'return_beyond_market'] -%}
{%- if not loop.first %}union all by name
{% endif -%}
select * from {{ relation }}
where inflow is not null
{% endfor %}
