-- grain: observation_date, contract_code, report_scope, trader_group
with report as (
    {{ latest_version(ref('stg_cftc__financial_futures'), ['observation_date', 'contract_code', 'report_scope']) }}
),

-- dealers, asset managers and leveraged funds hold spreads; the group below the threshold reports none
trader_group as (
    {%- for group in ['dealer', 'asset_manager', 'leveraged_funds', 'other_reportable', 'nonreportable'] %}
    select
        report.*,
        '{{ group }}' as trader_group,
        {{ group }}_long as long_contracts,
        {{ group }}_short as short_contracts,
        {% if group == 'nonreportable' %}0{% else %}coalesce({{ group }}_spread, 0){% endif %} as spread_contracts
    from report
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- the newest price of the contract on the report date or in the week before
priced as (
    select
        trader_group.*,
        case
            when date_diff('day', price.observation_date, trader_group.observation_date) <= 7 then price.contract_value_usd
        end as contract_value_usd
    from trader_group
    {{ as_of_join(
        ref('int_futures_price'), 'price', ['trader_group.contract_code = price.contract_code'],
        'trader_group.observation_date >= price.observation_date'
    ) }}
)

select
    observation_date,
    contract_code,
    report_scope,
    trader_group,
    contract_name,
    open_interest,
    long_contracts,
    short_contracts,
    cast(spread_contracts as bigint) as spread_contracts,
    long_contracts - short_contracts as net_contracts,
    cast(long_contracts + short_contracts + 2 * spread_contracts as bigint) as gross_contracts,
    {{ safe_divide('long_contracts - short_contracts', 'open_interest') }} as net_share,
    {{ safe_divide('long_contracts + short_contracts + 2 * spread_contracts', '2 * open_interest') }} as gross_share,
    (long_contracts - short_contracts) * contract_value_usd as net_notional_usd,
    (long_contracts + short_contracts + 2 * spread_contracts) * contract_value_usd as gross_notional_usd,
    available_at,
    file_id,
    row_key
from priced
