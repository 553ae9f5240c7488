"""Cboe: put/call volumes of options on its exchanges, the histories of its volatility indices, US equity volume, and VIX futures.

Formats: https://www.cboe.com/us/options/market_statistics/, https://www.cboe.com/tradable_products/vix/vix_historical_data/ and
https://www.cboe.com/us/futures/market_statistics/settlement/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, normalise_header
from ingest.reader import delimited, delimited_files, json_records, values_from_name

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(2.0, "Cboe publishes no limit; two a second have been answered without complaint")

_LICENCE = "Cboe website terms: personal and internal use, no redistribution"

HOST = "https://cdn.cboe.com"
DAILY_SINCE = date(2019, 10, 7)

# How the archive files and the daily JSON name the same product.
_PRODUCTS = {
    "SUM OF ALL PRODUCTS": "total",
    "INDEX OPTIONS": "index",
    "EXCHANGE TRADED PRODUCTS": "etp",
    "EQUITY OPTIONS": "equity",
    "CBOE VOLATILITY INDEX (VIX)": "vix",
    "SPX + SPXW": "spx",
}
_RATIO_NAMES = {"SUM OF ALL PRODUCTS": "TOTAL", "INDEX OPTIONS": "INDEX", "EQUITY OPTIONS": "EQUITY"}


def _archive_headers(names: Sequence[str]) -> list[str]:
    """`Equity Call Volume`, `CALLS` and `Call` are one column."""
    return [re.sub(r"^(equity|index|total|spx|etp|vix)_(?=call|put|total)|_volume$", "", normalise_header(name)) for name in names]


def _archive_values(file: LandedFile, title: str) -> Mapping[str, str]:
    """The product stands in the line above the header, in older archives in the file name alone."""
    stated = re.search(r"PRODUCT:\s*([A-Za-z]+)", title)
    product = (stated.group(1) if stated else file.parameters.get("product", "")).lower()
    return {"product": product, "measure": "volume"} if product else {"measure": "volume"}


def _read_daily(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a product and measure; the date stands only in the file name, ratios are strings, products come and go."""
    products = "case product " + " ".join(f"when '{name}' then '{short}'" for name, short in _PRODUCTS.items()) + " else lower(product) end"
    labels = "case product " + " ".join(f"when '{name}' then '{short}'" for name, short in _RATIO_NAMES.items()) + " else product end"
    rows = f"""
        with products as (
            select _file_id, observation_date, document, unnest(json_keys(document)) as product from documents
        ),
        entries as (
            select _file_id, observation_date, product,
                   unnest(from_json(json_extract(document, '$."' || product || '"'),
                                    '[{{"name": "VARCHAR", "call": "VARCHAR", "put": "VARCHAR", "total": "VARCHAR"}}]')) as entry
            from products where product <> 'ratios'
        ),
        ratios as (
            select _file_id, unnest(from_json(document -> '$.ratios', '[{{"name": "VARCHAR", "value": "VARCHAR"}}]')) as ratio from documents
        )
        select entries.*, ratios.ratio.value as published_ratio
        from entries
        left join ratios
            on ratios._file_id = entries._file_id
            and ratios.ratio.name = ({labels}) || ' PUT/CALL RATIO'
            and entry.name = 'VOLUME'
    """
    return json_records(
        feed,
        files,
        rows,
        {
            "observation_date": "observation_date",
            "product": products,
            "measure": "replace(lower(entry.name), ' ', '_')",
            "call_contracts": "entry.call",
            "put_contracts": "entry.put",
            "total_contracts": "entry.total",
            "published_ratio": "published_ratio",
        },
    )


def _daily_requests(window: FetchWindow) -> Iterable[Request]:
    for day in window.weekdays(since=DAILY_SINCE):
        name = f"{day.isoformat()}_daily_options"
        yield Request(f"{HOST}/data/us/options/market_statistics/daily/{name}", f"{name}.json", absent=(403, 404))


def _archive_requests(window: FetchWindow) -> Iterable[Request]:
    # frozen since 2019-10-04, so asked for only when history before the daily files is wanted
    if window.start < DAILY_SINCE:
        folder = f"{HOST}/resources/options/volume_and_call_put_ratios"
        for name in ("totalpc.csv", "equitypc.csv", "indexpc.csv"):
            yield Request(f"{folder}/{name}", name)


def _index_requests(window: FetchWindow) -> Iterable[Request]:
    for index in ("VIX", "VIX9D", "VIX3M", "VVIX", "SKEW"):
        host = f"https://{window.keys.get('cboe_host', 'cdn.cboe.com')}"
        yield Request(f"{host}/api/global/us_indices/daily_prices/{index}_History.csv", f"{index}_History.csv")


