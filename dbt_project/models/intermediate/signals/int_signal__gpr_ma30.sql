-- grain: moment at which the newest value changed. Natural logarithm of the mean daily geopolitical risk index over 30 calendar days (Caldara and Iacoviello 2022).
with as_known as (
    {{ trailing_as_known(ref('stg_gpr__daily'), observations=125, present='gprd is not null') }}
),

smoothed as (
    select
        *,
        ln(nullif({{ trailing_mean('gprd', 30, 37) }}, 0)) as value
    from as_known
)

{{ signal_event('gpr_ma30', 'smoothed', [7, 28, 91]) }}
