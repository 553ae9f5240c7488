-- grain: risk_free_source, available_at: moment at which the newest yield changed. Ten-year Treasury yield by source
with yield as (
    select
        'treasury_par_yield 10-year' as risk_free_source,
        observation_date,
        par_yield as risk_free_rate,
        available_at,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_treasury__par_yield') }}
    where maturity_months = 120
    union all
    select
        'fred_series DGS10' as risk_free_source,
        observation_date,
        value as risk_free_rate,
        available_at,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_fred__observation') }}
    where series_id = 'DGS10'
),

as_known as (
    {{ trailing_as_known('yield', observations=1, clock=['risk_free_source'], present='risk_free_rate is not null') }}
)

select
    risk_free_source,
    observation_date as source_observation_date,
    known_at as available_at,
    risk_free_rate,
    file_id,
    row_key
from as_known
qualify lead(known_at) over (partition by risk_free_source, vintage_at order by observation_date) is distinct from known_at
