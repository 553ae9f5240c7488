-- grain: observation_month. Of the securities seen in a month, how many have a symbol and a filer
with seen as (
    select
        cusip,
        cast(date_trunc('month', observation_date) as date) as observation_month,
        max(observation_date) as last_seen_date,
        count(symbol) > 0 as has_symbol
    from ({{ latest_version(ref('stg_sec__fail_to_deliver'), ['cusip', 'observation_date']) }}) as fail
    group by cusip, cast(date_trunc('month', observation_date) as date)
),

matched as (
    select
        seen.*,
        coalesce(identifier.matched_by, 'none') as matched_by
    from seen
    left join {{ ref('int_security_identifier') }} as identifier
        on
            seen.cusip = identifier.cusip
            and seen.last_seen_date >= identifier.valid_from
            and (identifier.valid_to is null or seen.last_seen_date <= identifier.valid_to)
)

select
    observation_month,
    count(*) as securities,
    count(*) filter (where has_symbol) as securities_with_symbol,
    count(*) filter (where matched_by = 'symbol') as matched_by_symbol,
    count(*) filter (where matched_by = 'name') as matched_by_name,
    count(*) filter (where matched_by in ('same cusip', 'same issuer')) as matched_by_cusip,
    count(*) filter (where matched_by = 'none') as unmatched,
    {{ safe_divide("count(*) filter (where matched_by = 'none')", 'count(*)') }} as unmatched_share
from matched
group by observation_month