def _index_headers(names: Sequence[str]) -> list[str]:
    """Files of a single value name their second column after the index; it is the close."""
    plain = [normalise_header(name) for name in names]
    return [plain[0], "close"] if len(plain) == 2 else plain


PUT_CALL = Feed(
    name="cboe_put_call",
    provider="cboe",
    title="Put/call volume by product",
    description=(
        "Calls and puts traded on Cboe's own exchanges (not the whole market), by product and day. Volume to 2012-05-31 is cleared, "
        "later preliminary reported volume: a series break the provider states in the archive."
    ),
    url="https://www.cboe.com/us/options/market_statistics/daily/",
    licence=_LICENCE,
    cadence=Cadence.DAILY,
    dated="trading day",
    lag=PublicationLag(0, "18:30", source="published in the US evening, 16:30 to 18:30 New York time"),
    key=("observation_date", "product", "measure"),
    columns=(
        Column("observation_date", "DATE", "Trading day", names=("date", "trade_date")),
        Column("product", "TEXT", "total, index, etp, equity, vix, spx; other products under the provider's name in lower case"),
        Column("measure", "TEXT", "volume (contracts traded) or open_interest (contracts open at the close)"),
        Column("call_contracts", "BIGINT", "Call options", "contracts", names=("call", "calls"), minimum=0),
        Column("put_contracts", "BIGINT", "Put options", "contracts", names=("put", "puts"), minimum=0),
        Column("total_contracts", "BIGINT", "Calls and puts", "contracts", names=("total",), minimum=0, required=False),
        Column(
            "published_ratio",
            "DOUBLE",
            "Puts / calls as published, two decimals; volume only",
            "ratio",
            names=("p_c_ratio", "put_call_ratio"),
            minimum=0,
            required=False,
        ),
    ),
    formats=(
        Format(
            "archive_csv",
            Access.LIVE,
            re.compile(r"(?im)^\s*(trade_)?date\s*,[\w ]*calls?[\w ]*,[\w ]*puts?[\w ]*,"),
            delimited(r"^\W*(trade_)?date\s*,", headers=_archive_headers, values=_archive_values),
            "Archive from 2006-11 (older files from 1995), frozen on 2019-10-04",
            file_name=re.compile(r"(?i)^(?P<product>equity|total|index|etp|spx|vix)?.*\.csv"),
            requests=_archive_requests,
        ),
        Format(
            "daily_json",
            Access.LIVE,
            re.compile(r'"ratios"\s*:\s*\['),
            _read_daily,
            "One file a trading day since 2019-10-07; 403 means not published",
            file_name=re.compile(r"(?P<observation_date>\d{4}-\d{2}-\d{2})_daily_options"),
            requests=_daily_requests,
            chunk_days=92,
        ),
    ),
)

INDEX_HISTORY = Feed(
    name="cboe_index_history",
    provider="cboe",
    title="Volatility index histories",
    description="Daily levels of VIX, VIX9D, VIX3M, VVIX, SKEW. Rows exist for some market holidays: join on a trading calendar.",
    url="https://www.cboe.com/tradable_products/vix/vix_historical_data/",
    licence=_LICENCE,
    cadence=Cadence.DAILY,
    dated="trading day",
    lag=PublicationLag(0, "17:00", source="published after the close of the index at 16:15 New York time"),
    key=("index_name", "observation_date"),
    columns=(
        Column("index_name", "TEXT", "Index, as in the file name: VIX, VIX9D, VIX3M, VVIX, SKEW"),
        Column("observation_date", "DATE", "Trading day", names=("date",)),
        Column("open", "DOUBLE", "First level of the day; absent for indices published once a day", "index points", minimum=0, required=False),
        Column("high", "DOUBLE", "Highest level of the day", "index points", minimum=0, required=False),
        Column("low", "DOUBLE", "Lowest level of the day", "index points", minimum=0, required=False),
        Column("close", "DOUBLE", "Closing level", "index points", minimum=0),
    ),
    formats=(
        Format(
            "history_csv",
            Access.LIVE,
            re.compile(r"(?i)^\W*DATE,(OPEN,HIGH,LOW,CLOSE|[A-Z0-9]+)\s*\n\s*\d{1,2}/\d{1,2}/\d{4},"),
            delimited(r"^\W*DATE,", headers=_index_headers, values=values_from_name),
            "One file an index, whole history",
            file_name=re.compile(r"(?i)^(?P<index_name>[A-Z0-9]+)_History.*\.csv"),
            requests=_index_requests,
        ),
    ),
)


