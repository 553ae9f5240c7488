-- grain: metric, variant, observation_date. Measured series of claims about options, funds, leverage, managers and open interest, newest versions known.
with current_option as (
    {{ latest_version(ref('stg_cboe__put_call'), ['product', 'measure', 'observation_date']) }}
),

option_day as (
    select *
    from current_option
    where measure = 'volume' and call_contracts > 0 and product in ('equity', 'total', 'index', 'spx', 'etp')
),

put_call as (
    {% for sessions in [1, 5, 21] -%}
    {% if not loop.first %}union all by name{% endif %}
    select
        'put_call_ratio' as metric,
        product || ', {{ sessions }} session{{ '' if sessions == 1 else 's' }}' as variant,
        observation_date,
        {{ trailing_mean('put_contracts / call_contracts', sessions, 2 * sessions + 4, 'product') }} as value,
        {{ sessions }} as rows_behind,
        max(available_at) over (partition by product order by observation_date rows between {{ sessions - 1 }} preceding and current row) as available_at,
        file_id,
        row_key
    from option_day
    {% endfor %}
),

index_put as (
    select
        'index_put_volume' as metric,
        case product when 'index' then 'index options' else 'S&P 500 options' end as variant,
        last_day(observation_date) as observation_date,
        avg(put_contracts) as value,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from option_day
    where product in ('index', 'spx') and last_day(observation_date) <= {{ last_ended_day() }}
    group by product, last_day(observation_date)
    having count(*) >= {{ var('claim_month_sessions') }}
),

current_hedge_fund as (
    {{ latest_version(ref('stg_ofr__hedge_fund'), ['series_id', 'observation_date']) }}
),

leverage as (
    select
        'hedge_fund_leverage' as metric,
        case series_id
            when 'FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN' then 'weighted by gross assets'
            when 'FPF-ALLQHF_LEVERAGERATIO_NAVWMEAN' then 'weighted by net assets'
            when 'FPF-ALLQHF_LEVERAGERATIO_P50' then 'median fund'
        end as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_hedge_fund
    where series_id in ('FPF-ALLQHF_LEVERAGERATIO_GAVWMEAN', 'FPF-ALLQHF_LEVERAGERATIO_NAVWMEAN', 'FPF-ALLQHF_LEVERAGERATIO_P50')
),

exposure as (
    select
        'quant_fund_exposure' as metric,
        'volatility target' as variant,
        source_observation_date as observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from {{ ref('int_signal_event') }}
    where signal_id = 'vol_target_exposure'
    qualify row_number() over (partition by source_observation_date order by available_at desc) = 1
),

single_fund_week as (
    select
        fund as variant,
        week_end_date as observation_date,
        flow,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from {{ ref('int_fund_flow_weekly') }}
    where fund in ('SPY', 'IVV', 'VOO')
),

-- "on record" means the weeks in which all three funds have a figure
fund_week as (
    select * from single_fund_week
    union all by name
    select
        'SPY+IVV+VOO' as variant,
        observation_date,
        sum(flow) as flow,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, abs(flow)) as file_id,
        arg_max(row_key, abs(flow)) as row_key
    from single_fund_week
    group by observation_date
    having count(*) = 3
),

fund_flow as (
    select
        'etf_net_flow_weekly' as metric,
        * exclude (flow),
        flow as value
    from fund_week
),

-- the place rests on every week so far
fund_flow_rank as (
    select
        'etf_net_flow_weekly_rank' as metric,
        * exclude (flow, rows_behind),
        rank(order by flow) over so_far as value,
        sum(rows_behind) over so_far as rows_behind
    from fund_week
    window so_far as (partition by variant order by observation_date rows between unbounded preceding and current row)
),

current_copper as (
    {{ latest_version(ref('stg_cftc__disaggregated_futures'), ['contract_code', 'report_scope', 'observation_date']) }}
),

current_own as (
    {{ latest_version(ref('stg_own__series'), ['series_id', 'observation_date']) }}
),

copper as (
    select
        'copper_open_interest' as metric,
        'COMEX' as variant,
        observation_date,
        open_interest as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_copper
    where contract_code = '085692' and report_scope = 'FutOnly'
    union all by name
    select
        'copper_open_interest' as metric,
        'LME' as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_own
    where series_id = 'lme_copper_open_interest'
),

