-- grain: version of cik, ticker, observation_date. Symbols of filers, as listed in a month.
with source as (
    select * from {{ source('sec', 'sec_company_ticker') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        cik,
        ticker,
        observation_date,
        filer_name,
        exchange,
        series_id,
        class_id,
        {{ lineage(['cik', 'ticker', 'observation_date']) }}
    from source
)

select * from renamed
