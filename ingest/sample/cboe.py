"""Cboe: put/call archives and daily files, index histories, share volume by venue, settlements of VIX futures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.file import SampleFile, View, archive, number, text
from ingest.sample.process import autoregression, interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

DAILY_FROM = np.datetime64("2019-10-07", "D")
# from here on the archive writes two-digit months and two decimals, from the later day spaces after commas
_FULL_DATES_FROM = np.datetime64("2012-06-01", "D")
_SPACES_FROM = np.datetime64("2012-06-08", "D")

_DISCLAIMER = (
    "Volume and Put/Call Ratio data is compiled for the convenience of site visitors and is furnished without responsibility for accuracy "
    "and is accepted by the site visitor on the condition that transmission or omissions shall not be made the basis for any claim demand or "
    "cause for action.  Historical {0} volume from November 1 2006 through May 31 2012 is based on cleared volume as reported by the OCC. The "
    "volume data reflected after May 31 2012 below is based upon preliminary reported volume rather than cleared volume. The information and "
    "data was obtained from sources believed to be reliable but accuracy is not guaranteed. Your use of Cboe Volume and Put/Call Ratio data is "
    "subject to the Terms and Conditions of Cboe Websites.,,,,"
)
_ARCHIVES = (
    ("totalpc.csv", "total", "TOTAL", "index", "DATE,CALLS,PUTS,TOTAL,P/C Ratio"),
    ("equitypc.csv", "equity", "EQUITY", "equity", "DATE,CALL,PUT,TOTAL,P/C Ratio"),
    ("indexpc.csv", "index", "INDEX", "index", "DATE,CALL,PUT,TOTAL,P/C Ratio"),
)
_DAILY_PRODUCTS = (
    ("SUM OF ALL PRODUCTS", "TOTAL", "total"),
    ("INDEX OPTIONS", "INDEX", "index"),
    ("EXCHANGE TRADED PRODUCTS", "EXCHANGE TRADED PRODUCTS", "etp"),
    ("EQUITY OPTIONS", "EQUITY", "equity"),
    ("CBOE VOLATILITY INDEX (VIX)", "CBOE VOLATILITY INDEX (VIX)", "vix"),
    ("SPX + SPXW", "SPX + SPXW", "spx"),
)


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Put/call archives to 2019-10-04 (frozen), one daily file a session since, the index histories, the volume of US shares, settlements."""
    yield from _archives(world, view)
    yield from _daily(world, view)
    yield from _histories(world, view)
    yield from _volume(world, view)
    yield from _settlements(world, view)


# Dollars traded a day on the NYSE, billions: the article's fall from 45 to 38 in 2023.
_NYSE_TURNOVER = path("2004-01-02 40, 2008-10-10 75, 2012-12-31 28, 2020-03-18 70, 2022-12-30 45")
_NYSE_TURNOVER_RETREAT = path("2023-02-01 45, 2023-10-02 38, 2023-12-29 38")
_NYSE_MONTHS = ("2022-12", "2023-10")  # the months the article compares: on average they are on the path
# Venues with their share of the consolidated tape; the reporting facilities hold what is traded off exchange.
_VENUES = (
    ("NYSE (N)", 0.10), ("NYSE Arca (P)", 0.09), ("NYSE American (A)", 0.01), ("NASDAQ (Q)", 0.17), ("NASDAQ BX (B)", 0.01),
    ("Cboe BZX (Z)", 0.06), ("Cboe EDGX (K)", 0.07), ("IEX (V)", 0.03), ("FINRA & NASDAQ TRF Carteret (DQ)", 0.42), ("FINRA & NYSE TRF (DN)", 0.04),
)  # fmt: skip
_TAPES = {"A": 0.52, "B": 0.18, "C": 0.30}


def _traded(world: World) -> Floats:
    """Dollars traded by session and venue."""
    days = world.sessions
    noise = 0.16 * autoregression(stream(world.seed, "turnover").standard_normal(len(days)), 0.6)
    factor = np.exp(noise - 0.5 * 0.16**2)
    for month in _NYSE_MONTHS:
        in_month = days.astype("datetime64[M]") == np.datetime64(month)
        factor[in_month] /= factor[in_month].mean()
    nyse = 1e9 * interpolated(days, world.drivers.story(_NYSE_TURNOVER, _NYSE_TURNOVER_RETREAT)) * factor
    rng = stream(world.seed, "venues")
    shares = np.array([share for _, share in _VENUES]) * np.exp(0.04 * rng.standard_normal((len(days), len(_VENUES))))
    shares[:, 0] = _VENUES[0][1]
    return np.asarray(nyse[:, None] * (shares / _VENUES[0][1]))


def off_exchange_shares(world: World) -> Floats:
    """Shares traded off exchange by session: those of the trade reporting facilities."""
    facilities = ["TRF" in venue for venue, _ in _VENUES]
    return np.asarray(_traded(world)[:, facilities].sum(axis=1) / 50)


