-- grain: observation_date (month end), link
{%- set loop = var('dollar_loop') -%}
{%- set months = loop.correlation_months %}
with link as (
    select * from {{ ref('int_dollar_loop_link') }}
),

break as (
    select * from {{ ref('int_dollar_loop_break') }}
),

-- a correlation looks at months that follow one another
to_date as (
    select
        observation_date,
        link,
        cast(count(*) over history as integer) as months_used,
        case
            when
                count(*) over recent = {{ months }}
                and date_diff('month', min(observation_date) over recent, observation_date) = {{ months - 1 }}
                then corr(first_value, second_value) over recent
        end as correlation_36m,
        case when count(*) over history >= {{ loop.minimum_months }} then regr_slope(second_value, first_value) over history end as slope,
        case when count(*) over history >= {{ loop.minimum_months }} then regr_intercept(second_value, first_value) over history end as intercept,
        max(available_at) over history as available_at,
        file_id,
        row_key
    from link
    window
        history as (partition by link order by observation_date rows between unbounded preceding and current row),
        recent as (partition by link order by observation_date rows between {{ months - 1 }} preceding and current row)
),

tested as (
    select
        to_date.*,
        (1 - power(to_date.correlation_36m, 2)) / sqrt({{ months }}) as correlation_standard_error,
        break.sup_wald,
        break.break_date,
        break.slope_before,
        break.slope_after,
        break.significance_level,
        break.p_value
    from to_date
    inner join break on to_date.observation_date = break.observation_date and to_date.link = break.link
),

-- of three tests one finds a break by chance three times as often, so its tail probability counts threefold (Bonferroni); errors of the
-- correlations may all go one way, so the error of their mean is at most the mean of theirs
whole_loop as (
    select
        observation_date,
        'whole loop' as link,
        min(months_used) as months_used,
        case when count(correlation_36m) = 3 then avg(correlation_36m) end as correlation_36m,
        case when count(correlation_36m) = 3 then avg(correlation_standard_error) end as correlation_standard_error,
        cast(null as double) as slope,
        cast(null as double) as intercept,
        case when count(sup_wald) = 3 then max(sup_wald) end as sup_wald,
        case when count(sup_wald) = 3 then arg_max(break_date, sup_wald) end as break_date,
        cast(null as double) as slope_before,
        cast(null as double) as slope_after,
        case when count(sup_wald) = 3 then 3 * min(p_value) end as p_value,
        max(available_at) as available_at,
        arg_max(file_id, concat(available_at, link)) as file_id,
        arg_max(row_key, concat(available_at, link)) as row_key
    from tested
    group by observation_date
    having count(*) = 3
),

every_link as (
    select * from tested
    union all by name
    select
        *,
        case when p_value <= 0.01 then 0.01 when p_value <= 0.05 then 0.05 when p_value <= 0.10 then 0.10 end as significance_level
    from whole_loop
),

judged as (
    select
        *,
        case when sup_wald is not null then coalesce(significance_level <= 0.05, false) end as is_broken
    from every_link
)

select
    observation_date,
    link,
    months_used,
    correlation_36m,
    correlation_standard_error,
    slope,
    intercept,
    sup_wald,
    break_date,
    slope_before,
    slope_after,
    significance_level,
    p_value,
    is_broken,
    available_at,
    file_id,
    row_key
from judged