current_gold as (
    {{ latest_version(ref('stg_spdr__gold_trust'), ['observation_date']) }}
),

gold as (
    select
        'gold_etf_tonnes' as metric,
        'SPDR Gold Shares' as variant,
        observation_date,
        tonnes_in_trust as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_gold
    union all by name
    select
        'gold_etf_tonnes' as metric,
        'all funds' as variant,
        observation_date,
        value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from current_own
    where series_id = 'wgc_gold_etf_tonnes'
),

technology as (
    select distinct identifier.cusip
    from {{ ref('int_security_identifier') }} as identifier
    inner join {{ ref('company_of_interest') }} as company on identifier.cik = company.cik
    where company.sector = 'Information Technology'
),

bridgewater as (
    select
        report.observation_date,
        line.cusip,
        sum(line.shares) as shares,
        sum(line.value_usd) as value_usd,
        count(*) as rows_behind,
        max(report.in_force_from) as available_at,
        arg_max(line.file_id, line.value_usd) as file_id,
        arg_max(line.row_key, line.value_usd) as row_key
    from {{ ref('int_form_13f_filing') }} as report
    inner join {{ ref('manager') }} as manager on report.cik = manager.cik
    inner join {{ ref('stg_sec__form_13f_holding') }} as line on report.accession_number = line.accession_number
    inner join technology on line.cusip = technology.cusip
    where manager.short_name = 'Bridgewater' and report.in_force_until is null and not line.is_option and line.shares > 0
    group by report.observation_date, line.cusip
),

bridgewater_quarter as (
    select
        now.observation_date,
        sum(now.value_usd) as value_usd,
        sum(now.shares * before.value_usd / before.shares) as value_at_prices_before,
        sum(now.rows_behind) as rows_behind,
        max(now.available_at) as available_at,
        arg_max(now.file_id, now.value_usd) as file_id,
        arg_max(now.row_key, now.value_usd) as row_key
    from bridgewater as now
    left join bridgewater as before
        on now.cusip = before.cusip and last_day(now.observation_date - interval 3 month) = before.observation_date
    group by now.observation_date
),

-- where a change starts, the shares stand at the prices of their own day: end over start is then a change in shares alone
manager_position as (
    select
        'manager_position_change' as metric,
        unnest(['at constant prices', 'market value']) as variant,
        observation_date,
        value_usd as start_value,
        unnest([value_at_prices_before, value_usd]) as value,
        rows_behind,
        available_at,
        file_id,
        row_key
    from bridgewater_quarter
),

-- managers that decide what they hold, a quarter once each, as known now
rotation as (
    select
        *,
        {{ stock_to_bond_switch('equity_change_share', 'bond_fund_change_share') }} as stock_to_bond_switch,
        regexp_matches(manager_kind, 'macro|multi-strategy|quantitative|risk parity') as is_hedge_fund
    from {{ ref('int_manager_rotation_as_known') }}
    where known_until is null and counts_in_breadth and equity_change_share is not null
),

manager_rotation as (
    {% for metric, variant, value, condition in [
        ('stock_bond_switch_breadth', 'all managers', 'avg(case when stock_to_bond_switch then 1 else 0 end)', 'true'),
        ('stock_bond_switch_breadth', 'risk parity', 'avg(case when stock_to_bond_switch then 1 else 0 end)', "manager_kind like '%risk parity%'"),
        ('hedge_fund_portfolio_turnover', 'moved into or out of shares', 'avg(abs(equity_change_share))', 'is_hedge_fund'),
    ] -%}
    {% if not loop.first %}union all by name{% endif %}
    select
        '{{ metric }}' as metric,
        '{{ variant }}' as variant,
        observation_date,
        {{ value }} as value,
        count(*) as rows_behind,
        max(known_at) as available_at,
        arg_max(file_id, row(value_usd, row_key)) as file_id,
        arg_max(row_key, row(value_usd, row_key)) as row_key
    from rotation
    where {{ condition }}
    group by observation_date
    {% endfor %}
),

measured as (
    select * from put_call
    {% for relation in ['index_put', 'leverage', 'exposure', 'manager_position', 'manager_rotation', 'fund_flow', 'fund_flow_rank', 'copper', 'gold'] -%}
    union all by name
    select * from {{ relation }}
    {% endfor %}
)

select *
from measured
where isfinite(value)