def _volume(world: World, view: View) -> Iterator[SampleFile]:
    """One file a year, a line a venue and day; the total is the sum of the tapes."""
    days = world.sessions
    # dollars by day, venue, tape; a share costs some 50 dollars, a trade has some 150 shares
    notional = _traded(world)[:, :, None] * np.array(list(_TAPES.values()))
    measures = {"Shares": np.round(notional / 50), "Notional": np.round(notional, 2), "Trade Count": np.round(notional / 7500)}
    shown = view.shows(days, dates.published(days, dates.lag_of("cboe_market_history")))
    header = ",".join(["Day", "Market Participant", *(f"{part} {name}" for name in measures for part in (*(f"Tape {tape}" for tape in _TAPES), "Total"))])
    for year in np.unique(days[shown].astype("datetime64[Y]")):
        lines = [header]
        for place in np.flatnonzero(shown & (days.astype("datetime64[Y]") == year)).tolist():
            day = str(days[place])
            for at, (venue, _) in enumerate(_VENUES):
                cells = (
                    f"{value:.0f}" if name != "Notional" else f"{value:.2f}"
                    for name, by in measures.items()
                    for value in (*by[place, at].tolist(), by[place, at].sum())
                )
                lines.append(f"{day},{venue},{','.join(cells)}")
        yield SampleFile("cboe_market_history", "market_history_csv", f"market_history_{year}.csv", view.current(), text(lines))


def _archives(world: World, view: View) -> Iterator[SampleFile]:
    days = world.options.index.to_numpy().astype("datetime64[D]")
    published = dates.published(days, dates.lag_of("cboe_put_call"))
    shown = view.shows(days, published) & (days < DAILY_FROM)
    if not shown.any():
        return
    frozen = published[days < DAILY_FROM][-1]
    volume = world.options["volume"][shown]
    for name, product, label, word, header in _ARCHIVES:
        lines = [_DISCLAIMER.format(word), f", PRODUCT: {label},,EXCHANGE: Cboe,", header]
        calls, puts = volume[product]["call"].tolist(), volume[product]["put"].tolist()
        for day, call, put in zip(days[shown], calls, puts, strict=True):
            year, month, on = str(day).split("-")
            ratio = put / call
            if day < _FULL_DATES_FROM:
                lines.append(f"{int(month)}/{int(on)}/{year},{call},{put},{call + put},{number(round(ratio, 2))}")
            else:
                comma = ", " if day >= _SPACES_FROM else ","
                lines.append(comma.join((f"{month}/{on}/{year}", str(call), str(put), str(call + put), f"{ratio:.2f}")))
        yield SampleFile("cboe_put_call", "archive_csv", name, view.current(frozen), text(lines, "\r\n"))


def _daily(world: World, view: View) -> Iterator[SampleFile]:
    days = world.options.index.to_numpy().astype("datetime64[D]")
    published = dates.published(days, dates.lag_of("cboe_put_call"))
    shown = view.shows(days, published) & (days >= DAILY_FROM)
    table = world.options[shown]
    columns = {
        (measure, product): (table[measure][product]["call"].tolist(), table[measure][product]["put"].tolist())
        for measure in ("volume", "open_interest")
        for product in ("total", "index", "etp", "equity", "vix", "spx", "rest")
    }
    for place, (day, moment) in enumerate(zip(days[shown], published[shown], strict=True)):

        def entry(measure: str, call: int, put: int) -> dict[str, str | int]:
            return {"name": measure.upper().replace("_", " "), "call": call, "put": put, "total": call + put}

        ratios, products = [], {}
        for title, label, product in _DAILY_PRODUCTS:
            call, put = (side[place] for side in columns["volume", product])
            ratios.append({"name": f"{label} PUT/CALL RATIO", "value": f"{put / call:.2f}"})
            products[title] = [entry(measure, *(side[place] for side in columns[measure, product])) for measure in ("volume", "open_interest")]
        # small index products, part of what is neither SPX nor VIX
        for title, part in (("OEX", 0.021), ("MXEA", 0.004), ("MXEF", 0.006)):
            call, put = (int(side[place] * part) for side in columns["volume", "rest"])
            ratios.append({"name": f"{title} PUT/CALL RATIO", "value": f"{put / call:.2f}" if call else "0.00"})
            products[title] = [
                entry("volume", call, put),
                entry("open_interest", *(int(side[place] * part) for side in columns["open_interest", "rest"])),
            ]
        body = json.dumps({"ratios": ratios, **products}, separators=(",", ":"))
        yield SampleFile("cboe_put_call", "daily_json", f"{day}_daily_options", dates.as_datetime(moment), body.encode())


def _histories(world: World, view: View) -> Iterator[SampleFile]:
    for name, table in world.indices.items():
        days = table.index.to_numpy().astype("datetime64[D]")
        shown = view.shows(days, dates.published(days, dates.lag_of("cboe_index_history")))
        if not shown.any():
            continue
        written = [f"{day[5:7]}/{day[8:]}/{day[:4]}" for day in days[shown].astype(str)]
        if "open" in table:
            bars = table[shown][["open", "high", "low", "close"]].to_numpy().tolist()
            lines = ["DATE,OPEN,HIGH,LOW,CLOSE"]
            lines += [f"{day},{o:.6f},{h:.6f},{low:.6f},{c:.6f}" for day, (o, h, low, c) in zip(written, bars, strict=True)]
        else:
            lines = [f"DATE,{name}"] + [f"{day},{close:.6f}" for day, close in zip(written, table["close"][shown].tolist(), strict=True)]
        yield SampleFile("cboe_index_history", "history_csv", f"{name}_History.csv", view.current(), text(lines))


