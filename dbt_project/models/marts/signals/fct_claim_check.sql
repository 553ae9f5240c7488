-- grain: claim_id, variant. What the article claims, what is measured, the verdict and why
with record as (
    select
        claim.claim_id,
        series.variant,
        min(series.observation_date) as first_observation_date,
        max(series.observation_date) as last_observation_date,
        count(*) as observations,
        {{ safe_divide('count(*) filter (where series.value > claim.value_to)', 'count(*)') }} as share_above_claimed
    from {{ ref('claim') }} as claim
    inner join {{ ref('int_claim_series') }} as series on claim.metric = series.metric
    where series.observation_date <= claim.period_to
    group by claim.claim_id, series.variant
),

compared as (
    select
        claim.*,
        measure.variant,
        measure.preference,
        measure.definition,
        measure.feed,
        measure.is_proxy,
        measure.obstacle,
        measurement.reading,
        measurement.start_date,
        measurement.start_value,
        measurement.end_date,
        measurement.end_value,
        measurement.since_date,
        record.first_observation_date,
        record.last_observation_date,
        record.observations,
        record.share_above_claimed,
        arithmetic.sentence as arithmetic,
        measurement.available_at,
        measurement.file_id,
        measurement.row_key,
        coalesce(measurement.observations_used, 0) as observations_used,
        coalesce(measurement.rows_used, 0) as rows_used,
        {{ claim_measured_from() }} as measured_from,
        {{ claim_measured_to() }} as measured_to
    from {{ ref('claim') }} as claim
    inner join {{ ref('claim_metric') }} as measure on claim.metric = measure.metric
    left join {{ ref('int_claim_measurement') }} as measurement
        on claim.claim_id = measurement.claim_id and measure.variant = measurement.variant
    left join record on claim.claim_id = record.claim_id and measure.variant = record.variant
    left join {{ ref('int_claim_arithmetic') }} as arithmetic on claim.claim_id = arithmetic.claim_id
),

-- what keeps a variant from a verdict, in the order in which it would be put right
obstructed as (
    select
        *,
        {{ claim_holds() }} as holds,
        case
            when obstacle is not null then obstacle
            when first_observation_date is null then 'no figure is known: needs ' || feed
            when measured_to is null or comparison in ('change_rate', 'change_amount') and start_value is null
                then format(
                    'what {} gives is known from {} to {}, the claim needs {} to {}',
                    feed, first_observation_date, last_observation_date, period_from, period_to
                )
            when comparison in ('highest_since', 'lowest_since') and first_observation_date > last_day(period_from)
                then format('what {} gives begins on {}, after {}', feed, first_observation_date, period_from)
            when is_proxy and {{ claim_compares_level() }}
                then
                    'a stand-in has a direction in common with what is claimed, no level: needs '
                    || first_value(feed) over (partition by claim_id order by preference)
        end as obstruction
    from compared
),

judged as (
    select
        *,
        case
            when testable = 'scenario' then 'scenario'
            when obstruction is not null then 'not measurable'
            when holds then 'confirmed'
            when not holds then 'refuted'
        end as verdict
    from obstructed
)

select
    claim_id,
    variant,
    row_number() over (partition by claim_id order by obstruction is not null, preference) = 1 as is_used,
    part,
    topic,
    statement,
    metric,
    comparison,
    value_from as claimed_from,
    value_to as claimed_to,
    measured_from,
    measured_to,
    unit,
    tolerance_from,
    tolerance,
    verdict,
    concat_ws(
        '; ',
        case when testable = 'scenario' then 'speaks of a possible future' end,
        obstruction,
        case
            when measured_to is not null
                then concat(
                    variant,
                    ': ',
                    case when measured_from is not null then {{ claim_figure('measured_from') }} || ' on ' || start_date || ', ' end,
                    case when reading in ('mean', 'total') then reading || ' ' end,
                    {{ claim_figure('measured_to') }},
                    case when reading in ('mean', 'total') then ' up to ' else ' on ' end,
                    end_date
                )
        end,
        case
            when measured_to is null or comparison not in ('highest_since', 'lowest_since') then null
            when since_date is null then 'never as extreme since the record begins on ' || first_observation_date
            else 'last as extreme on ' || since_date
        end,
        case
            when measured_to is not null and comparison = 'rank_lowest'
                then 'on a record of ' || observations || ' values since ' || first_observation_date
        end,
        case
            when comparison = 'highest_since'
                then format(
                    '{:.1f}% of {} values from {} to {} lie above the figure claimed',
                    100 * share_above_claimed, observations, first_observation_date, last_observation_date
                )
        end,
        case when is_proxy and measured_to is not null then 'a stand-in: ' || definition end,
        arithmetic
    ) as why,
    definition,
    is_proxy,
    observations_used,
    rows_used,
    start_date,
    end_date as observation_date,
    since_date,
    first_observation_date,
    feed,
    available_at,
    file_id,
    row_key,
    quote_zh,
    attributed_to,
    period_from,
    period_to,
    date_assumed,
    testable
from judged
