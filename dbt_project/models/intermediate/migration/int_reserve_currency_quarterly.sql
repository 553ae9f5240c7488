-- grain: observation_date, currency. Official reserves by currency and in gold, with the exchange rate at the end of the quarter, as known at the as-of
{%- set currencies = [
    ('US dollar', 'CI_USD', none, none), ('euro', 'CI_EUR', 'DEXUSEU', 1), ('yen', 'CI_JPY', 'DEXJPUS', -1), ('pound sterling', 'CI_GBP', 'DEXUSUK', 1),
    ('renminbi', 'CI_CNY', 'DEXCHUS', -1),
] %}
with newest as (
    {{ latest_version(ref('stg_imf__observation'), ['dataset', 'series_key', 'observation_date']) }}
),

-- currencies of their own: FRED quotes some in dollars a unit, some in units a dollar
named as (
    {%- for name, code, series, power in currencies %}
    select
        '{{ name }}' as currency,
        '{{ code }}' as code,
        cast({% if series %}'{{ series }}'{% else %}null{% endif %} as varchar) as series_id,
        cast({{ power or 'null' }} as integer) as quoted_in_dollars
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

allocated as (
    select
        observation_date,
        currency as code,
        max(value) filter (where unit = 'share') as share,
        max(value) filter (where unit = 'USD') as amount_usd,
        max(available_at) as available_at,
        arg_max(file_id, unit = 'share') as file_id,
        arg_max(row_key, unit = 'share') as row_key
    from newest
    where
        dataset = 'COFER' and country = 'G001' and indicator = 'AFXRA' and frequency = 'Q' and value is not null
        and observation_date <= {{ last_ended_day() }}
    group by observation_date, currency
),

quarter as (
    select
        observation_date,
        max(amount_usd) filter (where code = 'CI_T') as allocated_usd,
        max(available_at) as available_at
    from allocated
    group by observation_date
),

rate as (
    {{ latest_version(ref('stg_fred__observation'), ['series_id', 'observation_date']) }}
),

quoted as (
    select
        series_id,
        observation_date,
        value,
        available_at
    from rate
    where value > 0
),

-- every currency in every quarter: its exchange rate is needed where its share was not told apart yet
currency_quarter as (
    select
        named.*,
        quarter.observation_date,
        quarter.allocated_usd
    from quarter
    cross join named
),

exchanged as (
    select
        currency_quarter.*,
        quoted.available_at as rate_available_at,
        case
            when currency_quarter.series_id is null then 1
            when date_diff('day', quoted.observation_date, currency_quarter.observation_date) <= {{ var('reserves').exchange_rate_days }}
                then power(quoted.value, currency_quarter.quoted_in_dollars)
        end as usd_per_unit
    from currency_quarter
    {{ as_of_join('quoted', 'quoted', ['currency_quarter.series_id = quoted.series_id'], 'currency_quarter.observation_date >= quoted.observation_date') }}
),

in_currency as (
    select
        exchanged.observation_date,
        exchanged.currency,
        exchanged.allocated_usd,
        coalesce(allocated.share, {{ safe_divide('allocated.amount_usd', 'exchanged.allocated_usd') }}) as share,
        allocated.amount_usd,
        exchanged.usd_per_unit,
        cast(null as double) as gold_tonnes,
        greatest(
            coalesce(allocated.available_at, exchanged.rate_available_at), coalesce(exchanged.rate_available_at, allocated.available_at)
        ) as available_at,
        allocated.file_id,
        allocated.row_key
    from exchanged
    left join allocated on exchanged.observation_date = allocated.observation_date and exchanged.code = allocated.code
),

-- what is in none of the named currencies; with the renminbi in it until that was told apart
in_other_currencies as (
    select
        observation_date,
        'other currencies' as currency,
        max(allocated_usd) as allocated_usd,
        1 - sum(share) as share,
        max(allocated_usd) - sum(amount_usd) as amount_usd,
        cast(null as double) as usd_per_unit,
        cast(null as double) as gold_tonnes,
        max(available_at) as available_at,
        arg_max(file_id, share) as file_id,
        arg_max(row_key, share) as row_key
    from in_currency
    where share is not null
    group by observation_date
),

-- of all official holders; a troy ounce is 31.1034768 g, and the price is the mean of the quarter's last month
gold as (
    select
        quarter.observation_date,
        'gold' as currency,
        quarter.allocated_usd,
        cast(null as double) as share,
        held.value * 32150.7466 * price.value as amount_usd,
        price.value as usd_per_unit,
        held.value as gold_tonnes,
        greatest(held.available_at, price.available_at, quarter.available_at) as available_at,
        held.file_id,
        held.row_key
    from quarter
    inner join newest as held
        on quarter.observation_date = held.observation_date and held.dataset = 'IL' and held.series_key = 'G001.RGV_REVS.FTO.M'
    inner join newest as price
        on quarter.observation_date = price.observation_date and price.dataset = 'PCPS' and price.series_key = 'G001.PGOLD.USD.M'
    where held.value is not null and price.value is not null
)

select * from in_currency
union all
select * from in_other_currencies
union all
select * from gold
