{%- set parameter = var('capital_destination') -%}
{%- set loop_months = var('dollar_loop').correlation_months -%}
-- grain: metric, variant, observation_date. Measured series of claims about where capital goes and about the dollar loop, newest versions known.
with destination_month as (
    select
        *,
        year(observation_date) * 12 + month(observation_date) as month_number
    from {{ ref('int_capital_destination_month') }}
),

standardised as (
    select
        *,
        {{ robust_z_of_months_before('inflow', parameter.months, parameter.minimum_months, 'destination') }} as standardised_inflow
    from destination_month
),

outflow as (
    select
        observation_date,
        sum(outflow_usd) as outflow_usd,
        max(available_at) as available_at
    from {{ ref('int_equity_outflow_month') }}
    group by observation_date
    having count(*) = 2
),

-- copper, gold and bitcoin together, 0 in a month in which no money leaves US equities
safe_haven as (
    select
        'destination_inflow_conditional' as metric,
        'copper, gold and bitcoin' as variant,
        standardised.observation_date,
        avg(case when outflow.outflow_usd > 0 then standardised.standardised_inflow else 0 end) as value,
        count(*) as rows_behind,
        greatest(max(standardised.available_at), max(outflow.available_at)) as available_at,
        arg_max(standardised.file_id, standardised.destination) as file_id,
        arg_max(standardised.row_key, standardised.destination) as row_key
    from standardised
    inner join outflow on standardised.observation_date = outflow.observation_date
    where standardised.destination in ('copper futures', 'SPDR Gold Shares', 'bitcoin') and standardised.standardised_inflow is not null
    group by standardised.observation_date
    having count(*) = 3
),

counted as (
    select
        standardised.observation_date,
        sum(greatest(standardised.standardised_inflow, 0)) as inflows,
        sum(greatest(standardised.standardised_inflow, 0)) filter (where standardised.destination in ('India', 'Vietnam', 'Indonesia')) as emerging_inflows,
        count(*) as destinations,
        max(standardised.available_at) as available_at,
        arg_max(standardised.file_id, standardised.destination) as file_id,
        arg_max(standardised.row_key, standardised.destination) as row_key
    from standardised
    inner join {{ ref('capital_destination') }} as listed on standardised.destination = listed.destination
    where listed.is_in_shares and standardised.standardised_inflow is not null
    group by standardised.observation_date
),

emerging_year as (
    select
        *,
        sum(inflows) over year_to_month as year_inflows,
        sum(emerging_inflows) over year_to_month as year_emerging_inflows,
        sum(destinations) over year_to_month as rows_behind,
        count(*) over year_to_month as months,
        max(available_at) over year_to_month as known_at
    from counted
    window year_to_month as (order by observation_date range between interval 11 month preceding and current row)
),

emerging as (
    select
        'emerging_inflow_share_of_outflow' as metric,
        'standardised inflows' as variant,
        observation_date,
        {{ safe_divide('year_emerging_inflows', 'year_inflows') }} as value,
        rows_behind,
        known_at as available_at,
        file_id,
        row_key
    from emerging_year
    where months = 12
),

linked as (
    select
        observation_date,
        link,
        available_at,
        file_id,
        row_key,
        case
            when
                count(*) over recent = {{ loop_months }}
                and date_diff('month', min(observation_date) over recent, observation_date) = {{ loop_months - 1 }}
                then corr(first_value, second_value) over recent
        end as correlation
    from {{ ref('int_dollar_loop_link') }}
    window recent as (partition by link order by observation_date rows between {{ loop_months - 1 }} preceding and current row)
),

dollar_loop as (
    select
        'dollar_recycling_strength' as metric,
        'mean of three links' as variant,
        observation_date,
        avg(correlation) as value,
        3 * {{ loop_months }} as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, link) as file_id,
        arg_max(row_key, link) as row_key
    from linked
    where correlation is not null
    group by observation_date
    having count(*) = 3
),

measured as (
    select * from safe_haven
    union all by name
    select * from emerging
    union all by name
    select * from dollar_loop
)

select *
from measured
where isfinite(value)
