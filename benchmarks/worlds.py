"""Simulated worlds for the benchmark of detection: the 38 signals of the seed over 13 years, with and without a retreat.

A world holds what a warehouse would have seen of each signal: values at the signal's own cadence, first prints with error, the
day each became known (lag, gaps, outages), and returns of the equity market. Signals are in units of their own standard deviation
and signed so that a rise says capital leaves. Every draw comes from the world's seed alone.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter

from warehouse.dbt import SIGNALS

YEAR = 252
DAYS = 13 * YEAR
BURN_IN = 3 * YEAR
# Trading days between two observations of a signal.
STEP = {"daily": 1, "weekly": 5, "twice a month": 10, "monthly": 21, "quarterly": 63}
# Loadings of a signal on the common factor and on its block's; the rest is its own.
COMMON, BLOCK = 0.35, 0.45
SLOW, QUICK = 0.98, 0.9
QUICK_BLOCK = "hedging"
PRINT_ERROR = 0.3
GAP_SHARE = 0.02
OUTAGE_DAYS, OUTAGES = 10, 2
MOVED_SHARE = 0.6
HOLD = 120
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
RAMPS = (0, 20, 60, 120)
DECOYS = ("volatility spike", "heartbeat flow", "contract roll", "level revision", "slow inflow")
CRASH_SIZE, CRASH_HALF_LIFE = 3.0, 40
# Signals that are logs less their mean of a year: their levels have a trend and a season, which the transform must take out.
LEVELS_WITH_TREND = ("amihud_market", "market_turnover_gap", "utilities_turnover_gap")


@dataclass(frozen=True)
class Signal:
    """What the worlds take from the signal seed."""

    signal_id: str
    block: str
    family: str
    is_core: bool
    cadence: str
    cadence_days: int
    lag: int  # trading days from observation to publication

    @property
    def is_quick(self) -> bool:
        """Volatility and options: innovations fade within two weeks, not two months."""
        return self.block == QUICK_BLOCK or self.signal_id == "vol_target_exposure"


@dataclass(frozen=True)
class Scenario:
    """What happens in a world. `onset` is a day number, -1 where nothing does; `strength` in standard deviations."""

    kind: str  # null, retreat, crash, decoy
    onset: int = -1
    strength: float = 0.0
    ramp: int = 0
    detail: str = ""


@dataclass
class World:
    """One world: first prints, the days on which they became known, and the truth behind them.

    `first_print`, `known_day`: arrays [signal, observation], padded with NaN and `DAYS`. `true_value`: [signal, day], without print
    error. `shift`: [signal, day], what the scenario added. `equity_return`: [day], log.
    """

    seed: int
    scenario: Scenario
    first_print: np.ndarray
    known_day: np.ndarray
    true_value: np.ndarray
    shift: np.ndarray
    equity_return: np.ndarray
    moved: np.ndarray = field(repr=False)


def signals() -> tuple[Signal, ...]:
    """The signals of the seed, in its order."""
    with SIGNALS.open(encoding="utf-8", newline="") as lines:
        return tuple(
            Signal(
                row["signal_id"],
                row["block"],
                row["family"],
                row["is_core"] == "true",
                row["cadence"],
                int(row["cadence_days"]),
                int(np.ceil(int(row["publication_lag_days"]) * 5 / 7)),
            )
            for row in csv.DictReader(lines)
        )


def schedule(seeds: Sequence[int], counts: dict[str, int], strengths: Sequence[float] = STRENGTHS, ramps: Sequence[int] = RAMPS) -> list[tuple[int, Scenario]]:
    """Which seed is which kind of world: `counts` by kind, retreats spread evenly over strengths and ramps."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    if len(kinds) != len(seeds):
        raise ValueError(f"{len(seeds)} seeds for {len(kinds)} worlds")
    plan = []
    numbers = dict.fromkeys(counts, 0)
    for seed, kind in zip(seeds, kinds, strict=True):
        number = numbers[kind]
        numbers[kind] += 1
        onset = int(np.random.default_rng([seed, 1]).integers(5 * YEAR, 11 * YEAR))
        if kind == "null":
            plan.append((seed, Scenario("null")))
        elif kind == "retreat":
            strength = strengths[number % len(strengths)]
            ramp = ramps[number // len(strengths) % len(ramps)]
            plan.append((seed, Scenario("retreat", onset, strength, ramp)))
        elif kind == "crash":
            plan.append((seed, Scenario("crash", onset)))
        else:
            plan.append((seed, Scenario("decoy", onset, detail=DECOYS[number % len(DECOYS)])))
    return plan


def simulate(seed: int, scenario: Scenario, members: Sequence[Signal]) -> World:
    """One world of `DAYS` trading days."""
    generator = np.random.default_rng([seed, 2])
    blocks = sorted({each.block for each in members})
    quick = [*(each.is_quick for each in members), *(block == QUICK_BLOCK for block in blocks), False]
    persistence = np.where(quick, QUICK, SLOW)
    process = _autoregression(generator, persistence)
    own, of_block, common = process[: len(members)], process[len(members) : -1], process[-1]
    index = np.array([blocks.index(each.block) for each in members])
    null = COMMON * common + BLOCK * of_block[index] + np.sqrt(1 - COMMON**2 - BLOCK**2) * own
    shift, moved = _shift(generator, scenario, members)
    value = null + shift
    equity = 0.01 * _garch(generator, 1)[0]
    if scenario.kind == "crash":
        length = int(generator.integers(10, 26))
        crash = slice(scenario.onset, scenario.onset + length)
        equity[crash] = equity[crash] * generator.uniform(3, 5) + np.log1p(-generator.uniform(0.15, 0.35)) / length
    elif scenario.detail == "volatility spike":
        equity[scenario.onset : scenario.onset + 10] *= 2.5
    observed = value.copy()
    for number, each in enumerate(members):
        if each.signal_id in LEVELS_WITH_TREND:
            observed[number] = _gap_to_year(value[number])
    first_print, known_day = _publish(generator, observed, members)
    return World(seed, scenario, first_print, known_day, observed, shift, equity, moved)


def _autoregression(generator: np.random.Generator, persistence: np.ndarray) -> np.ndarray:
    """First-order autoregressions of unit variance, from their stationary distribution: [series, day]."""
    noise = _garch(generator, len(persistence))
    start = generator.standard_normal(len(persistence))
    return np.stack([lfilter([np.sqrt(1 - phi**2)], [1, -phi], row, zi=[phi * first])[0] for phi, row, first in zip(persistence, noise, start, strict=True)])


def _garch(generator: np.random.Generator, series: int) -> np.ndarray:
    """Student t with 5 degrees of freedom and GARCH(1,1) variance (0.05, 0.93), unit variance: [series, day]."""
    shock = generator.standard_t(5, (DAYS, series)) / np.sqrt(5 / 3)
    variance = np.ones(series)
    result = np.empty((DAYS, series))
    for day in range(DAYS):
        result[day] = np.sqrt(variance) * shock[day]
        variance = 0.02 + 0.05 * result[day] ** 2 + 0.93 * variance
    return result.T


def _gap_to_year(value: np.ndarray) -> np.ndarray:
    """A log level with trend and season less its mean of a year, in units of the signal."""
    day = np.arange(DAYS)
    level = 0.08 * day / YEAR + 0.05 * np.cos(2 * np.pi * day / YEAR) + 0.15 * value
    total = np.concatenate([[0.0], np.cumsum(level)])
    start = np.maximum(day + 1 - YEAR, 0)
    return np.asarray((level - (total[day + 1] - total[start]) / (day + 1 - start)) / 0.15)


def ramp_of(onset: int, ramp: int, hold: int = HOLD) -> np.ndarray:
    """Share of the full shift by day: a straight ramp from the onset, held, then gone as it came."""
    since = np.arange(DAYS) - onset + 1.0
    rise = np.clip(since / max(ramp, 1), 0, 1)
    fall = np.clip((since - ramp - hold) / max(ramp, 1), 0, 1)
    return np.asarray(rise - fall)


def _shift(generator: np.random.Generator, scenario: Scenario, members: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    shift = np.zeros((len(members), DAYS))
    core = np.array([each.is_core for each in members])
    moved = np.zeros(len(members), dtype=bool)
    for group in (core, ~core):
        positions = np.flatnonzero(group)
        moved[generator.permutation(positions)[: round(MOVED_SHARE * len(positions))]] = True
    onset = scenario.onset
    if scenario.kind == "retreat" or scenario.detail == "slow inflow":
        strength, ramp = (scenario.strength, scenario.ramp) if scenario.kind == "retreat" else (-1.25, 60)
        for position in np.flatnonzero(moved):
            block = members[position].block
            away = int(generator.integers(0, 61)) * (-1 if block == "drivers" else 1 if block == "destinations" else 0)
            shift[position] = strength * ramp_of(onset + away, ramp)
    elif scenario.kind == "crash":
        since = np.arange(DAYS) - onset
        moved = core
        shift[core] = np.where(since >= 0, CRASH_SIZE * 0.5 ** (np.maximum(since, 0) / CRASH_HALF_LIFE), 0.0)
    elif scenario.kind == "decoy":
        day = np.arange(DAYS)
        for position, each in enumerate(members):
            if scenario.detail == "volatility spike" and each.is_quick:
                shift[position] = 3 * np.clip(1 - np.abs(day - onset - 5) / 5, 0, 1)
            elif scenario.detail == "heartbeat flow" and each.signal_id in ("etf_core3_flow", "defensive_rotation_flow"):
                beat = (day - onset) % 63
                shift[position] = np.where((day >= onset) & (day < onset + YEAR), 4.0 * (beat == 0) - 4.0 * (beat == 1), 0.0)
            elif scenario.detail == "contract roll" and each.family == "cot":
                shift[position] = np.where((day >= onset) & (day < onset + YEAR) & ((day - onset) % 63 < 10), 1.0, 0.0)
        if scenario.detail == "level revision":
            shift[generator.choice(np.flatnonzero(core))] = 3.0 * (day >= onset)
    return shift, moved


def _publish(generator: np.random.Generator, value: np.ndarray, members: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    """First prints at each signal's cadence and the days on which they became known, without those never published."""
    outages = [(int(generator.integers(BURN_IN, DAYS - OUTAGE_DAYS)), generator.random(len(members)) < 0.5) for _ in range(OUTAGES)]
    first_print = np.full((len(members), DAYS), np.nan)
    known_day = np.full((len(members), DAYS), DAYS)
    for position, each in enumerate(members):
        observed = np.arange(STEP[each.cadence] - 1, DAYS, STEP[each.cadence])
        printed = value[position, observed] + PRINT_ERROR * generator.standard_normal(len(observed))
        known = observed + each.lag
        for start, touched in outages:
            if touched[position]:
                known = np.where((known >= start) & (known < start + OUTAGE_DAYS), start + OUTAGE_DAYS, known)
        kept = (generator.random(len(observed)) >= GAP_SHARE) & (known < DAYS)
        # what became known on one day counts with its newest observation, as in the warehouse
        kept[:-1] &= ~((known[:-1] == known[1:]) & kept[1:])
        count = int(kept.sum())
        first_print[position, :count] = printed[kept]
        known_day[position, :count] = known[kept]
    return first_print, known_day
