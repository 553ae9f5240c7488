-- grain: asset, observation_date. Daily return of each asset of the seed asset, newest versions known.
with price as (
    {{ latest_version(ref('stg_price__daily'), ['symbol', 'observation_date', 'adjustment']) }}
),

fred as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

gold_trust as (
    {{ latest_version(ref('stg_spdr__gold_trust'), ['observation_date']) }}
),

-- split-adjusted where there is such a row, so that a dividend is no change
level as (
    select
        'price' as source,
        symbol as key,
        observation_date,
        arg_min(close, adjustment) as level,
        max(available_at) as available_at
    from price
    where close > 0
    group by symbol, observation_date
    union all
    select
        'fred' as source,
        series_id as key,
        observation_date,
        value as level,
        available_at
    from fred
    where value is not null
    union all
    select
        'gold' as source,
        'GLD' as key,
        observation_date,
        close as level,
        available_at
    from gold_trust
    where close > 0
),

change as (
    select
        asset.asset,
        level.observation_date,
        level.available_at,
        case asset.measure
            when 'price' then ln(level.level / lag(level.level) over by_asset)
            else -asset.duration * (level.level - lag(level.level) over by_asset)
        end as daily_return
    from {{ ref('asset') }} as asset
    inner join level on asset.source = level.source and asset.key = level.key
    window by_asset as (partition by asset.asset order by level.observation_date)
)

select *
from change
where daily_return is not null and observation_date <= {{ last_ended_day() }}
