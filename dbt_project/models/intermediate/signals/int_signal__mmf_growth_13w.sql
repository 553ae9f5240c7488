-- grain: moment at which the newest value changed. Log growth of money-market fund assets over 13 weeks less the yield they earned meanwhile (ICI; EFFR x 13/52).
with published as (
    select
        'assets' as measured,
        observation_date,
        net_assets_usd as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_ici__money_fund') }}
    where investor = 'all' and category = 'total'
    union all
    select
        'rate' as measured,
        observation_date,
        value as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_fred__observation') }}
    where series_id = 'EFFR'
),

-- 26 weeks of days
as_known as (
    {{ trailing_as_known('published', observations=140, series=['measured'], present='amount is not null') }}
),

rate as (
    select * from as_known
    where measured = 'rate'
),

assets as (
    select
        *,
        ln({{ safe_divide('amount', earlier('amount', 13, 98)) }}) as growth
    from as_known
    where measured = 'assets'
),

-- a rate that became known after the assets belongs to a later vintage
side_by_side as (
    select
        assets.* exclude (amount, growth, measured),
        assets.growth - rate.amount * 13 / 52 as value
    from assets
    {{ as_of_join('rate', 'rate', ['assets.vintage_at = rate.vintage_at'], 'assets.observation_date >= rate.observation_date') }}
    where rate.known_at <= assets.known_at and date_diff('day', rate.observation_date, assets.observation_date) <= 7
)

{{ signal_event('mmf_growth_13w', 'side_by_side', [1, 4, 13]) }}
