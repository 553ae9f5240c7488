-- grain: observation_date, direction, country_code, instrument
with newest as (
    {{ latest_version(
        ref('stg_tic__security_flow'),
        ['source_table', 'direction', 'term', 'instrument', 'measure', 'country_code', 'observation_date']
    ) }}
),

-- long-term securities, equity among them: bills and other short-term paper have no change of value worth the name
long_term as (
    select *
    from newest
    where term = 'lt' and amount_usd is not null and observation_date <= {{ last_ended_day() }}
),

-- the document of series and the tables name an area alike, but only the tables do so always
area as (
    select
        country_code,
        arg_max(country, row(country is not null, source_table <> 'cslt', available_at, country)) as country,
        bool_or(is_aggregate) as is_aggregate,
        bool_or(is_custody_centre) as is_custody_centre
    from newest
    group by country_code
),

by_table as (
    select
        source_table,
        direction,
        instrument,
        country_code,
        observation_date,
        count(*) as measures,
        max(amount_usd) filter (where measure = 'pos') as holdings_usd,
        max(amount_usd) filter (where measure = 'net') as net_purchases_usd,
        max(amount_usd) filter (where measure = 'valchg') as valuation_change_usd,
        max(available_at) as available_at,
        arg_max(file_id, row(measure = 'pos', measure = 'net')) as file_id,
        arg_max(row_key, row(measure = 'pos', measure = 'net')) as row_key
    from long_term
    where measure in ('pos', 'net', 'valchg')
    group by source_table, direction, instrument, country_code, observation_date
    having holdings_usd is not null or net_purchases_usd is not null
),

-- against the month before of the same table: the tables do not hold the same at the same time
compared as (
    select
        *,
        {{ earlier('holdings_usd', 1, 31, 'source_table, direction, instrument, country_code') }} as holdings_before_usd,
        {{ earlier('available_at', 1, 31, 'source_table, direction, instrument, country_code') }} as before_available_at
    from by_table
),

-- the table that tells most speaks, the continuous series where two tell the same
chosen as (
    select *
    from compared
    qualify
        row_number() over (
            partition by direction, instrument, country_code, observation_date
            order by measures desc, source_table = 'cslt' desc, source_table
        ) = 1
),

-- what US residents sell to foreigners, foreigners buy
gross as (
    select
        direction,
        instrument,
        country_code,
        observation_date,
        max(amount_usd) filter (where measure = case direction when 'for' then 'sale' else 'pur' end) as gross_purchases_usd,
        max(amount_usd) filter (where measure = case direction when 'for' then 'pur' else 'sale' end) as gross_sales_usd
    from long_term
    where measure in ('sale', 'pur')
    group by direction, instrument, country_code, observation_date
)

select
    chosen.observation_date,
    case chosen.direction
        when 'for' then 'foreign holdings of US securities'
        when 'us' then 'US holdings of foreign securities'
    end as direction,
    chosen.country_code,
    coalesce(area.country, chosen.country_code) as country,
    case chosen.instrument
        when 'total' then 'all long-term securities'
        when 'eqty' then 'equities'
        when 'treas' then 'treasuries'
        when 'agcy' then 'agency bonds'
        when 'corp' then 'corporate bonds'
        when 'govt_bond' then 'government bonds'
        when 'corp_bond' then 'corporate bonds'
        else replace(chosen.instrument, '_', ' ')
    end as instrument,
    chosen.source_table,
    chosen.holdings_usd,
    chosen.holdings_usd - chosen.holdings_before_usd as holdings_change_usd,
    chosen.net_purchases_usd,
    chosen.valuation_change_usd,
    chosen.holdings_usd - chosen.holdings_before_usd - chosen.net_purchases_usd - chosen.valuation_change_usd as other_change_usd,
    {{ safe_divide('chosen.net_purchases_usd', 'chosen.holdings_before_usd') }} as flow_share,
    case
        when chosen.valuation_change_usd is not null
            then case when chosen.observation_date >= date '{{ var("cross_border").collected_since }}' then 'collected' else 'estimated' end
    end as valuation_source,
    gross.gross_purchases_usd,
    gross.gross_sales_usd,
    area.is_custody_centre,
    area.is_aggregate,
    greatest(chosen.available_at, coalesce(chosen.before_available_at, chosen.available_at)) as available_at,
    chosen.file_id,
    chosen.row_key
from chosen
inner join area on chosen.country_code = area.country_code
left join gross
    on
        chosen.direction = gross.direction
        and chosen.instrument = gross.instrument
        and chosen.country_code = gross.country_code
        and chosen.observation_date = gross.observation_date
