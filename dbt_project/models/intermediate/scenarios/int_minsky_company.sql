{%- set rule = var('minsky') -%}
-- grain: cik, observation_date (end of a fiscal quarter). What a company's cash flow of four quarters covers: interest and principal, interest alone, or not even that.
with company as (
    select *
    from {{ ref('company_of_interest') }}
    where sector not in ('{{ rule.left_out_sectors | join("', '") }}')
),

newest as (
    {{ latest_version(ref('int_company_fundamental'), ['cik', 'concept', 'observation_date', 'quarters']) }}
),

flow as (
    select *
    from newest
    where concept in ('operating_cash_flow', 'interest_paid', 'interest_expense')
),

-- four quarters in a row, where the year itself is not reported
four_quarters as (
    select
        cik,
        concept,
        observation_date,
        {{ trailing_sum('value', 4, 290, 'cik, concept') }} as value,
        max(available_at) over last_four as available_at
    from flow
    where quarters = 1
    window last_four as (partition by cik, concept order by observation_date rows between 3 preceding and current row)
),

year as (
    select
        cik,
        concept,
        observation_date,
        value,
        available_at
    from flow
    where quarters = 4
    union all
    select *
    from four_quarters
    where
        value is not null
        and not exists (
            select 1
            from flow
            where
                flow.quarters = 4
                and flow.cik = four_quarters.cik
                and flow.concept = four_quarters.concept
                and flow.observation_date = four_quarters.observation_date
        )
),

year_of_company as (
    select
        cik,
        observation_date,
        max(value) filter (where concept = 'operating_cash_flow') as operating_cash_flow_usd,
        coalesce(
            max(value) filter (where concept = 'interest_paid'), max(value) filter (where concept = 'interest_expense')
        ) as interest_usd,
        max(available_at) as available_at
    from year
    group by cik, observation_date
),

debt as (
    select
        cik,
        observation_date,
        max(value) filter (where concept = 'long_term_debt_current') as due_usd,
        max(value) filter (where concept = 'long_term_debt_noncurrent') as later_usd,
        max(value) filter (where concept = 'long_term_debt') as whole_usd,
        max(available_at) as available_at
    from newest
    where concept in ('long_term_debt_current', 'long_term_debt_noncurrent', 'long_term_debt')
    group by cik, observation_date
),

debt_of_day as (
    select
        cik,
        observation_date,
        available_at,
        due_usd,
        coalesce(whole_usd, coalesce(due_usd, 0) + later_usd, due_usd) as debt_usd
    from debt
),

-- principal due is the current part of long-term debt four quarters before: what fell due since
with_debt as (
    select
        year_of_company.*,
        company.ticker,
        company.name,
        company.sector,
        before.due_usd as principal_usd,
        now.debt_usd,
        before.debt_usd as debt_before_usd,
        greatest(year_of_company.available_at, now.available_at, before.available_at) as known_at
    from year_of_company
    inner join company on year_of_company.cik = company.cik
    left join debt_of_day as now
        on year_of_company.cik = now.cik and year_of_company.observation_date = now.observation_date
    left join debt_of_day as before
        on
            year_of_company.cik = before.cik
            and before.observation_date between year_of_company.observation_date - 380 and year_of_company.observation_date - 350
    where year_of_company.operating_cash_flow_usd is not null
    qualify row_number() over (partition by year_of_company.cik, year_of_company.observation_date order by before.observation_date desc) = 1
)

select
    cik,
    ticker,
    name,
    sector,
    observation_date,
    operating_cash_flow_usd,
    interest_usd,
    principal_usd,
    debt_usd,
    known_at as available_at,
    -- the calendar quarter in which the middle of the fiscal quarter lies
    last_day(cast(date_trunc('quarter', observation_date - 45) as date) + interval 2 month) as calendar_quarter,
    debt_usd - debt_before_usd as debt_change_usd,
    operating_cash_flow_usd + interest_usd as cash_flow_before_interest_usd,
    -- US operating cash flow is after interest: it covers interest where it is not negative, and principal where it is no less than that
    case
        when coalesce(debt_usd, 0) = 0 and coalesce(debt_before_usd, 0) = 0 and coalesce(interest_usd, 0) = 0 then 'no debt'
        when operating_cash_flow_usd < 0 then 'ponzi'
        when principal_usd is null then 'unclassified'
        when operating_cash_flow_usd >= principal_usd then 'hedge'
        else 'speculative'
    end as finance
from with_debt
