-- grain: observation_date (month end), destination. Return in USD less beta times that of the US market, beta from the months before, newest versions known
{%- set parameter = var('capital_destination') %}
{%- set assets = [
    ('bitcoin', 'CBBTCUSD', none, '^NDX'),
    ('India', '^NSEI', 'INR=X', '^GSPC'),
    ('Vietnam', '^VNINDEX.VN', 'VND=X', '^GSPC'),
    ('Indonesia', '^JKSE', 'IDR=X', '^GSPC'),
] %}
with level as (
    select * from {{ ref('int_month_end_level') }}
),

level_usd as (
    {%- for destination, series, currency, market in assets %}
    select
        own.observation_date,
        '{{ destination }}' as destination,
        own.level{% if currency %} / currency.level{% endif %} as own_level,
        market.level as market_level,
        greatest(own.available_at, market.available_at{% if currency %}, currency.available_at{% endif %}) as available_at,
        own.file_id,
        own.row_key
    from level as own
    inner join level as market on own.observation_date = market.observation_date and market.series = '{{ market }}'
    {%- if currency %}
    inner join level as currency on own.observation_date = currency.observation_date and currency.series = '{{ currency }}'
    {%- endif %}
    where own.series = '{{ series }}'
    {%- if not loop.last %}
    union all by name
    {%- endif %}
    {%- endfor %}
),

log_return as (
    select
        *,
        year(observation_date) * 12 + month(observation_date) as month_number,
        ln(own_level / {{ earlier('own_level', 1, 31, 'destination') }}) as own_return,
        ln(market_level / {{ earlier('market_level', 1, 31, 'destination') }}) as market_return
    from level_usd
),

with_beta as (
    select
        *,
        case when count(own_return) over before >= {{ parameter.beta_minimum_months }} then regr_slope(own_return, market_return) over before end as beta
    from log_return
    window before as (partition by destination order by month_number range between {{ parameter.beta_months }} preceding and 1 preceding)
)

select
    observation_date,
    destination,
    own_return,
    market_return,
    beta,
    available_at,
    file_id,
    row_key,
    own_return - beta * market_return as return_beyond_market
from with_beta
where own_return - beta * market_return is not null
