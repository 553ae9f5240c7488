-- grain: moment at which the newest value changed. Shares of SPY, IVV and VOO sold short / their shares outstanding on the settlement date.
with published as (
    select
        'short' as measured,
        symbol as ticker,
        observation_date,
        short_position_shares as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('stg_finra__short_interest') }}
    where symbol in ('SPY', 'IVV', 'VOO')
    union all
    select
        'outstanding' as measured,
        ticker,
        observation_date,
        shares_outstanding as amount,
        available_at,
        available_at_source,
        file_id,
        file_row_number,
        row_key
    from {{ ref('int_fund_share_count') }}
    where ticker in ('SPY', 'IVV', 'VOO')
),

as_known as (
    {{ trailing_as_known('published', observations=110, series=['measured', 'ticker'], present='amount > 0') }}
),

outstanding as (
    select * from as_known
    where measured = 'outstanding'
),

short as (
    select * from as_known
    where measured = 'short'
),

-- shares outstanding that became known after the report belong to a later vintage
side_by_side as (
    select
        short.*,
        outstanding.amount as outstanding_shares
    from short
    {{ as_of_join(
        'outstanding', 'outstanding', ['short.vintage_at = outstanding.vintage_at', 'short.ticker = outstanding.ticker'],
        'short.observation_date >= outstanding.observation_date'
    ) }}
    where outstanding.known_at <= short.known_at and date_diff('day', outstanding.observation_date, short.observation_date) <= 7
),

all_funds as (
    select
        vintage_at,
        observation_date,
        max(known_at) as known_at,
        {{ safe_divide('sum(amount)', 'sum(outstanding_shares)') }} as value,
        arg_max(file_id, amount) as file_id,
        arg_max(row_key, amount) as row_key,
        max(available_at_source) as available_at_source
    from side_by_side
    group by vintage_at, observation_date
)

{{ signal_event('short_interest_index_etf', 'all_funds', [none, 2, 6]) }}
