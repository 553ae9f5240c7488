-- grain: accession_number, line_id. Lines of the information tables of Form 13F; a line became known with its filing.
with source as (
    select * from {{ source('sec', 'sec_13f_holding') }}
),

filing as (
    select * from {{ ref('stg_sec__form_13f_filing') }}
),

renamed as (
    select
        source.accession_number,
        source.line_id,
        filing.cik,
        filing.observation_date,
        upper(trim(source.cusip)) as cusip,
        source.figi,
        source.issuer_name,
        source.title_of_class,
        lower(source.put_call) as put_call,
        source.put_call is not null as is_option,
        case when source.amount_type = 'SH' then source.amount end as shares,
        case when source.amount_type = 'PRN' then source.amount end as principal_usd,
        source.value * {{ form_13f_value_unit('filing.filing_date') }} as value_usd,
        source.investment_discretion,
        source.other_managers,
        source.voting_sole,
        source.voting_shared,
        source.voting_none,
        filing.available_at,
        filing.available_at_source,
        cast(source._file_id as bigint) as file_id,
        source.line_id as file_row_number,
        concat_ws('|', source.accession_number, source.line_id) as row_key
    from source
    inner join filing on source.accession_number = filing.accession_number
)

select * from renamed
