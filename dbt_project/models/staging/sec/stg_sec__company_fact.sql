-- grain: version of cik, taxonomy, tag, unit, duration_days, observation_date, accession_number. Figures companies report in XBRL, as filed.
with source as (
    select * from {{ source('sec', 'sec_companyfacts') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        cik,
        taxonomy,
        tag,
        unit,
        period_start,
        observation_date,
        duration_days,
        value,
        accession_number,
        fiscal_year as filing_fiscal_year,
        fiscal_period as filing_fiscal_period,
        form,
        filed as filing_date,
        {{ lineage(['cik', 'taxonomy', 'tag', 'unit', 'duration_days', 'observation_date', 'accession_number']) }}
    from source
)

select * from renamed
