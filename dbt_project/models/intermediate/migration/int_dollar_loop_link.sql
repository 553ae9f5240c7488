-- grain: observation_date (month end), link. Two neighbours of the loop from US shares to the dollar to Treasuries, and the shortcut, month by month
with level as (
    select * from {{ ref('int_month_end_level') }}
    where series in ('^GSPC', 'DTWEXBGS')
),

log_change as (
    select
        *,
        ln(level / {{ earlier('level', 1, 31, 'series') }}) as change
    from level
),

purchase as (
    select
        *,
        {{ safe_divide('net_purchases_usd', 'holdings_before_usd') }} as share_bought
    from {{ ref('int_foreign_purchase_month') }}
    where instrument = 'treas'
),

member as (
    select
        observation_date,
        case series when '^GSPC' then 'equity' else 'dollar' end as member,
        change as value,
        available_at,
        file_id,
        row_key
    from log_change
    union all by name
    select
        observation_date,
        'treasuries' as member,
        share_bought as value,
        available_at,
        file_id,
        row_key
    from purchase
)

select
    first_member.observation_date,
    first_member.value as first_value,
    second_member.value as second_value,
    second_member.file_id,
    second_member.row_key,
    concat(first_member.member, ' to ', second_member.member) as link,
    greatest(first_member.available_at, second_member.available_at) as available_at
from member as first_member
inner join member as second_member
    on
        first_member.observation_date = second_member.observation_date
        and concat(first_member.member, ' to ', second_member.member) in ('equity to dollar', 'dollar to treasuries', 'equity to treasuries')
where first_member.value is not null and second_member.value is not null
