-- grain: observation_date, strategy
with newest as (
    {{ latest_version(ref('stg_ofr__hedge_fund'), ['series_id', 'observation_date']) }}
),

by_measure as (
    select
        *,
        lower(coalesce(nullif(regexp_extract(series_id, '^FPF-STRATEGY_([A-Z]+)_', 1), ''), 'all')) as strategy,
        regexp_extract(series_id, '^FPF-(?:ALLQHF|STRATEGY_[A-Z]+)_(.+)$', 1) as measure
    from newest
    where value is not null and regexp_matches(series_id, '^FPF-(ALLQHF|STRATEGY_[A-Z]+)_')
),

-- a release rewrites every quarter, so the newest versions are those of one release
by_quarter as (
    select
        observation_date,
        strategy,
        {%- for column, measure in [
            ('net_assets_usd', 'NAV_SUM'),
            ('gross_assets_usd', 'GAV_SUM'),
            ('gross_notional_exposure_usd', 'GNE_SUM'),
            ('borrowing_usd', 'BORROWING_SUM'),
            ('leverage_mean_by_net_assets', 'LEVERAGERATIO_NAVWMEAN'),
            ('leverage_mean_by_gross_assets', 'LEVERAGERATIO_GAVWMEAN'),
            ('leverage_p5', 'LEVERAGERATIO_P5'),
            ('leverage_p50', 'LEVERAGERATIO_P50'),
            ('leverage_p95', 'LEVERAGERATIO_P95'),
        ] %}
        max(value) filter (where measure = '{{ measure }}') as {{ column }},
        {%- endfor %}
        cast(max(value) filter (where measure = 'COUNT') as bigint) as funds,
        max(available_at) as available_at,
        arg_min(file_id, case when measure = 'GAV_SUM' then '' else measure end) as file_id,
        arg_min(row_key, case when measure = 'GAV_SUM' then '' else measure end) as row_key
    from by_measure
    group by observation_date, strategy
),

ratio as (
    select
        *,
        {{ safe_divide('gross_assets_usd', 'net_assets_usd') }} as gross_assets_to_net,
        {{ safe_divide('gross_notional_exposure_usd', 'net_assets_usd') }} as gross_notional_to_net
    from by_quarter
),

changed as (
    select
        *,
        {%- for column in ['gross_assets_to_net', 'leverage_mean_by_gross_assets'] %}
        {{ column }} - {{ earlier(column, 1, 100, 'strategy') }} as {{ column }}_change_1q,
        {{ column }} - {{ earlier(column, 4, 380, 'strategy') }} as {{ column }}_change_4q,
        {%- endfor %}
        count(gross_assets_to_net) over (partition by strategy order by observation_date) as quarters_in_history
    from ratio
),

-- the last quarter before at which leverage was as low or lower
as_low_before as (
    select
        ratio.observation_date,
        ratio.strategy,
        max(earlier.observation_date) as lowest_since
    from ratio
    inner join ratio as earlier
        on
            ratio.strategy = earlier.strategy
            and ratio.observation_date > earlier.observation_date
            and ratio.gross_assets_to_net >= earlier.gross_assets_to_net
    group by ratio.observation_date, ratio.strategy
),

ranked as (
    select
        changed.*,
        as_low_before.lowest_since,
        changed.gross_assets_to_net is not null and as_low_before.lowest_since is null as is_lowest_on_record
    from changed
    left join as_low_before
        on changed.observation_date = as_low_before.observation_date and changed.strategy = as_low_before.strategy
)

select
    observation_date,
    strategy,
    gross_assets_to_net,
    gross_assets_to_net_change_1q,
    gross_assets_to_net_change_4q,
    lowest_since,
    is_lowest_on_record,
    quarters_in_history,
    gross_notional_to_net,
    leverage_mean_by_gross_assets,
    leverage_mean_by_gross_assets_change_1q,
    leverage_mean_by_gross_assets_change_4q,
    leverage_mean_by_net_assets,
    leverage_p5,
    leverage_p50,
    leverage_p95,
    net_assets_usd,
    gross_assets_usd,
    gross_notional_exposure_usd,
    borrowing_usd,
    funds,
    available_at,
    file_id,
    row_key
from ranked
