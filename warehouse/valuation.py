"""Arithmetic of valuations: discounted cash flow, the rate at which it is the price, and what a change in price is made of.

Arrays have one element a valuation (a company on a day). Rates and growth are fractions a year, money is in USD a share. docs/valuation.md
says why each step is as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import elementwise

Floats = NDArray[np.float64]

# The lowest rate tried above growth for ever, at which the terminal value has no limit.
ABOVE_TERMINAL_GROWTH = 1e-4


@dataclass(frozen=True)
class CashFlow:
    """Cash flow a share of the last twelve months, and how it grows: at `growth_start` in the first year, from there in a straight line over
    `years` to `growth_terminal`, at which it grows for ever."""

    per_share: Floats
    growth_start: Floats
    growth_terminal: Floats
    years: int = 10


def growth_path(flow: CashFlow) -> Floats:
    """Growth of each year of the fade [year, valuation]; year `years` + 1 would be the first at terminal growth."""
    faded = np.arange(flow.years)[:, None] / flow.years
    return np.asarray(flow.growth_start + (flow.growth_terminal - flow.growth_start) * faded)


def value_per_share(flow: CashFlow, discount_rate: Floats) -> Floats:
    """Present value of all cash flows at a rate, in USD a share [valuation]; NaN where growth for ever is at or above the rate.

    The cash flows of the fade, and after it those that grow for ever (Gordon 1959), each discounted from the end of its year.
    """
    value = np.zeros(np.broadcast(flow.per_share, discount_rate).shape)
    cash = np.asarray(flow.per_share, np.float64)
    discount = np.ones_like(value)
    for growth in growth_path(flow):
        cash = cash * (1 + growth)
        discount = discount / (1 + discount_rate)
        value = value + cash * discount
    gap = np.where(discount_rate > flow.growth_terminal, discount_rate - flow.growth_terminal, np.nan)
    return np.asarray(value + cash * (1 + flow.growth_terminal) / gap * discount)


def implied_discount_rate(flow: CashFlow, price: Floats, highest: float = 1.0) -> Floats:
    """Rate at which the value is the price [valuation]; NaN where it is not between terminal growth and `highest`.

    The value falls strictly in the rate for cash flows above 0, so there is one root at most. All roots are bracketed and found at once
    (Chandrupatla 1997). Cash flow and price must be above 0.
    """

    def excess(rate: Floats, per_share: Floats, start: Floats, terminal: Floats, paid: Floats) -> Any:
        return np.log(value_per_share(CashFlow(per_share, start, terminal, flow.years), rate) / paid)

    if not price.size:
        return np.empty(0)
    found = elementwise.find_root(
        excess,
        (flow.growth_terminal + ABOVE_TERMINAL_GROWTH, np.full(price.shape, highest)),
        args=(flow.per_share, flow.growth_start, flow.growth_terminal, price),
        tolerances={"xatol": 1e-12, "xrtol": 1e-12, "fatol": 0.0, "frtol": 0.0},
    )
    return np.asarray(np.where(found.success, found.x, np.nan))


def rate_grid(lowest: float, highest: float, step: float) -> pd.DataFrame:
    """Discount rates from the lowest to the highest, as the one column `discount_rate`."""
    count = round((highest - lowest) / step) + 1
    return pd.DataFrame({"discount_rate": np.round(lowest + step * np.arange(count), 10)})


def logarithmic_mean(one: Floats, other: Floats) -> Floats:
    """(one - other) / (ln one - ln other), or either where they are the same; both above 0."""
    ratio = np.log(one / other)
    # a series where the quotient would lose all its digits
    near = np.abs(ratio) < 1e-6
    return np.asarray(np.where(near, other * (1 + ratio / 2), (one - other) / np.where(near, 1.0, ratio)))


@dataclass(frozen=True)
class Repricing:
    """What a change in price is made of, in USD a share [valuation]; the three add up to it."""

    rate_effect: Floats
    cash_flow_effect: Floats
    residual: Floats
    value_before: Floats
    value_after: Floats


def repricing(before: CashFlow, after: CashFlow, rate_before: Floats, rate_after: Floats, price_before: Floats, price_after: Floats) -> Repricing:
    """Split a change in price into the discount rate, the cash flow (with its growth and the number of shares) and what the model does not explain.

    Price is value x (price / value). Each factor's change in logarithms, weighted by the logarithmic mean of both prices, adds up to the change
    in price exactly (Ang 2004, LMDI). Rate and cash flow are the mean over both orders in which they can change (Shapley 1953). The residual is
    computed from price / value, not as what is left. Needs prices and values above 0; NaN where a value is NaN.
    """
    start, end = value_per_share(before, rate_before), value_per_share(after, rate_after)
    rate_first, cash_first = value_per_share(before, rate_after), value_per_share(after, rate_before)
    weight = logarithmic_mean(price_after, price_before)
    rate = (np.log(rate_first / start) + np.log(end / cash_first)) / 2
    cash = (np.log(cash_first / start) + np.log(end / rate_first)) / 2
    unexplained = np.log(price_after / end) - np.log(price_before / start)
    return Repricing(weight * rate, weight * cash, weight * unexplained, start, end)
