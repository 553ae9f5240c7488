-- grain: version of series_id, observation_date. Monthly flows of a fund from its N-PORT filings.
with source as (
    select * from {{ source('sec', 'sec_nport') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        series_id,
        series_name,
        registrant_cik,
        observation_date,
        report_date,
        accession_number,
        filing_date,
        public_on,
        sales,
        reinvestment,
        redemption,
        sales - redemption as net_flow,
        net_assets,
        {{ lineage(['series_id', 'observation_date', 'public_on']) }}
    from source
)

select * from renamed
