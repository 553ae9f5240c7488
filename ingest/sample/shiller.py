"""Robert Shiller's workbook: stacked headings, months as numbers, notes below, rewritten in new consumer prices at each update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, old_workbook
from ingest.sample.process import interpolated, path
from ingest.sample.tables import Floats
from ingest.sample.world import World

# Headings by column from 0; those of the last row repeat, and the cells above tell them apart.
_HEADINGS: tuple[dict[int, str], ...] = (
    {0: "Stock Market Data Used in \"Irrational Exuberance\"", 12: "Cyclically", 14: "Cyclically"},
    {0: "Robert J. Shiller", 12: "Adjusted", 14: "Adjusted"},
    {12: "Price", 14: "Total Return Price"},
    {4: "Consumer", 9: "Real", 11: "Real", 12: "Earnings", 14: "Earnings"},
    {1: "S&P", 4: "Price", 6: "Long", 9: "Total", 11: "TR", 12: "Ratio", 14: "Ratio", 16: "Excess"},
    {1: "Comp.", 2: "Dividend", 3: "Earnings", 4: "Index", 5: "Date  ", 6: "Interest", 7: "Real", 8: "Real", 9: "Return", 10: "Real", 11: "Scaled",
     12: "P/E10 or", 14: "TR P/E10 or", 16: "CAPE"},
    {0: "Date", 1: "P", 2: "D", 3: "E", 4: "CPI", 5: "Fraction", 6: "Rate GS10", 7: "Price", 8: "Dividend", 9: "Price", 10: "Earnings", 11: "Earnings",
     12: "CAPE", 14: "TR CAPE", 16: "Yield"},
)  # fmt: skip
_WIDTH = 17

# The real workbook begins in 1871; each of its editions is written whole, so this one begins late.
_FIRST_MONTH = np.datetime64("2012-01-31", "D")

# Months whose updates are kept as editions of their own: each puts all real columns into the prices of its newest month.
_EDITIONS_FROM = np.datetime64("2021-11-30", "D")
_EARNINGS_DAYS = 100  # from the end of a month to the update that has its earnings

_EARNINGS = path(
    "2004-01-01 49.0, 2007-06-30 84.9, 2009-03-31 6.9, 2011-12-31 87.0, 2014-12-31 102.3, 2019-12-31 139.5, 2020-12-31 94.1, 2022-03-31 197.9, 2023-12-31 192.4"
)
_DIVIDENDS = path("2004-01-01 17.4, 2008-12-31 28.4, 2009-12-31 22.4, 2019-12-31 58.2, 2023-12-31 70.3")
# Ten-year average of earnings in the prices of December 2023.
_TEN_YEAR_EARNINGS = path("2004-01-01 69.0, 2009-03-31 82.0, 2014-01-31 96.0, 2018-01-31 103.0, 2021-12-31 136.0, 2023-12-31 152.0")
_PRICES = path("2004-01-01 185.2, 2008-07-31 220.0, 2008-12-31 210.2, 2020-12-31 260.5, 2022-06-30 296.3, 2023-12-31 307.0")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The workbook at each update since the end of 2021, and now."""
    ends = dates.month_ends()
    ends = ends[(ends >= _FIRST_MONTH) & (ends <= dates.LAST_DAY)]
    published = dates.published(ends, dates.lag_of("shiller_market"))
    price, rate = _monthly_mean(ends, *_index(world)), _monthly_mean(ends, *world.rates["DGS10"])
    for when in view.editions(dates.as_datetime(moment) for moment in published[ends >= _EDITIONS_FROM]):
        shown = view.shows(ends, published, when)
        if shown.any():
            rows = _rows(ends[shown], published[shown], price[shown], rate[shown])
            heads: list[list[Any]] = [[None] * _WIDTH, *([row.get(at) for at in range(_WIDTH)] for row in _HEADINGS)]
            note: list[Any] = [None, "Prices are averages of the month's daily closes", None, None, "CPI estimated for the last month"]
            content = old_workbook("Data", [*heads, *rows, note])
            yield SampleFile("shiller_market", "workbook", "ie_data.xls", dates.as_datetime(when), content)


def _index(world: World) -> tuple[dates.Days, Floats]:
    price = world.prices["^GSPC"]
    return price.days, price.bars["close"]


def _monthly_mean(ends: dates.Days, days: dates.Days, values: Floats) -> Floats:
    month = days.astype("datetime64[M]").astype(np.int64) - ends[0].astype("datetime64[M]").astype(np.int64)
    usable = (month >= 0) & (month < len(ends)) & ~np.isnan(values)
    return np.asarray(np.bincount(month[usable], values[usable], len(ends)) / np.bincount(month[usable], minlength=len(ends)))


def _rows(ends: dates.Days, published: dates.Moments, price: Floats, rate: Floats) -> list[list[Any]]:
    """A row a month, in the consumer prices of the last; earnings are missing in the newest months, where their real column holds a zero."""
    level, dividend, earnings = interpolated(ends, _PRICES), interpolated(ends, _DIVIDENDS), interpolated(ends, _EARNINGS)
    to_last = level[-1] / level
    real, real_dividend = price * to_last, dividend * to_last
    steps = np.concatenate([[1.0], (real[1:] + real_dividend[1:] / 12) / real[:-1]])
    total_return = 35 * real[0] * np.cumprod(steps)
    cape = real / (interpolated(ends, _TEN_YEAR_EARNINGS) * level[-1] / interpolated(np.array(["2023-12-31"], "datetime64[D]"), _PRICES)[0])
    excess = 1 / cape - (rate / 100 - 0.024)
    reported = dates.local_to_utc(ends + np.timedelta64(_EARNINGS_DAYS, "D"), "24:00", "America/New_York") <= published[-1]
    rows = []
    for place, day in enumerate(ends.astype(str).tolist()):
        year, month = int(day[:4]), int(day[5:7])
        has = bool(reported[place])
        real_earnings = earnings[place] * to_last[place] if has else 0.0
        line = [
            float(f"{year}.{month:02}"), round(price[place], 2), round(dividend[place], 2), round(earnings[place], 2) if has else None, round(level[place], 3),
            year + (month - 0.5) / 12, round(rate[place], 2), round(real[place], 4), round(real_dividend[place], 4), round(total_return[place], 2),
            round(real_earnings, 4), round(real_earnings * total_return[place] / real[place], 2), round(cape[place], 6), None, round(cape[place] * 1.066, 6),
            None, round(excess[place], 6),
        ]  # fmt: skip
        rows.append(line)
    return rows
