-- grain: metric, variant, observation_date. Measured series of claims about prices, turnover, volatility and the regime, newest versions known.
with current_price as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
),

-- adjusted for splits where there are such rows, as the signals take it
price as (
    select *
    from current_price
    where symbol in ('^DJI', '^IXIC', '^JKSE', 'TSLA') and close > 0
    qualify row_number() over (partition by symbol, observation_date order by (adjustment = 'split') desc, adjustment) = 1
),

dow_jones as (
    select
        'djia_level' as metric,
        unnest(['low to close', 'close to close']) as variant,
        observation_date,
        unnest([low, close]) as start_value,
        close as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from price
    where symbol = '^DJI'
),

tesla as (
    select
        'tesla_price' as metric,
        unnest(['high to close', 'close to close']) as variant,
        observation_date,
        unnest([high, close]) as start_value,
        close as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from price
    where symbol = 'TSLA'
),

current_fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

nasdaq_level as (
    select
        'price index' as variant,
        observation_date,
        close as level,
        available_at,
        file_id,
        row_key
    from price
    where symbol = '^IXIC'
    union all by name
    select
        'FRED' as variant,
        observation_date,
        value as level,
        available_at,
        file_id,
        row_key
    from current_fred
    where series_id = 'NASDAQCOM' and value > 0
),

-- the last close of 2008 is where the claim counts from
nasdaq_base as (
    select
        variant,
        max(observation_date) as base_date,
        arg_max(level, observation_date) as base_level
    from nasdaq_level
    where observation_date between date '2008-12-22' and date '2008-12-31'
    group by variant
),

nasdaq as (
    select
        'nasdaq_annualised_return' as metric,
        nasdaq_level.variant,
        nasdaq_level.observation_date,
        power(
            {{ safe_divide('nasdaq_level.level', 'nasdaq_base.base_level') }},
            {{ safe_divide('365.25', "date_diff('day', nasdaq_base.base_date, nasdaq_level.observation_date)") }}
        ) - 1 as value,
        2 as rows_behind,
        nasdaq_level.available_at,
        nasdaq_level.file_id,
        nasdaq_level.row_key
    from nasdaq_level
    inner join nasdaq_base on nasdaq_level.variant = nasdaq_base.variant
    where nasdaq_level.observation_date > nasdaq_base.base_date + 365
),

jakarta_year_end as (
    select
        year(observation_date) as of_year,
        arg_max(close, observation_date) as last_close
    from price
    where symbol = '^JKSE'
    group by year(observation_date)
    having month(max(observation_date)) = 12
),

jakarta as (
    select
        'jakarta_composite_ytd' as metric,
        'rupiah' as variant,
        price.observation_date,
        {{ safe_divide('price.close', 'jakarta_year_end.last_close') }} - 1 as value,
        2 as rows_behind,
        price.available_at,
        price.file_id,
        price.row_key
    from price
    inner join jakarta_year_end on year(price.observation_date) = jakarta_year_end.of_year + 1
    where price.symbol = '^JKSE'
),

current_coin as (
    {{ latest_version(ref('stg_coin_metrics__asset'), ['asset', 'observation_date']) }}
),

bitcoin_price as (
    select
        'Coinbase' as variant,
        observation_date,
        value as price,
        available_at,
        file_id,
        row_key
    from current_fred
    where series_id = 'CBBTCUSD' and value > 0
    union all by name
    select
        'Coin Metrics' as variant,
        observation_date,
        price_usd as price,
        available_at,
        file_id,
        row_key
    from current_coin
    where asset = 'btc' and price_usd > 0
),

-- a month counts where its last day has a price, as bitcoin trades every day
bitcoin_month_end as (
    select
        *,
        lag(price) over series as price_before,
        lag(observation_date) over series as date_before
    from bitcoin_price
    where observation_date = last_day(observation_date)
    window series as (partition by variant order by observation_date)
),

bitcoin as (
    select
        'bitcoin_monthly_return' as metric,
        variant,
        observation_date,
        {{ safe_divide('price', 'price_before') }} - 1 as value,
        2 as rows_behind,
        available_at,
        file_id,
        row_key
    from bitcoin_month_end
    where date_diff('day', date_before, observation_date) <= 31
),

current_venue as (
    {{ latest_version(ref('stg_cboe__venue_volume'), ['venue', 'observation_date']) }}
),

venue_day as (
    select
        observation_date,
        sum(case when venue = 'NYSE (N)' then total_notional_usd end) as nyse,
        sum(case when regexp_matches(venue, '^(NYSE|AMEX).*\([NPACM]\)$') then total_notional_usd end) as nyse_group,
        sum(tape_a_notional_usd) as nyse_listed,
        count(*) as venues,
        max(available_at) as available_at,
        arg_max(file_id, case when venue = 'NYSE (N)' then 1 else 0 end) as file_id,
        arg_max(row_key, case when venue = 'NYSE (N)' then 1 else 0 end) as row_key
    from current_venue
    where total_notional_usd is not null
    group by observation_date
),

