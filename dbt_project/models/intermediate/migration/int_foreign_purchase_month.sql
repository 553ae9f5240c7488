-- grain: observation_date (month end), instrument. What all foreigners together bought net of US shares and Treasury bonds, newest versions known
with published as (
    select *
    from {{ ref('stg_tic__security_flow') }}
    where
        direction = 'for' and term = 'lt' and instrument in ('eqty', 'treas') and country_code = '99996'
        and measure in ('net', 'pos') and observation_date <= {{ last_ended_day() }}
),

newest as (
    {{ latest_version('published', ['source_table', 'instrument', 'measure', 'observation_date']) }}
),

-- purchases and holdings of one publication, never of two
by_month as (
    select
        source_table,
        instrument,
        observation_date,
        max(amount_usd) filter (where measure = 'net') as net_purchases_usd,
        max(amount_usd) filter (where measure = 'pos') as holdings_usd,
        max(available_at) as available_at,
        max(file_id) filter (where measure = 'net') as file_id,
        max(row_key) filter (where measure = 'net') as row_key
    from newest
    group by source_table, instrument, observation_date
),

with_holdings_before as (
    select
        *,
        {{ earlier('holdings_usd', 1, 31, 'source_table, instrument') }} as holdings_before_usd
    from by_month
)

-- the continuous series reach back furthest
select
    observation_date,
    instrument,
    net_purchases_usd,
    holdings_before_usd,
    available_at,
    file_id,
    row_key
from with_holdings_before
where net_purchases_usd is not null
qualify row_number() over (partition by observation_date, instrument order by (source_table = 'cslt') desc, source_table) = 1
