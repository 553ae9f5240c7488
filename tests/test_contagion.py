"""Contagion: what a shock does to other assets, against cases solved by hand and against the conditional mean of a normal distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from warehouse.contagion import Dynamics, Move, estimate, forced_moves, paths

TWO = ("shares", "bonds")


def dynamics(innovations: list[list[float]], by_lag: list[list[list[float]]] | None = None) -> Dynamics:
    return Dynamics(TWO, np.array(by_lag if by_lag is not None else [np.zeros((2, 2))]), np.array(innovations))


def test_move_is_spread_evenly_in_logarithms() -> None:
    forced = forced_moves([Move("bonds", 1, 2, -0.19)], TWO, 4)
    np.testing.assert_allclose(forced[1:3, 1], np.log(0.9))
    assert np.isnan(forced[:, 0]).all() and np.isnan(forced[[0, 3], 1]).all()


@pytest.mark.parametrize("move", [Move("gold", 0, 0, -0.1), Move("bonds", 3, 4, -0.1)])
def test_shock_to_what_has_no_returns_is_refused(move: Move) -> None:
    with pytest.raises(ValueError, match="no returns"):
        forced_moves([move], TWO, 4)


def test_other_asset_moves_by_its_regression_on_the_shocked_one() -> None:
    """Bonds move half of what shares move, always: shares forced down by ln 0.81, bonds go by ln 0.9, with no band left."""
    moved = paths(dynamics([[0.02, 0.01], [-0.02, -0.01]]), np.array([[np.log(0.81), np.nan]]), draws=50, seed=1)
    np.testing.assert_allclose(moved[:, 0, 0], -0.19)
    np.testing.assert_allclose(moved[:, 0, 1], -0.1)


def test_responses_travel_through_the_lags() -> None:
    """Bonds follow yesterday's shares one for one and nothing is drawn: the shock of day 0 reaches bonds on day 1, where both stay."""
    still = Dynamics(TWO, np.array([[[0.0, 0.0], [1.0, 0.0]]]), np.array([[1e-9, 0.0], [-1e-9, 0.0], [0.0, 1e-9], [0.0, -1e-9]]))
    moved = paths(still, np.array([[np.log(0.9), np.nan], [np.nan, np.nan], [np.nan, np.nan]]), draws=3, seed=1)
    np.testing.assert_allclose(moved[:, :, 0], -0.1, atol=1e-7)
    np.testing.assert_allclose(moved[:, :, 1], np.broadcast_to([0.0, -0.1, -0.1], (3, 3)), atol=1e-7)


def test_mean_of_the_others_is_the_conditional_mean() -> None:
    """Several assets shocked at once: the mean of the others is S_os S_ss^-1 d, within four standard errors."""
    random = np.random.default_rng(3)
    mixing = random.standard_normal((4, 4))
    innovations = random.standard_normal((4000, 4)) @ mixing.T / 100
    innovations -= innovations.mean(axis=0)
    made = Dynamics(("a", "b", "c", "d"), np.zeros((1, 4, 4)), innovations)
    moved = np.log1p(paths(made, np.array([[-0.1, 0.05, np.nan, np.nan]]), draws=20_000, seed=4)[:, 0])
    covariance = np.cov(innovations, rowvar=False)
    expected = covariance[2:, :2] @ np.linalg.inv(covariance[:2, :2]) @ [-0.1, 0.05]
    np.testing.assert_allclose(moved[:, :2], np.broadcast_to([-0.1, 0.05], (20_000, 2)), atol=1e-12)
    assert (np.abs(moved[:, 2:].mean(axis=0) - expected) < 4 * moved[:, 2:].std(axis=0) / np.sqrt(20_000)).all()


def test_same_seed_same_paths() -> None:
    made = dynamics([[0.02, 0.01], [-0.02, 0.01], [0.0, -0.02]])
    forced = np.array([[-0.1, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(paths(made, forced, 20, seed=7), paths(made, forced, 20, seed=7))
    assert not np.array_equal(paths(made, forced, 20, seed=7), paths(made, forced, 20, seed=8))


def test_coefficients_of_all_days_and_innovations_of_stressed_ones() -> None:
    """Days 1000-1199 are four times as volatile: the innovations are theirs. Bonds follow yesterday's shares by 0.3."""
    random = np.random.default_rng(5)
    scale = np.where((np.arange(2000) >= 1000) & (np.arange(2000) < 1200), 0.04, 0.01)
    shares = scale * random.standard_normal(2000)
    bonds = 0.3 * np.concatenate([[0.0], shares[:-1]]) + 0.002 * random.standard_normal(2000)
    found = estimate(pd.DataFrame({"shares": shares, "bonds": bonds}), 1, "shares", 21, 0.1)
    assert found.by_lag[0, 1, 0] == pytest.approx(0.3, abs=0.01)
    assert len(found.innovations) == pytest.approx(200, abs=5)
    assert found.innovations[:, 0].std() == pytest.approx(0.04, rel=0.2)
    np.testing.assert_allclose(found.innovations.mean(axis=0), 0, atol=1e-15)


def test_too_few_days_are_refused() -> None:
    frame = pd.DataFrame(np.random.default_rng(1).standard_normal((60, 2)) / 100, columns=list(TWO))
    with pytest.raises(ValueError, match="stressed days"):
        estimate(frame.iloc[:30], 1, "shares", 5, 0.1)
    with pytest.raises(ValueError, match="too few"):
        estimate(frame.iloc[:4], 1, "shares", 2, 0.5)
