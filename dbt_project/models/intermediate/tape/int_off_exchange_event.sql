-- grain: symbol, measure, available_at: moment at which the newest value changed. 21-session means of the share of volume traded off exchange and of what of that was sold short
with off_exchange as (
    select *
    from {{ ref('stg_finra__short_volume') }}
    -- the consolidated file holds what the files of the single facilities do
    where market_file = 'CNMS' and total_volume_shares > 0
),

-- a split rewrites past volume in new shares; the day's first version still counts the shares that were reported off exchange
first_volume as (
    select
        symbol,
        observation_date,
        volume,
        available_at
    from {{ ref('stg_price__daily') }}
    where adjustment = 'split' and volume > 0
    qualify row_number() over (partition by symbol, observation_date order by available_at, file_id, file_row_number) = 1
),

-- the two become known at different moments: each is a series of its own
measured as (
    select
        'short volume share' as measure,
        off_exchange.symbol,
        off_exchange.observation_date,
        off_exchange.short_share as share,
        off_exchange.available_at,
        off_exchange.available_at_source,
        off_exchange.file_id,
        off_exchange.file_row_number,
        off_exchange.row_key
    from off_exchange
    union all
    select
        'off-exchange share' as measure,
        off_exchange.symbol,
        off_exchange.observation_date,
        {{ safe_divide('off_exchange.total_volume_shares', 'first_volume.volume') }} as share,
        greatest(off_exchange.available_at, first_volume.available_at) as available_at,
        off_exchange.available_at_source,
        off_exchange.file_id,
        off_exchange.file_row_number,
        off_exchange.row_key
    from off_exchange
    inner join first_volume
        on off_exchange.symbol = first_volume.symbol and off_exchange.observation_date = first_volume.observation_date
),

-- more than all that was traded: the two do not count the same shares
as_known as (
    {{ trailing_as_known('measured', observations=25, clock=['symbol', 'measure'], present='share <= 1') }}
),

smoothed as (
    select
        *,
        {{ trailing_mean('share', 21, 40, 'vintage_at, symbol, measure') }} as mean_share
    from as_known
),

newest_at_each_moment as (
    select *
    from smoothed
    qualify lead(known_at) over (partition by vintage_at, symbol, measure order by observation_date) is distinct from known_at
)

select
    symbol,
    measure,
    observation_date as source_observation_date,
    known_at as available_at,
    share,
    mean_share,
    file_id,
    row_key
from newest_at_each_moment
where mean_share is not null
