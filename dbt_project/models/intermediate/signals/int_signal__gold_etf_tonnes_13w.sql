-- grain: moment at which the newest value changed. ln(tonnes / tonnes 63 sessions earlier) + 0.004 x 63 / 252: the trust sells 0.40% of its gold a year for expenses, which is no outflow.
with as_known as (
    {{ trailing_as_known(ref('stg_spdr__gold_trust'), observations=130, present='tonnes_in_trust > 0') }}
),

change as (
    select
        *,
        ln(tonnes_in_trust / {{ earlier('tonnes_in_trust', 63, 105) }})
        + 0.004 * 63 / 252 as value
    from as_known
)

{{ signal_event('gold_etf_tonnes_13w', 'change', [5, 20, 63]) }}
