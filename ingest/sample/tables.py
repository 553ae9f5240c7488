"""What the sample world is made of: series as first published, with what the providers changed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.sample import dates
from ingest.sample.dates import Days, Moments

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Revision:
    """Values the provider changed after their first publication: at `at` (UTC) the columns of `days` took the new `values`."""

    at: datetime
    days: Days
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class Late:
    """An observation that was due at `due` and came at `at` (both UTC)."""

    feed: str
    day: np.datetime64
    due: datetime
    at: datetime


@dataclass(frozen=True)
class Table:
    """A series table as first published: `days` (rows), `values` (columns by name), `published` (UTC moment a row), later revisions."""

    days: Days
    values: Mapping[str, Floats]
    published: Moments
    revisions: tuple[Revision, ...] = ()

    def seen_at(self, when: np.datetime64) -> tuple[Days, dict[str, Floats]]:
        """Rows published by `when`, with the revisions made by then."""
        shown = self.published <= when
        values = {name: column.copy() for name, column in self.values.items()}
        for revision in sorted(self.revisions, key=lambda each: each.at):
            if dates.as_moment(revision.at) <= when:
                places = np.searchsorted(self.days, revision.days)
                for name, changed in revision.values.items():
                    values[name][places] = changed
        return self.days[shown], {name: column[shown] for name, column in values.items()}


@dataclass(frozen=True)
class Price:
    """Daily bars of one symbol in today's shares: `bars` has open, high, low, close, volume; `missing` bars the provider shows as null."""

    symbol: str
    days: Days
    bars: Mapping[str, Floats]
    missing: NDArray[np.bool_]
    splits: tuple[tuple[str, int], ...] = ()
    dividend_yield: float = 0.0


@dataclass(frozen=True)
class Fund:
    """Net asset value (USD a share) and shares outstanding of one fund."""

    ticker: str
    days: Days
    net_asset_value: Floats
    shares: Floats


@dataclass(frozen=True)
class Vintages:
    """A revised series: one row a (day, vintage), `from_day` the first day the value was current."""

    series: str
    days: Days
    values: Floats
    from_day: Days


@dataclass(frozen=True)
class Positions:
    """Weekly positions of one futures contract by trader group, contracts."""

    code: str
    days: Days
    created: Moments
    open_interest: NDArray[np.int64]
    sides: Mapping[str, NDArray[np.int64]]  # e.g. dealer_long, dealer_short, dealer_spread; nonreportable_long, nonreportable_short
    traders: Mapping[str, NDArray[np.int64]]
    concentration: Mapping[str, Floats]
