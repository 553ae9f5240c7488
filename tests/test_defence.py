"""Defence: tails by hand, weights against a search over all of them, and no look ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from warehouse.defence import expected_shortfall, largest_drawdown, least_shortfall_weights, on_common_days, weights_by_day


def test_expected_shortfall_is_the_mean_of_the_worst() -> None:
    """The worst fifth of ten: (0.10 + 0.06) / 2 = 0.08. The worst quarter of ten is 2.5 of them: (0.10 + 0.06 + 0.02 / 2) / 2.5 = 0.068."""
    returns = np.array([0.05, -0.10, 0.01, -0.06, 0.02, 0.03, -0.02, 0.04, 0.00, 0.01])
    assert expected_shortfall(returns, 0.8) == pytest.approx(0.08)
    assert expected_shortfall(returns, 0.75) == pytest.approx(0.068)


def test_expected_shortfall_of_a_handful_is_its_worst_case() -> None:
    assert expected_shortfall(np.array([0.02, -0.03, 0.01]), 0.975) == pytest.approx(0.03)
    assert np.isnan(expected_shortfall(np.array([]), 0.975))


def test_drawdown_from_the_highest_peak_before() -> None:
    """1, 1.1, 0.88, 0.968, 0.7744: from 1.1 to 0.7744 is 0.296. A first day that falls counts from 1."""
    assert largest_drawdown(np.array([0.1, -0.2, 0.1, -0.2])) == pytest.approx(0.296)
    assert largest_drawdown(np.array([-0.05, 0.5])) == pytest.approx(0.05)
    assert largest_drawdown(np.array([0.1, 0.2])) == 0
    assert np.isnan(largest_drawdown(np.array([])))


def simulated(days: int, seed: int) -> np.ndarray:
    """Shares, bonds, gold with fat tails, and futures that gain when shares lose."""
    random = np.random.default_rng(seed)
    shares = 0.01 * random.standard_t(4, days)
    bonds = 0.004 * random.standard_normal(days) - 0.1 * shares
    gold = 0.009 * random.standard_normal(days)
    return np.column_stack([shares, bonds, gold, -3 * shares + 0.03 * random.standard_normal(days) - 0.002])


def test_weights_are_the_best_of_all_on_a_grid() -> None:
    returns = simulated(400, seed=1)
    least, most = np.array([0.3, 0.2, 0.0, 0.0]), np.array([0.6, 0.6, 0.3, 0.1])
    found = least_shortfall_weights(returns, least, most, np.array([True, True, True, False]), 0.975)
    assert found[:3].sum() == pytest.approx(1)
    assert (found >= least - 1e-9).all() and (found <= most + 1e-9).all()
    grid = [
        expected_shortfall(returns @ [shares, bonds, 1 - shares - bonds, futures], 0.975)
        for shares in np.linspace(0.3, 0.6, 16)
        for bonds in np.linspace(0.2, 0.6, 21)
        for futures in np.linspace(0, 0.1, 11)
        if -1e-9 <= 1 - shares - bonds <= 0.3 + 1e-9
    ]
    best = expected_shortfall(returns @ found, 0.975)
    assert best <= min(grid) + 1e-9
    assert min(grid) - best < 0.0005


def test_bounds_that_cannot_be_met_are_refused() -> None:
    with pytest.raises(ValueError, match="no weights meet the bounds"):
        least_shortfall_weights(simulated(50, 1)[:, :2], np.zeros(2), np.array([0.3, 0.3]), np.array([True, True]), 0.975)


def frame(years: int, seed: int) -> pd.DataFrame:
    days = pd.bdate_range("2015-01-01", periods=261 * years)
    return pd.DataFrame(simulated(len(days), seed), days, ["US shares", "Treasury bonds", "gold", "VIX futures"])


BOUNDS = pd.DataFrame({"least": [0.5, 0.2, 0.0], "most": [0.6, 0.5, 0.3]}, index=["US shares", "Treasury bonds", "gold"])


def test_weights_know_nothing_of_what_comes_later() -> None:
    """Other returns from a day on change no weight up to the end of that year, and change those after it."""
    returns = frame(6, seed=2)
    day = pd.Timestamp("2018-05-15")
    other = returns.copy()
    other.loc[day:] = frame(6, seed=3).loc[day:].to_numpy() * 3
    was, now = (weights_by_day(table, BOUNDS, 504, 0.975) for table in (returns, other))
    pd.testing.assert_frame_equal(was.loc[:"2018-12-31"], now.loc[:"2018-12-31"])
    assert not was.loc["2019-06-03"].equals(now.loc["2019-06-03"])


def test_weights_are_set_once_a_year_from_a_whole_window() -> None:
    weights = weights_by_day(frame(5, seed=4), BOUNDS, 504, 0.975)
    assert weights.index[0] == pd.Timestamp("2017-01-02")
    assert (weights.groupby(weights.index.year).nunique() == 1).all(axis=None)
    assert (weights["VIX futures"] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_no_return_is_lost_where_a_market_is_closed() -> None:
    """Gold rises by a tenth on a day without shares: it does so on the next day of shares. Bonds begin a day later and end a day earlier."""
    days = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"])
    returns = pd.DataFrame(
        {"US shares": [0.5, 0.1, np.nan, 0.2, 0.1, 0.1], "gold": [0.0, 0.0, 0.1, 0.1, 0.0, 0.0], "bonds": [np.nan, 0.0, 0.0, 0.0, 0.5, np.nan]}, days
    )
    common = on_common_days(returns, "US shares")
    assert list(common.index) == [days[3], days[4]]
    np.testing.assert_allclose(common["gold"], [0.21, 0.0])
    np.testing.assert_allclose(common["US shares"], [0.2, 0.1])
    np.testing.assert_allclose(common["bonds"], [0.0, 0.5])
