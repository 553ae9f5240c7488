"""Portfolios with the least expected shortfall, and what a tail costs.

R. T. Rockafellar and S. Uryasev, "Optimization of conditional value-at-risk", Journal of Risk 2 (2000), 21-41: the weights follow from one linear programme,
which SciPy's HiGHS solves.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, eye, hstack

Floats = NDArray[np.float64]


def expected_shortfall(returns: Floats, level: float) -> float:
    """Mean loss in the worst 1 - `level` of cases, as a share above 0 for a loss; NaN without returns.

    The case on the edge counts with the part of it that lies inside (Acerbi and Tasche 2002), so that a handful of returns has one too.
    """
    if not len(returns):
        return float("nan")
    worst = np.sort(returns)
    inside = (1 - level) * len(worst)
    weight = np.clip(inside - np.arange(len(worst)), 0, 1)
    return float(-(worst * weight).sum() / inside)


def largest_drawdown(returns: Floats) -> float:
    """Largest fall of wealth from a peak, as a share above 0 for a fall; wealth begins at 1, which counts as a peak. NaN without returns."""
    if not len(returns):
        return float("nan")
    wealth = np.concatenate([[1.0], np.cumprod(1 + returns)])
    return float((1 - wealth / np.maximum.accumulate(wealth)).max())


def least_shortfall_weights(returns: Floats, least: Floats, most: Floats, funded: NDArray[np.bool_], level: float) -> Floats:
    """Weights [instrument] whose returns [day, instrument] had the least expected shortfall.

    Each weight lies between `least` and `most`; those of `funded` instruments add up to 1, futures are held on top. Raises ValueError when no weights
    meet the bounds.
    """
    days, instruments = returns.shape
    # unknown: weights, value at risk, and by how much each day's loss exceeds it
    cost = np.concatenate([np.zeros(instruments), [1.0], np.full(days, 1 / ((1 - level) * days))])
    excess = hstack([csr_matrix(-returns), csr_matrix(-np.ones((days, 1))), -eye(days)])
    whole = csr_matrix(np.concatenate([funded.astype(float), np.zeros(days + 1)])[None])
    bounds = [*zip(least, most, strict=True), (None, None), *([(0, None)] * days)]
    found = linprog(cost, A_ub=excess, b_ub=np.zeros(days), A_eq=whole, b_eq=[1.0], bounds=bounds, method="highs")
    if not found.success:
        raise ValueError(f"no weights meet the bounds: {found.message}")
    return np.asarray(found.x[:instruments])


def on_common_days(returns: pd.DataFrame, calendar: str) -> pd.DataFrame:
    """Returns [day, instrument] on the days on which `calendar` has one, from when the last instrument begins to when the first ends.

    What moved while that market was closed moves on its next day, so that no return is lost.
    """
    wealth = (1 + returns).cumprod().ffill()
    begun = wealth.notna().all(axis=1)
    not_ended = returns[::-1].notna().cummax()[::-1].all(axis=1)
    days = returns.index[returns[calendar].notna() & begun & not_ended]
    return wealth.loc[days].pct_change().iloc[1:]


def weights_by_day(returns: pd.DataFrame, bounds: pd.DataFrame, window: int, level: float) -> pd.DataFrame:
    """Weights [day, instrument] that were set on the first day of each year from the `window` days before it, and held through the year.

    `bounds` has `least` and `most` by instrument; futures, told by their name, are held on top of what is paid for. Days before the first year with a
    whole window have no row.
    """
    allowed = [instrument for instrument in returns.columns if instrument in bounds.index]
    funded = np.array([not instrument.endswith("futures") for instrument in allowed])
    least, most = (bounds.loc[allowed, side].to_numpy(dtype=float) for side in ("least", "most"))
    starts = np.flatnonzero(np.diff(pd.DatetimeIndex(returns.index).year, prepend=0))
    weights = pd.DataFrame(np.nan, returns.index, returns.columns)
    for start in starts[starts >= window]:
        before = returns[allowed].iloc[start - window : start].to_numpy()
        weights.iloc[start] = 0.0
        weights.loc[weights.index[start], allowed] = least_shortfall_weights(before, least, most, funded, level)
    return weights.ffill().dropna()
