-- grain: moment at which the newest value changed. Leveraged funds' (long + short + 2 spread) E-mini S&P 500 futures / (2 open interest), 4-week mean.
-- the E-mini before 2019, from then on the consolidated contract (E-mini and a tenth of the micro), never their sum
with published as (
    select
        *,
        {{ safe_divide(
            'leveraged_funds_long + leveraged_funds_short + 2 * leveraged_funds_spread', '2 * open_interest'
        ) }} as share
    from {{ ref('stg_cftc__financial_futures') }}
    where
        report_scope = 'FutOnly'
        and contract_code in ('13874A', '13874+')
        and (contract_code = '13874A' or observation_date >= date '2019-01-01')
),

as_known as (
    {{ trailing_as_known('published', observations=22, series=['contract_code'], present='share is not null') }}
),

-- '+' sorts before 'A'
chosen as (
    select *
    from as_known
    qualify row_number() over (partition by vintage_at, observation_date order by contract_code) = 1
),

-- four weeks, to take out the quarterly roll
smoothed as (
    select
        *,
        {{ trailing_mean('share', 4, 28) }} as value
    from chosen
)

{{ signal_event('cot_lev_gross_es', 'smoothed', [1, 4, 13]) }}
