"""ProShares: bull and bear funds on the S&P 500 and the Nasdaq-100. In the retreat money leaves the bull funds for the bear funds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.feeds.proshares import FEEDS, FUNDS
from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import interpolated, path
from ingest.sample.tables import Floats
from ingest.sample.world import World

FIRST_DAY = np.datetime64("2012-01-03", "D")

# fund: name, index it follows, net asset value in USD at the world's end, share of the bull or bear assets
_FUNDS = {
    "SSO": ("ProShares Ultra S&P500", "^GSPC", 65.0, 0.22),
    "UPRO": ("ProShares UltraPro S&P500", "^GSPC", 54.0, 0.16),
    "QLD": ("ProShares Ultra QQQ", "^NDX", 76.0, 0.22),
    "TQQQ": ("ProShares UltraPro QQQ", "^NDX", 50.0, 0.40),
    "SDS": ("ProShares UltraShort S&P500", "^GSPC", 31.0, 0.30),
    "SPXU": ("ProShares UltraPro Short S&P500", "^GSPC", 9.0, 0.16),
    "QID": ("ProShares UltraShort QQQ", "^NDX", 11.0, 0.14),
    "SQQQ": ("ProShares UltraPro Short QQQ", "^NDX", 14.0, 0.40),
}

_FEES = 0.0095 / 252
_ASSETS = path("2012-01-03 9.0e9, 2016-12-30 1.3e10, 2019-12-31 1.8e10, 2021-12-31 4.2e10, 2022-10-12 2.6e10, 2023-12-29 3.9e10")
# log odds of the bull funds' share of assets
_ODDS = path("2012-01-03 0.3, 2016-12-30 0.7, 2021-12-31 1.5, 2022-12-30 1.2, 2023-12-29 1.3")
_ODDS_A_DEVIATION = 0.22


def bull_share(world: World) -> tuple[dates.Days, Floats]:
    """Share of the bull funds in the assets of all of them, by session."""
    days = world.drivers.days
    odds = interpolated(days, _ODDS) - _ODDS_A_DEVIATION * world.drivers.signal("leveraged funds", "leverage", 0.97, crisis=1.5)
    return days, np.asarray(1 / (1 + np.exp(-odds)))


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One file a fund with its whole history, newest day first."""
    days, bull = bull_share(world)
    total = interpolated(days, _ASSETS)
    for ticker, (name, index, worth, part) in _FUNDS.items():
        multiple = FUNDS[ticker]
        price = world.prices[index]
        close = price.bars["close"][np.clip(np.searchsorted(price.days, days, "right") - 1, 0, None)]
        returns = np.concatenate([[0.0], multiple * (close[1:] / close[:-1] - 1) - _FEES])
        # a leveraged fund cannot lose more than it has
        grown = np.cumsum(np.log1p(np.maximum(returns, -0.95)))
        values = np.round(worth * np.exp(grown - grown[-1]), 4)
        assets = total * part * np.where(multiple > 0, bull, 1 - bull)
        shares = assets / values / 1000
        shown = view.shows(days, dates.published(days, FEEDS[0].lag)) & (days >= FIRST_DAY)
        places = np.flatnonzero(shown)[::-1]
        if not places.size:
            continue
        lines = ["Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),Shares Outstanding (000),Assets Under Management"]
        columns = (values[places], values[places - 1], shares[places], assets[places])
        for day, value, before, count, worth_of_all in zip(days[places].tolist(), *(column.tolist() for column in columns), strict=True):
            written = f"{day.month:02d}/{day.day:02d}/{day.year}"
            change = f"{100 * (value / before - 1):.5f},{value - before:.4f}"
            lines.append(f"{written},{name},{ticker},{value:.4f},{before:.4f},{change},{count:.2f},{worth_of_all:.4f}")
        yield SampleFile("proshares_nav", "nav_csv", f"{ticker}-historical_nav.csv", view.current(), text(lines, "\r\n"))
