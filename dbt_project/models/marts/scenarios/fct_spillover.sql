-- grain: observation_date, asset, from_asset. How much of the uncertainty about an asset comes from others, over a rolling window.
with share as (
    select * from {{ ref('int_spillover') }}
),

received as (
    select
        observation_date,
        asset,
        sum(share_percent) filter (where asset <> from_asset) as from_others_percent
    from share
    group by observation_date, asset
),

given as (
    select
        observation_date,
        from_asset as asset,
        sum(share_percent) filter (where asset <> from_asset) as to_others_percent
    from share
    group by observation_date, from_asset
),

total as (
    select
        observation_date,
        avg(from_others_percent) as total_percent
    from received
    group by observation_date
)

select
    share.observation_date,
    share.asset,
    share.from_asset,
    share.share_percent,
    received.from_others_percent,
    given.to_others_percent,
    total.total_percent,
    share.weeks,
    share.first_week,
    share.available_at,
    given.to_others_percent - received.from_others_percent as net_percent
from share
inner join received on share.observation_date = received.observation_date and share.asset = received.asset
inner join given on share.observation_date = given.observation_date and share.asset = given.asset
inner join total on share.observation_date = total.observation_date
