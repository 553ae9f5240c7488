-- grain: version of cik, accession_number. Filings of the managers and companies of interest.
with source as (
    select * from {{ source('sec', 'sec_filing_index') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        cik,
        accession_number,
        form,
        filing_date,
        report_date,
        primary_document,
        size_bytes,
        {{ lineage(['cik', 'accession_number']) }}
    from source
)

select * from renamed
