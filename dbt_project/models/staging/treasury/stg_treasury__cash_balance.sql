-- grain: version of account_line, observation_date. Cash of the US government by line of the Daily Treasury Statement.
with source as (
    select * from {{ source('treasury', 'treasury_cash_balance') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        account_line,
        observation_date,
        opening_balance * 1e6 as opening_balance_usd,
        -- the closing balance of the general account is a line of its own, with the amount in the opening column
        coalesce(closing_balance, case when account_line ilike '%closing balance%' then opening_balance end) * 1e6 as closing_balance_usd,
        {{ lineage(['account_line', 'observation_date']) }}
    from source
)

select * from renamed
