"""SEC: fails to deliver, a file a half month, and the lists of symbols at the start of each month. Both begin in 2021."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, archive, text
from ingest.sample.process import stream
from ingest.sample.sec import series_of
from ingest.sample.securities import BOND_FUND, EQUITY_FUND, SECURITIES, prices, symbols_in_use
from ingest.sample.tables import Floats
from ingest.sample.world import World

FIRST_MONTH = np.datetime64("2021-01", "M")

# Trusts that are listed among companies although they hold shares or bonds, and a fund that no list has.
_LISTED_AS_COMPANIES = frozenset({"SPY", "QQQ"})
NOT_LISTED = frozenset({"METV"})


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Half months from the day they were published, and lists from the moment they stood."""
    yield from _fails(world, view)
    yield from _lists(view)


def _fails(world: World, view: View) -> Iterator[SampleFile]:
    sessions = world.sessions[~np.isin(world.sessions, dates.federal_holidays())]
    months = sessions.astype("datetime64[M]")
    closes = {security.cusip: prices(world, security, sessions, as_traded=True) for security in SECURITIES}
    in_month = (sessions - months.astype("datetime64[D]")).astype(np.int64) + 1
    for month in np.arange(FIRST_MONTH, dates.LAST_DAY.astype("datetime64[M]") + 1):
        end = (month + 1).astype("datetime64[D]") - 1
        for half, days, known_on in (
            ("a", sessions[(months == month) & (in_month < 15)], end),
            ("b", sessions[(months == month) & (in_month >= 15)], end + 15),
        ):
            published = dates.local_to_utc(np.array([known_on]), "24:00", "America/New_York")[0]
            if published <= view.as_of and days[0] >= view.since:
                name = f"cnsfails{str(month).replace('-', '')}{half}.txt"
                content = archive([(name, _half_month(world, name, days, sessions, closes))])
                yield SampleFile("sec_fails_to_deliver", "half_month", name.replace(".txt", ".zip"), dates.as_datetime(published), content)


def _half_month(world: World, name: str, days: Days, sessions: Days, closes: dict[str, Floats]) -> bytes:
    """Each security fails on one day of the half month; the price is the close of the session before."""
    rng = stream(world.seed, name)
    lines, shares = [], 0
    on = days[rng.integers(0, len(days), len(SECURITIES))]
    sizes = np.ceil(np.exp(rng.normal(8.5, 1.2, len(SECURITIES)))).astype(np.int64)
    for security, day, size in zip(SECURITIES, on, sizes.tolist(), strict=True):
        symbol = security.symbol_on(day)
        if symbol:
            price = closes[security.cusip][np.searchsorted(sessions, day) - 1]
            described = f"{security.name} {security.title_of_class}"[:30]
            lines.append(f"{str(day).replace('-', '')}|{security.cusip}|{symbol.replace('.', '')}|{size}|{described}|{price:.2f}")
            shares += size
    head = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE"
    return text([head, *sorted(lines), f"Trailer record count {len(lines)}", f"Trailer total quantity of shares {shares}"])


def _lists(view: View) -> Iterator[SampleFile]:
    """The lists on the first day of each month at noon, of companies and of funds."""
    for month in np.arange(FIRST_MONTH, dates.LAST_DAY.astype("datetime64[M]") + 1):
        day = month.astype("datetime64[D]")
        moment = dates.local_to_utc(np.array([day]), "12:00", "America/New_York")[0]
        if moment > view.as_of or day < view.since:
            continue
        companies: list[list[object]] = []
        funds: list[list[object]] = []
        for symbol, security in symbols_in_use(day).items():
            filer, ticker = int(security.cik), symbol.replace(".", "-")
            if security.asset_class in (EQUITY_FUND, BOND_FUND) and security.ticker not in _LISTED_AS_COMPANIES:
                if security.ticker not in NOT_LISTED:
                    funds.append([filer, series_of(security), series_of(security).replace("S", "C"), ticker])
            else:
                companies.append([filer, security.name, ticker, "Nasdaq" if security.sector == "Information Technology" else "NYSE"])
        for kind, name, fields, rows in (
            ("exchange_json", "company_tickers_exchange.json", ["cik", "name", "ticker", "exchange"], companies),
            ("fund_json", "company_tickers_mf.json", ["cik", "seriesId", "classId", "symbol"], funds),
        ):
            body = json.dumps({"fields": fields, "data": rows}, separators=(",", ":"))
            yield SampleFile("sec_company_ticker", kind, name, dates.as_datetime(moment), body.encode())
