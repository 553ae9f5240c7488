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