nyse_day as (
    select
        observation_date,
        venues,
        available_at,
        file_id,
        row_key,
        unnest(['NYSE', 'NYSE group', 'NYSE-listed shares']) as variant,
        unnest([nyse, nyse_group, nyse_listed]) as turnover
    from venue_day
),

nyse as (
    select
        'nyse_average_daily_turnover' as metric,
        variant,
        last_day(observation_date) as observation_date,
        avg(turnover) as value,
        sum(venues) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, observation_date) as file_id,
        arg_max(row_key, observation_date) as row_key
    from nyse_day
    where last_day(observation_date) <= {{ last_ended_day() }}
    group by variant, last_day(observation_date)
    having count(turnover) >= {{ var('claim_month_sessions') }}
),

-- vintages show what was known when; the last of them is what is known now
current_sector as (
    select *
    from {{ ref('int_sector_turnover_daily') }}
    where last_day(observation_date) <= {{ last_ended_day() }}
    qualify row_number() over (partition by sector, observation_date order by vintage_at desc) = 1
),

sector_month as (
    select
        last_day(observation_date) as observation_date,
        sum(case when sector = 'Utilities' then turnover_usd end) as utilities,
        sum(turnover_usd) as all_sectors,
        count(distinct observation_date) as sessions,
        sum(symbols) as rows_behind,
        max(known_at) as available_at,
        arg_max(file_id, observation_date) filter (where sector = 'Utilities') as file_id,
        arg_max(row_key, observation_date) filter (where sector = 'Utilities') as row_key
    from current_sector
    group by last_day(observation_date)
    having count(*) filter (where sector = 'Utilities') >= {{ var('claim_month_sessions') }}
),

utilities as (
    select
        'utilities_turnover' as metric,
        unnest(['sector', 'share of sectors']) as variant,
        observation_date,
        unnest([{{ safe_divide('utilities', 'sessions') }}, {{ safe_divide('utilities', 'all_sectors') }}]) as value,
        rows_behind,
        available_at,
        file_id,
        row_key
    from sector_month
),

score as (
    select
        result.*,
        signal.direction
    from {{ ref('int_signal_score') }} as result
    inner join {{ ref('signal') }} as signal on result.signal_id = signal.signal_id
    where result.signal_id in ('vix_log', 'signed_close_location')
    qualify row_number() over (partition by result.signal_id, result.source_observation_date order by result.available_at desc) = 1
),

volatility_rank as (
    select
        'vix_percentile_3y' as metric,
        'VIX' as variant,
        source_observation_date as observation_date,
        percentile_rank as value,
        1 as rows_behind,
        available_at,
        file_id,
        row_key
    from score
    where signal_id = 'vix_log' and z_status = 'computed'
),

-- a rise of z says that capital leaves; times the direction it is the z of the value itself
close_location as (
    select
        'order_flow_imbalance' as metric,
        'close location' as variant,
        last_day(source_observation_date) as observation_date,
        avg(z_score * direction) as value,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, source_observation_date) as file_id,
        arg_max(row_key, source_observation_date) as row_key
    from score
    where signal_id = 'signed_close_location' and z_score is not null and last_day(source_observation_date) <= {{ last_ended_day() }}
    group by last_day(source_observation_date)
    having count(*) >= {{ var('claim_month_sessions') }}
),

-- the regime rests on all signals; the row shown is that of the core signal that weighs most on the day
strongest_signal as (
    select
        observation_date,
        count(*) as rows_behind,
        max(available_at) as available_at,
        arg_max(file_id, row(abs(index_weight * z_score), signal_id)) as file_id,
        arg_max(row_key, row(abs(index_weight * z_score), signal_id)) as row_key
    from {{ ref('int_signal_daily') }}
    where is_core and z_score is not null
    group by observation_date
),

regime as (
    select
        'retreat_regime' as metric,
        regime.observation_date,
        strongest_signal.rows_behind,
        strongest_signal.available_at,
        strongest_signal.file_id,
        strongest_signal.row_key,
        unnest(['on the last day', 'on most days']) as variant,
        case when regime.regime = 'orderly_retreat' then 1 else 0 end as value
    from {{ ref('int_retreat_regime') }} as regime
    inner join strongest_signal on regime.observation_date = strongest_signal.observation_date
    where regime.regime is not null
),

measured as (
    select * from dow_jones
    union all by name
    select * from tesla
    {% for relation in ['nasdaq', 'jakarta', 'bitcoin', 'nyse', 'utilities', 'volatility_rank', 'close_location', 'regime'] -%}
    union all by name
    select * from {{ relation }}
    {% endfor %}
)

select *
from measured
where isfinite(value)
