-- grain: observation_date (month end), series. Level at the last session of a month of indices, currencies and bitcoin, newest versions known
with current_price as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
),

-- none of these pays dividends, so either adjustment is the level
price as (
    select *
    from current_price
    where symbol in ('^GSPC', '^NDX', '^NSEI', '^VNINDEX.VN', '^JKSE', 'INR=X', 'VND=X', 'IDR=X') and close > 0
    qualify row_number() over (partition by symbol, observation_date order by (adjustment = 'split') desc, adjustment) = 1
),

current_fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

daily_level as (
    select
        symbol as series,
        observation_date,
        close as level,
        available_at,
        file_id,
        row_key
    from price
    union all by name
    select
        series_id as series,
        observation_date,
        value as level,
        available_at,
        file_id,
        row_key
    from current_fred
    where series_id in ('DTWEXBGS', 'CBBTCUSD') and value > 0
),

newest as (
    select
        series,
        max(observation_date) as newest_observation_date
    from daily_level
    group by series
),

-- at New York's last session, so that bitcoin, which trades at weekends, stands beside shares
series_month as (
    select
        daily_level.series,
        session_month.observation_date,
        session_month.last_session,
        max(daily_level.observation_date) as source_observation_date,
        arg_max(daily_level.level, daily_level.observation_date) as level,
        arg_max(daily_level.available_at, daily_level.observation_date) as available_at,
        arg_max(daily_level.file_id, daily_level.observation_date) as file_id,
        arg_max(daily_level.row_key, daily_level.observation_date) as row_key
    from daily_level
    inner join {{ ref('int_session_month') }} as session_month
        on last_day(daily_level.observation_date) = session_month.observation_date and daily_level.observation_date <= session_month.last_session
    group by daily_level.series, session_month.observation_date, session_month.last_session
)

-- while nothing later is known, a level before that session may not be the month's last; no market closes for more than ten days
select series_month.* exclude (last_session)
from series_month
inner join newest on series_month.series = newest.series
where
    newest.newest_observation_date >= series_month.last_session
    and date_diff('day', series_month.source_observation_date, series_month.last_session) <= 10
