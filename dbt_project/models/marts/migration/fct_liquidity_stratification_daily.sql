-- grain: observation_date, sector
with turnover as (
    {{ known_on_day(ref('int_trading_day'), ref('int_symbol_turnover_event'), ['symbol']) }}
),

tape as (
    {{ known_on_day(ref('int_trading_day'), ref('int_tape_event'), ['symbol']) }}
),

market as (
    {{ known_on_day(ref('int_trading_day'), ref('int_market_turnover_event'), ['market']) }}
),

-- a symbol that is no longer quoted ends after a week
symbol_day as (
    select
        turnover.*,
        listed.sector,
        listed.kind,
        tape.mean_price_impact,
        case when turnover.mean_turnover_year_before_usd is not null then turnover.mean_turnover_usd end as compared_turnover_usd
    from turnover
    inner join {{ ref('symbol_sector') }} as listed on turnover.symbol = listed.symbol
    left join tape
        on
            turnover.observation_date = tape.observation_date
            and turnover.symbol = tape.symbol
            and date_diff('day', tape.source_observation_date, tape.observation_date) <= {{ var('liquidity').shown_days }}
    where date_diff('day', turnover.source_observation_date, turnover.observation_date) <= {{ var('liquidity').shown_days }}
),

sector_day as (
    select
        observation_date,
        sector,
        max(source_observation_date) as source_observation_date,
        sum(mean_turnover_usd) as turnover_usd,
        sum(case when kind = 'fund' then mean_turnover_usd else 0 end) as fund_turnover_usd,
        sum(compared_turnover_usd) as compared_turnover_usd,
        sum(mean_turnover_year_before_usd) as year_before_turnover_usd,
        count(*) as symbols,
        count(compared_turnover_usd) as symbols_compared,
        median(mean_price_impact) as price_impact,
        max(available_at) as available_at,
        arg_max(file_id, row(mean_turnover_usd, row_key)) as file_id,
        arg_max(row_key, row(mean_turnover_usd, row_key)) as row_key
    from symbol_day
    group by observation_date, sector
),

-- a share and that of a year before are those of the same symbols: one that began to trade in between moves neither
shared as (
    select
        *,
        {{ safe_divide('turnover_usd', 'sum(turnover_usd) over (partition by observation_date)') }} as turnover_share,
        {{ safe_divide('fund_turnover_usd', 'sum(fund_turnover_usd) over (partition by observation_date)') }} as fund_turnover_share,
        {{ safe_divide('compared_turnover_usd', 'sum(compared_turnover_usd) over (partition by observation_date)') }}
        - {{ safe_divide('year_before_turnover_usd', 'sum(year_before_turnover_usd) over (partition by observation_date)') }} as turnover_share_change_1y
    from sector_day
),

market_day as (
    select *
    from market
    where date_diff('day', source_observation_date, observation_date) <= {{ var('liquidity').shown_days }}
)

select
    shared.observation_date,
    shared.sector,
    shared.source_observation_date,
    shared.turnover_usd,
    shared.turnover_share,
    {{ safe_divide('shared.compared_turnover_usd', 'shared.year_before_turnover_usd') }} - 1 as turnover_change_1y,
    shared.turnover_share_change_1y,
    shared.fund_turnover_share,
    sum(shared.turnover_share * shared.turnover_share) over (partition by shared.observation_date) as herfindahl,
    sum(shared.fund_turnover_share * shared.fund_turnover_share) over (partition by shared.observation_date) as fund_herfindahl,
    count(*) over (partition by shared.observation_date) as sectors,
    shared.symbols,
    shared.symbols_compared,
    shared.price_impact,
    market_day.mean_turnover_usd as market_turnover_usd,
    {{ safe_divide('market_day.mean_turnover_usd', 'market_day.mean_turnover_year_before_usd') }} - 1 as market_turnover_change_1y,
    greatest(shared.available_at, coalesce(market_day.available_at, shared.available_at)) as available_at,
    shared.file_id,
    shared.row_key
from shared
left join market_day on shared.observation_date = market_day.observation_date
