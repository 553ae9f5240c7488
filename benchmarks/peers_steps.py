"""What the peers of our models share: the parameters, and the steps for which neither pandas nor Polars has a function, one signal at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.detection import parameters
from warehouse.retreat import MEAN_TO_SD, MEDIAN_TO_SD, cusum_threshold

# columns of the marts that are computed and compared; of the index also the contribution of each core block
DAILY = (
    "observation_date", "signal_id", "value", "change_1w", "change_4w", "change_13w", "z_score", "z_status", "percentile_rank", "highest_since",
    "lowest_since", "weight", "is_live", "index_weight", "contribution", "cusum", "cusum_threshold", "is_frozen", "vintage_kind",
    "source_observation_date", "available_at", "file_id", "row_key",
)  # fmt: skip
INDEX = ("observation_date", "retreat_index", "z_score", "scale", "breadth", "live_core_blocks", "retreat_index_wide")
# g(Z) where Z is as good as 0: 100 times the normal density at 0
AT_ZERO = 39.894228040143267

Array = np.ndarray


@dataclass(frozen=True)
class Method:
    """Parameters of the dbt project, and the table of thresholds of the chart by persistence and cadence, which ours has in its cache too."""

    of: Mapping[str, Any]
    persistence: Array
    threshold: Mapping[str, Array]

    @classmethod
    def read(cls) -> Method:
        of, persistence = parameters(), np.linspace(0, 0.99, 100)
        return cls(of, persistence, {cadence: cusum_threshold(persistence, yardstick["run_length"]) for cadence, yardstick in of["robust_z"].items()})

    @property
    def index_columns(self) -> list[str]:
        return [*INDEX, *(f"{block}_contribution" for block in self.of["core_blocks"])]


def without_last_digits(number: Any) -> Any:
    """A number or column to 40 binary digits, as the macro of that name has it: what differs in the last ones only is as high."""
    return number * 8193 - (number * 8193 - number)


def spread(values: Array, median: Array, window: int) -> Array:
    """1.4826 x median absolute deviation of the last `window` + 1 values, 1.2533 x the mean one where that is 0, NaN where both are."""
    # values before the first are infinitely far away, and so behind the middle of those that there are
    windows = sliding_window_view(np.concatenate([np.full(window, np.inf), values]), window + 1)
    away = np.abs(windows - median[:, None])
    away.sort(axis=1)
    row, count = np.arange(len(values)), np.minimum(np.arange(1, len(values) + 1), window + 1)
    scale = MEDIAN_TO_SD * (away[row, (count - 1) // 2] + away[row, count // 2]) / 2
    for zero in np.flatnonzero(scale == 0):
        scale[zero] = MEAN_TO_SD * away[zero, : count[zero]].mean()
    return np.where(scale > 0, scale, np.nan)


def drift(signed: Array, median: Array, scale: Array, phi: Array, method: Method, cadence: str) -> tuple[Array, Array, Array]:
    """Page's chart on the residuals of z, and the freeze of the window while it stands high.

    Returns
    -------
    By observation: at which one its window ended (-1: none yet), the chart (NaN: no z), whether the window stood still.
    """
    yardstick, clip = method.of["robust_z"][cadence], method.of["z_clip"]
    gap, freeze = yardstick["gap"], yardstick["freeze"]
    used, cusum, is_frozen = np.full(len(signed), -1), np.full(len(signed), np.nan), np.zeros(len(signed), dtype=bool)
    threshold = np.interp(phi, method.persistence, method.threshold[cadence]).tolist()
    allowed, root = (0.5 * np.sqrt((1 - phi) / (1 + phi))).tolist(), np.sqrt(1 - phi**2).tolist()
    x, middle, width, persistence = signed.tolist(), median.tolist(), scale.tolist(), phi.tolist()
    chart, before, end, frozen_for, is_high, rests = 0.0, None, -1, 0, False, False
    for n in range(gap, len(x)):
        rests = rests and is_high
        if is_high and not rests and frozen_for < freeze:
            end = end if frozen_for else n - gap - 1
            frozen_for += 1
            is_frozen[n] = True
        else:
            rests = rests or is_high
            end, frozen_for = n - gap, 0
        used[n] = end
        z = (x[n] - middle[end]) / width[end]
        if z == z:
            z = min(clip, max(-clip, z))
            if before is not None:
                residual = (z - persistence[end] * before) / root[end]
                chart = min(2 * threshold[end], max(0.0, chart + residual - allowed[end]))
            before = z
            cusum[n] = chart
        is_high = chart > threshold[end] / 2
    return used, cusum, is_frozen


def last_time_as_high(values: Array, position: Array, shown: Array) -> Array:
    """For each value shown at a position, the last position before it with a value no lower; -1 for none. Positions are in order."""
    level, found = values.tolist(), np.full(len(shown), -1)
    # positions whose value is above all later ones: their values, negated, are in order
    stack: list[int] = []
    negated: list[float] = []
    reached = 0
    for number, (place, value) in enumerate(zip(position.tolist(), shown.tolist(), strict=True)):
        while reached < place:
            while negated and -negated[-1] <= level[reached]:
                stack.pop()
                negated.pop()
            stack.append(reached)
            negated.append(-level[reached])
            reached += 1
        at = bisect_right(negated, -value)
        if at:
            found[number] = stack[at - 1]
    return found


def rank_again(values: Array, row: Array, before: Array, shown: Array) -> Array:
    """Share of the `before` values ahead of each row, and of the value shown in its place, that are no higher than that."""
    counts = [int(np.count_nonzero(values[at - n : at] <= value)) for at, n, value in zip(row.tolist(), before.tolist(), shown.tolist(), strict=True)]
    return (1 + np.array(counts, dtype=float)) / (1 + before)
