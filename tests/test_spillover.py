"""Spillovers of volatility: the decomposition against one written out term by term, and against cases solved by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from warehouse.spillover import generalised_decomposition, spillover


def simulated(markets: int, periods: int, seed: int) -> pd.DataFrame:
    """A stable vector autoregression of two lags with correlated shocks."""
    random = np.random.default_rng(seed)
    first = 0.4 * np.eye(markets) + 0.08 * random.standard_normal((markets, markets))
    second = 0.2 * np.eye(markets) + 0.04 * random.standard_normal((markets, markets))
    mixing = np.eye(markets) + 0.5 * random.standard_normal((markets, markets))
    values = np.zeros((periods + 50, markets))
    for at in range(2, len(values)):
        values[at] = 1 + first @ values[at - 1] + second @ values[at - 2] + mixing @ random.standard_normal(markets)
    return pd.DataFrame(values[50:], columns=[f"market {number}" for number in range(markets)])


def term_by_term(frame: pd.DataFrame, lags: int, horizon: int) -> np.ndarray:
    """The table of Diebold and Yilmaz (2012), from least squares to the last sum, with nothing shared with the product."""
    values = frame.to_numpy()
    periods, markets = values.shape
    regressors = np.array([[1.0, *(values[at - lag, market] for lag in range(1, lags + 1) for market in range(markets))] for at in range(lags, periods)])
    coefficients = np.linalg.lstsq(regressors, values[lags:], rcond=None)[0]
    left = values[lags:] - regressors @ coefficients
    covariance = left.T @ left / (len(left) - regressors.shape[1])
    by_lag = [coefficients[1 + lag * markets : 1 + (lag + 1) * markets].T for lag in range(lags)]
    moving_average = [np.eye(markets)]
    for step in range(1, horizon):
        moving_average.append(sum(by_lag[lag] @ moving_average[step - 1 - lag] for lag in range(min(lags, step))))
    table = np.zeros((markets, markets))
    for i in range(markets):
        e_i = np.eye(markets)[i]
        for j in range(markets):
            e_j = np.eye(markets)[j]
            numerator = sum((e_i @ response @ covariance @ e_j) ** 2 for response in moving_average) / covariance[j, j]
            table[i, j] = numerator / sum(e_i @ response @ covariance @ response.T @ e_i for response in moving_average)
    return 100 * table / table.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("markets", "periods", "lags", "horizon"), [(2, 120, 1, 1), (4, 500, 4, 10), (8, 200, 2, 10)])
def test_equals_the_formula_written_out(markets: int, periods: int, lags: int, horizon: int) -> None:
    frame = simulated(markets, periods, seed=markets)
    found = spillover(frame, lags, horizon)
    np.testing.assert_allclose(found.table, term_by_term(frame, lags, horizon), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.table.sum(axis=1), 100)
    assert list(found.table.index) == list(found.table.columns) == list(frame.columns)


def test_one_step_ahead_is_squared_correlation() -> None:
    """With horizon 1 the response is the covariance: 1 and 0.5^2 / (1 x 1) = 0.25 before normalising, 0.8 and 0.2 after; 4 and 1 change nothing."""
    shares = generalised_decomposition(np.eye(2)[None], np.array([[4.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(shares, [[0.8, 0.2], [0.2, 0.8]])


def test_a_shock_that_comes_later_counts_for_its_giver() -> None:
    """The second market is the first one of the period before, plus 1: [[1, 0], [1, 1]] over two steps is 1 from the other against 1 of its own."""
    lagged = np.array([np.eye(2), [[0.0, 0.0], [1.0, 0.0]]])
    np.testing.assert_allclose(generalised_decomposition(lagged, np.eye(2)), [[1.0, 0.0], [0.5, 0.5]])


def test_order_of_the_markets_does_not_matter() -> None:
    frame = simulated(3, 300, seed=1)
    turned = frame[frame.columns[::-1]]
    pd.testing.assert_frame_equal(spillover(frame, 2, 10).table, spillover(turned, 2, 10).table.loc[frame.columns, frame.columns])


def test_sums_of_the_table() -> None:
    found = spillover(simulated(3, 300, seed=2), 2, 5)
    received = [sum(found.table.iloc[i, j] for j in range(3) if j != i) for i in range(3)]
    given = [sum(found.table.iloc[i, j] for i in range(3) if i != j) for j in range(3)]
    np.testing.assert_allclose(found.from_others, received)
    np.testing.assert_allclose(found.to_others, given)
    np.testing.assert_allclose(found.net, np.subtract(given, received))
    assert found.total == pytest.approx(sum(received) / 3)
    assert found.net.sum() == pytest.approx(0)


@pytest.mark.parametrize(
    ("frame", "lags", "horizon", "message"),
    [
        (pd.DataFrame({"a": np.arange(50.0)}), 1, 10, "two columns"),
        (simulated(2, 100, 1), 1, 0, "horizon"),
        (simulated(2, 100, 1).assign(gap=np.nan), 1, 10, "without gaps"),
        (simulated(4, 20, 1), 4, 10, "too few"),
    ],
)
def test_refuses_what_gives_no_table(frame: pd.DataFrame, lags: int, horizon: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spillover(frame, lags, horizon)


def test_published_tables_of_the_sample(sample_home: Path) -> None:
    """The newest published table is that of the newest window of the volatilities behind it."""
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as published:
        mart = published.sql("from scenarios.fct_spillover where observation_date = (select max(observation_date) from scenarios.fct_spillover)").df()
    with duckdb.connect(str(sample_home / "warehouse.duckdb"), read_only=True) as warehouse:
        weekly = warehouse.sql("select * from intermediate.int_asset_volatility_weekly where observation_date <= ?", params=[mart.observation_date[0]]).df()
    volatility = weekly.pivot(index="observation_date", columns="asset", values="volatility").dropna().iloc[-mart.weeks[0] :]
    expected = pd.DataFrame(term_by_term(np.log(volatility), 2, 10), volatility.columns, volatility.columns)
    shown = mart.pivot(index="asset", columns="from_asset", values="share_percent")
    np.testing.assert_allclose(shown.loc[expected.index, expected.columns], expected, rtol=0, atol=1e-6)
    assert mart.from_others_percent.groupby(mart.asset).first().to_dict() == pytest.approx((expected.sum(axis=1) - np.diag(expected)).to_dict())