def _market_requests(window: FetchWindow) -> Iterable[Request]:
    for year in range(window.start.year, window.end.year + 1):
        name = f"market_history_{year}.csv"
        yield Request(f"{HOST}/resources/us/equities/market-statistics/historical-market-volume/{name}", name, absent=(403, 404))


def _traded(name: str, what: str, unit: str) -> tuple[Column, ...]:
    """The columns of one measure: each tape and their total."""
    tapes = [Column(f"tape_{tape}_{name}", "DOUBLE", f"{what}, tape {tape.upper()}", unit, minimum=0, required=False) for tape in "abc"]
    return (*tapes, Column(f"total_{name}", "DOUBLE", f"{what}, all tapes", unit, minimum=0))


MARKET_HISTORY = Feed(
    name="cboe_market_history",
    provider="cboe",
    title="US equity volume by venue",
    description=(
        "Shares, dollars and trades of US shares on every venue, trade reporting facilities included: the sum over venues is the consolidated "
        "tape. Tape A holds shares listed on the NYSE, B those listed on Arca, American and the regional exchanges, C those listed on Nasdaq."
    ),
    url="https://www.cboe.com/us/equities/market_statistics/historical_market_volume/",
    licence=_LICENCE,
    cadence=Cadence.DAILY,
    dated="trading day",
    lag=PublicationLag(0, "20:00", source="published on the evening of the trading day"),
    key=("venue", "observation_date"),
    columns=(
        Column("venue", "TEXT", "Exchange or trade reporting facility, as named by Cboe", names=("market_participant",)),
        Column("observation_date", "DATE", "Trading day", names=("day",)),
        *_traded("shares", "Shares traded", "shares"),
        *_traded("notional", "Value traded", "USD"),
        *_traded("trade_count", "Trades", "trades"),
    ),
    formats=(
        Format(
            "market_history_csv",
            Access.LIVE,
            re.compile(r"(?i)^\W*Day,Market Participant,"),
            delimited(r"^\W*Day,Market Participant,"),
            "One file a year, a line a venue and day",
            requests=_market_requests,
        ),
    ),
)

SETTLEMENTS = "https://www.cboe.com/us/futures/market_statistics/settlement/csv/"


def _settlement_requests(window: FetchWindow) -> Iterable[Request]:
    for day in window.weekdays():
        yield Request(SETTLEMENTS, f"cfe_settlement_{day}.csv", {"dt": day.isoformat()}, absent=(403, 404))


_SETTLEMENT_HEADER = r'^\W*Product"?\s*,\s*"?Symbol"?\s*,\s*"?Expiration\s?Date'

VX_SETTLEMENT = Feed(
    name="cboe_vx_settlement",
    provider="cboe",
    title="Settlement prices of volatility futures",
    description=(
        "Daily settlement prices on Cboe's futures exchange: VIX futures (VX, VXM) by expiration, and its other contracts. Weekly VX futures have the "
        "week in their symbol (VX40/V6); on some days they carry one and the same price, which was filled in, not traded."
    ),
    url="https://www.cboe.com/us/futures/market_statistics/settlement/",
    licence=_LICENCE,
    cadence=Cadence.DAILY,
    dated="trading day",
    lag=PublicationLag(0, "18:00", source="settled at 16:00 New York time, on the site the same evening; the answer of an earlier hour has a header alone"),
    key=("symbol", "observation_date"),
    columns=(
        Column("observation_date", "DATE", "Trading day, from the name of the file", names=("trade_date",)),
        Column("product", "TEXT", "Product: VX VIX futures, VXM mini VIX futures, VA variance, IBHY and others"),
        Column("symbol", "TEXT", "Contract: VX/V6 expires in October (V) of a year that ends in 6, VX40/V6 in week 40"),
        Column("expiration_date", "DATE", "Day on which the contract expires"),
        Column("settlement_price", "DOUBLE", "Settlement price", "index points (VX)", names=("price", "settlement_price"), minimum=0),
    ),
    formats=(
        Format(
            "settlement_csv",
            Access.LIVE,
            re.compile(f"(?im){_SETTLEMENT_HEADER}"),
            delimited_files(_SETTLEMENT_HEADER),
            "One file a trading day, the day in its name alone; a header alone means that nothing has been published",
            file_name=re.compile(r"(?P<observation_date>(?:19|20)\d{2}-?[01]\d-?[0-3]\d)"),
            requests=_settlement_requests,
            may_be_empty=True,
            chunk_days=92,
        ),
    ),
)

FEEDS = (PUT_CALL, INDEX_HISTORY, MARKET_HISTORY, VX_SETTLEMENT)
