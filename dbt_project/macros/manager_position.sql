{#-
    What managers hold of each security at a quarter's end and a quarter earlier, as known at given moments, and what they did in between.

    moment  relation with manager_id, observation_date, before_date, known_at and is_compared (whether the quarter before was known then)

    Everything is as known at `known_at`: reports in force, symbols, closes, splits. Amounts of the quarter before are in the shares of this one.

    active change = (shares - shares before) x price before    (Grinblatt & Titman 1993)
    price effect  = change in value - active change

    A row a manager, quarter, moment, security and kind of position (holding, convertible, put, call), closed positions included.
-#}
{% macro manager_position(moment) -%}
    select * from (
    with side as (
        select
            *,
            observation_date as held_date,
            false as is_before
        from {{ moment }}
        union all
        select
            *,
            before_date as held_date,
            true as is_before
        from {{ moment }}
        where is_compared
    ),

    reported as (
        select
            side.manager_id,
            side.observation_date,
            side.before_date,
            side.known_at,
            side.is_compared,
            side.is_before,
            position.* exclude (manager_id, observation_date, accession_number, cik, adds_to_another)
        from side
        inner join {{ ref('int_manager_report_position') }} as position
            on
                side.manager_id = position.manager_id and side.held_date = position.observation_date
                and position.in_force_from <= side.known_at
                and (position.in_force_until is null or position.in_force_until > side.known_at)
    ),

    -- the symbol a security had last at the quarter's end, else its first after it
    named as (
        select
            asked.*,
            identifier.ticker,
            identifier.cik as issuer_cik,
            identifier.valid_from as symbol_from,
            {{ plain_symbol('identifier.ticker') }} as plain_symbol
        from (select distinct cusip, observation_date, known_at from reported) as asked
        left join {{ ref('int_security_identifier') }} as identifier
            on asked.cusip = identifier.cusip and identifier.available_at <= asked.known_at
        qualify
            row_number() over (
                partition by asked.cusip, asked.observation_date, asked.known_at
                order by
                    coalesce(identifier.valid_from <= asked.observation_date, false) desc,
                    abs(date_diff('day', asked.observation_date, identifier.valid_from))
            ) = 1
    ),

    -- a share that goes on under another CUSIP is one security: same symbol, same issuer
    chained as (
        select
            reported.*,
            named.ticker,
            named.plain_symbol,
            named.issuer_cik,
            case
                when named.issuer_cik is null then reported.cusip
                else arg_max(reported.cusip, row(named.symbol_from, reported.cusip)) over (
                    partition by
                        reported.manager_id, reported.observation_date, reported.known_at, reported.position_kind, named.plain_symbol, named.issuer_cik
                )
            end as security
        from reported
        inner join named
            on reported.cusip = named.cusip and reported.observation_date = named.observation_date and reported.known_at = named.known_at
    ),

    side_by_side as (
        select
            manager_id,
            observation_date,
            before_date,
            known_at,
            is_compared,
            security as cusip,
            position_kind,
            max(ticker) as ticker,
            max(plain_symbol) as plain_symbol,
            max(issuer_cik) as issuer_cik,
            arg_max(issuer_name, row(not is_before, value_usd)) as issuer_name,
            coalesce(sum(quantity) filter (where not is_before), 0) as quantity,
            coalesce(sum(value_usd) filter (where not is_before), 0) as value_usd,
            coalesce(sum(quantity) filter (where is_before), 0) as quantity_filed_before,
            coalesce(sum(value_usd) filter (where is_before), 0) as value_before_usd,
            bool_or(value_unit_corrected) as value_unit_corrected,
            max(in_force_from) as available_at,
            max(available_at_source) as available_at_source,
            arg_max(file_id, row(not is_before, value_usd)) as file_id,
            arg_max(row_key, row(not is_before, value_usd)) as row_key
        from chained
        group by manager_id, observation_date, before_date, known_at, is_compared, security, position_kind
    ),

    implied as (
        select
            *,
            nullif({{ safe_divide('value_usd', 'quantity') }}, 0) as price_usd,
            nullif({{ safe_divide('value_before_usd', 'quantity_filed_before') }}, 0) as filed_price_before_usd
        from side_by_side
    ),

    compared as (
        select
            implied.*,
            close_now.close,
            close_before.close as close_before,
            reference_price.price_usd as reference_price_before_usd,
            coalesce(of_filers.split_ratio, 1) as split_of_filers,
            {{ usual_split_ratio('implied.price_usd / close_now.close', var('form_13f').split_price_tolerance) }} as later_splits,
            {{ usual_split_ratio('implied.filed_price_before_usd / close_before.close', var('form_13f').split_price_tolerance) }} as later_splits_before
        from implied
        {{ as_of_join(
            ref('int_quarter_end_price'), 'close_now',
            ['implied.plain_symbol = close_now.plain_symbol', 'implied.observation_date = close_now.observation_date'],
            'implied.known_at >= close_now.available_at'
        ) }}
        {{ as_of_join(
            ref('int_quarter_end_price'), 'close_before',
            ['implied.plain_symbol = close_before.plain_symbol', 'implied.before_date = close_before.observation_date'],
            'implied.known_at >= close_before.available_at'
        ) }}
        {{ as_of_join(
            ref('int_split_of_filers'), 'of_filers',
            ['implied.cusip = of_filers.cusip', 'implied.observation_date = of_filers.observation_date'],
            'implied.known_at >= of_filers.known_at'
        ) }}
        left join {{ ref('int_form_13f_reference_price') }} as reference_price
            on implied.cusip = reference_price.cusip and implied.before_date = reference_price.observation_date
    ),

    -- closes are in today's shares, filings in those of their day: what is between the two quotients is a split between the two quarters
    with_split as (
        select
            *,
            case
                when position_kind = 'convertible' then 1
                else coalesce(nullif({{ safe_divide('later_splits_before', 'later_splits') }}, 1), split_of_filers)
            end as split_ratio,
            case
                when later_splits is not null and position_kind <> 'convertible' then {{ safe_divide('price_usd * close_before', 'close') }}
            end as market_price_before_usd
        from compared
    ),

    -- what was not held has the price of the market, else of other filers (unless they were in another unit), else of the quarter itself
    priced as (
        select
            *,
            quantity_filed_before * split_ratio as quantity_before,
            coalesce(
                filed_price_before_usd / split_ratio,
                market_price_before_usd,
                case
                    when
                        abs(ln(reference_price_before_usd / split_ratio / price_usd)) <= ln(20)
                        then reference_price_before_usd / split_ratio
                end,
                price_usd
            ) as price_before_usd
        from with_split
    )

    select
        priced.* exclude (
            close, close_before, later_splits, later_splits_before, split_of_filers, reference_price_before_usd, filed_price_before_usd,
            market_price_before_usd, quantity_filed_before, quantity_before, value_before_usd, price_before_usd, split_ratio
        ),
        case when priced.is_compared then priced.split_ratio end as split_ratio,
        case when priced.is_compared then priced.quantity_before end as quantity_before,
        case when priced.is_compared then priced.value_before_usd end as value_before_usd,
        case when priced.is_compared then priced.price_before_usd end as price_before_usd,
        case
            when priced.is_compared then (priced.quantity - priced.quantity_before) * coalesce(priced.price_before_usd, 0)
        end as active_change_usd,
        case
            when priced.position_kind in ('put', 'call') then 'option'
            when priced.position_kind = 'convertible' then 'convertible'
            when listed.kind = 'company' then 'share'
            when listed.kind = 'fund' then 'equity fund'
            else coalesce(listed.kind, 'unknown')
        end as asset_class,
        coalesce(listed.sector, case when listed.symbol is null then 'unknown' else 'no sector' end) as sector
    from priced
    -- a symbol passes from one security to another; a share is a company's only where its filer is known
    left join {{ ref('symbol_sector') }} as listed
        on
            priced.plain_symbol = {{ plain_symbol('listed.symbol') }}
            and (listed.kind <> 'company' or priced.issuer_cik is not null)
    ) as manager_position
{%- endmacro %}
