-- grain: claim_id, variant. The observations that decide a claim: at its start, at its end or in its period, and since when the series was not as extreme.
--
-- Of the claim it reads what is asked (metric, kind of comparison, period), never the figures claimed.
with question as (
    select
        claim.claim_id,
        claim.comparison,
        claim.period_from,
        claim.period_to,
        claim.metric,
        measure.variant,
        -- changes are read at their end, or at the extreme on the way there
        case
            when claim.comparison = 'crosses_above' then 'highest'
            when claim.comparison = 'not_below_start' then 'lowest'
            when {{ claim_compares_change() }} then 'last'
            else measure.reading
        end as reading,
        {{ claim_compares_change() }} as is_change,
        measure.max_age_days,
        greatest(
            claim.period_from,
            case when measure.reading_window = 'last month' then cast(date_trunc('month', claim.period_to) as date) else claim.period_from end
        ) as window_from
    from {{ ref('claim') }} as claim
    inner join {{ ref('claim_metric') }} as measure on claim.metric = measure.metric
    where measure.obstacle is null and claim.comparison <> 'scenario'
),

observation as (
    select
        question.*,
        series.observation_date,
        series.start_value as value_as_start,
        series.value,
        series.rows_behind,
        series.available_at,
        series.file_id,
        series.row_key
    from question
    inner join {{ ref('int_claim_series') }} as series
        on question.metric = series.metric and question.variant = series.variant
    where series.observation_date <= question.period_to
),

-- the newest observation at the day the claim counts from
start_observation as (
    select *
    from observation
    where is_change and observation_date <= period_from and date_diff('day', observation_date, period_from) <= max_age_days
    qualify row_number() over (partition by claim_id, variant order by observation_date desc) = 1
),

-- observations after the start, or in the part of the period that is read
period_observation as (
    select observation.*
    from observation
    left join start_observation
        on observation.claim_id = start_observation.claim_id and observation.variant = start_observation.variant
    where
        case
            when observation.is_change then observation.observation_date > start_observation.observation_date
            else observation.observation_date >= observation.window_from
        end
),

-- of several observations as low or as high, the newest decides; of a period that is not covered to its end, or from its start, nothing is said
decision as (
    select
        claim_id,
        variant,
        case any_value(reading)
            when 'last' then arg_max(value, observation_date)
            when 'lowest' then min(value)
            when 'highest' then max(value)
            when 'mean' then avg(value)
            when 'total' then sum(value)
        end as end_value,
        case any_value(reading)
            when 'lowest' then arg_max(observation_date, row(-value, observation_date))
            when 'highest' then arg_max(observation_date, row(value, observation_date))
            else max(observation_date)
        end as end_date,
        case when any_value(reading) = 'last' then 1 else count(*) end as observations,
        case when any_value(reading) = 'last' then arg_max(rows_behind, observation_date) else sum(rows_behind) end as rows_behind,
        case when any_value(reading) = 'last' then arg_max(available_at, observation_date) else max(available_at) end as available_at
    from period_observation
    group by claim_id, variant
    having
        date_diff('day', max(observation_date), any_value(period_to)) <= any_value(max_age_days)
        and (any_value(is_change) or any_value(reading) = 'last' or date_diff('day', any_value(window_from), min(observation_date)) <= any_value(max_age_days))
),

-- last day before the part read at which the series was as high or as low
as_extreme_before as (
    select
        observation.claim_id,
        observation.variant,
        max(observation.observation_date) as since_date
    from observation
    inner join decision on observation.claim_id = decision.claim_id and observation.variant = decision.variant
    where
        observation.observation_date < observation.window_from
        and case observation.comparison
            when 'highest_since' then observation.value >= decision.end_value
            when 'lowest_since' then observation.value <= decision.end_value
        end
    group by observation.claim_id, observation.variant
)

select
    question.claim_id,
    question.variant,
    question.metric,
    question.reading,
    start_observation.observation_date as start_date,
    start_observation.value_as_start as start_value,
    decision.end_date,
    decision.end_value,
    as_extreme_before.since_date,
    deciding.file_id,
    deciding.row_key,
    cast(coalesce(decision.rows_behind, 0) + coalesce(start_observation.rows_behind, 0) as bigint) as rows_used,
    coalesce(decision.observations, 0) + case when start_observation.observation_date is null then 0 else 1 end as observations_used,
    greatest(decision.available_at, start_observation.available_at) as available_at
from question
left join start_observation on question.claim_id = start_observation.claim_id and question.variant = start_observation.variant
left join decision on question.claim_id = decision.claim_id and question.variant = decision.variant
left join as_extreme_before on question.claim_id = as_extreme_before.claim_id and question.variant = as_extreme_before.variant
left join observation as deciding
    on decision.claim_id = deciding.claim_id and decision.variant = deciding.variant and decision.end_date = deciding.observation_date
