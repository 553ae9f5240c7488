-- grain: cusip, observation_date, known_at. Splits between two quarter ends as filers show them: from each moment on, new shares for an old one
--
-- At a split the shares of those who held on all change by one usual ratio, and the price is nearer to what the split makes of it than to what it was.
with whole as (
    select * from {{ ref('int_manager_report_position') }}
    where position_kind = 'holding' and not adds_to_another and quantity > 0 and value_usd > 0
),

held_on as (
    select
        whole.cusip,
        whole.observation_date,
        whole.in_force_from as known_at,
        whole.cik,
        whole.quantity / before.quantity as share_ratio,
        whole.value_usd / whole.quantity / (before.value_usd / before.quantity) as price_ratio
    from whole
    inner join whole as before
        on
            whole.cik = before.cik and whole.cusip = before.cusip
            and whole.observation_date = last_day(before.observation_date + interval 3 month)
            and whole.in_force_from >= before.in_force_from
            and (before.in_force_until is null or whole.in_force_from < before.in_force_until)
),

so_far as (
    select distinct
        cusip,
        observation_date,
        known_at,
        count(*) over known as filers,
        median(share_ratio) over known as share_ratio,
        median(price_ratio) over known as price_ratio
    from held_on
    window
        known as (partition by cusip, observation_date order by known_at range between unbounded preceding and current row)
),

judged as (
    select
        *,
        {{ usual_split_ratio('share_ratio', var('form_13f').split_share_tolerance) }} as usual_ratio
    from so_far
),

split_seen as (
    select
        cusip,
        observation_date,
        known_at,
        filers,
        case
            when
                filers >= {{ var('form_13f').split_filers }}
                and abs(ln(price_ratio * usual_ratio)) <= abs(ln(usual_ratio)) / 2
                then usual_ratio
            else cast(1 as double)
        end as split_ratio
    from judged
)

select *
from split_seen
qualify split_ratio <> coalesce(lag(split_ratio) over (partition by cusip, observation_date order by known_at), 1)
