"""Cboe: put/call archives and daily files, index histories."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, number, text
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
    """Put/call archives to 2019-10-04 (frozen), one daily file a session since, and the index histories."""
    yield from _archives(world, view)
    yield from _daily(world, view)
    yield from _histories(world, view)


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
