-- grain: moment at which the newest value changed. Log of the 21-session mean of US equity turnover on all venues less that of its 252-session mean.
with as_known as (
    select * from {{ ref('int_market_turnover_daily') }}
),

gap as (
    select
        *,
        ln({{ trailing_mean('turnover_usd', 21, 40) }}) - ln({{ trailing_mean('turnover_usd', 252, 400) }}) as value
    from as_known
    where turnover_usd > 0
)

{{ signal_event('market_turnover_gap', 'gap', [5, 20, 63]) }}
