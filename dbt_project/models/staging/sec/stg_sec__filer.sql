-- grain: version of cik. Managers and companies of interest as the SEC describes them.
with source as (
    select * from {{ source('sec', 'sec_submission') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        cik,
        observation_date,
        entity_name,
        entity_type,
        sic,
        sic_description,
        category,
        tickers,
        exchanges,
        fiscal_year_end,
        state_of_incorporation,
        former_names,
        {{ lineage(['cik']) }}
    from source
)

select * from renamed
