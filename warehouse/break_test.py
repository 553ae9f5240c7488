"""Whether the regression of one series on another broke once, at a month that is not known beforehand.

Arrays have one element a month, oldest first, without gaps and NaN. docs/migration.md says what the test is used for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, floor, inf, log, nan

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Critical values of the largest statistic for two parameters with 15% of the sample left out at each end, by the share of samples without a
# break that exceed them: Andrews (2003), Econometrica 71, 395-397, table I, which corrects Andrews (1993).
CRITICAL_VALUES = {0.01: 15.56, 0.05: 11.72, 0.10: 10.00}

# Tail probabilities above this are not given: DeLong's approximation is of the tail, and is within a tenth of simulated ones up to here.
LARGEST_TAIL = 0.25


@dataclass(frozen=True)
class Break:
    """The candidate at which the two regressions differ most.

    statistic
        Largest Wald statistic; NaN where no candidate has one (a regressor that does not vary in one of the parts).
    first_after
        Position of the first observation after the break; -1 where there is no statistic.
    slope_before, slope_after
        Slopes of the regressions on the observations before it, and from it on.
    """

    statistic: float
    first_after: int
    slope_before: float
    slope_after: float


NO_BREAK = Break(nan, -1, nan, nan)


def sup_wald(y: Floats, x: Floats, trim: float) -> Break:
    """Largest Wald statistic for equal intercepts and slopes of y on x before and after a break, over all breaks between the trimmed ends.

    Each part has its own covariance, robust to heteroskedasticity as HC3 (MacKinnon and White 1985). Of samples without a break about 7% of
    150 months and 13% of 60 exceed the 5% value; with the plain HC0 it would be 12% and 27%.

    Parameters
    ----------
    y, x
        Explained series and regressor, same length.
    trim
        Share of the observations left out at each end; each part keeps at least three observations.

    Raises
    ------
    ValueError
        When the lengths differ, a value is not finite, the share is not between 0 and a half, or there are too few observations.

    Notes
    -----
    Andrews (1993), Econometrica 61, 821-856.
    """
    y, x = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
    if y.ndim != 1 or y.shape != x.shape:
        raise ValueError(f"y and x must be of one length, not {y.shape} and {x.shape}")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ValueError("y and x must be finite; leave out months without a value")
    if not 0 < trim < 0.5:
        raise ValueError(f"trim must lie between 0 and 0.5, not {trim}")
    months = len(y)
    # a share of the sample that is a whole number must not be rounded up because of its binary fraction
    first, last = max(ceil(trim * months - 1e-9), 3), min(floor((1 - trim) * months + 1e-9), months - 3)
    if first > last:
        raise ValueError(f"{months} observations leave no candidate for a break")
    candidate = np.arange(first, last + 1)
    is_before = np.arange(months) < candidate[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        intercept_before, slope_before, covariance_before = _regressions(y, x, is_before)
        intercept_after, slope_after, covariance_after = _regressions(y, x, ~is_before)
        of_intercept, of_both, of_slope = (before + after for before, after in zip(covariance_before, covariance_after, strict=True))
        intercept, slope = intercept_after - intercept_before, slope_after - slope_before
        statistic = (intercept**2 * of_slope - 2 * intercept * slope * of_both + slope**2 * of_intercept) / (of_intercept * of_slope - of_both**2)
    if not np.isfinite(statistic).any():
        return NO_BREAK
    largest = int(np.argmax(np.where(np.isfinite(statistic), statistic, -inf)))
    return Break(float(statistic[largest]), int(candidate[largest]), float(slope_before[largest]), float(slope_after[largest]))


def breaks_to_date(y: Floats, x: Floats, trim: float, minimum: int) -> list[Break]:
    """`sup_wald` of the observations up to each one, so that none rests on later ones; NO_BREAK for the first `minimum` - 1."""
    return [sup_wald(y[:count], x[:count], trim) if count >= minimum else NO_BREAK for count in range(1, len(y) + 1)]


def tail_probability(statistic: float, trim: float) -> float:
    """Share of samples without a break whose largest Wald statistic for two parameters exceeds `statistic`; NaN above LARGEST_TAIL.

    DeLong (1981), Communications in Statistics A 10, 2197-2213: with b the statistic, p parameters and l = log of ((1 - trim)^2 / trim^2),
    it is b^(p/2) exp(-b/2) / (2^(p/2) Gamma(p/2)) x ((1 - p/b) l + 2/b).
    """
    # the approximation peaks at a statistic of about 4, where it is far beyond what is given
    if not statistic >= 5:
        return nan
    spread = 2 * log((1 - trim) / trim)
    tail = statistic * exp(-statistic / 2) / 2 * ((1 - 2 / statistic) * spread + 2 / statistic)
    return tail if tail <= LARGEST_TAIL else nan


def significance(statistic: float) -> float:
    """Smallest of the levels 0.01, 0.05 and 0.10 whose critical value the statistic exceeds; NaN where it exceeds none."""
    return min((level for level, value in CRITICAL_VALUES.items() if statistic > value), default=nan)


def _regressions(y: Floats, x: Floats, belongs: NDArray[np.bool_]) -> tuple[Floats, Floats, tuple[Floats, Floats, Floats]]:
    """Intercept, slope and their covariance (of the intercept, of both, of the slope) of y on x, one regression a row of `belongs`."""
    count = belongs.sum(axis=1)
    mean_x, mean_y = (belongs @ x) / count, (belongs @ y) / count
    apart = np.where(belongs, x - mean_x[:, None], 0.0)
    squares = (apart**2).sum(axis=1)
    slope = (apart @ y) / squares
    residual = np.where(belongs, y - mean_y[:, None] - slope[:, None] * (x - mean_x[:, None]), 0.0)
    leverage = 1 / count[:, None] + apart**2 / squares[:, None]
    deleted = residual / np.where(belongs, 1 - leverage, 1.0)
    on_slope = apart / squares[:, None] * deleted
    on_intercept = deleted / count[:, None] - mean_x[:, None] * on_slope
    covariance = (on_intercept**2).sum(axis=1), (on_intercept * on_slope).sum(axis=1), (on_slope**2).sum(axis=1)
    return mean_y - slope * mean_x, slope, covariance
