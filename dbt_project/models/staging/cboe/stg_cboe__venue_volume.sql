-- grain: version of venue, observation_date. US shares traded by venue and day; venues add up to the consolidated tape.
with source as (
    select * from {{ source('cboe', 'cboe_market_history') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        venue,
        observation_date,
        tape_a_shares,
        tape_b_shares,
        tape_c_shares,
        total_shares,
        tape_a_notional as tape_a_notional_usd,
        tape_b_notional as tape_b_notional_usd,
        tape_c_notional as tape_c_notional_usd,
        total_notional as total_notional_usd,
        tape_a_trade_count,
        tape_b_trade_count,
        tape_c_trade_count,
        total_trade_count,
        {{ lineage(['venue', 'observation_date']) }}
    from source
)

select * from renamed
