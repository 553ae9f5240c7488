-- Parts of the flow marts add up to their wholes: changes of holdings, weights of a fund, shares of reserves and of turnover, and the changes of each.
{%- set fund, reserve, liquidity = ref('fct_sovereign_fund_weight'), ref('fct_reserve_currency_quarterly'), ref('fct_liquidity_stratification_daily') %}
{%- set wholes = [
    (fund, 'weight', 1, 'fund, observation_date'),
    (fund, 'weight_change', 0, 'fund, observation_date'),
    (fund, 'weight_change_1y', 0, 'fund, observation_date'),
    (reserve, 'share', 1, 'observation_date'),
    (reserve, 'share_with_gold', 1, 'observation_date'),
    (reserve, 'exchange_rate_effect_4q', 0, 'observation_date'),
    (liquidity, 'turnover_share', 1, 'observation_date'),
    (liquidity, 'turnover_share_change_1y', 0, 'observation_date'),
    (liquidity, 'fund_turnover_share', 1, 'observation_date'),
] %}
select
    concat_ws(' ', 'change of holdings', observation_date, direction, country_code, instrument) as where_it_is,
    holdings_change_usd - net_purchases_usd - valuation_change_usd - other_change_usd as difference
from {{ ref('fct_cross_border_flow_monthly') }}
where
    holdings_change_usd is not null and net_purchases_usd is not null and valuation_change_usd is not null
    and coalesce(abs(holdings_change_usd - net_purchases_usd - valuation_change_usd - other_change_usd) > 1, true)
union all
select
    concat_ws(' ', 'change of share', observation_date, currency) as where_it_is,
    share_change_4q - exchange_rate_effect_4q - quantity_effect_4q as difference
from {{ reserve }}
where abs(share_change_4q - exchange_rate_effect_4q - quantity_effect_4q) > 1e-12
{%- for relation, column, whole, group in wholes %}
union all
select
    concat_ws(' ', '{{ column }}', {{ group }}) as where_it_is,
    sum({{ column }}) - {{ whole }} as difference
from {{ relation }}
where {{ column }} is not null
group by {{ group }}
having abs(sum({{ column }}) - {{ whole }}) > 1e-9
{%- endfor %}
