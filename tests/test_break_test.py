"""The test for a break against an independent computation, against its limit distribution, and on samples with and without a break."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from warehouse.break_test import CRITICAL_VALUES, LARGEST_TAIL, Floats, breaks_to_date, significance, sup_wald, tail_probability

TRIM = 0.15


def sample(seed: int, months: int, *, slope_after: float = 0.5, break_at: int | None = None, spread: float = 0.0) -> tuple[Floats, Floats]:
    """y = 0.5 x + noise, with another slope from `break_at` on; `spread` makes the noise grow with the regressor."""
    random = np.random.default_rng(seed)
    x = random.normal(size=months)
    slope = np.where(np.arange(months) < (months if break_at is None else break_at), 0.5, slope_after)
    return slope * x + random.normal(size=months) * (1 + spread * np.abs(x)), x


def by_statsmodels(y: Floats, x: Floats, first_after: int) -> tuple[float, float, float]:
    """Wald statistic and the two slopes from two regressions with HC3 covariance."""
    before, after = (sm.OLS(y[part], sm.add_constant(x[part])).fit(cov_type="HC3") for part in (slice(None, first_after), slice(first_after, None)))
    difference = after.params - before.params
    statistic = difference @ np.linalg.solve(before.cov_params() + after.cov_params(), difference)
    return float(statistic), float(before.params[1]), float(after.params[1])


@pytest.mark.parametrize(("months", "candidates"), [(60, range(9, 52)), (97, range(15, 83)), (100, range(15, 86))])
def test_agrees_with_two_regressions_for_every_candidate(months: int, candidates: range) -> None:
    y, x = sample(3, months, slope_after=-0.3, break_at=months // 2, spread=1.0)
    expected = {at: by_statsmodels(y, 0.01 * x, at) for at in candidates}
    largest = max(expected, key=lambda at: expected[at][0])
    found = sup_wald(y, 0.01 * x, TRIM)
    assert found.first_after == largest
    assert (found.statistic, found.slope_before, found.slope_after) == pytest.approx(expected[largest], rel=1e-9)


def test_critical_values_and_tail_agree_with_the_limit_distribution() -> None:
    """The supremum over [0.15, 0.85] of ||B(pi) - pi B(1)||^2 / (pi (1 - pi)), B a Brownian motion in two dimensions, within four errors of sampling.

    On a grid the supremum is a little too low; 4,000 steps keep that below the error.
    """
    random = np.random.default_rng(20)
    steps, samples = 4000, 10_000
    share = np.arange(1, steps + 1) / steps
    inside = (share >= TRIM) & (share <= 1 - TRIM)
    largest = []
    for _ in range(samples // 250):
        path = np.cumsum(random.normal(size=(250, 2, steps)) / np.sqrt(steps), axis=2)
        bridge = (path - share * path[:, :, -1:])[:, :, inside]
        largest.append(((bridge**2).sum(axis=1) / (share * (1 - share))[inside]).max(axis=1))
    drawn = np.concatenate(largest)
    for level, value in CRITICAL_VALUES.items():
        error = np.sqrt(level * (1 - level) / samples)
        assert np.mean(drawn > value) == pytest.approx(level, abs=4 * error)
        assert tail_probability(value, TRIM) == pytest.approx(level, rel=0.03)
    for statistic in (7.5, 8.0, 9.0, 13.0):
        assert np.mean(drawn > statistic) == pytest.approx(tail_probability(statistic, TRIM), rel=0.1)


def test_size_without_a_break() -> None:
    """150 months whose noise grows with the regressor: a break is found a little more often than in one sample of twenty."""
    found = [sup_wald(*sample(seed, 150, spread=1.0), TRIM).statistic for seed in range(1000)]
    assert 0.03 < np.mean(np.array(found) > CRITICAL_VALUES[0.05]) < 0.10


def test_a_planted_break_is_found_where_it_is() -> None:
    found = [sup_wald(*sample(seed, 150, slope_after=-0.8, break_at=100), TRIM) for seed in range(100)]
    assert np.mean([each.statistic > CRITICAL_VALUES[0.05] for each in found]) > 0.95
    assert np.median(np.abs([each.first_after - 100 for each in found])) <= 4
    assert np.mean([each.slope_before for each in found]) == pytest.approx(0.5, abs=0.1)
    assert np.mean([each.slope_after for each in found]) == pytest.approx(-0.8, abs=0.1)


def test_a_break_near_the_end_cannot_be_seen() -> None:
    """Months after the last 15% are no candidates: a loop that broke ten months ago is not found there."""
    y, x = sample(5, 150, slope_after=-0.8, break_at=140)
    assert sup_wald(y, x, TRIM).first_after <= 127


def test_each_month_uses_months_up_to_it() -> None:
    y, x = sample(8, 90, slope_after=-1.0, break_at=50)
    to_date = breaks_to_date(y, x, TRIM, 60)
    assert len(to_date) == 90
    assert all(np.isnan(each.statistic) and each.first_after == -1 for each in to_date[:59])
    assert to_date[59] == sup_wald(y[:60], x[:60], TRIM)
    assert to_date[59:75] == breaks_to_date(y[:75], x[:75], TRIM, 60)[59:]


def test_a_regressor_that_stands_still_has_no_statistic() -> None:
    y, x = sample(2, 80)
    assert sup_wald(y, np.zeros(80), TRIM).first_after == -1
    still_at_first = np.where(np.arange(80) < 40, 0.0, x)
    assert sup_wald(y, still_at_first, TRIM).first_after > 41


@pytest.mark.parametrize(
    ("y", "x", "trim", "message"),
    [
        (np.zeros(70), np.zeros(69), TRIM, "one length"),
        (np.full(70, np.nan), np.zeros(70), TRIM, "finite"),
        (np.zeros(70), np.zeros(70), 0.5, "trim"),
        (np.zeros(5), np.zeros(5), TRIM, "5 observations"),
    ],
)
def test_what_cannot_be_tested_says_why(y: Floats, x: Floats, trim: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sup_wald(y, x, trim)


def test_significance_and_tail() -> None:
    assert [significance(value) for value in (20.0, 15.0, 11.0)] == [0.01, 0.05, 0.10]
    assert np.isnan([significance(9.0), significance(np.nan), tail_probability(np.nan, TRIM), tail_probability(6.0, TRIM), tail_probability(1.0, TRIM)]).all()
    tails = [tail_probability(value, TRIM) for value in np.arange(7.5, 40, 0.5)]
    assert tails == sorted(tails, reverse=True) and tails[0] < LARGEST_TAIL
