-- grain: symbol, available_at. What was known of a company's cash flow, revenue, earnings and shares from each moment on at which a report told of it
{%- set years = var('discounted_cash_flow').growth_years %}
{%- set flows = ['operating_cash_flow', 'capital_expenditure', 'revenue', 'net_income'] %}
with reported as (
    select
        figure.*,
        company.sector,
        company.listed_shares,
        replace(company.ticker, '.', '-') as symbol
    from {{ ref('int_company_fundamental') }} as figure
    inner join {{ ref('company_of_interest') }} as company on figure.cik = company.cik
    where figure.concept in ('{{ flows | join("', '") }}', 'shares_outstanding')
),

moment as (
    select distinct
        symbol,
        available_at
    from reported
),

-- a quarter, and a year for those who report no quarters, in its newest version of the moment
known as (
    select
        reported.* exclude (available_at),
        moment.available_at
    from moment
    inner join reported
        on
            moment.symbol = reported.symbol
            and moment.available_at >= reported.available_at
            and date_diff('day', reported.observation_date, cast(moment.available_at as date)) <= 366 * {{ years + 3 }}
    where reported.concept <> 'shares_outstanding' and reported.quarters in (1, 4)
    qualify
        row_number() over (
            partition by moment.symbol, moment.available_at, reported.concept, reported.quarters, reported.observation_date
            order by reported.available_at desc, reported.filing_date desc, reported.accession_number desc, reported.duration_days asc
        ) = 1
),

of_year as (
    select
        *,
        case
            when quarters = 4 then value
            -- from the end of the first of four quarters in a row to that of the fourth
            when count(*) over four = 4 and date_diff('day', min(observation_date) over four, observation_date) between 250 and 295 then sum(value) over four
        end as value_of_year
    from known
    window
        four as (
            partition by symbol, available_at, concept, quarters order by observation_date rows between 3 preceding and current row
        )
),

trailing_year as (
    select *
    from of_year
    where value_of_year is not null
    qualify row_number() over (partition by symbol, available_at, concept, observation_date order by quarters) = 1
),

cash_flow as (
    select
        operating.symbol,
        operating.available_at,
        operating.observation_date as cash_flow_date,
        operating.value_of_year as operating_cash_flow_usd,
        spent.value_of_year as capital_expenditure_usd,
        operating.accession_number,
        operating.file_id,
        operating.quarters = 4 as is_year_as_reported
    from trailing_year as operating
    inner join trailing_year as spent
        on
            operating.symbol = spent.symbol
            and operating.available_at = spent.available_at
            and operating.observation_date = spent.observation_date
    where operating.concept = 'operating_cash_flow' and spent.concept = 'capital_expenditure'
    qualify row_number() over (partition by operating.symbol, operating.available_at order by operating.observation_date desc) = 1
),

newest as (
    select *
    from trailing_year
    where concept in ('revenue', 'net_income')
    qualify row_number() over (partition by symbol, available_at, concept order by observation_date desc) = 1
),

years as (
    select cast(unnest(range(1, {{ years + 1 }})) as integer) as number
),

-- over as many years as there are, up to those asked for
growth as (
    select
        newest.symbol,
        newest.available_at,
        newest.observation_date as revenue_date,
        newest.value_of_year as revenue_usd,
        years.number as growth_years,
        pow({{ safe_divide('newest.value_of_year', 'before.value_of_year') }}, 1.0 / years.number) - 1 as revenue_growth
    from newest
    cross join years
    inner join trailing_year as before
        on
            newest.symbol = before.symbol
            and newest.available_at = before.available_at
            and newest.concept = before.concept
            -- fiscal years of 52 or 53 weeks end on a weekday
            and abs(date_diff('day', before.observation_date, newest.observation_date) - 365.25 * years.number) <= 15
    where newest.concept = 'revenue' and newest.value_of_year > 0 and before.value_of_year > 0
    qualify
        row_number() over (
            partition by newest.symbol, newest.available_at
            order by years.number desc, abs(date_diff('day', before.observation_date, newest.observation_date) - 365.25 * years.number) asc
        ) = 1
),

shares as (
    select
        moment.symbol,
        moment.available_at,
        reported.observation_date as shares_date,
        -- the cover counts the shares of its day; a balance sheet or a mean is in those of the filing, a split since included (SEC SAB Topic 4.C)
        case when reported.taxonomy = 'dei' then reported.observation_date else reported.filing_date end as shares_stated_on,
        reported.value * reported.listed_shares as shares_outstanding
    from moment
    inner join reported on moment.symbol = reported.symbol and moment.available_at >= reported.available_at
    where reported.concept = 'shares_outstanding' and reported.value > 0
    qualify
        row_number() over (
            partition by moment.symbol, moment.available_at
            order by
                reported.observation_date desc, reported.available_at desc, reported.filing_date desc, reported.accession_number desc,
                reported.duration_days asc
        ) = 1
)

select
    moment.symbol,
    company.cik,
    company.sector,
    moment.available_at,
    cash_flow.cash_flow_date,
    cash_flow.is_year_as_reported,
    cash_flow.operating_cash_flow_usd,
    cash_flow.capital_expenditure_usd,
    growth.revenue_date,
    growth.revenue_usd,
    growth.growth_years,
    growth.revenue_growth,
    earnings.observation_date as earnings_date,
    earnings.value_of_year as net_income_usd,
    shares.shares_date,
    shares.shares_stated_on,
    shares.shares_outstanding,
    cash_flow.accession_number,
    cash_flow.file_id,
    cash_flow.operating_cash_flow_usd - cash_flow.capital_expenditure_usd as free_cash_flow_usd,
    earnings.quarters = 4 as is_year_of_earnings_as_reported
from moment
inner join {{ ref('company_of_interest') }} as company on moment.symbol = replace(company.ticker, '.', '-')
left join cash_flow on moment.symbol = cash_flow.symbol and moment.available_at = cash_flow.available_at
left join growth on moment.symbol = growth.symbol and moment.available_at = growth.available_at
left join newest as earnings
    on moment.symbol = earnings.symbol and moment.available_at = earnings.available_at and earnings.concept = 'net_income'
left join shares on moment.symbol = shares.symbol and moment.available_at = shares.available_at
