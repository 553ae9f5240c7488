-- grain: moment at which the newest value changed. ln(open interest / open interest 13 weeks earlier) of COMEX copper, futures only.
with published as (
    select *
    from {{ ref('stg_cftc__disaggregated_futures') }}
    where report_scope = 'FutOnly' and contract_code = '085692'
),

as_known as (
    {{ trailing_as_known('published', observations=30, present='open_interest > 0') }}
),

change as (
    select
        *,
        ln(open_interest / {{ earlier('open_interest', 13, 105) }}) as value
    from as_known
)

{{ signal_event('copper_oi_13w', 'change', [1, 4, 13]) }}
