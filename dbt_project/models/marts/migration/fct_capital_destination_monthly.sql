-- grain: observation_date (month end), destination
{%- set parameter = var('capital_destination') %}
with destination as (
    select * from {{ ref('capital_destination') }}
),

indicator as (
    select
        *,
        year(observation_date) * 12 + month(observation_date) as month_number
    from {{ ref('int_capital_destination_month') }}
),

-- known once both sellers are
outflow as (
    select
        observation_date,
        sum(outflow_usd) > 0 as is_money_leaving,
        max(available_at) as available_at
    from {{ ref('int_equity_outflow_month') }}
    group by observation_date
    having count(*) = 2
),

judged as (
    select
        *,
        {{ robust_z_of_months_before('inflow', parameter.months, parameter.minimum_months, 'destination') }} as standardised_inflow,
        max(available_at) over (
            partition by destination order by month_number range between {{ parameter.months }} preceding and current row
        ) as judged_available_at
    from indicator
),

described as (
    select
        judged.*,
        destination.destination_group,
        destination.indicator,
        destination.unit,
        outflow.is_money_leaving,
        outflow.available_at as outflow_available_at,
        case when destination.is_in_shares and judged.standardised_inflow is not null then greatest(judged.standardised_inflow, 0) end as counted_inflow
    from judged
    inner join destination on judged.destination = destination.destination
    left join outflow on judged.observation_date = outflow.observation_date
)

select
    observation_date,
    destination,
    destination_group,
    indicator,
    unit,
    indicator_value,
    inflow,
    inflow_usd,
    standardised_inflow,
    {{ safe_divide("counted_inflow", "sum(counted_inflow) over same_month") }} as share_of_inflows,
    cast(count(counted_inflow) over same_month as integer) as destinations_with_share,
    is_money_leaving,
    case when is_money_leaving then standardised_inflow when not is_money_leaving and standardised_inflow is not null then 0 end as inflow_while_leaving,
    greatest(max(judged_available_at) over same_month, coalesce(outflow_available_at, max(judged_available_at) over same_month)) as available_at,
    file_id,
    row_key
from described
window same_month as (partition by observation_date)
