-- grain: vintage_at, series, observation_date. Geopolitical risk of a month, and the implied premium of the morning after its last day, as they were known
with published as (
    select
        'risk' as series,
        date_trunc('month', observation_date) as observation_date,
        value,
        available_at,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_gpr__monthly') }}
    where index_name = 'GPR'
    union all
    -- prices of the last session have seen the risk of the month, not that of the month that begins
    select
        'premium' as series,
        date_trunc('month', observation_date - 1) as observation_date,
        implied_premium as value,
        available_at,
        file_id,
        file_row_number,
        row_key
    from {{ ref('int_implied_premium') }}
    where source_table = 'premium by month'
),

-- all of both: a hundred years of months
as_known as (
    {{ trailing_as_known('published', observations=1200, series=['series'], present='value > 0', inner=true) }}
)

select
    vintage_at,
    known_at,
    series,
    cast(observation_date as date) as observation_date,
    value,
    file_id,
    row_key
from as_known
