-- grain: vintage_at, observation_date. US equity turnover of all venues as known at each moment, the NYSE group and what is traded off exchange
-- apart, for the turnover signals, the longest of which looks at 336 sessions
with published as (
    select *
    from {{ ref('stg_cboe__venue_volume') }}
),

as_known as (
    {{ trailing_as_known('published', observations=345, series=['venue'], present='total_notional_usd is not null') }}
),

-- the letters in brackets are those of the tape; D, DN, DQ and DC are trade reporting facilities, one of which was called 'NYSE (DN)'
grouped as (
    select
        *,
        regexp_matches(venue, '\(D[A-Z]?\)$') as is_off_exchange,
        regexp_matches(venue, '^(NYSE|AMEX).*\([NPACM]\)$') as is_nyse_group
    from as_known
)

select
    vintage_at,
    observation_date,
    max(known_at) as known_at,
    sum(total_notional_usd) as turnover_usd,
    sum(case when is_nyse_group then total_notional_usd else 0 end) as nyse_group_turnover_usd,
    sum(case when is_off_exchange then total_notional_usd else 0 end) as off_exchange_turnover_usd,
    sum(total_shares) as turnover_shares,
    count(*) as venues,
    max(available_at_source) as available_at_source,
    arg_max(file_id, total_notional_usd) as file_id,
    arg_max(row_key, total_notional_usd) as row_key
from grouped
group by vintage_at, observation_date
