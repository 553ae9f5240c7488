"""The steps of the Retreat Index that are computed in Python: against numbers worked by hand, and against slow loops that say what each means."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.detection import mean_run_length, parameters
from warehouse.retreat import (
    CALM,
    CONTAGION,
    INFLOW,
    ORDERLY_RETREAT,
    Membership,
    Yardstick,
    cusum_step,
    cusum_threshold,
    latch,
    moving_persistence,
    past_quantile,
    regimes,
    score,
    shift_evidence,
    trailing_mean,
    trailing_rms,
)

NO_FREEZE = Yardstick(window=6, gap=1, minimum=6, freeze=0, run_length=100)


def judged(*values: float, yardstick: Yardstick = NO_FREEZE, clip: float = 4) -> np.ndarray:
    return score(np.array([values], dtype=float), yardstick, clip).z_score[0]


def test_robust_z_by_median_and_median_deviation() -> None:
    # 7th: -3 -2 -1 1 2 3 have median 0 and deviations 3 2 1 1 2 3 with median 2: z = 0. 8th: with 0 added median 0, deviations
    # 0 1 1 2 2 3 3 with median 2: z = 2 x 2 x 1.4826 / (1.4826 x 2) = 2
    z = judged(-3, -2, -1, 1, 2, 3, 0, 2 * 2 * 1.4826)
    assert np.isnan(z[:6]).all()
    assert z[6:] == pytest.approx([0, 2])


def test_mean_deviation_stands_in_and_z_is_clipped() -> None:
    # 0 0 0 0 3 3 have median 0, median deviation 0, mean deviation 6 / 6 = 1: z = 2 x 1.2533 / 1.2533 = 2, then clipped
    assert judged(0, 0, 0, 0, 3, 3, 2 * 1.2533, 1000)[6:] == pytest.approx([2, 4])


def test_one_value_all_the_time_gives_no_z() -> None:
    found = score(np.array([[0.0] * 7 + [5.0]]), NO_FREEZE, 4)
    assert np.isnan(found.z_score).all()
    assert np.isnan(found.cusum).all()
    assert found.observations[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_chart_steps_on_residuals_and_is_held_below_its_ceiling() -> None:
    # 1 + 2 - 0.5 = 2.5; 1 - 3 - 0.5 < 0; 4 + 3 - 0.5 = 6.5 is held at 5; a missing residual changes nothing
    before, residual = np.array([1.0, 1.0, 4.0, 1.5]), np.array([2.0, -3.0, 3.0, np.nan])
    assert cusum_step(before, residual, np.full(4, 0.5), np.full(4, 5.0)).tolist() == [2.5, 0, 5, 1.5]


def test_threshold_of_the_chart() -> None:
    # k = 0.5 at persistence 0; b = 5 + 1.166, (e^6.166 - 1 - 6.166) / 0.5 = 938
    assert cusum_threshold(np.array([0.0]), 938.2)[0] == pytest.approx(5, abs=0.001)
    # a series that hangs together has a smaller allowance, so its chart climbs further without a drift
    assert np.all(np.diff(cusum_threshold(np.array([0.0, 0.5, 0.9, 0.98]), 1260)) > 0)


def test_run_length_of_independent_noise() -> None:
    # exact: 930.9 (Brook & Evans 1972); the mean of 4,000 run lengths lies within 3.1% of it in 95 of 100 draws, and this draw is fixed
    assert mean_run_length(0, 4000, seed=1, steps=931, estimated=False) == pytest.approx(930.9, rel=0.05)


@pytest.mark.parametrize("phi", [0.5, 0.9, 0.98])
def test_run_length_of_noise_that_hangs_together(phi: float) -> None:
    assert mean_run_length(phi, 4000, seed=2, steps=1260, estimated=True) == pytest.approx(1260, rel=0.15)


def test_persistence_is_that_of_the_window() -> None:
    generator = np.random.default_rng(1)
    values = np.zeros((1, 20000))
    for column in range(1, values.shape[1]):
        values[0, column] = 0.8 * values[0, column - 1] + generator.standard_normal()
    found = moving_persistence(values, 15000, 100)
    assert np.isnan(found[0, 98])
    assert found[0, -1] == pytest.approx(0.8, abs=0.02)
    window = values[0, -15001:]
    by_hand = np.sum((window[1:] - window.mean()) * (window[:-1] - window.mean())) / 15001 / window.var()
    assert found[0, -1] == pytest.approx(by_hand + (1 + 3 * by_hand) / 15001, rel=1e-9)


def spread(window: list[float]) -> float:
    """1.4826 x median absolute deviation, or 1.2533 x mean absolute deviation where that is 0."""
    away = np.abs(np.array(window) - np.median(window))
    return 1.4826 * float(np.median(away)) or 1.2533 * float(np.mean(away))


class Judged(NamedTuple):
    """One observation: z and chart (NaN where there is none), whether its window stood still, and the values in the window."""

    z_score: float
    cusum: float
    is_frozen: bool
    window: list[float]


def reference(values: list[float], yardstick: Yardstick, clip: float) -> list[Judged]:
    """One path, one observation at a time, in plain words."""
    result: list[Judged] = []
    chart, before, stands_at, stood_for, rest = 0.0, float("nan"), 0, 0, False
    was_high = False
    for n in range(len(values)):
        end = n - yardstick.gap
        if end < 0:
            result.append(Judged(float("nan"), float("nan"), False, []))
            continue
        if not was_high:
            rest = False
        frozen = was_high and not rest and stood_for < yardstick.freeze
        if frozen:
            stands_at = stands_at if stood_for else end - 1
            stood_for += 1
        else:
            rest = rest or was_high
            stands_at, stood_for = end, 0
        window = values[max(0, stands_at - yardstick.window) : stands_at + 1]
        if len(window) < yardstick.minimum:
            result.append(Judged(float("nan"), float("nan"), frozen, window))
            continue
        median, scale = float(np.median(window)), spread(window)
        if scale == 0:
            result.append(Judged(float("nan"), float("nan"), frozen, window))
            continue
        z = min(clip, max(-clip, (values[n] - median) / scale))
        phi = float(moving_persistence(np.array([values[: stands_at + 1]]), yardstick.window, yardstick.minimum)[0, -1])
        h = float(cusum_threshold(np.array([phi]), yardstick.run_length)[0])
        k = 0.5 * ((1 - phi) / (1 + phi)) ** 0.5
        if before == before:
            chart = min(2 * h, max(0.0, chart + (z - phi * before) / (1 - phi**2) ** 0.5 - k))
        before = z
        was_high = chart > h / 2
        result.append(Judged(z, chart, frozen, window))
    return result


@pytest.mark.parametrize("seed", range(6))
def test_score_equals_a_loop_that_says_what_it_means(seed: int) -> None:
    generator = np.random.default_rng(seed)
    # noise, then a drift that starts half-way: the window must stand still for a while, and move on after its longest freeze
    values = generator.standard_normal(300) + np.clip(np.arange(300) - 150, 0, 60) / 10
    yardstick = Yardstick(window=40, gap=5, minimum=10, freeze=30, run_length=100)
    found = score(values[None], yardstick, 4)
    expected = reference(values.tolist(), yardstick, 4)
    assert found.is_frozen[0].tolist() == [each.is_frozen for each in expected]
    assert 30 < found.is_frozen[0].sum() < 200
    np.testing.assert_allclose(found.z_score[0], [each.z_score for each in expected], rtol=1e-9)
    np.testing.assert_allclose(found.cusum[0], [each.cusum for each in expected], rtol=1e-6, atol=1e-9)


def test_a_drift_does_not_become_its_own_yardstick() -> None:
    generator = np.random.default_rng(3)
    values = 0.1 * generator.standard_normal(400) + np.clip(np.arange(400) - 200, 0, None) / 50
    moving = score(values[None], Yardstick(60, 5, 20, 0, 200), 10).z_score[0]
    standing = score(values[None], Yardstick(60, 5, 20, 100, 200), 10).z_score[0]
    assert standing[280] > 2 * moving[280]


def test_scores_of_a_day_do_not_depend_on_later_days() -> None:
    values = np.cumsum(np.random.default_rng(4).standard_normal((3, 200)), axis=1) / 5
    yardstick = Yardstick(40, 5, 10, 30, 100)
    whole, part = score(values, yardstick, 4), score(values[:, :150], yardstick, 4)
    for name in ("z_score", "scale", "cusum", "threshold", "is_frozen"):
        np.testing.assert_allclose(getattr(whole, name)[:, :150], getattr(part, name), rtol=1e-9, atol=1e-12)


def test_trailing_mean_and_root_mean_square() -> None:
    values = np.array([[1.0, np.nan, 3.0, 4.0]])
    # mean of the last two that have a value: 1, 1, 3, 3.5
    assert trailing_mean(values, 2)[0].tolist() == [1, 1, 3, 3.5]
    # of the three before, at least two: before the fourth 1 and 3, sqrt((1 + 9) / 2)
    rms = trailing_rms(values, 3, 2, 0.1)[0]
    assert np.isnan(rms[:3]).all()
    assert rms[3] == pytest.approx(5**0.5)
    assert trailing_rms(values, 3, 2, 3.0)[0, 3] == 3.0


def test_past_quantile_is_of_the_days_before() -> None:
    values = np.array([[3.0, 1.0, np.nan, 2.0, 9.0]])
    # before the fourth: 1 and 3, half-way 2; before the fifth 1, 2 and 3
    assert past_quantile(values, 0.5, 2)[0, 3:].tolist() == [2.0, 2.0]
    assert np.isnan(past_quantile(values, 0.5, 2)[0, :2]).all()


def test_latch_leaves_where_both_hold() -> None:
    enter = np.array([[False, True, False, True, False, True]])
    leave = np.array([[True, False, False, True, False, False]])
    assert latch(enter, leave)[0].tolist() == [False, True, True, False, False, True]


EVIDENCE = {"days": 1, "scale_days": 10, "scale_minimum_days": 2, "scale_floor": 1.0, "common": 0.0, "block": 0.0, "moved": 0.5, "strength": 2.0, "nodes": 1}


def evidence_of(z: list[float], **changed: float) -> float:
    """Evidence on the last of four days, of signals in one block that stood at 0 before."""
    table = np.zeros((len(z), 4))
    table[:, -1] = z
    return float(shift_evidence(table, np.ones_like(table), Membership(["flows"] * len(z), np.ones(len(z), dtype=bool)), EVIDENCE | changed)[-1])


def test_evidence_is_the_log_of_the_mixture() -> None:
    # scale 1, no common part: each signal gives ln(1/2 + 1/2 exp(2 z - 2)); z = 2: ln(0.5 + 0.5 e^2), z = 0: ln(0.5 + 0.5 e^-2)
    assert evidence_of([2.0, 0.0]) == pytest.approx(np.log(0.5 + 0.5 * np.exp(2)) + np.log(0.5 + 0.5 * np.exp(-2)))


def test_a_signal_without_weight_and_one_outside_the_core_say_nothing() -> None:
    table = np.zeros((3, 4))
    table[:, -1] = [2.0, 4.0, 4.0]
    weight = np.array([1.0, 0.0, 1.0])[:, None] * np.ones(4)
    found = shift_evidence(table, weight, Membership(["flows", "flows", "drivers"], np.array([True, True, False])), EVIDENCE)
    assert found[-1] == pytest.approx(np.log(0.5 + 0.5 * np.exp(2)))


def test_some_moving_while_others_stay_is_more_than_all_moving_alike() -> None:
    apart, alike = [2.0, 2.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]
    assert evidence_of(apart, common=0.3, nodes=7) > evidence_of(alike, common=0.3, nodes=7) + 1


RULE = {
    "speed_days": 2,
    "minimum_history_days": 3,
    "evidence_enter": 2.5,
    "leave_z": 0.5,
    "leave_days": 3,
    "contagion_volatility_quantile": 0.9,
    "contagion_quantile": 0.9,
    "contagion_breadth": 0.6,
    "contagion_leave_days": 2,
    "inflow_z": 1,
    "inflow_days": 3,
    "inflow_window": 4,
    "inflow_leave_z": 0.5,
    "inflow_leave_days": 2,
}


def regime_of(z: list[float], evidence: list[float], volatility: list[float], breadth: float = 0.5) -> list[str]:
    rows = [np.array([each], dtype=float) for each in (z, evidence, [breadth] * len(z), volatility)]
    return regimes(*rows, RULE)[0].tolist()


def test_orderly_retreat_begins_with_evidence_and_ends_with_the_index() -> None:
    z = [2, 2, 2, 2, 2, 0, 0, 0, 2]
    evidence = [0, 0, 0, 3, 0, 0, 0, 0, 0]
    assert regime_of(z, evidence, [0.1] * 9) == [CALM] * 3 + [ORDERLY_RETREAT] * 4 + [CALM] * 2


def test_evidence_while_volatility_is_far_above_its_past_is_contagion() -> None:
    evidence = [0, 0, 0, 3, 0, 0, 0]
    volatility = [0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1]
    assert regime_of([2] * 7, evidence, volatility) == [CALM] * 3 + [CONTAGION] * 2 + [CALM] * 2


def test_a_broad_burst_without_volatility_is_no_contagion() -> None:
    z = [0, 0, 0, 0, 0, 3, 3]
    assert CONTAGION not in regime_of(z, [0] * 7, [0.1] * 7, breadth=0.9)
    assert regime_of(z, [0] * 7, [0.1] * 5 + [0.4] * 2, breadth=0.9)[5] == CONTAGION


def test_inflow_and_days_without_an_index() -> None:
    assert regime_of([-2, -2, -2, -2, 0, 0, float("nan")], [0] * 7, [0.1] * 7) == [CALM] * 2 + [INFLOW] * 3 + [CALM, ""]


def test_parameters_of_the_project_are_those_of_the_functions() -> None:
    variables = parameters()
    assert set(variables["regime"]) == set(RULE)
    assert set(variables["shift_evidence"]) == set(EVIDENCE)
    assert all(Yardstick(**each) for each in variables["robust_z"].values())
