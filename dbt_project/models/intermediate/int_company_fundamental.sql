-- grain: cik, concept, duration_days, observation_date, accession_number, available_at. Figures of companies by concept, with cash flows of single quarters.
with fact as (
    select
        facts.*,
        concepts.concept,
        concepts.measure,
        concepts.priority,
        concepts.chosen_per,
        -- 12 to 14 weeks a quarter; periods of another length have no number of quarters
        case
            when facts.duration_days between 80 and 100 then 1
            when facts.duration_days between 170 and 195 then 2
            when facts.duration_days between 255 and 285 then 3
            when facts.duration_days between 345 and 380 then 4
        end as quarters
    from {{ ref('stg_sec__company_fact') }} as facts
    inner join {{ ref('fact_tag') }} as concepts
        on
            facts.taxonomy = concepts.taxonomy
            and facts.tag = concepts.tag
            and facts.unit = concepts.unit
),

-- within a filing one tag for a concept and period, or one for the whole filing, of those known by then
chosen as (
    select *
    from fact
    qualify
        priority = min(priority) over (
            partition by
                cik, concept, accession_number,
                case when chosen_per = 'period' then observation_date end,
                case when chosen_per = 'period' then duration_days end
            order by available_at
        )
),

flow as (
    select * from chosen
    where measure = 'flow' and quarters is not null
),

-- year to date less the year to date a quarter earlier, as known when the filing became known
difference as (
    select
        longer.* exclude (period_start, duration_days, value, quarters),
        shorter.accession_number as less_accession_number,
        shorter.observation_date + 1 as period_start,
        date_diff('day', shorter.observation_date, longer.observation_date) as duration_days,
        longer.value - shorter.value as value
    from flow as longer
    inner join flow as shorter
        on
            longer.cik = shorter.cik
            and longer.concept = shorter.concept
            and longer.quarters = shorter.quarters + 1
            -- filings give the first day of a fiscal year a few days apart
            and abs(date_diff('day', shorter.period_start, longer.period_start)) <= {{ var('fiscal_start_tolerance_days') }}
            and longer.available_at >= shorter.available_at
    qualify
        row_number() over (
            partition by longer.cik, longer.concept, longer.accession_number, longer.observation_date, longer.available_at
            order by
                longer.quarters asc, shorter.available_at desc, (longer.accession_number = shorter.accession_number) desc,
                shorter.accession_number desc, longer.period_start asc, shorter.period_start asc
        ) = 1
),

-- a quarter that the filing itself reports needs no difference
missing_quarter as (
    select difference.*
    from difference
    left join flow as reported
        on
            difference.cik = reported.cik
            and difference.concept = reported.concept
            and difference.accession_number = reported.accession_number
            and difference.observation_date = reported.observation_date
            and difference.available_at >= reported.available_at
            and reported.quarters = 1
    where reported.cik is null
),

every_period as (
    select
        *,
        false as is_differenced,
        null as less_accession_number
    from chosen
    union all by name
    select
        *,
        true as is_differenced,
        1 as quarters
    from missing_quarter
)

select
    cik,
    concept,
    measure,
    period_start,
    observation_date,
    duration_days,
    cast(quarters as integer) as quarters,
    value,
    unit,
    is_differenced,
    taxonomy,
    tag,
    priority as tag_priority,
    accession_number,
    cast(less_accession_number as varchar) as less_accession_number,
    form,
    filing_date,
    available_at,
    available_at_source,
    file_id,
    file_row_number
from every_period
