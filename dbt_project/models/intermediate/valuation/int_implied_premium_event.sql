-- grain: source_table, available_at: moment at which the newest premium changed. Implied premium of the S&P 500
with as_known as (
    {{ trailing_as_known(ref('int_implied_premium'), observations=1, clock=['source_table']) }}
)

select
    source_table,
    observation_date as source_observation_date,
    known_at as available_at,
    implied_premium,
    file_id,
    row_key
from as_known
qualify lead(known_at) over (partition by source_table, vintage_at order by observation_date) is distinct from known_at
