"""Cross-border holdings of US long-term securities: what foreigners hold and buy, by country, instrument and month."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.process import Drivers, interpolated, path, stream
from ingest.sample.tables import Floats, Price, Revision, Table

# Countries with their Treasury code and their share of foreign holdings of US equity. Belgium, the Cayman Islands, Ireland, Luxembourg,
# Switzerland and the United Kingdom are centres of custody.
AREAS: Mapping[str, tuple[str, float]] = {
    "Belgium": ("10251", 0.006),
    "Canada": ("29998", 0.101),
    "Cayman Islands": ("36137", 0.128),
    "China, Mainland": ("41408", 0.022),
    "India": ("42102", 0.001),
    "Ireland": ("11401", 0.091),
    "Japan": ("42609", 0.074),
    "Korea, South": ("43001", 0.033),
    "Luxembourg": ("11703", 0.089),
    "Switzerland": ("12688", 0.052),
    "Taiwan": ("46302", 0.008),
    "United Kingdom": ("13005", 0.126),
    "All Other Countries": ("63908", 0.269),
}
GRAND_TOTAL = "99996"
INSTRUMENTS = ("treas", "agcy", "corp", "eqty")
MEASURES = ("pos", "net", "valchg")
FIRST_MONTH = np.datetime64("2011-01-31", "D")
REVISED_WITH = ("2022-12-31", "2023-07-31")  # months whose release rewrites the year before it, too

# Net purchases of US equity by all foreigners, million USD a month: in the retreat they dry up and turn.
_NET_EQUITY = path("2010-12-31 9000, 2015-06-30 -9000, 2019-12-31 4000, 2021-12-31 24000")
_NET_EQUITY_RETREAT = path("2022-12-31 14000, 2023-06-30 3000, 2023-10-31 -31000")

_EQUITY_BEFORE = 2_900_000.0  # million USD at the end of 2010
_LONG_TERM = 0.86  # share of Treasury holdings that are no bills
_OF_TREASURIES = {"agcy": 0.17, "corp": 0.28}  # holdings of other bonds, as a share of those of Treasuries
_DURATION = {"treas": 5.6, "agcy": 4.8, "corp": 6.2}  # years


def securities(drivers: Drivers, holders: Table, index: Price, rates: Mapping[str, tuple[Days, Floats]]) -> Table:
    """Holdings (pos), net purchases (net) and changes of value (valchg) in million USD, by series such as `for_lt_eqty_net_42609`.

    Treasuries are those of the major holders, of which the part that is no bill is shown; equity is revalued with the index, bonds with
    the ten-year yield, and what a change of holdings leaves after that was bought.
    """
    days = holders.days[holders.days >= FIRST_MONTH]
    before = np.concatenate([[FIRST_MONTH.astype("datetime64[M]").astype("datetime64[D]") - 1], days])
    moves = _Moves(drivers, before, index, rates)
    revisions = []
    slips: list[tuple[Days, Floats]] = []
    for month in REVISED_WITH:
        at = holders.published[holders.days == np.datetime64(month)][0]
        seen, known = holders.seen_at(at)
        shown = seen[seen >= FIRST_MONTH]
        recent = shown[-13:-1]
        slips.append((recent, stream(drivers.seed, f"cross-border {month}").normal(0, 900, (len(recent), len(AREAS)))))
        values = moves.series({name: _at(seen, column, before) for name, column in known.items()}, slips)
        revisions.append(Revision(dates.as_datetime(at), shown, {name: column[: len(shown)] for name, column in values.items()}))
    first = moves.series({name: _at(holders.days, column, before) for name, column in holders.values.items()}, [])
    return Table(days, first, holders.published[holders.days >= FIRST_MONTH], tuple(revisions))


def _at(days: Days, values: Floats, wanted: Days) -> Floats:
    return np.asarray(values[np.clip(np.searchsorted(days, wanted, "right") - 1, 0, len(days) - 1)])


class _Moves:
    """What moves holdings: the month ends with the one before the first, returns of equity and changes of yields between them."""

    def __init__(self, drivers: Drivers, days: Days, index: Price, rates: Mapping[str, tuple[Days, Floats]]) -> None:
        self.drivers, self.days = drivers, days
        level = _at(index.days, index.bars["close"], days)
        self.equity_return = level[1:] / level[:-1] - 1
        yields = _at(*rates["DGS10"], days)
        self.yield_change = np.diff(np.nan_to_num(yields, nan=float(np.nanmean(yields)))) / 100
        noise = drivers.noise("foreign equity purchases", days[1:], 0.4)
        size = np.where(days[1:] < np.datetime64("2022-01-01"), 5000, 1500)
        self.net_equity = interpolated(days[1:], drivers.story(_NET_EQUITY, _NET_EQUITY_RETREAT)) + size * noise

    def series(self, treasuries: Mapping[str, Floats], slips: list[tuple[Days, Floats]]) -> dict[str, Floats]:
        """Every series by name, from Treasury holdings (billion USD) on the month ends; `slips` shift purchases of equity by month and area."""
        result: dict[str, Floats] = {}
        others = [name for name in treasuries if name not in AREAS and "share" not in name]
        for place, (name, (code, share)) in enumerate(AREAS.items()):
            held = treasuries[name] if name in treasuries else np.asarray(sum(treasuries[other] for other in others))
            for instrument in ("treas", "agcy", "corp"):
                position = np.round(held * 1000 * _LONG_TERM * _OF_TREASURIES.get(instrument, 1.0))
                value = np.round(-_DURATION[instrument] * self.yield_change * position[:-1])
                self._put(result, instrument, code, position[1:], np.diff(position) - value, value)
            net = np.round(self.net_equity * share)
            for days, shifts in slips:
                net[np.searchsorted(self.days[1:], days)] += np.round(shifts[:, place])
            self._put(result, "eqty", code, *self._equity(net, round(_EQUITY_BEFORE * share)))
            for measure in MEASURES:
                result[f"for_lt_total_{measure}_{code}"] = np.asarray(sum(result[f"for_lt_{instrument}_{measure}_{code}"] for instrument in INSTRUMENTS))
        for series in [f"for_lt_{instrument}_{measure}" for instrument in (*INSTRUMENTS, "total") for measure in MEASURES]:
            result[f"{series}_{GRAND_TOTAL}"] = np.asarray(sum(result[f"{series}_{code}"] for code, _ in AREAS.values()))
        return result

    def _equity(self, net: Floats, before: float) -> tuple[Floats, Floats, Floats]:
        position, value = np.empty(len(net)), np.empty(len(net))
        for month, (bought, change) in enumerate(zip(net, self.equity_return, strict=True)):
            value[month] = round(before * change)
            before = position[month] = before + bought + value[month]
        return position, net, value

    @staticmethod
    def _put(result: dict[str, Floats], instrument: str, code: str, *values: Floats) -> None:
        for measure, column in zip(MEASURES, values, strict=True):
            result[f"for_lt_{instrument}_{measure}_{code}"] = np.asarray(column)
