"""What a shock to some assets does to all of them in the days after, with bands.

Generalised impulse responses (Koop, Pesaran and Potter, Journal of Econometrics 74 (1996), 119-147; Pesaran and Shin, Economics Letters 58 (1998), 17-29): the
assets that are not shocked move as they do on average when the shocked ones move like that, so that no order of the assets has to be assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.tsa.api import VAR

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dynamics:
    """How returns follow from those of the days before, and the innovations of stressed days.

    `by_lag` are the coefficients [lag, asset, asset]; `innovations` are [day, asset], of stressed days alone, with mean 0.
    """

    assets: tuple[str, ...]
    by_lag: Floats
    innovations: Floats


@dataclass(frozen=True)
class Move:
    """Part of a shock: a change of the price of an asset, as a share, spread evenly over trading days from `first_day` to `last_day`."""

    asset: str
    first_day: int
    last_day: int
    price_change: float


def estimate(returns: pd.DataFrame, lags: int, market: str, volatility_days: int, stressed_share: float) -> Dynamics:
    """Dynamics of daily returns (one column an asset, one row a day, oldest first, no gaps).

    Coefficients are of all days; innovations those of days on which the volatility of `market` over the `volatility_days` up to it was in its highest
    `stressed_share`: what spreads in a panic is not what spreads on an average day. Raises ValueError when there are too few days for either.
    """
    if len(returns) - lags <= returns.shape[1] * lags + 1:
        raise ValueError(f"{len(returns)} days are too few for {returns.shape[1]} assets with {lags} lags")
    fitted = VAR(returns.to_numpy(dtype=float)).fit(lags, trend="c")
    volatility = returns[market].pow(2).rolling(volatility_days).mean().iloc[lags:]
    stressed = (volatility >= volatility.quantile(1 - stressed_share)).to_numpy()
    innovations = fitted.resid[stressed]
    if len(innovations) <= 2 * returns.shape[1]:
        raise ValueError(f"{len(innovations)} stressed days are too few for {returns.shape[1]} assets")
    return Dynamics(tuple(returns.columns), np.asarray(fitted.coefs), innovations - innovations.mean(axis=0))


def forced_moves(shock: Sequence[Move], assets: Sequence[str], days: int) -> Floats:
    """Innovation [day, asset] the parts of a shock force, in logarithms, NaN where they leave an asset alone.

    Raises ValueError for an asset that has no returns or a day outside of 0..days-1.
    """
    forced = np.full((days, len(assets)), np.nan)
    for move in shock:
        if move.asset not in assets or not 0 <= move.first_day <= move.last_day < days:
            raise ValueError(f"no returns of {move.asset} on days {move.first_day} to {move.last_day}")
        each_day = np.log1p(move.price_change) / (move.last_day - move.first_day + 1)
        forced[move.first_day : move.last_day + 1, assets.index(move.asset)] = each_day
    return forced


def paths(dynamics: Dynamics, forced: Floats, draws: int, seed: int) -> Floats:
    """Change of each price since the eve of the shock [draw, day, asset], as a share.

    Innovations are drawn from the stressed days; on a day of the shock those of the assets it moves are the forced ones, and the others are what they
    were drawn as, moved by their regression on the difference. The same seed gives the same paths.
    """
    days, assets = forced.shape
    covariance = np.cov(dynamics.innovations, rowvar=False)
    drawn = np.random.default_rng(seed).choice(dynamics.innovations, size=(draws, days))
    lags = len(dynamics.by_lag)
    returns = np.zeros((draws, lags + days, assets))
    for day in range(days):
        innovation = drawn[:, day]
        moved = ~np.isnan(forced[day])
        if moved.any():
            on_moved = np.linalg.solve(covariance[np.ix_(moved, moved)], covariance[moved])
            innovation = innovation + (forced[day, moved] - innovation[:, moved]) @ on_moved
        before = returns[:, day : day + lags][:, ::-1]
        returns[:, lags + day] = np.einsum("lij,dlj->di", dynamics.by_lag, before) + innovation
    return np.asarray(np.expm1(returns[:, lags:].cumsum(axis=1)))
