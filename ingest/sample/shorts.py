"""FINRA: short interest twice a month, and what is traded off exchange, by day and by week.

The three hang together: a symbol's off-exchange volume of a week is the sum of its days; the market's is that of the reporting
facilities in Cboe's volume by venue; short interest in the index funds rises with the retreat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ingest.feeds.finra import INDEX_FUNDS, MARKET_TYPES, SECTOR_FUNDS, SYMBOLS, WEEKLY_TYPES
from ingest.sample import cboe, dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, archive, text
from ingest.sample.process import stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

# Short interest as a share of a fund's shares outstanding, in usual times.
_SHORT_SHARE = {"SPY": 0.125, "IVV": 0.014, "VOO": 0.006}
_INDEX_FUNDS_FROM = np.datetime64("2010-09-15", "D")  # the three funds on the index exist
_OTHERS_FROM = np.datetime64("2021-01-01", "D")

# Daily files of a month come in one archive, those of the last days singly.
VOLUME_FROM = np.datetime64("2022-07-01", "D")
SINGLE_FROM = np.datetime64("2023-12-26", "D")

# Million shares traded a day in 2023, where the world has no price.
_MILLIONS = {
    "IVV": 5, "VOO": 5, "XLC": 5, "XLRE": 6, "AVGO": 3, "V": 6, "MA": 3, "LLY": 3, "XOM": 17, "COST": 2, "NFLX": 6,
}  # fmt: skip
_NAMES = {"SPY": "SPDR S&P 500 ETF Trust", "IVV": "iShares Core S&P 500 ETF", "VOO": "Vanguard S&P 500 ETF", "QQQ": "Invesco QQQ Trust, Series 1"}
_OFF_EXCHANGE = 0.44  # of all shares traded
_DARK = 0.29  # of what is traded off exchange
_SHORT = 0.46


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One answer with all short interest, daily short-sale volume, and one answer of weekly volume a year and kind."""
    yield from _short_interest(world, view)
    days = world.sessions[world.sessions >= VOLUME_FROM]
    volume = np.array([_off_exchange(world, symbol, days) for symbol in SYMBOLS])
    yield from _short_volume(world, view, days, volume)
    yield from _weekly(world, view, days, volume)


def settlement_dates(sessions: Days) -> Days:
    """The last session up to the 15th and up to the end of each month."""
    months = np.unique(sessions.astype("datetime64[M]"))
    ends = np.sort(np.concatenate([months.astype("datetime64[D]") + 14, (months + 1).astype("datetime64[D]") - 1]))
    ends = ends[(ends >= sessions[0]) & (ends <= sessions[-1] + 2)]
    return np.asarray(sessions[np.searchsorted(sessions, ends, "right") - 1])


def _traded(world: World, symbol: str, days: Days) -> Floats:
    """Shares of a symbol traded on each day, in the shares of that day."""
    if symbol in world.prices and symbol not in _MILLIONS:
        price = world.prices[symbol]
        place = np.clip(np.searchsorted(price.days, days, "right") - 1, 0, None)
        ahead = np.ones(len(days))
        for day, ratio in price.splits:
            ahead = np.where(days < np.datetime64(day), ahead * ratio, ahead)
        return np.asarray(np.maximum(price.bars["volume"][place], 1.0) / ahead)
    noise = world.drivers.on(days, world.drivers.noise(f"{symbol} traded", world.drivers.days, 0.6))
    lively = 0.5 * (world.drivers.on(days, world.drivers.calm_volatility) - 2.84)
    return np.asarray(1e6 * _MILLIONS[symbol] * np.exp(0.2 * noise + lively))


def _off_exchange(world: World, symbol: str, days: Days) -> Floats:
    wobble = stream(world.seed, f"{symbol} off exchange").standard_normal(len(days))
    return np.asarray(np.round(_traded(world, symbol, days) * _OFF_EXCHANGE * np.exp(0.05 * wobble)))


# --- short interest -----------------------------------------------------------------------------------------------------


def _short_interest(world: World, view: View) -> Iterator[SampleFile]:
    days = settlement_dates(world.sessions)
    published = dates.published(days, dates.lag_of("finra_short_interest"))
    shift = world.drivers.on(days, world.drivers.signal("short interest", "positioning", 0.97, crisis=1.5))
    rows: list[dict[str, Any]] = []
    for symbol in SYMBOLS:
        own = world.drivers.on(days, world.drivers.noise(f"{symbol} short", world.drivers.days, 0.97))
        volume = _traded(world, symbol, days)
        if symbol in _SHORT_SHARE:
            fund = world.funds[symbol]
            outstanding = fund.shares[np.clip(np.searchsorted(fund.days, days, "right") - 1, 0, None)]
            position = np.round(_SHORT_SHARE[symbol] * outstanding * np.exp(0.13 * shift + 0.04 * own))
        else:
            position = np.round(volume * 2.4 * np.exp(0.10 * shift + 0.2 * own))
        before = np.concatenate([position[:1], position[:-1]])
        revised = stream(world.seed, f"{symbol} short revised").uniform(size=len(days)) < 0.02
        previous = np.where(revised, np.round(before * 1.01), before)
        shown = view.shows(days, published) & (days >= (_INDEX_FUNDS_FROM if symbol in INDEX_FUNDS else _OTHERS_FROM))
        for place in np.flatnonzero(shown).tolist():
            now, earlier, daily = int(position[place]), int(previous[place]), round(float(volume[place]))
            rows.append(
                {
                    "accountingYearMonthNumber": int(str(days[place]).replace("-", "")),
                    "symbolCode": symbol,
                    "issueName": _NAMES.get(symbol, symbol),
                    "issuerServicesGroupExchangeCode": "E" if symbol in (*INDEX_FUNDS, *SECTOR_FUNDS) else "A",
                    "marketClassCode": "ARCA" if symbol in (*INDEX_FUNDS, *SECTOR_FUNDS) else "NYSE",
                    "currentShortPositionQuantity": now,
                    "previousShortPositionQuantity": earlier,
                    "stockSplitFlag": _split(world, symbol, days, place),
                    "averageDailyVolumeQuantity": daily,
                    "daysToCoverQuantity": round(now / daily, 2),
                    "revisionFlag": "R" if revised[place] else None,
                    "changePercent": round(100 * (now - earlier) / earlier, 2),
                    "changePreviousNumber": now - earlier,
                    "settlementDate": str(days[place]),
                }
            )
    if rows:
        yield SampleFile("finra_short_interest", "api_json", "short_interest.json", view.current(), json.dumps(rows, separators=(",", ":")).encode())


