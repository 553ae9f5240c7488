-- grain: version of maturity_months, observation_date. Par real yields of inflation-indexed Treasury securities by maturity.
with source as (
    select * from {{ source('treasury', 'treasury_real_yield') }}
    where _available_at <= {{ as_of() }}
),

renamed as (
    select
        maturity_months,
        observation_date,
        par_yield_percent / 100 as par_real_yield,
        {{ lineage(['maturity_months', 'observation_date']) }}
    from source
)

select * from renamed
