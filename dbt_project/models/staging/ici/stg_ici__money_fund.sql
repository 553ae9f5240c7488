-- grain: version of investor, category, observation_date. Net assets of US money-market funds by investor and kind of fund.
with source as (
    select * from {{ source('ici', 'ici_money_fund') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        investor,
        category,
        observation_date,
        net_assets * 1e6 as net_assets_usd,
        {{ lineage(['investor', 'category', 'observation_date']) }}
    from source
)

select * from renamed
