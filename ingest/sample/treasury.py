"""US Treasury: par yields, a file a year, and the Daily Treasury Statement's cash balance as the Fiscal Data service answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import autoregression, interpolated, path, stream
from ingest.sample.world import World

# Maturities with the year the provider began to print them.
_MATURITIES = (("1 Mo", 1, 2001), ("2 Mo", 2, 2018), ("3 Mo", 3, 2001), ("6 Mo", 6, 2001), ("1 Yr", 12, 2001), ("2 Yr", 24, 2001), ("3 Yr", 36, 2001))
_LONG = (("5 Yr", 60, 2001), ("7 Yr", 84, 2001), ("10 Yr", 120, 2001), ("20 Yr", 240, 2001), ("30 Yr", 360, 2006))

# Since this day the closing balance stands in the opening balance of a line of its own.
NEW_TABLE = np.datetime64("2022-04-18", "D")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Yields by calendar year, newest day first; then the cash balance."""
    yield from _yields(world, view)
    yield from _cash(world, view)


def _yields(world: World, view: View) -> Iterator[SampleFile]:
    days, ten = world.rates["DGS10"]
    known = dict(zip((12, 24, 120), (world.rates[series][1] for series in ("DGS1", "DGS2", "DGS10")), strict=True))
    # between and beyond the maturities the world simulates, straight lines in the logarithm of maturity
    at = np.log(np.array(sorted(known)))
    shown = view.shows(days, dates.published(days, dates.lag_of("treasury_par_yield"))) & ~np.isnan(ten)
    columns = np.stack([known[months] for months in sorted(known)])
    for year in np.unique(days[shown].astype("datetime64[Y]")):
        offered = [(name, months) for name, months, since in (*_MATURITIES, *_LONG) if since <= int(str(year))]
        lines = [",".join(["Date", *(f'"{name}"' for name, _ in offered)])]
        for place in np.flatnonzero(shown & (days.astype("datetime64[Y]") == year))[::-1].tolist():
            curve = np.interp(np.log([months for _, months in offered]), at, columns[:, place])
            stamp = str(days[place])
            lines.append(f"{stamp[5:7]}/{stamp[8:]}/{stamp[:4]}," + ",".join(f"{value:.2f}" for value in curve.tolist()))
        yield SampleFile("treasury_par_yield", "yearly_csv", f"daily-treasury-rates-{year}.csv", view.current(), text(lines))


def _cash(world: World, view: View) -> Iterator[SampleFile]:
    days = dates.weekdays()
    days = days[(days >= np.datetime64("2005-10-03")) & ~np.isin(days, dates.federal_holidays())]
    noise = autoregression(stream(world.seed, "treasury cash").standard_normal(len(days)), 0.99)
    level = interpolated(days, path("2005-10-03 4, 2015-01-02 11, 2020-07-01 14, 2023-12-29 13.4"))
    balance = np.round(np.exp(np.minimum(level, 13.4) * 0.9 + 0.35 * noise)).astype(np.int64)
    shown = np.flatnonzero(view.shows(days, dates.published(days, dates.lag_of("treasury_cash_balance"))))
    rows = []
    for place in shown.tolist():
        day, opening, closing = str(days[place]), str(balance[max(place - 1, 0)]), str(balance[place])
        if days[place] < NEW_TABLE:
            rows.append({"record_date": day, "account_type": "Federal Reserve Account", "close_today_bal": closing, "open_today_bal": opening})
            continue
        for line, amount in (("Opening", opening), ("Closing", closing)):
            account = f"Treasury General Account (TGA) {line} Balance"
            rows.append({"record_date": day, "account_type": account, "close_today_bal": "null", "open_today_bal": amount})
    if rows:
        body = {"data": rows, "meta": {"count": len(rows), "total-count": len(rows), "total-pages": 1}, "links": {"next": None}}
        name = f"operating_cash_balance_{days[0]}_{dates.LAST_DAY}_1.json"
        yield SampleFile("treasury_cash_balance", "api_json", name, view.current(), json.dumps(body, separators=(",", ":")).encode())
