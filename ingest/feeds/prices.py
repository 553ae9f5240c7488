"""Daily prices and volumes: Yahoo's chart answers (live), Stooq's daily files (bring your own).

Formats: https://query1.finance.yahoo.com/v8/finance/chart/SPY and https://stooq.com/db/h/ (a captcha keeps Stooq from being fetched).
Yahoo's close is adjusted for splits. Its adjusted close is not kept: it is re-based at every dividend, so it is no fact of its day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from urllib.parse import quote as url_quote

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request, UnreadableFile
from ingest.feeds.sec import seed
from ingest.reader import delimited, json_documents

if TYPE_CHECKING:
    import duckdb

# The companies of interest; Yahoo writes share classes with a hyphen.
COMPANIES = tuple(row["ticker"].replace(".", "-") for row in seed.rows("company_of_interest"))
# What signals, valuations and scenarios need: US indices, the S&P sector funds, a fund of real-estate shares, index funds, companies, three
# emerging markets, and their currencies in units a dollar with the dollar index (FRED has none of the rupiah and the dong, and the others
# days later). Yahoo gives a currency the volume zero.
SYMBOLS = (
    *("^GSPC", "^NDX", "^IXIC", "^DJI", "SPY", "QQQ"),
    *("XLK", "XLF", "XLV", "XLE", "XLI", "XLP", "XLU", "XLY", "XLB", "IYR"),
    *COMPANIES,
    *("^NSEI", "^JKSE", "^VNINDEX.VN", "IDR=X", "INR=X", "VND=X", "DX-Y.NYB"),
)

_STOOQ_NAMES = {"^SPX": "^GSPC", "^NDQ": "^IXIC"}


def _read_chart(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a bar. Bars without prices and the bar of a session still open are no records; dates are those of the exchange."""
    connection.execute(
        f"""
        create or replace temp table chart as
        select _file_id, json_type(document, '$.chart.result') = 'ARRAY' as has_result, document ->> '$.chart.error.description' as error,
               document -> '$.chart.result[0].meta' as meta, document -> '$.chart.result[0].timestamp' as opened,
               document -> '$.chart.result[0].indicators.quote[0]' as bars, document -> '$.chart.result[0].events.splits' as splits
        from {json_documents(files)} as documents
        """
    )
    errors = connection.execute("select coalesce(error, 'no result') from chart where not coalesce(has_result, false)").fetchall()
    if errors:
        raise UnreadableFile(f"the provider answered with an error instead of prices: {errors[0][0]}")
    # the answer's arrays run in parallel, one entry a bar; splits are dated by the bar of their first day, but in seconds of their own
    connection.execute(
        """
        create or replace temp table chart_bar as
        with split as (
            select _file_id, timezone(zone, to_timestamp((event ->> '$.date')::bigint))::date::varchar as observation_date,
                   (event ->> '$.numerator')::double / nullif((event ->> '$.denominator')::double, 0) as split_ratio
            from (select _file_id, meta ->> '$.exchangeTimezoneName' as zone, unnest(map_values(splits::map(varchar, json))) as event from chart)
        ),
        bars as (
            select _file_id, meta ->> '$.symbol' as symbol, meta ->> '$.exchangeTimezoneName' as zone,
                   (meta ->> '$.currentTradingPeriod.regular.start')::bigint as session_start,
                   (meta ->> '$.regularMarketTime')::bigint < (meta ->> '$.currentTradingPeriod.regular.end')::bigint as is_open_now,
                   unnest(range(json_array_length(opened)::bigint)) as place,
                   unnest(from_json(opened, '["BIGINT"]')) as opened,
                   unnest(from_json(bars -> '$.open', '["VARCHAR"]')) as open,
                   unnest(from_json(bars -> '$.high', '["VARCHAR"]')) as high,
                   unnest(from_json(bars -> '$.low', '["VARCHAR"]')) as low,
                   unnest(from_json(bars -> '$.close', '["VARCHAR"]')) as close,
                   unnest(from_json(bars -> '$.volume', '["VARCHAR"]')) as volume
            from chart
        ),
        dated as (
            select *, timezone(zone, to_timestamp(opened))::date::varchar as observation_date from bars
        )
        select dated.* exclude (zone), split.split_ratio::varchar as split_ratio,
               case when close is null then 'blank' when session_start <= opened and is_open_now then 'open session' end as kind
        from dated
        left join split on dated._file_id = split._file_id and dated.observation_date = split.observation_date
        """
    )
    skipped: dict[int, dict[str, int]] = {}
    for file_id, kind, count in connection.execute("select _file_id, kind, count(*) from chart_bar where kind is not null group by all").fetchall():
        skipped.setdefault(file_id, {})[kind] = count
    columns = ("symbol", "observation_date", "open", "high", "low", "close", "volume", "split_ratio")
    sql = f"""
        select _file_id, row_number() over (partition by _file_id order by place) as _row_number, {", ".join(columns)}, 'split' as adjustment
        from chart_bar where kind is null
    """
    return [Records(sql=sql, columns=(*columns, "adjustment"), skipped=skipped)]


