-- grain: version of symbol, observation_date. Shares sold short and not yet bought back on a settlement date.
with source as (
    select * from {{ source('finra', 'finra_short_interest') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        symbol,
        observation_date,
        issue_name,
        exchange_code,
        market_class_code,
        current_short_position as short_position_shares,
        previous_short_position as previous_short_position_shares,
        change_from_previous as change_shares,
        average_daily_volume as average_daily_volume_shares,
        -- 999.99 stands for hardly any volume
        case when days_to_cover < 999.99 then days_to_cover end as days_to_cover,
        coalesce(stock_split_flag = 'S', false) as is_split,
        coalesce(revision_flag = 'R', false) as is_previous_revised,
        {{ lineage(['symbol', 'observation_date']) }}
    from source
)

select * from renamed
