-- grain: observation_date. Of the value managers report on Form 13F, how much is of securities that have a symbol and a filer
with report as (
    select accession_number
    from {{ ref('int_form_13f_filing') }}
    where in_force_until is null
),

held as (
    select
        line.observation_date,
        line.cusip,
        sum(line.value_usd) as value_usd
    from report
    inner join {{ ref('stg_sec__form_13f_holding') }} as line on report.accession_number = line.accession_number
    where not line.is_option
    group by line.observation_date, line.cusip
),

-- the period of the CUSIP that covers the end of the quarter, else the nearest before it, else the first after it
placed as (
    select
        held.observation_date,
        held.cusip,
        held.value_usd,
        identifier.cik,
        identifier.cusip is not null as is_seen,
        coalesce(
            held.observation_date >= identifier.valid_from
            and (identifier.valid_to is null or held.observation_date <= identifier.valid_to),
            false
        ) as is_covered
    from held
    left join {{ ref('int_security_identifier') }} as identifier on held.cusip = identifier.cusip
    qualify
        row_number() over (
            partition by held.observation_date, held.cusip
            order by
                is_covered desc,
                identifier.valid_from <= held.observation_date desc,
                abs(date_diff('day', identifier.valid_from, held.observation_date))
        ) = 1
)

select
    observation_date,
    count(*) as securities,
    count(*) filter (where cik is null) as unmatched_securities,
    sum(value_usd) as value_usd,
    coalesce(sum(value_usd) filter (where is_covered), 0) as value_with_symbol_usd,
    coalesce(sum(value_usd) filter (where is_seen and not is_covered), 0) as value_with_symbol_of_another_time_usd,
    coalesce(sum(value_usd) filter (where cik is null), 0) as value_without_filer_usd,
    {{ safe_divide('coalesce(sum(value_usd) filter (where cik is null), 0)', 'sum(value_usd)') }} as unmatched_share
from placed
group by observation_date
