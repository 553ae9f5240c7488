{#-
    The observations of one or more series as they were known at every moment at which something was learnt, set-based.

    The result holds *vintages*: `vintage_at` starts one, `known_at` says when a row joined it, and the rows of a vintage with
    `known_at <= t` are exactly what was known at t, for every t from `vintage_at` until the next vintage of the same clock.
    A formula is a window function over (partition by <clock>, vintage_at[, <series>] order by observation_date).

    A new vintage starts only where something other than a newer observation was learnt: a revision or a late row. It
    repeats the newest `observations` observations of each series as known then; in-order observations join it later. So a
    series without revisions is one vintage of its own length, and a revision costs `observations` rows, not a row a day.

    relation      all versions: observation_date, available_at, file_id, file_row_number, row_key and the columns asked for
    observations  how many of the newest observations of each series a formula looks at
    series        columns that tell the series apart (several series share one clock: a formula may combine them)
    inner         true where a formula only uses dates at which every series has a row: then a series that regularly arrives
                  later than another is in order by itself, and no vintage starts. Exact for such formulas only
    clock         columns whose values are independent of one another; a revision in one does not start a vintage in another
    present       condition under which a version carries a value; a first version without one is no observation,
                  a later one withdraws the observation
-#}
{% macro trailing_as_known(relation, observations, series=[], clock=[], present='true', inner=false) -%}
    {{ return(adapter.dispatch('trailing_as_known', 'ebbtide')(relation, observations, series, clock, present, inner)) }}
{%- endmacro %}

{% macro default__trailing_as_known(relation, observations, series, clock, present, inner) -%}
    {%- set clock_columns = (clock | join(', ') ~ ', ') if clock else '' -%}
    {%- set series_columns = (series | join(', ') ~ ', ') if series else '' -%}
    {%- set key = clock_columns ~ series_columns -%}
    {%- set by_clock = ('partition by ' ~ clock | join(', ')) if clock else '' -%}
    {%- set all_columns = clock + series -%}
    {%- set equal_keys = [] -%}
    {%- for column in all_columns -%}{%- do equal_keys.append('start.' ~ column ~ ' = reach.' ~ column) -%}{%- endfor -%}
    {%- set by_series = ('partition by ' ~ all_columns | join(', ')) if all_columns else '' -%}
    select * from (
    -- one version a moment: the last one of the last file
    with versions as (
        select
            * exclude (file_row_number),
            {{ present }} as is_present
        from {{ relation }}
        qualify
            row_number() over (
                partition by {{ key }}observation_date, available_at order by file_id desc, file_row_number desc
            ) = 1
    ),

    -- without first versions that carry no value
    observed as (
        select *
        from versions
        qualify
            is_present
            or coalesce(bool_or(is_present) over (
                partition by {{ key }}observation_date order by available_at
                rows between unbounded preceding and 1 preceding
            ), false)
    ),

    placed as (
        select
            *,
            dense_rank() over ({{ by_series }} order by observation_date) as observation_rank,
            min(available_at) over (partition by {{ key }}observation_date) as first_available_at,
            -- no count with a filter: where `present` is true, Spark folds one to a constant, and then finds no function in its window
            cast(sum(case when not is_present then 1 else 0 end) over ({{ by_series }}) as bigint) as withdrawn,
            coalesce(observation_date <= max(observation_date) over (
                {{ by_series if inner else by_clock }} order by available_at
                {{ moments_before() }}
            ), false) as is_out_of_order
        from observed
    ),

    judged as (
        select
            *,
            bool_or(is_out_of_order) over (partition by {{ clock_columns }}available_at) as starts_vintage
        from placed
    ),

    in_vintage as (
        select
            *,
            coalesce(max(case when starts_vintage then available_at end) over (
                {{ by_clock }} order by available_at
                range between unbounded preceding and current row
            ), timestamp '1900-01-01') as vintage_at
        from judged
    ),

    vintage_start as (
        select distinct {{ clock_columns }}vintage_at
        from in_vintage
        where starts_vintage
    ),

    -- per series and moment of a first version: how far it reaches and how many observations are known
    reach as (
        select
            {{ key }}first_available_at,
            max(max(observation_rank)) over ({{ by_series }} order by first_available_at) as newest_rank,
            sum(count(distinct observation_rank)) over ({{ by_series }} order by first_available_at) as known_observations,
            max(withdrawn) as withdrawn
        from in_vintage
        group by {{ key }}first_available_at
    ),

    reach_at_start as (
        select
            start.vintage_at,
            reach.*
        from (
            select
                vintage_start.vintage_at,
                every_series.*
            from vintage_start
            inner join (select distinct {{ all_columns | join(', ') or '1 as only_series' }} from in_vintage) as every_series
                on {% for column in clock %}vintage_start.{{ column }} = every_series.{{ column }} and {% endfor %}true
        ) as start
        {{ as_of_join('reach', 'reach', equal_keys, 'start.vintage_at >= reach.first_available_at', 'inner') }}
    ),

    -- ranks among which the newest observations lie: as many more as were still outstanding or had been withdrawn
    candidate as (
        select
            * exclude (first_available_at, newest_rank, known_observations, withdrawn),
            unnest(range(
                greatest(cast(known_observations as bigint) - {{ observations }} - withdrawn, 0) + 1, newest_rank + 1
            )) as observation_rank
        from reach_at_start
    ),

    known_at_start as (
        select
            in_vintage.* exclude (vintage_at),
            candidate.vintage_at
        from candidate
        inner join in_vintage
            on
                {% for column in all_columns %}candidate.{{ column }} = in_vintage.{{ column }} and {% endfor -%}
                candidate.observation_rank = in_vintage.observation_rank
                and candidate.vintage_at >= in_vintage.available_at
        qualify
            row_number() over (
                partition by {% for column in all_columns %}in_vintage.{{ column }}, {% endfor -%}
                candidate.vintage_at, in_vintage.observation_rank
                order by in_vintage.available_at desc
            ) = 1
    ),

    known as (
        select
            * exclude (vintage_at),
            vintage_at,
            vintage_at as known_at
        from known_at_start
        where is_present
        union all by name
        select
            *,
            available_at as known_at
        from in_vintage
        where not starts_vintage
    )

    select
        * exclude (
            is_present, observation_rank, first_available_at, withdrawn, is_out_of_order, starts_vintage
        )
    from known
    ) as as_known
{%- endmacro %}

{#- Frame of a window ordered by a moment: the rows of all moments before, none of the same. -#}
{% macro moments_before() -%}
    {{ return(adapter.dispatch('moments_before', 'ebbtide')()) }}
{%- endmacro %}

{% macro default__moments_before() -%}
    groups between unbounded preceding and 1 preceding
{%- endmacro %}

{#- No groups there; a timestamp has microseconds. -#}
{% macro spark__moments_before() -%}
    range between unbounded preceding and interval '1 microsecond' preceding
{%- endmacro %}