# Files of a month come in one archive, those of the last days singly.
SETTLEMENTS_FROM = np.datetime64("2017-12-01", "D")
_SINGLE_FROM = np.datetime64("2023-12-26", "D")
_MONTH_CODES = "FGHJKMNQUVXZ"
_LONG_RUN = 20.5  # level to which far expirations tend


def _settlements(world: World, view: View) -> Iterator[SampleFile]:
    """A file a session: nine monthly VIX futures, three weekly ones and mini contracts, on a curve from VIX through VIX3M to the long run."""
    days = world.sessions[world.sessions >= SETTLEMENTS_FROM]
    near, far = (world.indices[name]["close"].reindex(pd.DatetimeIndex(days)).to_numpy().tolist() for name in ("VIX", "VIX3M"))
    published = dates.published(days, dates.lag_of("cboe_vx_settlement"))
    monthly, weekly = _expirations(days[0], days[-1] + 330, world.sessions)
    monthly_days, weekly_days = np.array([each[0] for each in monthly]), np.array([each[0] for each in weekly])
    months: dict[str, list[tuple[str, bytes]]] = {}
    singles: list[SampleFile] = []
    for place in np.flatnonzero(view.shows(days, published)).tolist():
        day = days[place]
        next_month, next_week = np.searchsorted(monthly_days, day, "right"), np.searchsorted(weekly_days, day, "right")
        contracts = [("VX", f"VX/{code}", expires) for expires, code in monthly[next_month : next_month + 9]]
        contracts += [("VX", f"VX{week:02d}/{code}", expires) for expires, week, code in weekly[next_week : next_week + 3]]
        contracts += [("VXM", f"VXM/{code}", expires) for expires, code in monthly[next_month : next_month + 3]]
        lines = ["Product,Symbol,Expiration Date,Price"]
        contracts.sort(key=lambda each: (each[0], each[2]))
        lines += [f"{product},{symbol},{expires},{_curve(near[place], far[place], expires - day):.4f}" for product, symbol, expires in contracts]
        name = f"cfe_settlement_{day}.csv"
        if day >= _SINGLE_FROM:
            singles.append(SampleFile("cboe_vx_settlement", "settlement_csv", name, dates.as_datetime(published[place]), text(lines)))
        else:
            months.setdefault(str(day)[:7], []).append((name, text(lines)))
    for month, members in months.items():
        # complete when the last of its sessions was published
        inside = (days.astype("datetime64[M]") == np.datetime64(month, "M")) & (days < _SINGLE_FROM)
        yield SampleFile("cboe_vx_settlement", "settlement_csv", f"cfe_settlement_{month}.zip", view.current(published[inside][-1]), archive(members))
    yield from singles


def _curve(spot: float, quarter: float, ahead: np.timedelta64) -> float:
    """Price of a future that expires so far ahead: the index today, VIX3M at its middle, then slowly to the long run."""
    quarters = int(ahead.astype(np.int64)) / 91.0
    # a little dearer with time, so that no two expirations have one price
    early = spot + (quarter - spot) * min(quarters / 0.5, 1.0) + 0.013 * quarters
    return early + (_LONG_RUN - early) * (1 - math.exp(-0.35 * max(quarters - 0.5, 0.0)))


def _expirations(first: np.datetime64, last: np.datetime64, sessions: Days) -> tuple[list[tuple[np.datetime64, str]], list[tuple[np.datetime64, int, str]]]:
    """Monthly and weekly expirations: a VIX future expires 30 days before the third Friday of the next month, a weekly one on other Wednesdays."""
    monthly = []
    for month in np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + 1):
        next_month = (month + 1).astype("datetime64[D]")
        third_friday = next_month + (4 - (int(next_month.astype(np.int64)) + 3) % 7) % 7 + 14
        expires = third_friday - 30
        # the day before where that is no session, as far as sessions are known
        if expires <= sessions[-1]:
            expires = sessions[np.searchsorted(sessions, expires, "right") - 1]
        year, number = str(month).split("-")
        monthly.append((expires, f"{_MONTH_CODES[int(number) - 1]}{year[3]}"))
    taken = {int(expires.astype("datetime64[D]").astype(np.int64) + 3) // 7 for expires, _ in monthly}
    weekly = []
    wednesday = first + (2 - (int(first.astype("datetime64[D]").astype(np.int64)) + 3) % 7) % 7
    for expires in np.arange(wednesday, last + 1, 7):
        if int(expires.astype(np.int64) + 3) // 7 not in taken:
            year, number, _ = str(expires).split("-")
            week = expires.astype(object).isocalendar()[1]
            weekly.append((expires, week, f"{_MONTH_CODES[int(number) - 1]}{year[3]}"))
    return monthly, weekly
