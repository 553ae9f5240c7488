-- grain: accession_number (a filing never changes). Cover page, summary page and signature of Form 13F.
with source as (
    select * from {{ source('sec', 'sec_13f_filing') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        accession_number,
        lpad(cik, 10, '0') as cik,
        manager_name,
        last_day(period_of_report) as observation_date,
        filing_date,
        date_diff('day', last_day(period_of_report), filing_date) as days_to_file,
        upper(submission_type) as submission_type,
        upper(report_type) as report_type,
        upper(submission_type) like '13F-NT%' as is_notice,
        upper(submission_type) like '%/A' or coalesce(upper(is_amendment) in ('Y', 'YES', 'TRUE', '1'), false) as is_amendment,
        amendment_number,
        upper(amendment_type) as amendment_type,
        manager_city,
        manager_state_or_country,
        form_13f_file_number,
        other_managers_included,
        table_entry_total,
        table_value_total * {{ form_13f_value_unit('filing_date') }} as table_value_total_usd,
        coalesce(upper(is_confidential_omitted) in ('Y', 'YES', 'TRUE', '1'), false) as is_confidential_omitted,
        additional_information,
        {{ lineage(['accession_number']) }}
    from source
)

select * from renamed
