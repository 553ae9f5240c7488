"""How much of the uncertainty about one market comes from others: the spillover table of Diebold and Yilmaz (2012).

F. X. Diebold and K. Yilmaz, "Better to give than to receive: Predictive directional measurement of volatility spillovers", International Journal of
Forecasting 28 (2012), 57-66. The decomposition is the generalised one of Koop, Pesaran and Potter (1996) and Pesaran and Shin (1998): it does not depend on
the order of the markets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.tsa.api import VAR

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spillover:
    """A spillover table, in percent of forecast-error variance.

    `table` has a row for each market whose variance is split and a column for each market it comes from: rows sum to 100. `from_others` is what a
    market receives, `to_others` what it gives, `net` the second less the first; `total` is the mean received over all markets.
    """

    table: pd.DataFrame
    from_others: pd.Series[float]
    to_others: pd.Series[float]
    net: pd.Series[float]
    total: float


def spillover(frame: pd.DataFrame, lags: int, horizon: int) -> Spillover:
    """Spillovers between the columns of a frame.

    Parameters
    ----------
    frame
        One column a market, one row a period, oldest first: returns, or logarithms of volatilities. No gaps.
    lags
        Order of the vector autoregression (with a constant, by least squares).
    horizon
        Periods ahead whose forecast error is split, at least 1.

    Raises
    ------
    ValueError
        With fewer than two columns, a horizon below 1, values that are not finite, or too few rows for the autoregression.
    """
    markets, periods = frame.shape[1], len(frame)
    if markets < 2 or horizon < 1:
        raise ValueError(f"spillovers need two columns and a horizon of at least 1, not {markets} and {horizon}")
    if not np.isfinite(frame.to_numpy(dtype=float)).all():
        raise ValueError("spillovers need values without gaps")
    if periods - lags <= markets * lags + 1:
        raise ValueError(f"{periods} rows are too few for {markets} columns with {lags} lags")
    fitted = VAR(frame.to_numpy(dtype=float)).fit(lags, trend="c")
    shares = pd.DataFrame(100 * generalised_decomposition(fitted.ma_rep(horizon - 1), fitted.sigma_u), frame.columns, frame.columns)
    own = pd.Series(np.diag(shares), frame.columns)
    from_others, to_others = shares.sum(axis=1) - own, shares.sum(axis=0) - own
    return Spillover(shares, from_others, to_others, to_others - from_others, float(from_others.mean()))


def generalised_decomposition(moving_average: Floats, covariance: Floats) -> Floats:
    """Share [i, j] of the forecast-error variance of market i that shocks to market j account for; rows sum to 1.

    `moving_average` are the coefficients A_0, ..., A_(H-1) [horizon, market, market], `covariance` that of the innovations. Shares are
    (1 / s_jj) sum_h (e_i' A_h S e_j)^2 / sum_h (e_i' A_h S A_h' e_i), divided by their sum over j (Diebold and Yilmaz 2012, equations 1 and 2).
    """
    responses = moving_average @ covariance
    explained = (responses**2).sum(axis=0) / np.diag(covariance)
    variance = np.einsum("hij,hij->i", responses, moving_average)
    shares = explained / variance[:, None]
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
