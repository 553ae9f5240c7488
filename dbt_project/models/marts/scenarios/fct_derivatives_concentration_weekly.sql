{%- set concentration = var('derivatives_concentration') -%}
{%- set measures = [] -%}
{%- for basis in ['gross', 'net'] -%}
{%- for largest in ['4', '8'] -%}
{%- for side in ['long', 'short'] -%}
{%- do measures.append('concentration_' ~ basis ~ '_' ~ largest ~ '_' ~ side) -%}
{%- endfor -%}
{%- endfor -%}
{%- endfor -%}
-- grain: observation_date, contract_code, report_scope. Share of open interest the largest traders hold, and how unusual that is for the contract.
with every_report as (
    {%- for report, relation in [
        ('traders in financial futures', ref('stg_cftc__financial_futures')),
        ('disaggregated', ref('stg_cftc__disaggregated_futures')),
        ('legacy', ref('stg_cftc__legacy_futures'))
    ] %}
    select
        '{{ report }}' as report,
        {{ loop.index }} as report_order,
        observation_date,
        contract_code,
        report_scope,
        contract_name,
        open_interest,
        traders_total,
        {{ measures | join(', ') }},
        available_at,
        file_id,
        file_row_number,
        row_key
    from {{ relation }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

newest as (
    {{ latest_version('every_report', ['report', 'observation_date', 'contract_code', 'report_scope']) }}
),

-- the same traders stand in all reports of a contract; the oldest kind of report lacks nothing but the groups
one_report as (
    select *
    from newest
    where concentration_gross_4_long is not null
    qualify row_number() over (partition by observation_date, contract_code, report_scope order by report_order) = 1
),

measured as (
    select
        *,
        greatest(concentration_net_4_long, concentration_net_4_short) as largest_four_share
    from one_report
),

ranked as (
    select
        *,
        count(*) over weeks_so_far as weeks_in_history,
        cume_dist(order by largest_four_share) over weeks_so_far as rank_in_history,
        largest_four_share - {{ earlier(
            'largest_four_share', concentration.change_weeks, 7 * concentration.change_weeks + 14, 'contract_code, report_scope'
        ) }} as largest_four_share_change_13w
    from measured
    window weeks_so_far as (
        partition by contract_code, report_scope order by observation_date rows between unbounded preceding and current row
    )
),

judged as (
    select
        * replace (case when weeks_in_history >= {{ concentration.minimum_weeks }} then rank_in_history end as rank_in_history)
    from ranked
)

select
    observation_date,
    contract_code,
    report_scope,
    report,
    contract_name,
    open_interest,
    traders_total as traders,
    {{ measures | join(',\n    ') }},
    largest_four_share,
    largest_four_share_change_13w,
    rank_in_history,
    weeks_in_history,
    coalesce(rank_in_history >= {{ concentration.high_rank }}, false) as is_high,
    available_at,
    file_id,
    row_key
from judged
