-- grain: observation_date, symbol
with report as (
    {{ latest_version(ref('stg_finra__short_interest'), ['symbol', 'observation_date']) }}
),

fund_shares as (
    select
        ticker,
        observation_date,
        shares_outstanding,
        available_at
    from ({{ latest_version(ref('int_fund_share_count'), ['ticker', 'observation_date']) }}) as newest
    where shares_outstanding > 0
),

-- the fund's count of the settlement date or of the week before
beside_shares as (
    select
        report.*,
        case
            when date_diff('day', fund_shares.observation_date, report.observation_date) <= 7 then fund_shares.shares_outstanding
        end as shares_outstanding
    from report
    {{ as_of_join(
        'fund_shares', 'fund_shares', ['report.symbol = fund_shares.ticker'], 'report.observation_date >= fund_shares.observation_date'
    ) }}
)

select
    observation_date,
    symbol,
    issue_name,
    short_position_shares,
    -- the provider's own, which counts the position before as restated since
    change_shares,
    {{ safe_divide('change_shares', 'previous_short_position_shares') }} as change_share,
    average_daily_volume_shares,
    days_to_cover,
    shares_outstanding,
    {{ safe_divide('short_position_shares', 'shares_outstanding') }} as short_share,
    is_split,
    available_at,
    file_id,
    row_key
from beside_shares
