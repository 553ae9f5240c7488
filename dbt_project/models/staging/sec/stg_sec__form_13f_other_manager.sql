-- grain: accession_number, named_on, sequence_number. Other managers that filings of Form 13F name.
with source as (
    select * from {{ source('sec', 'sec_13f_other_manager') }}
),

filing as (
    select * from {{ ref('stg_sec__form_13f_filing') }}
),

renamed as (
    select
        source.accession_number,
        source.named_on,
        source.sequence_number,
        filing.cik as filing_cik,
        filing.observation_date,
        source.name as manager_name,
        source.form_13f_file_number,
        filing.available_at,
        filing.available_at_source,
        cast(source._file_id as bigint) as file_id,
        source.sequence_number as file_row_number,
        lpad(source.cik, 10, '0') as cik,
        concat_ws('|', source.accession_number, source.named_on, source.sequence_number) as row_key
    from source
    inner join filing on source.accession_number = filing.accession_number
)

select * from renamed
