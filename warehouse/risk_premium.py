"""What premium over the bond the level of an index pays, and how much of it goes with geopolitical risk. The marts and the tests call the same functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root
from statsmodels.regression.linear_model import OLS

Floats = NDArray[np.float64]

# Years of growth before cash flows grow at the rate of the bond (Damodaran).
GROWTH_YEARS = 5
# Premiums between which the root is looked for; the value of the cash flows falls from infinity at 0.
LEAST_PREMIUM, GREATEST_PREMIUM = 1e-9, 1.0
# Standard errors on either side that hold 90% of a normal distribution.
BAND = 1.645


@dataclass(frozen=True)
class ImpliedReturn:
    """Rate of return a year by observation, NaN without one, and why there is none (`valuation_status`)."""

    rate: Floats
    status: NDArray[np.str_]


def growing(cash_flow: ArrayLike, growth: ArrayLike, years: int = GROWTH_YEARS) -> Floats:
    """Cash flows of the years ahead, [observation, year]: that of the last twelve months, grown once more each year."""
    base, rate = np.broadcast_arrays(np.asarray(cash_flow, np.float64), np.asarray(growth, np.float64))
    return np.asarray(base[..., None] * (1 + rate[..., None]) ** np.arange(1, years + 1))


def present_value(rate: ArrayLike, flows: ArrayLike, bond_rate: ArrayLike) -> Floats:
    """Value of `flows` [observation, year] at a rate of return above that of the bond, at which they grow for ever after the last year."""
    discounted, ahead, bond = np.asarray(rate, np.float64), np.asarray(flows, np.float64), np.asarray(bond_rate, np.float64)
    years = np.arange(1, ahead.shape[-1] + 1)
    terminal = ahead[..., -1] * (1 + bond) / (discounted - bond)
    return np.asarray((ahead / (1 + discounted[..., None]) ** years).sum(axis=-1) + terminal / (1 + discounted) ** years[-1])


def implied_return(index_level: ArrayLike, flows: ArrayLike, bond_rate: ArrayLike) -> ImpliedReturn:
    """Rate at which the cash flows ahead are worth the level of the index: two-stage model of Damodaran, *Equity Risk Premiums*, implied premium.

    Parameters
    ----------
    index_level
        Level of the index, in index points.
    flows
        Dividends and buybacks of the years ahead in index points, [observation, year]; see `growing`.
    bond_rate
        Rate of the ten-year government bond, a fraction a year; the flows grow at it after the last year.

    Returns
    -------
    ImpliedReturn
        With flows above 0 the value falls strictly from infinity at the bond rate, so there is one root, whatever the growth. Status `missing price`,
        `missing cash flow` or `missing discount rate` where an input is missing, `negative cash flow` where a flow is zero or below, `no rate in range`
        where the premium would lie above 1.
    """
    level, bond = np.broadcast_arrays(np.asarray(index_level, np.float64), np.asarray(bond_rate, np.float64))
    ahead = np.broadcast_to(np.asarray(flows, np.float64), (*level.shape, np.asarray(flows).shape[-1]))
    status = np.select(
        [~(np.isfinite(level) & (level > 0)), ~np.isfinite(ahead).all(axis=-1), ~(np.isfinite(bond) & (bond > -1)), (ahead <= 0).any(axis=-1)],
        ["missing price", "missing cash flow", "missing discount rate", "negative cash flow"],
        "computed",
    )
    rate = np.full(level.shape, np.nan)
    usable = status == "computed"
    known, paid, base = ahead[usable], level[usable], bond[usable]

    def too_dear(premium: Floats, price: Floats, bond_rate: Floats, *flow: Floats) -> Floats:
        return present_value(bond_rate + premium, np.stack(np.broadcast_arrays(*flow), axis=-1), bond_rate) / price - 1

    bracket = (np.full(paid.shape, LEAST_PREMIUM), np.full(paid.shape, GREATEST_PREMIUM))
    found = find_root(too_dear, bracket, args=(paid, base, *known.T))
    rate[usable] = base + np.where(found.success, found.x, np.nan)
    status[usable] = np.where(found.success, "computed", "no rate in range")
    return ImpliedReturn(rate, status)


@dataclass(frozen=True)
class PoliticalRisk:
    """Political-risk premium with its band of 90%, NaN without one; the regression behind it; and why there is no premium (`valuation_status`)."""

    premium: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    slope: float = math.nan
    standard_error: float = math.nan
    months: int = 0
    lags: int = 0
    status: str = "short history"

    @property
    def t_statistic(self) -> float:
        return self.slope / self.standard_error if self.standard_error > 0 else math.nan


def newey_west_lags(observations: int) -> int:
    """Lags of the autocorrelation that errors allow for: 4 (T / 100)^(2/9), rounded down (Newey and West 1994, table II, for Bartlett's kernel)."""
    return int(4 * (observations / 100) ** (2 / 9))


def political_risk_premium(
    premium: ArrayLike, log_risk: ArrayLike, risk_now: float, usual_risk: float, *, minimum_months: int, critical_t: float
) -> PoliticalRisk:
    """Part of the implied premium that goes with geopolitical risk: slope x (ln of the index now - ln of its usual level).

    Parameters
    ----------
    premium, log_risk
        Implied premium and natural logarithm of the index, an element a month, in their order.
    risk_now, usual_risk
        Newest level of the index and the level at which the premium is 0.
    minimum_months
        Months the regression needs.
    critical_t
        The slope must be above 0 by this many standard errors, else there is no measured relation and no premium.

    Returns
    -------
    PoliticalRisk
        By least squares with errors robust to heteroscedasticity and autocorrelation (Newey and West 1987, Bartlett's kernel, T / (T - 2)). The band
        is that of the slope alone. Status `short history` or `no measured relation` without a premium.
    """
    paid, risk = np.asarray(premium, np.float64), np.asarray(log_risk, np.float64)
    if len(paid) < minimum_months or not (risk_now > 0 and usual_risk > 0) or np.ptp(risk) == 0:
        return PoliticalRisk(months=len(paid))
    lags = newey_west_lags(len(paid))
    fitted = OLS(paid, np.column_stack([np.ones_like(risk), risk])).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    slope, error = float(fitted.params[1]), float(fitted.bse[1])
    away = math.log(risk_now / usual_risk)
    if not slope > critical_t * error:
        return PoliticalRisk(slope=slope, standard_error=error, months=len(paid), lags=lags, status="no measured relation")
    half = BAND * error * abs(away)
    return PoliticalRisk(slope * away, slope * away - half, slope * away + half, slope, error, len(paid), lags, "computed")
