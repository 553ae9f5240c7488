{#- A new signal adds its name here, next to its seed row and its model. -#}
{%- set signals = [
    'amihud_market',
    'bitcoin_resid_13w',
    'copper_oi_13w',
    'core_pce_yoy',
    'cot_am_net_es',
    'cot_jpy_carry_unwind',
    'cot_lev_gross_es',
    'cot_lev_net_vix',
    'defensive_rotation_flow',
    'em3_relative_13w',
    'etf_core3_flow',
    'gold_etf_tonnes_13w',
    'gpr_ma30',
    'hf_leverage',
    'hf_tech_active_change',
    'japan_ust_net_12m',
    'leveraged_etf_bull_share',
    'margin_debt_yoy',
    'margin_growth_ex_price',
    'market_turnover_gap',
    'mmf_growth_13w',
    'nfci_leverage',
    'policy_path_12m',
    'put_call_equity',
    'put_call_spx',
    'real_yield_13w',
    'short_interest_index_etf',
    'signed_close_location',
    'skew_21d',
    'spread_edge',
    'stock_bond_switch_breadth',
    'tic_foreign_equity_net',
    'utilities_turnover_gap',
    'vix_log',
    'vix_term_slope',
    'vol_target_exposure'
] -%}
-- grain: signal, moment at which its newest value changed. All measured signals in one relation
with every_signal as (
    {%- for signal in signals %}
    select * from {{ ref('int_signal__' ~ signal) }}
    {%- if not loop.last %}
    union all by name
    {%- endif %}
    {%- endfor %}
)

select
    every_signal.*,
    min(every_signal.available_at) over (
        partition by every_signal.signal_id, every_signal.source_observation_date
    ) as first_available_at
from every_signal
