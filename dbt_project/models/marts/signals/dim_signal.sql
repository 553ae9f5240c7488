-- grain: signal_id. The 38 signals of the design, measured or not
select
    signal_id,
    name_en,
    name_zh,
    block,
    family,
    is_core,
    part,
    unit,
    direction,
    feed,
    cadence,
    cadence_days,
    publication_lag,
    publication_lag_days,
    formula,
    source,
    proxy,
    is_measured
from {{ ref('signal') }}
