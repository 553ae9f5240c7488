{#-
    For each trading day the newest event of each partition known by the end of that day (24:00 UTC).

    days: relation with observation_date; relation: events with available_at; partition: columns that tell the series apart.
    The result has the day as observation_date and every column of `relation`; days before the first event have no row.
-#}
{% macro known_on_day(days, relation, partition) -%}
    {{ return(adapter.dispatch('known_on_day', 'ebbtide')(days, relation, partition)) }}
{%- endmacro %}

{% macro default__known_on_day(days, relation, partition) -%}
    select
        calendar.observation_date,
        event.*
    from (
        select
            days.observation_date,
            days.observation_date + interval '1 day' as day_end,
            series.*
        from {{ days }} as days
        -- a series begins with its first event: days before it would find nothing
        inner join (
            select
                {{ partition | join(', ') }},
                min(available_at) as series_start
            from {{ relation }}
            group by {{ partition | join(', ') }}
        ) as series
            on days.observation_date + interval '1 day' > series.series_start
    ) as calendar
    asof inner join {{ relation }} as event
        on
            {% for column in partition %}calendar.{{ column }} = event.{{ column }} and {% endfor -%}
            calendar.day_end > event.available_at
{%- endmacro %}

{#- An event is written out for each day from its own to the one before the next: no day is compared with an event. -#}
{% macro spark__known_on_day(days, relation, partition) -%}
    select
        known.known_day as observation_date,
        known.* exclude (known_from, known_until, known_day)
    from (
        select
            *,
            unnest(generate_series(known_from, known_until, interval '1 day')) as known_day
        from (
            select
                *,
                cast(available_at as date) as known_from,
                coalesce(
                    cast(lead(available_at) over (partition by {{ partition | join(', ') }} order by available_at) as date) - 1,
                    (select max(observation_date) from {{ days }})
                ) as known_until
            from {{ relation }}
        ) as spell
        where known_from <= known_until
    ) as known
    inner join {{ days }} as days
        on known.known_day = days.observation_date
{%- endmacro %}
