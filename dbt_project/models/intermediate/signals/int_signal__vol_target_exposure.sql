-- grain: moment at which the newest value changed. 5-session mean of min(1.5, 0.10 / annualised volatility): what a fund with a 10% volatility target holds (RiskMetrics 1996; Moreira and Muir 2017).
with published as (
    select *
    from {{ ref('stg_price__daily') }}
    where symbol = '^GSPC'
),

as_known as (
    {{ trailing_as_known('published', observations=330, series=['adjustment'], present='close > 0') }}
),

log_return as (
    select
        *,
        ln(close / lag(close) over (partition by vintage_at, adjustment order by observation_date)) as log_return
    from as_known
),

-- exponential weights of decay 0.94 on the last 252 squared returns; what is left out weighs 0.94^252 = 2e-7
squared_returns as (
    select
        *,
        list(log_return * log_return) over year as window_of_squares,
        date_diff('day', min(observation_date) over year, observation_date) as days_of_window
    from log_return
    where log_return is not null
    window year as (
        partition by vintage_at, adjustment order by observation_date rows between 251 preceding and current row
    )
),

exposure as (
    select
        * exclude (window_of_squares, days_of_window),
        case
            when array_length(window_of_squares) = 252 and days_of_window <= 400
                then
                    least(1.5, {{ safe_divide(
                        '0.10',
                        "sqrt(252 * list_inner_product(window_of_squares, "
                        ~ "list_transform(range(252), lambda day: 0.06 * pow(0.94, 251 - day))) / (1 - pow(0.94, 252)))"
                    ) }})
        end as exposure
    from squared_returns
),

smoothed as (
    select
        *,
        {{ trailing_mean('exposure', 5, 14, 'vintage_at, adjustment') }} as value
    from exposure
),

-- the split-adjusted price where a session has both
chosen as (
    select *
    from smoothed
    where value is not null
    qualify row_number() over (partition by vintage_at, observation_date order by adjustment) = 1
)

{{ signal_event('vol_target_exposure', 'chosen', [5, 20, 63]) }}
