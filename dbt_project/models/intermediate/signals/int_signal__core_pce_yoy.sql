-- grain: moment at which the newest value changed. Core PCE price index / that twelve months earlier - 1, within one vintage (BEA).
with published as (
    select *
    from {{ ref('stg_fred__observation') }}
    where series_id = 'PCEPILFE'
),

as_known as (
    {{ trailing_as_known('published', observations=18, present='value > 0') }}
),

year_earlier as (
    select
        *,
        lag(value, 12) over vintage as earlier_level,
        lag(observation_date, 12) over vintage as earlier_date
    from as_known
    window vintage as (partition by vintage_at order by observation_date)
),

growth as (
    select
        * exclude (value),
        case
            when date_diff('month', earlier_date, observation_date) = 12
                then {{ safe_divide('value', 'earlier_level') }} - 1
        end as value
    from year_earlier
)

{{ signal_event('core_pce_yoy', 'growth', [none, 1, 3]) }}
