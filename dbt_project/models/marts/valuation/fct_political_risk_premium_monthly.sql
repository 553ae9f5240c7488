-- grain: observation_date
select
    source_observation_date as observation_date,
    political_risk_premium,
    political_risk_premium_lower,
    political_risk_premium_upper,
    status,
    risk as geopolitical_risk,
    usual_risk as usual_geopolitical_risk,
    ln({{ safe_divide('risk', 'usual_risk') }}) as log_geopolitical_risk_ratio,
    slope,
    slope_standard_error,
    t_statistic,
    lags as autocorrelation_lags,
    months as months_used,
    premium_observation_date,
    available_at,
    file_id,
    row_key
from {{ ref('int_political_risk_premium') }}
-- what stood on the last day before the next month became known: with the premium of the same month, which comes after the index
qualify row_number() over (partition by source_observation_date order by available_at desc) = 1
