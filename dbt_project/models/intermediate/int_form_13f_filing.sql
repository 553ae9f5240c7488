-- grain: accession_number. Holdings reports of Form 13F with the time in which each of them counts.
--
-- A restatement replaces all before it; new holdings add to what is in force, and count for nothing without it.
with report as (
    select
        *,
        is_amendment and coalesce(amendment_type, '') = 'NEW HOLDINGS' as adds_to_another
    from {{ ref('stg_sec__form_13f_filing') }}
    where submission_type like '13F-HR%'
),

placed as (
    select
        *,
        count(*) filter (where not adds_to_another) over (
            partition by cik, observation_date order by available_at, accession_number rows between unbounded preceding and current row
        ) as whole_reports_so_far,
        min(available_at) filter (where not adds_to_another) over (
            partition by cik, observation_date order by available_at, accession_number rows between 1 following and unbounded following
        ) as next_whole_report_at
    from report
)

select
    accession_number,
    cik,
    manager_name,
    observation_date,
    filing_date,
    adds_to_another,
    table_entry_total,
    table_value_total_usd,
    available_at as in_force_from,
    next_whole_report_at as in_force_until,
    file_id
from placed
where whole_reports_so_far > 0
