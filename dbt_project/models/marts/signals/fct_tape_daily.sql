-- grain: observation_date, symbol
with tape as (
    {{ known_on_day(ref('int_trading_day'), ref('int_tape_event'), ['symbol']) }}
),

off_exchange as (
    {{ known_on_day(ref('int_trading_day'), ref('int_off_exchange_event'), ['symbol', 'measure']) }}
),

-- a symbol that is no longer quoted or reported ends after a week
off_exchange_day as (
    select
        observation_date,
        symbol,
        max(mean_share) filter (where measure = 'off-exchange share') as off_exchange_share,
        max(mean_share) filter (where measure = 'short volume share') as short_volume_share
    from off_exchange
    where date_diff('day', source_observation_date, observation_date) <= 7
    group by observation_date, symbol
)

select
    tape.observation_date,
    tape.symbol,
    tape.source_observation_date,
    tape.dollar_volume as dollar_volume_usd,
    tape.mean_dollar_volume as mean_dollar_volume_usd,
    tape.mean_price_impact as price_impact,
    tape.effective_spread,
    tape.mean_high_low_spread as high_low_spread,
    tape.mean_close_location as close_location,
    off_exchange_day.off_exchange_share,
    off_exchange_day.short_volume_share,
    tape.available_at,
    tape.file_id,
    tape.row_key
from tape
left join off_exchange_day
    on tape.observation_date = off_exchange_day.observation_date and tape.symbol = off_exchange_day.symbol
where date_diff('day', tape.source_observation_date, tape.observation_date) <= 7
