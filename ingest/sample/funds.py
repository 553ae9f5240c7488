"""Fund managers: SSGA's workbooks, iShares' XML called .xls, and a file of one's own for Vanguard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, number, text, workbook
from ingest.sample.process import stream
from ingest.sample.tables import Fund
from ingest.sample.world import World

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_SSGA = {
    "SPY": "SPDR® S&P 500® ETF Trust",
    "XLU": "The Utilities Select Sector SPDR® Fund",
    "XLP": "The Consumer Staples Select Sector SPDR® Fund",
    "XLV": "The Health Care Select Sector SPDR® Fund",
    "XLK": "The Technology Select Sector SPDR® Fund",
    "XLY": "The Consumer Discretionary Select Sector SPDR® Fund",
    "XLC": "The Communication Services Select Sector SPDR® Fund",
}
_ISHARES = {"IVV": "iShares Core S&P 500 ETF", "TLT": "iShares 20+ Year Treasury Bond ETF", "IAU": "iShares Gold Trust"}
_FOOTER = (
    "Past performance is not a reliable indicator of future performance.",
    "Information Classification: General Access. The whole or any part of this work may not be reproduced without the fund manager's consent.",
)


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One file a fund with its whole history."""
    for ticker, title in _SSGA.items():
        days, worth, shares = _shown(world.funds[ticker], "ssga_nav", view)
        if days.size:
            written = (f"{day[8:]}-{_MONTHS[int(day[5:7]) - 1]}-{day[:4]}" for day in days.astype(str))
            net = np.round(worth * shares, 2).tolist()
            rows: list[tuple[Any, ...]] = list(zip(written, worth.tolist(), shares.tolist(), net, strict=True))
            head = [("Fund Name:", title), ("Ticker Symbol:", ticker), (), ("Date", "NAV", "Shares Outstanding", "Total Net Assets")]
            content = workbook([("navhist", [*head, *rows[::-1], (), *((line,) for line in _FOOTER)])], "NAV History")
            yield SampleFile("ssga_nav", "navhist_workbook", f"navhist-us-en-{ticker.lower()}.xlsx", view.current(), content)
    for ticker, title in _ISHARES.items():
        days, worth, shares = _shown(world.funds[ticker], "ishares_nav", view)
        if days.size:
            content = _spreadsheetml(world, ticker, title, days, worth, shares)
            yield SampleFile("ishares_nav", "spreadsheetml", f"{ticker}_fund.xls", view.current(), content)
    days, worth, shares = _shown(world.funds["VOO"], "vanguard_nav", view)
    if days.size:
        lines = ["ticker,date,nav,shares_outstanding"]
        lines += [f"VOO,{day},{value:.6f},{count:.0f}" for day, value, count in zip(days.astype(str), worth.tolist(), shares.tolist(), strict=True)]
        yield SampleFile("vanguard_nav", "own_csv", "VOO.csv", view.current(), text(lines))


def _shown(fund: Fund, feed: str, view: View) -> tuple[dates.Days, Any, Any]:
    shown = view.shows(fund.days, dates.published(fund.days, dates.lag_of(feed)))
    return fund.days[shown], fund.net_asset_value[shown], fund.shares[shown]


def _row(cells: tuple[str, ...], kinds: str) -> str:
    """One row; `kinds` has S for text and N for a number, a cell each. Text is not escaped, as at the provider."""
    names = {"S": "String", "N": "Number"}
    data = (f'<ss:Cell><ss:Data ss:Type="{names["S" if cell == "--" else kind]}">{cell}</ss:Data></ss:Cell>' for cell, kind in zip(cells, kinds, strict=True))
    return f"<ss:Row>{''.join(data)}</ss:Row>"


def _spreadsheetml(world: World, ticker: str, title: str, days: dates.Days, worth: Any, shares: Any) -> bytes:
    """iShares' download, newest day first. A few old share counts are missing; dividends stand on four days a year."""
    fund = world.funds[ticker]
    unknown = (stream(world.seed, f"{ticker} gaps").uniform(size=len(fund.days)) < 0.004) & (fund.days < np.datetime64("2009-01-01"))
    missing = set(fund.days[unknown].tolist())
    written = [f"{_MONTHS[int(day[5:7]) - 1]} {day[8:]}, {day[:4]}" for day in days.astype(str)]
    quarter = np.isin(days.astype("datetime64[M]").astype(int) % 12, (2, 5, 8, 11)) & (np.diff(days.astype("datetime64[M]").astype(int), prepend=-1) != 0)
    history = [
        _row((day, f"{value:.6f}", f"{value * 0.0042:.6f}" if pays and ticker != "IAU" else "--", "--" if on in missing else number(count)), "SNNN")
        for day, on, value, count, pays in zip(written, days.tolist(), worth.tolist(), shares.tolist(), quarter.tolist(), strict=True)
    ][::-1]
    holdings = [
        _row((f"{written[-1]}",), "S"),
        _row((title,), "S"),
        _row(("Ticker", "Name", "Sector", "Weight (%)"), "SSSS"),
        *(
            [_row(("JNJ", "JOHNSON & JOHNSON", "Health Care", "1.12"), "SSSN"), _row(("T", "AT&T INC", "Communication", "0.31"), "SSSN")]
            if ticker == "IVV"
            else []
        ),
    ]
    dividends = [_row(("Ex-Date", "Total Distribution"), "SS")]
    sheets = {
        "Holdings": holdings,
        "Historical": [_row(("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"), "SSSS"), *history],
        "Performance": [_row(("As Of", "1y Total Return (%)"), "SS")],
        "Distributions": dividends,
    }
    body = "".join(f'<ss:Worksheet ss:Name="{name}"><ss:Table>{"".join(rows)}</ss:Table></ss:Worksheet>' for name, rows in sheets.items())
    head = '<?xml version="1.0"?><ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><ss:Styles><ss:Style ss:ID="Default"/></ss:Styles>'
    return f"\ufeff{head}{body}</ss:Workbook>".encode()
