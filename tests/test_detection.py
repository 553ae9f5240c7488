"""The benchmark of detection: its worlds, its way of counting, and that it computes the index as the marts do."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.signal import lfilter

from benchmarks import worlds
from benchmarks.detection import CORE, MEMBERS, above_on_40_of_60, alarms, episodes, found_at, index_weights, interval, median_delay, parameters, threshold
from benchmarks.worlds import BURN_IN, DAYS, Scenario, schedule, simulate
from warehouse.retreat import CONTAGION, ORDERLY_RETREAT, trailing_rms


def test_a_world_is_its_seed() -> None:
    scenario = Scenario("retreat", onset=1500, strength=1.25, ramp=60)
    one, again, other = (simulate(seed, scenario, MEMBERS) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.first_print, again.first_print)
    np.testing.assert_array_equal(one.known_day, again.known_day)
    assert not np.array_equal(one.true_value, other.true_value)


def test_a_retreat_moves_part_of_the_core_and_comes_back() -> None:
    world = simulate(7, Scenario("retreat", onset=1500, strength=1.25, ramp=60), MEMBERS)
    moved = world.moved & CORE
    assert moved.sum() == round(0.6 * CORE.sum())
    assert not world.shift[CORE & ~moved].any()
    assert np.all(world.shift[:, : 1500 - 60] == 0)
    # half on the 30th day of the ramp, all of it from the 60th, held for 120 days, then gone
    np.testing.assert_allclose(world.shift[moved][:, [1499, 1529, 1559, 1679, 1739]], np.tile([0, 0.625, 1.25, 1.25, 0], (moved.sum(), 1)))


def test_nothing_is_known_before_its_lag_and_some_is_never_published() -> None:
    world = simulate(3, Scenario("null"), MEMBERS)
    for number, each in enumerate(MEMBERS):
        known = world.known_day[number][~np.isnan(world.first_print[number])]
        assert np.all(np.diff(known) >= 0)
        assert known[0] >= worlds.STEP[each.cadence] - 1 + each.lag
    daily = [number for number, each in enumerate(MEMBERS) if each.cadence == "daily"]
    published = (~np.isnan(world.first_print[daily])).sum(axis=1)
    assert np.all((published > 0.95 * DAYS) & (published < DAYS))


def test_signals_without_a_retreat_have_unit_variance_and_share_a_factor() -> None:
    worlds_without = [simulate(seed, Scenario("null"), MEMBERS) for seed in range(20)]
    plain = [number for number, each in enumerate(MEMBERS) if each.signal_id not in worlds.LEVELS_WITH_TREND]
    values = np.concatenate([world.true_value[plain] for world in worlds_without], axis=1)
    assert np.std(values) == pytest.approx(1, abs=0.1)
    together = np.corrcoef(values)
    positions = [MEMBERS[number] for number in plain]
    slow = [number for number, each in enumerate(positions) if not each.is_quick]
    inside = [together[a, b] for a in slow for b in slow if a < b and positions[a].block == positions[b].block]
    between = [together[a, b] for a in slow for b in slow if a < b and positions[a].block != positions[b].block]
    assert np.mean(inside) == pytest.approx(0.35**2 + 0.45**2, abs=0.08)
    assert np.mean(between) == pytest.approx(0.35**2, abs=0.08)


def test_schedule_spreads_strengths_and_ramps() -> None:
    plan = schedule(range(100, 164), {"null": 16, "retreat": 32, "crash": 8, "decoy": 8})
    retreats = [scenario for _, scenario in plan if scenario.kind == "retreat"]
    assert len({(each.strength, each.ramp) for each in retreats}) == 32
    assert {scenario.detail for _, scenario in plan if scenario.kind == "decoy"} == set(worlds.DECOYS)
    with pytest.raises(ValueError, match="3 seeds for 2 worlds"):
        schedule(range(3), {"null": 2})


def test_alarms_leave_after_twenty_days_and_near_ones_are_one() -> None:
    statistic = np.zeros(DAYS)
    statistic[BURN_IN - 50 : BURN_IN - 40] = 9  # before anything counts
    statistic[BURN_IN + 100] = 9
    statistic[BURN_IN + 130] = 9  # 10 days after the first was off
    statistic[BURN_IN + 400] = 9
    assert alarms(statistic, 5, 2.5) == [BURN_IN + 100, BURN_IN + 400]


def test_episodes_name_what_they_begin_with() -> None:
    regime = np.full(DAYS, "calm", dtype="<U15")
    regime[BURN_IN + 10 : BURN_IN + 20] = CONTAGION
    regime[BURN_IN + 20 : BURN_IN + 60] = ORDERLY_RETREAT
    regime[BURN_IN + 200 : BURN_IN + 210] = ORDERLY_RETREAT
    assert episodes(regime) == [(BURN_IN + 10, CONTAGION), (BURN_IN + 200, ORDERLY_RETREAT)]


def test_found_is_from_the_onset_on() -> None:
    scenario = Scenario("retreat", onset=1000, strength=1, ramp=60)
    assert found_at([900, 1020, 1030], scenario, 1090) == 1020
    assert found_at([900, 1091], scenario, 1090) is None


def test_interval_and_median_delay() -> None:
    # no alarm in ten years: -ln(0.025) / 10 at most
    assert interval(0, 10) == pytest.approx((0, 0.3689), abs=1e-4)
    # 3 of 4 found at 10, 20, 30; the fourth is known to take more than 15. Survival 3/4 after 10, then 3/4 x 1/2 after 20
    assert median_delay([(10, True), (20, True), (30, True), (15, False)]) == 20
    assert median_delay([(60, False)]) == float("inf")


def test_threshold_gives_the_rate_it_is_set_to() -> None:
    generator = np.random.default_rng(5)
    statistics = [lfilter([1.0], [1, -0.9], generator.standard_normal(DAYS)) for _ in range(10)]
    level = threshold(statistics, lambda high: high / 2)
    rate = sum(len(alarms(each, level, level / 2)) for each in statistics) / (10 * (DAYS - BURN_IN) / worlds.YEAR)
    assert rate == pytest.approx(0.3, abs=0.02)


def test_level_of_40_of_60_days() -> None:
    index_z = np.zeros((1, 100))
    index_z[0, 40:] = 2.0
    found = above_on_40_of_60(index_z)[0]
    assert (found[78], found[79]) == (0, 2)


def test_the_index_is_that_of_the_marts(sample_home: Path) -> None:
    variables = parameters()
    with duckdb.connect(str(sample_home / "warehouse.duckdb"), read_only=True) as connection:
        member = connection.execute("select observation_date, signal_id, weight, z_score, index_weight from intermediate.int_signal_daily").df()
        aggregate = connection.execute("select observation_date, live_core_blocks, z_score from intermediate.int_retreat_aggregate order by 1").df()

    def by_day(column: str) -> np.ndarray:
        table = member.pivot(index="signal_id", columns="observation_date", values=column)
        return table.reindex(index=[each.signal_id for each in MEMBERS], columns=aggregate["observation_date"]).to_numpy(dtype=float)

    z_score = by_day("z_score")
    share, live_blocks = index_weights(np.where(np.isnan(z_score), 0, np.nan_to_num(by_day("weight")))[None])
    np.testing.assert_allclose(share[0], np.nan_to_num(by_day("index_weight")), rtol=1e-9, atol=1e-12)
    assert live_blocks[0].tolist() == aggregate["live_core_blocks"].tolist()
    total = np.where(live_blocks[0] >= variables["minimum_core_blocks"], (share[0] * np.nan_to_num(z_score)).sum(axis=0), np.nan)
    index_z = total / trailing_rms(total[None], variables["scale_days"], variables["scale_minimum_days"], variables["scale_floor"])[0]
    assert np.isfinite(index_z).sum() > 500
    np.testing.assert_allclose(index_z, aggregate["z_score"].to_numpy(dtype=float), rtol=1e-9, atol=1e-12)
