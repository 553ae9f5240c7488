"""Shares outstanding and net asset value of exchange-traded funds, as their managers publish them.

Formats: SSGA `navhist` workbook, iShares fund download (SpreadsheetML 2003 called .xls), and a file of one's own for Vanguard, which
publishes no daily share count: `ticker,date,nav,shares_outstanding[,total_net_assets]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Request, UnreadableFile
from ingest.reader import decode, delimited, spreadsheet

SSGA_TICKERS = ("SPY", "XLB", "XLC", "XLE", "XLF", "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY")

# Portfolio numbers of the fund download: US shares, shares abroad, bonds by what they are bought for, gold and silver.
ISHARES_PORTFOLIOS = {
    "IVV": "239726",
    "ACWI": "239600",
    "EEM": "239637",
    "AGG": "239458",
    "TLT": "239454",
    "LQD": "239566",
    "HYG": "239565",
    "IAU": "239561",
    "SLV": "239855",
}

_NAMESPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"


@lru_cache(maxsize=2)
def _spreadsheetml(path: Path) -> Mapping[str, list[list[Any]]]:
    """Cells of a SpreadsheetML 2003 document. iShares leaves `&` unescaped, which XML does not allow. Raises UnreadableFile."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    text = re.sub(r"&(?!(?:[A-Za-z]+|#\d+|#x[0-9A-Fa-f]+);)", "&amp;", decode(path.read_bytes()).lstrip("\ufeff"))
    try:
        root = fromstring(
            text.encode("utf-8") if "encoding" not in text[:80].lower() else re.sub(r'encoding="[^"]*"', 'encoding="utf-8"', text, count=1).encode("utf-8")
        )
    except (ParseError, DefusedXmlException) as error:
        raise UnreadableFile(f"not readable as a SpreadsheetML workbook ({error}); fetch it again") from error
    sheets: dict[str, list[list[Any]]] = {}
    for sheet in root.iter(f"{_NAMESPACE}Worksheet"):
        rows = []
        for row in sheet.iter(f"{_NAMESPACE}Row"):
            cells: list[Any] = []
            for cell in row.iter(f"{_NAMESPACE}Cell"):
                at = cell.get(f"{_NAMESPACE}Index")
                if at:
                    cells.extend([""] * (int(at) - 1 - len(cells)))
                data = cell.find(f"{_NAMESPACE}Data")
                cells.append("" if data is None else "".join(data.itertext()))
            rows.append(cells)
        sheets[sheet.get(f"{_NAMESPACE}Name", "")] = rows
    return sheets


def _ticker_from_name(file: LandedFile, title: str) -> Mapping[str, str]:
    """The ticker stands in the lines above the table, or in the file name."""
    stated = re.search(r"(?im)^ticker[^\t\n]*\t\W*([A-Z]{2,5})\b", title)
    ticker = stated.group(1) if stated else file.parameters.get("ticker")
    if not ticker:
        raise UnreadableFile(f"{file.name} does not say which fund it is; name it <TICKER>_....xls")
    return {"ticker": ticker.upper()}


def _ssga_requests(window: FetchWindow) -> Iterable[Request]:
    for ticker in SSGA_TICKERS:
        name = f"navhist-us-en-{ticker.lower()}.xlsx"
        yield Request(f"https://www.ssga.com/library-content/products/fund-data/etfs/us/{name}", name)


def _ishares_requests(window: FetchWindow) -> Iterable[Request]:
    for ticker, portfolio in ISHARES_PORTFOLIOS.items():
        yield Request(
            "https://www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document",
            f"{ticker}_fund.xls",
            {
                "appType": "PRODUCT_PAGE",
                "appSubType": "ISHARES",
                "targetSite": "us-ishares",
                "locale": "en_US",
                "portfolioId": portfolio,
                "component": "fundDownload",
                "userType": "individual",
            },
        )


def _feed(name: str, title: str, description: str, url: str, *formats: Format) -> Feed:
    return Feed(
        name=name,
        provider="funds",
        title=title,
        description=description,
        url=url,
        licence="Fund manager's website terms: no redistribution",
        cadence=Cadence.DAILY,
        dated="trading day",
        lag=PublicationLag(1, "08:00", business_days=True, source="published on the next morning; share counts often lag creations by a day"),
        key=("ticker", "observation_date"),
        columns=(
            Column("ticker", "TEXT", "Ticker of the fund"),
            Column("observation_date", "DATE", "Trading day", names=("date", "as_of")),
            Column("net_asset_value", "DOUBLE", "Net asset value of a share", "USD a share", names=("nav", "nav_per_share"), minimum=0),
            Column("shares_outstanding", "DOUBLE", "Shares outstanding", "shares", minimum=0),
            Column("total_net_assets", "DOUBLE", "Value of the fund, where published", "USD", minimum=0, required=False),
        ),
        formats=formats,
    )


FEEDS = (
    _feed(
        "ssga_nav",
        "SSGA funds: net asset value and shares",
        "SPY and the eleven Select Sector SPDR funds, by day.",
        "https://www.ssga.com/us/en/intermediary/etfs",
        Format(
            "navhist_workbook",
            Access.LIVE,
            re.compile(r"(?im)^Date\tNAV\tShares Outstanding"),
            spreadsheet(r"^Date\tNAV\tShares Outstanding", values=_ticker_from_name),
            "Whole history, newest first, disclaimer below",
            file_name=re.compile(r"(?i)^(navhist-us-en-)?(?P<ticker>[a-z]{2,5}(?![a-z]))?[^/]*\.xlsx$"),
            requests=_ssga_requests,
        ),
    ),
    _feed(
        "ishares_nav",
        "iShares funds: net asset value and shares",
        (
            "Funds of US shares (IVV), shares of the world and of emerging markets (ACWI, EEM), bonds (AGG, TLT, LQD, HYG), gold and silver (IAU, SLV), by "
            "day. The ounces behind a share are not in the file: the gold of IAU is its value, shares x net asset value, divided by the price of gold."
        ),
        "https://www.ishares.com/us",
        Format(
            "spreadsheetml",
            Access.LIVE,
            re.compile(r"urn:schemas-microsoft-com:office:spreadsheet"),
            spreadsheet(r"^As Of\tNAV per Share\t.*Shares Outstanding", values=_ticker_from_name, sheets=_spreadsheetml),
            "Fund download, XML called .xls, sheet Historical",
            file_name=re.compile(r"^(?P<ticker>[A-Z]{2,5}(?![A-Za-z]))?[^/]*\.(xls|xml)$"),
            requests=_ishares_requests,
        ),
    ),
    _feed(
        "vanguard_nav",
        "Vanguard funds: net asset value and shares",
        "VOO. Vanguard publishes no daily share count: bring a file of your own; without one, flows say they cover SPY and IVV only.",
        "https://investor.vanguard.com/investment-products/etfs/profile/voo",
        Format(
            "own_csv",
            Access.BRING_YOUR_OWN,
            re.compile(r"(?i)^\W*ticker,date,nav,shares_outstanding"),
            delimited(r"^\W*ticker,date,nav,shares_outstanding"),
            "ticker,date,nav,shares_outstanding[,total_net_assets]",
        ),
    ),
)
