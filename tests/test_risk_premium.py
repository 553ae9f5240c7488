"""Implied premium of an index and its political part: figures in print, a scalar root finder, and the same regression written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from warehouse.risk_premium import ImpliedReturn, PoliticalRisk, growing, implied_return, newey_west_lags, political_risk_premium, present_value


def premium(found: ImpliedReturn, bond_rate: float) -> float:
    (rate,), (status,) = found.rate, found.status
    assert status == "computed"
    return float(rate) - bond_rate


def test_premium_of_2005_from_the_flows_in_print() -> None:
    """Damodaran, Equity Risk Premiums: S&P 500 at 1211.92 on 2005-01-01, flows of five years as printed, bond rate 4.22%: 7.87% and 3.65%."""
    found = implied_return([1211.92], [[38.13, 41.37, 44.89, 48.71, 52.85]], [0.0422])
    assert found.rate[0] == pytest.approx(0.0787, abs=0.5e-4)
    assert premium(found, 0.0422) == pytest.approx(0.0365, abs=0.5e-4)


@pytest.mark.parametrize(
    ("level", "cash_flow", "growth", "bond_rate", "published"),
    [
        pytest.param(1468.36, 0.0402 * 1468.36, 0.05, 0.0402, 0.0437, id="2008-01-01"),
        pytest.param(903.25, 52.58, 0.04, 0.0221, 0.0643, id="2009-01-01"),
    ],
)
def test_premium_from_cash_flow_and_growth_in_print(level: float, cash_flow: float, growth: float, bond_rate: float, published: float) -> None:
    """The same paper for 2008 (cash yield of 4.02%) and 2009."""
    assert premium(implied_return([level], growing([cash_flow], [growth]), [bond_rate]), bond_rate) == pytest.approx(published, abs=0.5e-4)


def test_flat_flows_at_a_bond_rate_of_zero_are_a_perpetuity() -> None:
    """By hand: 5 a year for ever are worth 100 at 5 / 100 = 5%."""
    assert premium(implied_return([100.0], growing([5.0], [0.0]), [0.0]), 0.0) == pytest.approx(0.05, abs=1e-9)


def test_flows_that_always_grow_at_the_bond_rate_follow_gordon() -> None:
    """By hand: price = flow x (1 + g) / (r - g), so premium r - g = 4 x 1.03 / 100 = 4.12%."""
    assert premium(implied_return([100.0], growing([4.0], [0.03]), [0.03]), 0.03) == pytest.approx(0.0412, abs=1e-9)


def test_all_at_once_as_one_by_one() -> None:
    random = np.random.default_rng(5)
    level, bond = random.uniform(500, 6000, 300), random.uniform(-0.005, 0.15, 300)
    cash_flow, growth = level * random.uniform(0.005, 0.12, 300), random.uniform(-0.2, 0.4, 300)
    found = implied_return(level, growing(cash_flow, growth), bond)
    assert set(found.status) == {"computed"}
    for number, (price, paid, rise, base) in enumerate(zip(level, cash_flow, growth, bond, strict=True)):

        def too_dear(rate: float, price: float = price, paid: float = paid, rise: float = rise, base: float = base) -> float:
            value, flow = 0.0, paid
            for year in range(1, 6):
                flow *= 1 + rise
                value += flow / (1 + rate) ** year
            return value + flow * (1 + base) / (rate - base) / (1 + rate) ** 5 - price

        assert found.rate[number] == pytest.approx(brentq(too_dear, base + 1e-6, base + 2, xtol=1e-13), abs=1e-9)
    assert present_value(found.rate, growing(cash_flow, growth), bond) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize(
    ("level", "cash_flow", "growth", "bond_rate", "status"),
    [
        (100.0, -4.0, 0.05, 0.03, "negative cash flow"),
        (100.0, 0.0, 0.05, 0.03, "negative cash flow"),
        (100.0, 4.0, -1.5, 0.03, "negative cash flow"),
        (100.0, 4.0, 9.0, 0.03, "no rate in range"),
        (100.0, np.nan, 0.05, 0.03, "missing cash flow"),
        (100.0, 4.0, np.nan, 0.03, "missing cash flow"),
        (np.nan, 4.0, 0.05, 0.03, "missing price"),
        (0.0, 4.0, 0.05, 0.03, "missing price"),
        (100.0, 4.0, 0.05, np.nan, "missing discount rate"),
    ],
)
def test_what_has_no_rate_says_why_and_leaves_others_alone(level: float, cash_flow: float, growth: float, bond_rate: float, status: str) -> None:
    found = implied_return([level, 100.0], growing([cash_flow, 4.0], [growth, 0.03]), [bond_rate, 0.03])
    assert found.status.tolist() == [status, "computed"]
    assert np.isnan(found.rate[0]) and found.rate[1] == pytest.approx(0.0712)


def test_growth_above_the_bond_rate_has_a_root() -> None:
    """Growth of five years ends: only growth for ever would need a rate above it."""
    assert premium(implied_return([100.0], growing([1.0], [0.5]), [0.03]), 0.03) < 0.5 - 0.03


def test_nothing_gives_nothing() -> None:
    found = implied_return([], growing([], []), [])
    assert found.rate.shape == found.status.shape == (0,)


# -- political risk --------------------------------------------------------------------------------------------------------

RULE = {"minimum_months": 60, "critical_t": 1.2816}


@pytest.mark.parametrize(("months", "lags"), [(60, 3), (100, 4), (184, 4), (480, 5)])
def test_lags(months: int, lags: int) -> None:
    """By hand: (60 / 100)^(2/9) = 0.893, x 4 = 3.57; 1.84^(2/9) = 1.145, x 4 = 4.58; 4.8^(2/9) = 1.417, x 4 = 5.67."""
    assert newey_west_lags(months) == lags


def months_of(slope: float, count: int = 120, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risk = np.log(100) + 0.3 * np.sin(np.arange(count) / 7) + 0.1 * random.standard_normal(count)
    return 0.05 + slope * (risk - np.log(100)) + 0.002 * random.standard_normal(count), risk


def test_slope_error_and_premium_by_hand() -> None:
    """Least squares and the weighted autocovariances of Newey and West (1987, equation 5), written out."""
    paid, risk = months_of(0.015)
    found = political_risk_premium(paid, risk, 200.0, 100.0, **RULE)
    design = np.column_stack([np.ones_like(risk), risk])
    inverse = np.linalg.inv(design.T @ design)
    coefficient = inverse @ design.T @ paid
    score = design * (paid - design @ coefficient)[:, None]
    middle = score.T @ score
    for lag in range(1, 5):
        across = score[lag:].T @ score[:-lag]
        middle += (1 - lag / 5) * (across + across.T)
    error = np.sqrt((inverse @ middle @ inverse)[1, 1] * 120 / 118)
    assert (found.status, found.months, found.lags) == ("computed", 120, 4)
    assert (found.slope, found.standard_error) == (pytest.approx(coefficient[1]), pytest.approx(error))
    assert found.premium == pytest.approx(coefficient[1] * np.log(2))
    assert found.upper - found.premium == found.premium - found.lower == pytest.approx(1.645 * error * np.log(2))


def test_premium_is_below_zero_where_risk_is_below_usual() -> None:
    found = political_risk_premium(*months_of(0.015), 50.0, 100.0, **RULE)
    assert found.premium == pytest.approx(found.slope * -np.log(2))
    assert found.lower < found.premium < found.upper < 0


@pytest.mark.parametrize("slope", [0.0, -0.015])
def test_no_premium_without_a_slope_above_zero(slope: float) -> None:
    paid, risk = months_of(slope, seed=4)
    found = political_risk_premium(paid, risk, 200.0, 100.0, **RULE)
    assert found.status == "no measured relation" and found.t_statistic < 1.2816
    assert np.isnan([found.premium, found.lower, found.upper]).all()


def test_a_relation_by_chance_is_as_rare_as_the_test_says() -> None:
    """Without autocorrelation, 10% of unrelated series pass; 400 of them, five standard errors to either side."""
    passed = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        passed += political_risk_premium(random.standard_normal(180), random.standard_normal(180), 2.0, 1.0, **RULE).status == "computed"
    assert 0.025 < passed / 400 < 0.175


@pytest.mark.parametrize(
    ("count", "now", "usual"), [(59, 200.0, 100.0), (0, 200.0, 100.0), (120, np.nan, 100.0), (120, 200.0, np.nan)], ids=["few", "none", "now", "usual"]
)
def test_short_history(count: int, now: float, usual: float) -> None:
    paid, risk = months_of(0.015)
    found = political_risk_premium(paid[:count], risk[:count], now, usual, **RULE)
    assert found.status == "short history" and np.isnan(found.premium) and np.isnan(found.t_statistic)


def test_risk_that_never_changed_explains_nothing() -> None:
    paid, _ = months_of(0.015)
    assert political_risk_premium(paid, np.full(120, 4.6), 200.0, 100.0, **RULE) == PoliticalRisk(months=120)
