-- grain: metric, variant, observation_date. Every series a claim is measured by, in the newest versions known.
with series as (
    select * from {{ ref('int_claim_series__market') }}
    union all by name
    select * from {{ ref('int_claim_series__investor') }}
    union all by name
    select * from {{ ref('int_claim_series__holder') }}
    union all by name
    select * from {{ ref('int_claim_series__rates') }}
    union all by name
    select * from {{ ref('int_claim_series__migration') }}
    union all by name
    select * from {{ ref('int_claim_series__valuation') }}
)

select
    metric,
    variant,
    observation_date,
    value,
    available_at,
    file_id,
    row_key,
    cast(rows_behind as bigint) as rows_behind,
    coalesce(start_value, value) as start_value
from series
