-- grain: moment at which the newest value changed. Leveraged funds' long less short VIX futures / open interest.
with published as (
    select
        *,
        {{ safe_divide('leveraged_funds_long - leveraged_funds_short', 'open_interest') }} as share
    from {{ ref('stg_cftc__financial_futures') }}
    where report_scope = 'FutOnly' and contract_code = '1170E1'
),

as_known as (
    {{ trailing_as_known('published', observations=22, present='share is not null') }}
),

position as (
    select
        *,
        share as value
    from as_known
)

{{ signal_event('cot_lev_net_vix', 'position', [1, 4, 13]) }}
