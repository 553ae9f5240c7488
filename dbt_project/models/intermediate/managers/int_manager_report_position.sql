-- grain: accession_number, cusip, position_kind. What a report of a manager holds of a security; options by put and call, bonds by principal
with line as (
    select
        report.accession_number,
        report.manager_id,
        report.cik,
        report.observation_date,
        report.adds_to_another,
        report.in_force_from,
        report.in_force_until,
        holding.cusip,
        holding.issuer_name,
        holding.available_at_source,
        holding.file_id,
        holding.row_key,
        cast(coalesce(holding.shares, holding.principal_usd) as double) as quantity,
        report.value_factor <> 1 as value_unit_corrected,
        cast(holding.value_usd as double) * report.value_factor as value_usd,
        case
            when holding.is_option then holding.put_call
            when holding.principal_usd is not null then 'convertible'
            else 'holding'
        end as position_kind
    from {{ ref('stg_sec__form_13f_holding') }} as holding
    inner join {{ ref('int_manager_report') }} as report on holding.accession_number = report.accession_number
    where holding.cusip is not null
)

select
    accession_number,
    manager_id,
    cik,
    observation_date,
    adds_to_another,
    in_force_from,
    in_force_until,
    value_unit_corrected,
    cusip,
    position_kind,
    arg_max(issuer_name, value_usd) as issuer_name,
    sum(value_usd) as value_usd,
    coalesce(sum(quantity), 0) as quantity,
    max(available_at_source) as available_at_source,
    arg_max(file_id, value_usd) as file_id,
    arg_max(row_key, value_usd) as row_key
from line
group by
    accession_number, manager_id, cik, observation_date, adds_to_another, in_force_from, in_force_until, value_unit_corrected, cusip, position_kind
