-- grain: accession_number. Holdings reports of managers of interest: their house, and whether their values are in the unit they should be
--
-- Some filers go on reporting thousands of USD where dollars are asked for, or the other way round: then all prices that value and shares imply
-- are a thousandth of, or a thousand times, what others' were.
with report as (
    select
        filing.*,
        filer.manager_id
    from {{ ref('int_form_13f_filing') }} as filing
    inner join {{ ref('int_manager_filer') }} as filer
        on filing.cik = filer.cik and filing.observation_date between filer.valid_from and filer.valid_to
    -- a report without lines (Norges Bank for 2026-03-31 in the data set) says nothing; it must not look like one that sold everything
    where filing.accession_number in (select line.accession_number from {{ ref('stg_sec__form_13f_holding') }} as line)
),

implied as (
    select
        line.accession_number,
        line.cusip,
        line.observation_date,
        {{ safe_divide('sum(line.value_usd)', 'sum(line.shares)') }} as price_usd
    from {{ ref('stg_sec__form_13f_holding') }} as line
    inner join report on line.accession_number = report.accession_number
    where not line.is_option and line.shares > 0 and line.value_usd > 0
    group by line.accession_number, line.cusip, line.observation_date
),

reference_price as (
    select * from {{ ref('int_form_13f_reference_price') }}
),

first_quarter as (
    select min(observation_date) as observation_date from reference_price
),

-- the newest price of an earlier quarter, which was known when this one was filed; the first quarter has its own alone
compared as (
    select
        implied.accession_number,
        implied.price_usd / coalesce(
            case
                when
                    date_diff('day', earlier_price.observation_date, implied.observation_date) <= {{ var('form_13f').earlier_price_days }}
                    then earlier_price.price_usd
            end,
            same_quarter.price_usd
        ) as price_ratio
    from implied
    {{ as_of_join(
        'reference_price', 'earlier_price', ['implied.cusip = earlier_price.cusip'], 'implied.observation_date > earlier_price.observation_date'
    ) }}
    left join reference_price as same_quarter
        on
            implied.cusip = same_quarter.cusip and implied.observation_date = same_quarter.observation_date
            and same_quarter.observation_date = (select first_quarter.observation_date from first_quarter)
),

judged as (
    select
        accession_number,
        median(price_ratio) as price_ratio,
        count(price_ratio) as securities_compared
    from compared
    group by accession_number
)

select
    report.accession_number,
    report.manager_id,
    report.cik,
    report.observation_date,
    report.adds_to_another,
    report.in_force_from,
    report.in_force_until,
    judged.price_ratio,
    coalesce(judged.securities_compared, 0) as securities_compared,
    case
        when abs(ln(judged.price_ratio * 1000)) <= ln({{ var('form_13f').unit_tolerance }}) then cast(1000 as double)
        when abs(ln(judged.price_ratio / 1000)) <= ln({{ var('form_13f').unit_tolerance }}) then cast(0.001 as double)
        else cast(1 as double)
    end as value_factor
from report
left join judged on report.accession_number = judged.accession_number
