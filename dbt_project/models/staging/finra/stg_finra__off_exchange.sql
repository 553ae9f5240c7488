-- grain: version of tier_identifier, summary_type, symbol, market_participant_id, observation_date. Shares traded off exchange in a week.
with source as (
    select * from {{ source('finra', 'finra_off_exchange') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        tier_identifier,
        summary_type,
        symbol,
        market_participant_id,
        observation_date,
        case when summary_type like 'ATS%' then 'alternative trading system' else 'dealer' end as venue_kind,
        issue_name,
        market_participant,
        shares as traded_shares,
        trades,
        notional as traded_usd,
        last_update_date,
        {{ lineage(['tier_identifier', 'summary_type', 'symbol', 'market_participant_id', 'observation_date']) }}
    from source
)

select * from renamed
