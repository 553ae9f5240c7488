-- grain: moment at which the newest value changed. 4-week change of leveraged funds' net yen futures / open interest (Brunnermeier, Nagel and Pedersen 2008).
with published as (
    select
        *,
        {{ safe_divide('leveraged_funds_long - leveraged_funds_short', 'open_interest') }} as share
    from {{ ref('stg_cftc__financial_futures') }}
    where report_scope = 'FutOnly' and contract_code = '097741'
),

as_known as (
    {{ trailing_as_known('published', observations=22, present='share is not null') }}
),

change as (
    select
        *,
        share - {{ earlier('share', 4, 42) }} as value
    from as_known
)

{{ signal_event('cot_jpy_carry_unwind', 'change', [1, 4, 13]) }}
