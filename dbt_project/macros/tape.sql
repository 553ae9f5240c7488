{#-
    What daily prices say about the cost of trading. Every macro works on a relation of vintages (see trailing_as_known) with
    vintage_at, symbol, adjustment, observation_date, open, high, low, close and volume.
-#}

{#- Absolute return / value traded, per million of currency (Amihud 2002). -#}
{% macro price_impact() -%}
    1e6 * abs({{ safe_divide('close', 'lag(close) over (partition by vintage_at, symbol, adjustment order by observation_date)') }} - 1)
    / nullif(close * volume, 0)
{%- endmacro %}

{#- ((close - low) - (high - close)) / (high - low), from -1 at the low to 1 at the high; 0 without range (Chaikin). -#}
{% macro close_location() -%}
    coalesce({{ safe_divide('(close - low) - (high - close)', 'high - low') }}, 0)
{%- endmacro %}

{#-
    EDGE estimate of the effective spread on 21 sessions, that is 20 pairs of sessions (Ardia, Guidotti and Kroencke 2024): a row for
    each session that has one, with vintage_at, known_at, symbol, adjustment, observation_date, spread and the lineage.
-#}
{% macro effective_spread(relation) -%}
    {{ return(adapter.dispatch('effective_spread', 'ebbtide')(relation)) }}
{%- endmacro %}

{% macro default__effective_spread(relation) -%}
    select * from (
    -- log prices of a session (o, h, l, m) and of the one before
    with log_price as (
        select
            *,
            ln(open) as o,
            ln(high) as h,
            ln(low) as l,
            ln(close) as c,
            row_number() over (partition by vintage_at, symbol, adjustment order by observation_date) as session_number
        from {{ relation }}
        where least(open, high, low, close) > 0
    ),

    previous_price as (
        select
            *,
            (h + l) / 2 as m,
            lag(h) over fund as previous_h,
            lag(l) over fund as previous_l,
            lag(c) over fund as previous_c,
            lag((h + l) / 2) over fund as previous_m
        from log_price
        window fund as (partition by vintage_at, symbol, adjustment order by observation_date)
    ),

    -- the estimator's five returns and whether the session traded at more than one price
    session_return as (
        select
            *,
            cast(h <> l or l <> previous_c as integer) as traded,
            m - o as r1,
            o - previous_m as r2,
            m - previous_c as r3,
            previous_c - previous_m as r4,
            o - previous_c as r5,
            cast(o <> h as integer) + cast(o <> l as integer) as open_off,
            cast(previous_c <> previous_h as integer) + cast(previous_c <> previous_l as integer) as close_off
        from previous_price
        where previous_c is not null
    ),

    -- means over the 20 pairs of sessions in 21 sessions
    window_mean as (
        select
            * exclude (r1, r2, r3, r4, r5, traded, open_off, close_off),
            avg(traded) over pairs as traded_share,
            sum(traded) over pairs as traded_sessions,
            avg(traded * open_off) over pairs as open_share,
            avg(traded * close_off) over pairs as close_share,
            avg(r1) over pairs as mean_r1,
            avg(r3) over pairs as mean_r3,
            avg(r5) over pairs as mean_r5,
            count(*) over pairs as pair_count,
            date_diff('day', min(observation_date) over pairs, observation_date) as days_of_window
        from session_return
        window pairs as (
            partition by vintage_at, symbol, adjustment order by observation_date rows between 19 preceding and current row
        )
    ),

    pair as (
        select
            *,
            unnest(range(session_number - 19, session_number + 1)) as pair_number
        from window_mean
        where pair_count = 20 and days_of_window <= 40 and traded_sessions >= 2 and open_share > 0 and close_share > 0
    ),

    -- the two moment conditions, de-meaned by the window's means
    moment as (
        select
            pair.vintage_at,
            pair.symbol,
            pair.adjustment,
            pair.session_number,
            -4 / pair.open_share * (r1 - mean_r1 / traded_share * traded) * r2
            - 4 / pair.close_share * (r3 - mean_r3 / traded_share * traded) * r4 as x1,
            -4 / pair.open_share * (r1 - mean_r1 / traded_share * traded) * r5
            - 4 / pair.close_share * (r5 - mean_r5 / traded_share * traded) * r4 as x2
        from pair
        inner join session_return
            on
                pair.vintage_at = session_return.vintage_at
                and pair.symbol = session_return.symbol
                and pair.adjustment = session_return.adjustment
                and pair.pair_number = session_return.session_number
    ),

    estimate as (
        select
            vintage_at,
            symbol,
            adjustment,
            session_number,
            avg(x1) as e1,
            avg(x2) as e2,
            var_pop(x1) as v1,
            var_pop(x2) as v2
        from moment
        group by vintage_at, symbol, adjustment, session_number
    )

    select
        window_mean.vintage_at,
        window_mean.known_at,
        window_mean.symbol,
        window_mean.adjustment,
        window_mean.observation_date,
        window_mean.available_at_source,
        window_mean.file_id,
        window_mean.row_key,
        sqrt(abs(coalesce((v2 * e1 + v1 * e2) / nullif(v1 + v2, 0), (e1 + e2) / 2))) as spread
    from window_mean
    inner join estimate
        on
            window_mean.vintage_at = estimate.vintage_at
            and window_mean.symbol = estimate.symbol
            and window_mean.adjustment = estimate.adjustment
            and window_mean.session_number = estimate.session_number
    ) as effective_spread
{%- endmacro %}

{#-
    Spread from the highs and lows of two sessions (Corwin and Schultz 2012, equations 14 and 18), a negative estimate set to 0.

    beta: sum of the squared log ranges of the two sessions; gamma: squared log range of both together.
-#}
{% macro corwin_schultz_spread(beta, gamma) -%}
    {%- set alpha -%}
        ((sqrt(2 * {{ beta }}) - sqrt({{ beta }})) / (3 - 2 * sqrt(2)) - sqrt({{ gamma }} / (3 - 2 * sqrt(2))))
    {%- endset -%}
    greatest(0, 2 * (exp({{ alpha }}) - 1) / (1 + exp({{ alpha }})))
{%- endmacro %}
