-- grain: cusip, valid_from. Which symbol a security had from when to when, and which filer stands behind it
with seen as (
    {{ latest_version(ref('stg_sec__fail_to_deliver'), ['cusip', 'observation_date']) }}
),

marked as (
    select
        *,
        {{ plain_symbol('symbol') }} as plain_symbol,
        lag({{ plain_symbol('symbol') }}) over (partition by cusip order by observation_date) as symbol_before
    from seen
    where symbol is not null
),

numbered as (
    select
        *,
        count(*) filter (where plain_symbol is distinct from symbol_before) over (partition by cusip order by observation_date) as run
    from marked
),

-- days on end on which the CUSIP had one symbol
period as (
    select
        cusip,
        plain_symbol,
        arg_max(symbol, observation_date) as ticker,
        arg_max(description, observation_date) as security_name,
        min(observation_date) as valid_from,
        max(observation_date) as last_seen_date,
        min(available_at) as available_at,
        arg_min(file_id, observation_date) as file_id,
        arg_min(row_key, observation_date) as row_key
    from numbered
    group by cusip, plain_symbol, run
),

-- a period ends when the CUSIP is seen with another symbol, or the symbol with another CUSIP
dated as (
    select
        *,
        least(
            lead(valid_from) over (partition by cusip order by valid_from),
            min(valid_from) over (
                partition by plain_symbol order by valid_from
                range between interval 1 day following and unbounded following
            )
        ) - 1 as valid_to
    from period
),

listed_symbol as (
    select
        cik,
        filer_name,
        {{ plain_symbol('ticker') }} as plain_symbol,
        {{ plain_name('filer_name') }} as plain_name,
        observation_date as listed_from,
        cast(observation_date + interval 1 month as date) - 1 as listed_to
    from ({{ latest_version(ref('stg_sec__company_ticker'), ['cik', 'ticker', 'observation_date']) }}) as listed
),

filer as (
    select
        cik,
        arg_max(filer_name, listed_from) as name
    from listed_symbol
    group by cik
),

-- the list of a month in which the CUSIP had the symbol; where it names several filers, the newest month counts
by_symbol as (
    select
        dated.cusip,
        dated.valid_from,
        arg_max(listed_symbol.cik, (listed_symbol.listed_from, listed_symbol.cik)) as cik
    from dated
    inner join listed_symbol
        on
            dated.plain_symbol = listed_symbol.plain_symbol
            and dated.valid_from <= listed_symbol.listed_to
            -- lists are newer than fails by a month or two; long after it was last seen, the symbol may be another's that never fails
            and listed_symbol.listed_from <= coalesce(dated.valid_to, dated.last_seen_date + {{ var('symbol_kept_days') }})
    group by dated.cusip, dated.valid_from
),

by_name as (
    select
        dated.cusip,
        dated.valid_from,
        min(listed_symbol.cik) as cik
    from dated
    inner join listed_symbol on {{ plain_name('dated.security_name') }} = listed_symbol.plain_name
    where listed_symbol.plain_name <> ''
    group by dated.cusip, dated.valid_from
    having count(distinct listed_symbol.cik) = 1
),

direct as (
    select
        dated.*,
        coalesce(by_symbol.cik, by_name.cik) as direct_cik,
        case when by_symbol.cik is not null then 'symbol' when by_name.cik is not null then 'name' end as direct_match
    from dated
    left join by_symbol on dated.cusip = by_symbol.cusip and dated.valid_from = by_symbol.valid_from
    left join by_name on dated.cusip = by_name.cusip and dated.valid_from = by_name.valid_from
),

-- the first six characters of a CUSIP are its issuer's
issuer as (
    select
        left(cusip, 6) as issuer,
        min(direct_cik) as cik
    from direct
    group by left(cusip, 6)
    having count(distinct direct_cik) = 1
),

same_security as (
    select
        cusip,
        min(direct_cik) as cik
    from direct
    group by cusip
    having count(distinct direct_cik) = 1
),

matched as (
    select
        direct.*,
        coalesce(direct.direct_cik, same_security.cik, issuer.cik) as cik,
        case
            when direct.direct_match is not null then direct.direct_match
            when same_security.cik is not null then 'same cusip'
            when issuer.cik is not null then 'same issuer'
            else 'none'
        end as matched_by
    from direct
    left join same_security on direct.cusip = same_security.cusip
    left join issuer on left(direct.cusip, 6) = issuer.issuer
)

select
    matched.cusip,
    matched.valid_from,
    matched.valid_to,
    matched.last_seen_date,
    matched.ticker,
    matched.security_name,
    matched.cik,
    filer.name,
    matched.matched_by,
    matched.available_at,
    matched.file_id,
    matched.row_key
from matched
left join filer on matched.cik = filer.cik
