"""US Treasury: par yields, a file a year, and the Daily Treasury Statement's cash balance as the Fiscal Data service answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import autoregression, interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

# Maturities with the year the provider began to print them.
_MATURITIES = (("1 Mo", 1, 2001), ("2 Mo", 2, 2018), ("3 Mo", 3, 2001), ("6 Mo", 6, 2001), ("1 Yr", 12, 2001), ("2 Yr", 24, 2001), ("3 Yr", 36, 2001))
_LONG = (("5 Yr", 60, 2001), ("7 Yr", 84, 2001), ("10 Yr", 120, 2001), ("20 Yr", 240, 2001), ("30 Yr", 360, 2006))

# Real yields are printed in capitals; those of the years before are left out.
_REAL = (("5 YR", 60), ("7 YR", 84), ("10 YR", 120), ("20 YR", 240), ("30 YR", 360))
_REAL_SINCE = np.datetime64("2010-02-22", "D")

# Since this day the closing balance stands in the opening balance of a line of its own.
NEW_TABLE = np.datetime64("2022-04-18", "D")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Nominal and real yields by calendar year, newest day first; then the cash balance."""
    yield from _yields(world, view)
    yield from _real_yields(world, view)
    yield from _cash(world, view)


def _yields(world: World, view: View) -> Iterator[SampleFile]:
    days, ten = world.rates["DGS10"]
    shown = view.shows(days, dates.published(days, dates.lag_of("treasury_par_yield"))) & ~np.isnan(ten)
    for year in np.unique(days[shown].astype("datetime64[Y]")):
        offered = [(name, months) for name, months, since in (*_MATURITIES, *_LONG) if since <= int(str(year))]
        yield _year("treasury_par_yield", f"daily-treasury-rates-{year}.csv", view, offered, days, shown & (days.astype("datetime64[Y]") == year), world)


def _real_yields(world: World, view: View) -> Iterator[SampleFile]:
    """The nominal curve less the inflation that the ten-year yields imply."""
    days, real = world.rates["DFII10"]
    inflation = world.rates["DGS10"][1] - real
    shown = view.shows(days, dates.published(days, dates.lag_of("treasury_real_yield"))) & ~np.isnan(inflation) & (days >= _REAL_SINCE)
    for year in np.unique(days[shown].astype("datetime64[Y]")):
        in_year = shown & (days.astype("datetime64[Y]") == year)
        yield _year("treasury_real_yield", f"daily-treasury-real-rates-{year}.csv", view, _REAL, days, in_year, world, inflation)


def _year(
    feed: str,
    name: str,
    view: View,
    offered: Sequence[tuple[str, int]],
    days: dates.Days,
    shown: NDArray[np.bool_],
    world: World,
    less: Floats | None = None,
) -> SampleFile:
    """One year of a curve: between and beyond the maturities the world simulates, straight lines in the logarithm of maturity."""
    known = dict(zip((12, 24, 120), (world.rates[series][1] for series in ("DGS1", "DGS2", "DGS10")), strict=True))
    at, columns = np.log(np.array(sorted(known))), np.stack([known[months] for months in sorted(known)])
    lines = [",".join(["Date", *(f'"{heading}"' for heading, _ in offered)])]
    for place in np.flatnonzero(shown)[::-1].tolist():
        curve = np.interp(np.log([months for _, months in offered]), at, columns[:, place]) - (0.0 if less is None else less[place])
        stamp = str(days[place])
        lines.append(f"{stamp[5:7]}/{stamp[8:]}/{stamp[:4]}," + ",".join(f"{value:.2f}" for value in curve.tolist()))
    return SampleFile(feed, "yearly_csv", name, view.current(), text(lines))


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
