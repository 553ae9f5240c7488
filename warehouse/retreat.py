"""How the Retreat Index is computed where a step depends on the step before: yardstick with freeze, drift, evidence, regime.

Arrays have one row a path (a signal, or one signal of one simulated world) and one column a native observation or a day. The marts
and the benchmark of detection call the same functions, so that what is measured is what is shipped. docs/methods.md says why each step is as it is.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

# Makes the median absolute deviation, and the mean absolute deviation, the standard deviation of a normal distribution.
MEDIAN_TO_SD, MEAN_TO_SD = 1.4826, 1.2533
# Page's chart crosses its threshold by this much on average, in standard deviations (Siegmund 1985, section 10.2).
OVERSHOOT = 1.166


@dataclass(frozen=True)
class Yardstick:
    """How a cadence is judged, in native observations: the window, the gap left out before the observation, the least that is needed, the longest
    freeze, and the run in which the chart of a signal without a drift crosses its threshold once."""

    window: int
    gap: int
    minimum: int
    freeze: int
    run_length: int


@dataclass(frozen=True)
class Score:
    """Native observations judged, each [path, observation]; NaN where there is too little history (or no spread)."""

    z_score: Floats
    median: Floats
    scale: Floats
    observations: NDArray[np.int64]
    persistence: Floats
    cusum: Floats
    threshold: Floats
    is_frozen: Booleans


def moving_median(values: Floats, window: int, minimum: int) -> tuple[Floats, Floats]:
    """Median and scale of the last `window` + 1 values up to each column, NaN before `minimum` of them.

    A row holds its values first, and NaN after the last of them. The scale is 1.4826 x median absolute deviation; where more than half of the
    window is one value, 1.2533 x mean absolute deviation from the median; NaN where that is 0 too.
    """
    median = pd.DataFrame(values.T).rolling(window + 1, min_periods=minimum).median().to_numpy().T
    median = np.where(np.isnan(values), np.nan, median)
    scale = np.full(values.shape, np.nan)
    for path, row in enumerate(values):
        last = np.count_nonzero(~np.isnan(row))
        if last < minimum:
            continue
        # values before the first are infinitely far away, and so behind the middle of those that there are
        windows = sliding_window_view(np.concatenate([np.full(window, np.inf), row[:last]]), window + 1)[minimum - 1 :]
        away = np.abs(windows - median[path, minimum - 1 : last, None])
        away.sort(axis=1)
        count = np.minimum(np.arange(minimum, last + 1), window + 1)
        each = np.arange(len(count))
        spread = MEDIAN_TO_SD * (away[each, (count - 1) // 2] + away[each, count // 2]) / 2
        for zero in np.flatnonzero(spread == 0):
            spread[zero] = MEAN_TO_SD * away[zero, : count[zero]].mean()
        scale[path, minimum - 1 : last] = np.where(spread > 0, spread, np.nan)
    return median, scale


def window_total(values: Floats | Booleans, first: NDArray[np.int64], last: NDArray[np.int64]) -> Floats:
    """Sum of the columns from `first` up to, not including, `last`: one pair of bounds a column of the result. By row; no value may be NaN."""
    summed = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    return np.asarray(summed[..., last] - summed[..., first])


def moving_persistence(values: Floats, window: int, minimum: int) -> Floats:
    """First-order autocorrelation of the last `window` + 1 values up to each column, in [0, 0.99], without the bias of short samples.

    An estimate from n values is too low by about (1 + 3 phi) / n (Kendall 1954, Biometrika 41). NaN before `minimum` values.
    """
    columns = values.shape[1]
    # sums are taken of what lies above the first value: of large levels they would lose digits
    level = np.nan_to_num(values - values[:, :1])
    end = np.arange(1, columns + 1)
    start = np.maximum(end - window - 1, 0)

    product = np.zeros_like(level)
    product[:, 1:] = level[:, 1:] * level[:, :-1]
    count = end - start
    mean = window_total(level, start, end) / count
    variance = window_total(level**2, start, end) / count - mean**2
    pairs = window_total(product, np.minimum(start + 1, end), end)
    led, lagged = window_total(level, np.minimum(start + 1, end), end), window_total(level, start, end - 1)
    covariance = (pairs - mean * (led + lagged) + (count - 1) * mean**2) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = covariance / variance
    phi = np.clip(phi + (1 + 3 * phi) / count, 0, 0.99)
    phi[:, : minimum - 1] = np.nan
    return np.asarray(phi)


def allowance(persistence: Floats | float) -> Floats:
    """k: half of what a shift of one standard deviation of z moves the mean of its residuals."""
    phi = np.asarray(persistence, dtype=np.float64)
    return np.asarray(0.5 * np.sqrt((1 - phi) / (1 + phi)))


def run_length(k: float, h: float) -> float:
    """Mean steps until Page's chart on independent standard normal steps crosses h (Siegmund 1985).

    938 at k = 0.5, h = 5, where the exact value is 930.9 (Brook & Evans 1972, Biometrika 59).
    """
    b = h + OVERSHOOT
    return float((np.expm1(2 * k * b) - 2 * k * b) / (2 * k * k))


@lru_cache(maxsize=16)
def _thresholds(steps: float) -> tuple[Floats, Floats]:
    phi = np.linspace(0, 0.99, 100)

    def short_of_steps(h: float, k: float) -> float:
        return run_length(k, h) - steps

    return phi, np.asarray([brentq(short_of_steps, 1e-6, 100, args=(float(each),)) for each in allowance(phi)])


def cusum_threshold(persistence: Floats, steps: float) -> Floats:
    """h at which a path without a drift crosses once in `steps` observations on average."""
    phi, h = _thresholds(float(steps))
    return np.asarray(np.interp(persistence, phi, h))


def cusum_step(before: Floats, residual: Floats, k: Floats, ceiling: Floats) -> Floats:
    """One step of Page's one-sided chart (Page 1954): max(0, C + residual - k), held below `ceiling` so that an old drift is not remembered for ever.

    A missing residual leaves the chart where it is.
    """
    stepped = np.clip(before + residual - k, 0, ceiling)
    return np.where(np.isnan(residual), before, stepped)


def score(values: Floats, yardstick: Yardstick, clip: float) -> Score:
    """Judge native observations by a window that ends a gap before them and stands still while the observations drift.

    z = (x - median) / scale, clipped. Residuals of a first-order autoregression step the chart; while it stands above half of its threshold the
    window does not move on, `freeze` observations at most: a drift must not become its own yardstick. After that the window moves on until the chart
    has been below once.

    Parameters
    ----------
    values
        [path, observation], signed so that a rise says capital leaves; NaN only after a path's last observation.
    """
    paths, columns = values.shape
    median, scale = moving_median(values, yardstick.window, yardstick.minimum)
    phi = moving_persistence(values, yardstick.window, yardstick.minimum)
    threshold_of = cusum_threshold(phi, yardstick.run_length)
    allowance_of, root_of = allowance(phi), np.sqrt(1 - phi**2)
    z_score, used_median, used_scale, used_phi = (np.full(values.shape, np.nan) for _ in range(4))
    cusum, threshold = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    is_frozen = np.zeros(values.shape, dtype=bool)
    observations = np.zeros(values.shape, dtype=np.int64)
    row = np.arange(paths)
    chart = np.zeros(paths)
    frozen_end = np.full(paths, -1)
    frozen_for = np.zeros(paths, dtype=np.int64)
    may_freeze = np.ones(paths, dtype=bool)
    high = np.zeros(paths, dtype=bool)
    before = np.full(paths, np.nan)
    for n in range(yardstick.gap, columns):
        end = n - yardstick.gap
        # freeze on what was known at the observation before
        may_freeze |= ~high
        frozen = high & may_freeze & (frozen_for < yardstick.freeze)
        may_freeze &= ~(high & ~frozen)
        frozen_end = np.where(frozen, np.where(frozen_for == 0, end - 1, frozen_end), end)
        frozen_for = np.where(frozen, frozen_for + 1, 0)
        used_median[:, n], used_scale[:, n] = median[row, frozen_end], scale[row, frozen_end]
        observations[:, n] = np.minimum(frozen_end, yardstick.window) + 1
        is_frozen[:, n] = frozen
        z = np.clip((values[:, n] - used_median[:, n]) / used_scale[:, n], -clip, clip)
        p = phi[row, frozen_end]
        h = threshold_of[row, frozen_end]
        residual = (z - p * before) / root_of[row, frozen_end]
        chart = cusum_step(chart, residual, allowance_of[row, frozen_end], 2 * h)
        z_score[:, n], used_phi[:, n], threshold[:, n] = z, p, h
        cusum[:, n] = np.where(np.isnan(z), np.nan, chart)
        high = chart > h / 2
        before = np.where(np.isnan(z), before, z)
    return Score(z_score, used_median, used_scale, observations, used_phi, cusum, threshold, is_frozen)


@dataclass(frozen=True)
class Membership:
    """Which block a signal belongs to, and whether its block counts in the index: one entry a signal."""

    block: Sequence[str]
    is_core: Booleans


def trailing_rms(values: Floats, days: int, minimum: int, floor: float) -> Floats:
    """Root mean square of the `days` columns before each one, NaN before `minimum` values, never below `floor`."""
    end = np.arange(values.shape[-1])
    start = np.maximum(end - days, 0)
    count = window_total(~np.isnan(values), start, end)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(window_total(np.nan_to_num(values) ** 2, start, end) / count)
    return np.where(count >= minimum, np.maximum(rms, floor), np.nan)


def trailing_mean(values: Floats, days: int) -> Floats:
    """Mean of the last `days` columns up to each one, over those that have a value."""
    end = np.arange(1, values.shape[-1] + 1)
    start = np.maximum(end - days, 0)
    count = window_total(~np.isnan(values), start, end)
    return np.where(count > 0, window_total(np.nan_to_num(values), start, end) / np.maximum(count, 1), np.nan)


def shift_evidence(z_score: Floats, weight: Floats, membership: Membership, evidence: Mapping[str, Any]) -> Floats:
    """Log likelihood ratio, by day, that part of the core signals has shifted outwards rather than none: [..., day].

    u is a signal's mean z of the last `days`, divided by the root mean square of that mean known the day before. Without a retreat u is
    standard normal with a part common to all signals (variance `common`) and one common to a block (variance `block`). With it, an unknown share `moved` of the
    signals stands higher by `strength` standard deviations of z. Which ones is not known: the likelihood of a signal is a mixture
    (Xie & Siegmund 2013, Annals of Statistics 41), integrated over the common and the block's part by Gauss-Hermite quadrature. A common swing of all
    signals, which moves the mean of z as a retreat does, is not evidence; some signals going out while their neighbours stay is.

    Parameters
    ----------
    z_score, weight
        [..., signal, day] as known at the end of each day, held until the next observation; weight is freshness.
    """
    core = np.flatnonzero(np.asarray(membership.is_core))
    block = np.asarray(membership.block)[core]
    smooth = trailing_mean(z_score[..., core, :], evidence["days"])
    rms = trailing_rms(smooth, evidence["scale_days"], evidence["scale_minimum_days"], evidence["scale_floor"])
    live = np.where(np.isnan(smooth) | np.isnan(rms), 0.0, weight[..., core, :])
    u = np.nan_to_num(smooth / rms)
    moved_by = np.nan_to_num(evidence["strength"] / rms)
    own = 1 - evidence["common"] - evidence["block"]
    nodes, mass = np.polynomial.hermite_e.hermegauss(evidence["nodes"])
    mass = mass / mass.sum()
    log_with, log_without = [], []
    for g in nodes * np.sqrt(evidence["common"]):
        with_shift: Floats | float = 0.0
        without: Floats | float = 0.0
        for name in dict.fromkeys(block):
            members = block == name
            a, b = [], []
            for f in nodes * np.sqrt(evidence["block"]):
                stay = -((u[..., members, :] - g - f) ** 2) / (2 * own)
                move = -((u[..., members, :] - g - f - moved_by[..., members, :]) ** 2) / (2 * own)
                either = np.logaddexp(np.log1p(-evidence["moved"]) + stay, np.log(evidence["moved"]) + move)
                b.append((live[..., members, :] * stay).sum(axis=-2))
                a.append((live[..., members, :] * either).sum(axis=-2))
            with_shift = with_shift + _log_mean(a, mass)
            without = without + _log_mean(b, mass)
        log_with.append(with_shift)
        log_without.append(without)
    ratio = _log_mean(log_with, mass) - _log_mean(log_without, mass)
    return np.where(live.sum(axis=-2) > 0, ratio, np.nan)


def _log_mean(logs: Sequence[Any], mass: Floats) -> Floats:
    stacked = np.stack(logs) + np.log(mass).reshape(-1, *[1] * np.ndim(logs[0]))
    top = stacked.max(axis=0)
    return np.asarray(top + np.log(np.exp(stacked - top).sum(axis=0)))


def past_quantile(values: Floats, quantile: float, minimum: int) -> Floats:
    """Quantile of all values before each column, interpolated, by row; NaN before `minimum` of them."""
    result = np.full(values.shape, np.nan)
    for row, series in enumerate(values):
        past: list[float] = []
        for column, value in enumerate(series.tolist()):
            if len(past) >= minimum:
                place = quantile * (len(past) - 1)
                low = int(place)
                high = min(low + 1, len(past) - 1)
                result[row, column] = past[low] + (place - low) * (past[high] - past[low])
            if value == value:
                insort(past, value)
    return result


def latch(enter: Booleans, leave: Booleans) -> Booleans:
    """On from a column where `enter` holds until one where `leave` does; leaving wins where both hold. By row."""
    change = np.where(leave, -1, np.where(enter, 1, 0))
    last = np.maximum.accumulate(np.where(change != 0, np.arange(change.shape[-1]), -1), axis=-1)
    return np.asarray((last >= 0) & (np.take_along_axis(change, np.maximum(last, 0), axis=-1) > 0))


def days_in_window(condition: Booleans, days: int) -> Floats:
    """On how many of the last `days` columns the condition held, by row."""
    end = np.arange(1, condition.shape[-1] + 1)
    return window_total(condition, np.maximum(end - days, 0), end)


CALM, ORDERLY_RETREAT, CONTAGION, INFLOW = "calm", "orderly_retreat", "contagion", "inflow"


def regimes(z_score: Floats, evidence: Floats, breadth: Floats, volatility: Floats, rule: Mapping[str, Any]) -> NDArray[np.str_]:
    """Regime of each day, [path, day]; empty where the index is null.

    contagion: volatility is above `contagion_volatility_quantile` of its past, and either the evidence of a shift exceeds `evidence_enter`, or Z rises faster
    than `contagion_quantile` of its past changes while more than `contagion_breadth` of the signals stand high; it lasts until none of the three has held for
    `contagion_leave_days`. orderly retreat: the evidence exceeds `evidence_enter` without such volatility; it lasts until Z has been under
    `leave_z` for `leave_days` running. inflow: Z under -`inflow_z` on `inflow_days` of `inflow_window`, until it has been above -`inflow_leave_z` for
    `inflow_leave_days`. Where several hold, the first of this list counts.

    Parameters
    ----------
    z_score, evidence, breadth, volatility
        [path, day], NaN where unknown.
    """
    with np.errstate(invalid="ignore"):
        speed = change_over(z_score, rule["speed_days"])
        fast = speed > past_quantile(speed, rule["contagion_quantile"], rule["minimum_history_days"])
        broad = breadth > rule["contagion_breadth"]
        agitated = volatility > past_quantile(volatility, rule["contagion_volatility_quantile"], rule["minimum_history_days"])
        shifted = evidence > rule["evidence_enter"]
        burst = fast & broad
        in_contagion = latch(agitated & (shifted | burst), days_in_window(agitated | burst, rule["contagion_leave_days"]) == 0)
        left = days_in_window(z_score < rule["leave_z"], rule["leave_days"]) == rule["leave_days"]
        in_retreat = latch(shifted & ~agitated, left)
        in_inflow = latch(
            days_in_window(z_score < -rule["inflow_z"], rule["inflow_window"]) >= rule["inflow_days"],
            days_in_window(z_score > -rule["inflow_leave_z"], rule["inflow_leave_days"]) == rule["inflow_leave_days"],
        )
    regime = np.select([in_contagion, in_retreat, in_inflow], [CONTAGION, ORDERLY_RETREAT, INFLOW], CALM)
    return np.asarray(np.where(np.isnan(z_score), "", regime))


def change_over(values: Floats, days: int) -> Floats:
    """Value less the value `days` columns earlier, by row."""
    change = np.full(values.shape, np.nan)
    change[:, days:] = values[:, days:] - values[:, :-days]
    return change