def _stooq_values(file: LandedFile, title: str) -> Mapping[str, str]:
    symbol = file.parameters["symbol"].upper()
    return {"symbol": _STOOQ_NAMES.get(symbol, symbol), "adjustment": "split_and_dividend"}


def _requests(window: FetchWindow) -> Iterable[Request]:
    start = int(datetime.combine(window.start, time(), UTC).timestamp())
    end = int(datetime.combine(window.end, time(23, 59, 59), UTC).timestamp())
    for symbol in SYMBOLS:
        yield Request(
            f"https://query1.finance.yahoo.com/v8/finance/chart/{url_quote(symbol)}",
            f"{symbol.strip('^')}_chart.json",
            {"period1": str(start), "period2": str(end), "interval": "1d", "events": "div,split"},
        )


FEEDS = (
    Feed(
        name="price_daily",
        provider="prices",
        title="Daily prices and volumes",
        description="Open, high, low, close and volume by symbol and exchange-local day, in the currency of the exchange; currencies in units a US dollar.",
        url="https://finance.yahoo.com/",
        licence="Yahoo and Stooq terms: personal use, no redistribution",
        cadence=Cadence.DAILY,
        lag=PublicationLag(0, "20:00", source="settled bars after the close; evening in New York for every exchange followed here"),
        key=("symbol", "observation_date", "adjustment"),
        columns=(
            Column("symbol", "TEXT", "Symbol as Yahoo writes it"),
            Column("observation_date", "DATE", "Trading day at the exchange", names=("date",)),
            Column("adjustment", "TEXT", "split (past prices adjusted for splits) or split_and_dividend"),
            Column("open", "DOUBLE", "First price", "currency of the exchange", minimum=0),
            Column("high", "DOUBLE", "Highest price", "currency of the exchange", minimum=0),
            Column("low", "DOUBLE", "Lowest price", "currency of the exchange", minimum=0),
            Column("close", "DOUBLE", "Last price", "currency of the exchange", minimum=0),
            Column("volume", "DOUBLE", "Shares traded; adjusted like the prices", "shares", minimum=0, required=False),
            Column("split_ratio", "DOUBLE", "New shares for an old one, on the first day in the new shares", "ratio", minimum=0, required=False),
        ),
        formats=(
            Format("chart_json", Access.LIVE, re.compile(r'^\s*\{\s*"chart"\s*:'), _read_chart, "Yahoo chart answer, one file a symbol", requests=_requests),
            Format(
                "stooq_csv",
                Access.BRING_YOUR_OWN,
                re.compile(r"(?i)^\W*Date,Open,High,Low,Close(,Volume)?(,OpenInt)?\s*\n\s*\d{4}-\d{2}-\d{2},"),
                delimited(r"^\W*Date,Open,High,Low,Close", values=_stooq_values),
                "Stooq daily file, saved as <symbol>_us_d.csv or <symbol>_d.csv",
                file_name=re.compile(r"(?i)^(?P<symbol>[\w^.=-]+?)([_.]us)?_d\.csv$"),
            ),
        ),
    ),
)