def _split(world: World, symbol: str, days: Days, place: int) -> str | None:
    splits = world.prices[symbol].splits if symbol in world.prices else ()
    return "S" if any(place and days[place - 1] < np.datetime64(day) <= days[place] for day, _ in splits) else None


# --- volume -------------------------------------------------------------------------------------------------------------


def _short_volume(world: World, view: View, days: Days, volume: Floats) -> Iterator[SampleFile]:
    """The consolidated file of each session: those of a month in one archive, those of the last days singly."""
    published = dates.published(days, dates.lag_of("finra_short_volume"))
    wobble = np.array([stream(world.seed, f"{symbol} sold short").standard_normal(len(days)) for symbol in SYMBOLS])
    short = np.round(volume * np.clip(_SHORT + 0.05 * wobble, 0.2, 0.8))
    exempt = np.round(short * 0.004)
    order = sorted(range(len(SYMBOLS)), key=SYMBOLS.__getitem__)
    shown = view.shows(days, published)
    months: dict[str, list[tuple[str, bytes]]] = {}
    singles: list[SampleFile] = []
    for place in np.flatnonzero(shown).tolist():
        day = str(days[place]).replace("-", "")
        cells = zip(short[:, place].tolist(), exempt[:, place].tolist(), volume[:, place].tolist(), strict=True)
        records = [f"{day}|{symbol}|{sold:.0f}|{free:.0f}|{total:.0f}|B,Q,N" for symbol, (sold, free, total) in zip(SYMBOLS, cells, strict=True)]
        lines = ["Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market", *(records[at] for at in order), str(len(records))]
        name = f"CNMSshvol{day}.txt"
        if days[place] >= SINGLE_FROM:
            singles.append(SampleFile("finra_short_volume", "daily_txt", name, dates.as_datetime(published[place]), text(lines, "\r\n")))
        else:
            months.setdefault(day[:6], []).append((name, text(lines, "\r\n")))
    for month, members in months.items():
        # complete when the last of its sessions was published
        inside = (days.astype("datetime64[M]") == np.datetime64(f"{month[:4]}-{month[4:]}", "M")) & (days < SINGLE_FROM)
        yield SampleFile("finra_short_volume", "daily_txt", f"CNMSshvol{month}.zip", view.current(published[inside][-1]), archive(members))
    yield from singles


def _weekly(world: World, view: View, days: Days, volume: Floats) -> Iterator[SampleFile]:
    """Weeks of complete days, in alternative trading systems and with dealers, by symbol and for the whole market."""
    mondays = days - (days.astype(np.int64) + 3) % 7
    weeks = np.unique(mondays)
    weeks = weeks[(weeks >= days[0]) & (weeks + 4 <= days[-1])]
    market = cboe.off_exchange_shares(world)[np.searchsorted(world.sessions, days)]
    for at, kind in enumerate((*WEEKLY_TYPES, *MARKET_TYPES)):
        by_symbol = kind in WEEKLY_TYPES
        tier = "T1" if by_symbol else "NA"
        published = dates.published(weeks, dates.lag_of("finra_off_exchange", tier))
        # the API names the day, which is that before the moment
        lag = np.timedelta64(21 if by_symbol else 42, "D")
        shown = view.shows(weeks, published)
        for year in np.unique(weeks[shown].astype("datetime64[Y]")):
            rows = []
            for week in weeks[shown & (weeks.astype("datetime64[Y]") == year)]:
                inside = mondays == week
                totals = dict(zip(SYMBOLS, volume[:, inside].sum(axis=1).tolist(), strict=True)) if by_symbol else {"": float(market[inside].sum())}
                for symbol, total in totals.items():
                    shares = round(total * _DARK) if at % 2 == 0 else round(total) - round(total * _DARK)
                    rows.append(
                        {
                            "issueSymbolIdentifier": symbol or None,
                            "issueName": (_NAMES.get(symbol, symbol)) or None,
                            "firmCRDNumber": None,
                            "MPID": None,
                            "marketParticipantName": None,
                            "tierIdentifier": tier,
                            "tierDescription": "NMS Tier 1" if by_symbol else None,
                            "summaryStartDate": str(week),
                            "totalWeeklyTradeCount": round(shares / 120),
                            "totalWeeklyShareQuantity": shares,
                            "totalNotionalSum": round(shares * 50.0, 2),
                            "productTypeCode": None,
                            "summaryTypeCode": kind,
                            "weekStartDate": str(week),
                            "initialPublishedDate": str(week + lag),
                            "lastUpdateDate": str(week + lag),
                            "lastReportedDate": str(week + 4),
                        }
                    )
            name = f"weekly_summary_{kind}_{year}.json"
            yield SampleFile("finra_off_exchange", "api_json", name, view.current(), json.dumps(rows, separators=(",", ":")).encode())
