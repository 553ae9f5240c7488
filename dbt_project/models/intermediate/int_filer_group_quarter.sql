-- grain: group_id, observation_date. Holdings of a house of managers whichever of its filers reports them, as known at the as-of.
--
-- A parent that turns to notices or files under another number would look like a house that sold everything.
with filer as (
    select
        group_id,
        group_name,
        cik,
        cast(valid_from as date) as valid_from,
        coalesce(cast(valid_to as date), date '9999-12-31') as valid_to
    from {{ ref('filer_group') }}
),

holding as (
    select
        filer.group_id,
        filer.group_name,
        report.observation_date,
        report.cik,
        line.shares,
        line.value_usd
    from {{ ref('int_form_13f_filing') }} as report
    inner join filer on report.cik = filer.cik and report.observation_date between filer.valid_from and filer.valid_to
    inner join {{ ref('stg_sec__form_13f_holding') }} as line on report.accession_number = line.accession_number
    where report.in_force_until is null and not line.is_option
),

quarter as (
    select
        group_id,
        group_name,
        observation_date,
        count(distinct cik) as filers,
        sum(shares) as shares,
        sum(value_usd) as value_usd
    from holding
    group by group_id, group_name, observation_date
),

notice as (
    select
        filer.group_id,
        filing.observation_date,
        count(distinct filing.cik) as notices
    from {{ ref('stg_sec__form_13f_filing') }} as filing
    inner join filer on filing.cik = filer.cik
    where filing.is_notice
    group by filer.group_id, filing.observation_date
)

select
    quarter.group_id,
    quarter.group_name,
    quarter.observation_date,
    quarter.filers,
    coalesce(notice.notices, 0) as notices,
    quarter.shares,
    quarter.value_usd,
    {{ safe_divide('quarter.shares', 'lag(quarter.shares) over (partition by quarter.group_id order by quarter.observation_date)') }} as shares_kept
from quarter
left join notice on quarter.group_id = notice.group_id and quarter.observation_date = notice.observation_date
