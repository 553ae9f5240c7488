"""Does it work? How soon the Retreat Index finds a slow retreat, at how many false alarms, against simpler rules and against an oracle.

    python -m benchmarks.detection [--tuning 200] [--scoring 1000] [--processes 2]

Two hundred worlds set the thresholds of the simpler rules; the parameters of the product are those of `dbt_project.yml`, whose commit the report prints.
A thousand other worlds are scored. docs/detection.md explains protocol and result.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import click
import numpy as np
import yaml
from numpy.lib.stride_tricks import sliding_window_view
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.signal import fftconvolve
from scipy.stats import CensoredData, binomtest, chi2, ecdf

from benchmarks import worlds
from benchmarks.worlds import BURN_IN, DAYS, YEAR, Scenario, Signal, World, schedule, simulate
from expectations.project import PROJECT
from warehouse.retreat import (
    CONTAGION,
    ORDERLY_RETREAT,
    Membership,
    Yardstick,
    allowance,
    cusum_step,
    cusum_threshold,
    moving_persistence,
    regimes,
    score,
    shift_evidence,
    trailing_mean,
    trailing_rms,
)
from warehouse.settings import REPOSITORY

FROZEN = ("dbt_project/dbt_project.yml", "warehouse/retreat.py", "benchmarks/worlds.py")
MEMBERS = worlds.signals()
CORE = np.array([each.is_core for each in MEMBERS])
TUNING = {"null": 0.35, "retreat": 0.4, "crash": 0.125, "decoy": 0.125}
SCORING = {"null": 0.3, "retreat": 0.48, "crash": 0.12, "decoy": 0.1}
ARTICLE_STRENGTH, ARTICLE_RAMP = 1.25, 60
HORIZON = 60
FALSE_ALARMS_A_YEAR = 1 / 3
# Rules are tuned a little below the aim, so that the interval of a thousand worlds stays under it.
TUNED_TO = 0.30
MERGE_DAYS = 20
YEARS_WATCHED = (DAYS - BURN_IN) / YEAR


@dataclass(frozen=True)
class Rule:
    """A rule to compare with: alarm while its statistic is above a threshold, until it has been under `leave` of it for 20 days."""

    name: str
    usual: float
    leave: Callable[[float], float]


RULES = (
    Rule("any of 38 signals", 2.0, lambda threshold: threshold / 2),
    Rule("seven-indicator gauge", 75.0, lambda threshold: (threshold + 50) / 2),
    Rule("index above on 40 of 60 days", 1.0, lambda threshold: threshold / 2),
    Rule("first principal component", 5.0, lambda threshold: threshold / 2),
)


def parameters() -> Mapping[str, Any]:
    """The vars of the dbt project."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    variables: Mapping[str, Any] = project["vars"]
    return variables


@dataclass(frozen=True)
class Seen:
    """What the product and the simpler rules see of one world, by day."""

    scenario: Scenario
    index_z: np.ndarray
    regime: np.ndarray
    statistic: np.ndarray  # [rule, day]
    oracle: np.ndarray  # [strength, day]


def daily(group: Sequence[World]) -> tuple[np.ndarray, np.ndarray]:
    """z and freshness of each signal as known at the end of each day: [world, signal, day]."""
    variables = parameters()
    z_score = np.full((len(group), len(MEMBERS), DAYS), np.nan)
    weight = np.zeros_like(z_score)
    day = np.arange(DAYS)
    for cadence, settings in variables["robust_z"].items():
        positions = [number for number, each in enumerate(MEMBERS) if each.cadence == cadence]
        values = np.concatenate([world.first_print[positions] for world in group])
        known = np.concatenate([world.known_day[positions] for world in group])
        longest = int((~np.isnan(values)).sum(axis=1).max())
        found = score(values[:, :longest], Yardstick(**settings), variables["z_clip"]).z_score
        for row in range(len(values)):
            world, position = row // len(positions), positions[row % len(positions)]
            last = np.searchsorted(known[row, :longest], day, side="right") - 1
            held = np.where(last >= 0, found[row, np.maximum(last, 0)], np.nan)
            # calendar days from the end of the day of publication
            age = (day - known[row, np.maximum(last, 0)] + 1) * 7 / 5
            z_score[world, position] = held
            weight[world, position] = np.where(np.isnan(held), 0.0, np.clip(3 - age / MEMBERS[position].cadence_days, 0, 1))
    return z_score, weight


def index_weights(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each signal in the index, [world, signal, day], and the live core blocks, [world, day], as in the model int_signal_daily."""
    share = np.zeros_like(weight)
    in_block: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, each in enumerate(MEMBERS):
        if each.is_core:
            in_block[each.block][each.family].append(number)
    block_weight = {}
    for block, families in in_block.items():
        family_weight = {family: weight[:, members].max(axis=1) for family, members in families.items()}
        total = np.sum(list(family_weight.values()), axis=0)
        for family, members in families.items():
            within = _share(weight[:, members], weight[:, members].sum(axis=1)[:, None])
            share[:, members] = within * _share(family_weight[family], total)[:, None]
        block_weight[block] = np.max(list(family_weight.values()), axis=0)
    total = np.sum(list(block_weight.values()), axis=0)
    for block, families in in_block.items():
        members = [member for family in families.values() for member in family]
        share[:, members] *= _share(block_weight[block], total)[:, None]
    return share, np.sum([each > 0 for each in block_weight.values()], axis=0)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole != 0)


def volatility(log_return: np.ndarray, days: int = 21) -> np.ndarray:
    """Annualised standard deviation of the last daily log returns, by row."""
    result = np.full(log_return.shape, np.nan)
    result[:, days - 1 :] = np.sqrt(YEAR) * sliding_window_view(log_return, days, axis=1).std(axis=2, ddof=1)
    return result


def observe(plan: Sequence[tuple[int, Scenario]]) -> list[Seen]:
    """Simulate worlds and compute, by day, what each rule makes of them."""
    variables = parameters()
    group = [simulate(seed, scenario, MEMBERS) for seed, scenario in plan]
    z_score, weight = daily(group)
    share, live_blocks = index_weights(weight)
    total = np.where(live_blocks >= variables["minimum_core_blocks"], (share * np.nan_to_num(z_score)).sum(axis=1), np.nan)
    index_z = total / trailing_rms(total, variables["scale_days"], variables["scale_minimum_days"], variables["scale_floor"])
    live = (weight[:, CORE] > 0) & ~np.isnan(z_score[:, CORE])
    breadth = _share((live & (z_score[:, CORE] > variables["breadth_z"])).sum(axis=1), live.sum(axis=1))
    equity = np.stack([world.equity_return for world in group])
    evidence = shift_evidence(z_score, weight, Membership([each.block for each in MEMBERS], CORE), variables["shift_evidence"])
    evidence[:, :BURN_IN] = np.nan
    regime = regimes(index_z, evidence, breadth, volatility(equity), variables["regime"])
    statistic = np.stack([largest(z_score, weight), gauge(z_score, equity), above_on_40_of_60(index_z), first_component(z_score)], axis=1)
    return [
        Seen(world.scenario, index_z[number].astype(np.float32), regime[number], statistic[number].astype(np.float32), oracle_by_strength(world))
        for number, world in enumerate(group)
    ]


def largest(z_score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The largest z of all live signals."""
    return np.where(weight > 0, np.nan_to_num(z_score, nan=-9.0), -9.0).max(axis=1)


def gauge(z_score: np.ndarray, equity: np.ndarray) -> np.ndarray:
    """Mean of seven percentile ranks of a year, 0-100, high = fear.

    Price against its mean of 125 days, return of 20 days, put/call ratio, VIX against its mean of 50 days; close location, effective spread and SKEW stand in
    for breadth, junk spread and new lows, which the worlds do not hold.
    """
    position = {each.signal_id: number for number, each in enumerate(MEMBERS)}
    price = np.cumsum(equity, axis=1)
    vix = z_score[:, position["vix_log"]]
    month = np.zeros_like(price)
    month[:, 20:] = price[:, :-20] - price[:, 20:]
    seven = [
        trailing_mean(price, 125) - price,
        month,
        z_score[:, position["put_call_equity"]],
        vix - trailing_mean(vix, 50),
        z_score[:, position["signed_close_location"]],
        z_score[:, position["spread_edge"]],
        z_score[:, position["skew_21d"]],
    ]
    result = np.zeros((len(seven), *price.shape))
    for number, each in enumerate(seven):
        filled = np.nan_to_num(each)
        result[number, :, YEAR - 1 :] = 100 * (sliding_window_view(filled, YEAR, axis=1) <= filled[:, YEAR - 1 :, None]).mean(axis=2)
    return result.mean(axis=0)


def above_on_40_of_60(index_z: np.ndarray) -> np.ndarray:
    """The level above which the index stood on 40 of the last 60 days."""
    result = np.full(index_z.shape, -9.0)
    window = np.nan_to_num(sliding_window_view(index_z, 60, axis=1), nan=-9.0)
    result[:, 59:] = np.partition(window, 20, axis=2)[:, :, 20]
    return result


def first_component(z_score: np.ndarray) -> np.ndarray:
    """Page's chart, k = 0.5, on the weekly first principal component of the core signals; loadings from the third to the fifth year."""
    result = np.zeros((len(z_score), DAYS))
    past = slice(2 * YEAR, 5 * YEAR)
    for world, table in enumerate(np.nan_to_num(z_score[:, CORE])):
        loading = np.linalg.eigh(np.corrcoef(table[:, past] + 1e-9 * np.arange(table[:, past].shape[1])))[1][:, -1]
        component = np.sign(loading.sum()) * loading @ table
        component = (component - component[past].mean()) / component[past].std()
        chart = np.zeros(())
        for day in range(2 * YEAR, DAYS):
            if day % 5 == 4:
                chart = cusum_step(chart, component[day], np.asarray(0.5), np.asarray(np.inf))
            result[world, day] = chart
    return result


# --- the oracle: knows which signals move, by how much and in which shape, and sees them every day without error


def _innovation(world: World) -> np.ndarray:
    """Daily innovations of the core signals as of their publication: [signal, day]."""
    result = []
    for number in np.flatnonzero(CORE):
        lag, value = MEMBERS[number].lag, world.true_value[number]
        known = np.concatenate([np.full(lag, value[0]), value[: DAYS - lag]])
        phi = _persistence(MEMBERS[number])
        result.append(np.concatenate([[0.0], known[1:] - phi * known[:-1]]))
    return np.stack(result)


def _persistence(signal: Signal) -> float:
    return worlds.QUICK if signal.is_quick else worlds.SLOW


@lru_cache(maxsize=1)
def _precision() -> np.ndarray:
    """Inverse covariance of the innovations, from thirty worlds of their own without a retreat."""
    sample = [_innovation(simulate(seed, Scenario("null"), MEMBERS))[:, YEAR:] for seed in range(9001, 9031)]
    return np.asarray(np.linalg.inv(np.cov(np.concatenate(sample, axis=1))))


def oracle(world: World, strength: float, ramp: int, ages: Sequence[int] = range(10, 181, 10)) -> np.ndarray:
    """Log likelihood ratio of the world's own retreat against none, largest over the onset: [day]. The ceiling of any rule."""
    precision = _precision()
    weighted = precision @ _innovation(world)
    core = np.flatnonzero(CORE)
    groups: dict[tuple[int, float], list[int]] = defaultdict(list)
    for row in np.flatnonzero(world.moved[core]):
        groups[MEMBERS[core[row]].lag, _persistence(MEMBERS[core[row]])].append(row)
    summed = np.stack([weighted[rows].sum(axis=0) for rows in groups.values()])
    between = np.array([[precision[np.ix_(a, b)].sum() for b in groups.values()] for a in groups.values()])
    step = np.arange(max(ages))
    shape = []
    for lag, phi in groups:
        mean = strength * np.clip((step - lag + 1) / max(ramp, 1), 0, 1)
        shape.append(mean - phi * np.concatenate([[0.0], mean[:-1]]))
    best = np.full(DAYS, -np.inf)
    for age in ages:
        pattern = np.stack(shape)[:, :age]
        matched = fftconvolve(summed, pattern[:, ::-1], axes=1)[:, :DAYS].sum(axis=0)
        best = np.maximum(best, matched - 0.5 * np.einsum("qr,qj,rj->", between, pattern, pattern))
    return best


def oracle_by_strength(world: World) -> np.ndarray:
    """The oracle of the world's own strength, or of every strength where the world has no retreat: [strength, day], NaN elsewhere."""
    result = np.full((len(worlds.STRENGTHS), DAYS), np.nan, dtype=np.float32)
    kind = world.scenario.kind
    for number, strength in enumerate(worlds.STRENGTHS):
        if kind in ("null", "decoy") or (kind == "retreat" and strength == world.scenario.strength):
            result[number] = oracle(world, strength, world.scenario.ramp if kind == "retreat" else ARTICLE_RAMP)
    return result


# --- alarms


def alarms(statistic: np.ndarray, enter: float, leave: float) -> list[int]:
    """First days of alarms after the burn-in: on above `enter`, off after 20 days running under `leave`; closer than 20 days they are one."""
    starts: list[int] = []
    on, under, last = False, 0, -DAYS
    for day, value in enumerate(statistic[BURN_IN:].tolist(), start=BURN_IN):
        if on:
            under = under + 1 if value < leave else 0
            on = under < MERGE_DAYS
            last = day
        elif value > enter:
            on, under = True, 0
            if day - last >= MERGE_DAYS:
                starts.append(day)
            last = day
    return starts


def episodes(regime: np.ndarray) -> list[tuple[int, str]]:
    """First day and kind of each episode of orderly retreat or contagion after the burn-in; closer than 20 days they are one."""
    found: list[tuple[int, str]] = []
    last = -DAYS
    for day in np.flatnonzero((regime == CONTAGION) | (regime == ORDERLY_RETREAT)):
        if day < BURN_IN:
            continue
        if day - last >= MERGE_DAYS:
            found.append((int(day), str(regime[day])))
        last = int(day)
    return found


def threshold(statistics: Sequence[np.ndarray], leave: Callable[[float], float]) -> float:
    """Level at which worlds without a retreat raise `TUNED_TO` alarms a year."""
    low, high = 0.0, float(np.nanmax([np.nanmax(each) for each in statistics]))
    for _ in range(16):
        middle = (low + high) / 2
        count = sum(len(alarms(each, middle, leave(middle))) for each in statistics)
        low, high = (middle, high) if count > TUNED_TO * YEARS_WATCHED * len(statistics) else (low, middle)
    return high


def found_at(starts: Sequence[int], scenario: Scenario, until: int) -> int | None:
    """First alarm from the onset to `until`, or none."""
    return next((day for day in starts if scenario.onset <= day <= until), None)


def half_day(scenario: Scenario) -> int:
    """Day on which the retreat reaches half of its strength."""
    return scenario.onset + scenario.ramp // 2


def interval(count: int, years: float) -> tuple[float, float]:
    """Exact 95% Poisson interval of a rate a year."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low / years), float(chi2.ppf(0.975, 2 * count + 2) / 2 / years)


def median_delay(delays: Sequence[tuple[int, bool]]) -> float:
    """Median of delays of which some are only known to be longer (second entry false), by Kaplan and Meier."""
    times = [day for day, known in delays if known]
    longer = [day for day, known in delays if not known]
    if not times:
        return float("inf")
    survival = ecdf(CensoredData(uncensored=times, right=longer)).sf
    below = survival.quantiles[survival.probabilities <= 0.5]
    return float(below[0]) if len(below) else float("inf")


# --- calibration of the chart


def mean_run_length(phi: float, runs: int, seed: int, steps: int, estimated: bool) -> float:
    """Mean observations until a chart on standard normal noise of persistence `phi` crosses its threshold.

    With `estimated` the persistence comes from the window before, as in the product, and the threshold from it for a mean of `steps`; else it is known, and
    h = 5 at phi = 0.
    """
    generator = np.random.default_rng(seed)
    window = parameters()["robust_z"]["daily"]["window"]
    value = generator.standard_normal(runs)
    persistence = np.full(runs, phi)
    if estimated:
        history = np.empty((runs, window + 1))
        for column in range(window + 1):
            value = phi * value + np.sqrt(1 - phi**2) * generator.standard_normal(runs)
            history[:, column] = value
        persistence = moving_persistence(history, window, window)[:, -1]
    k = allowance(persistence)
    h = cusum_threshold(persistence, steps) if estimated else np.full(runs, 5.0)
    chart, length, running = np.zeros(runs), np.zeros(runs), np.ones(runs, dtype=bool)
    for step in range(1, 40 * steps):
        following = phi * value + np.sqrt(1 - phi**2) * generator.standard_normal(runs)
        residual = (following - persistence * value) / np.sqrt(1 - persistence**2)
        value = following
        chart = cusum_step(chart, residual, k, 2 * h)
        crossed = running & (chart > h)
        length[crossed] = step
        running &= ~crossed
        if not running.any():
            break
    return float(np.where(running, 40 * steps, length).mean())


# --- report


def _chunks(plan: Sequence[tuple[int, Scenario]], size: int = 20) -> Iterator[Sequence[tuple[int, Scenario]]]:
    for start in range(0, len(plan), size):
        yield plan[start : start + size]


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", *FROZEN)
    return f"{git('log', '-1', '--format=%h of %cs', '--', *FROZEN) or 'no commit'}{', and changes since' if changed else ''}"


def _watch(plan: Sequence[tuple[int, Scenario]], processes: int, title: str) -> list[Seen]:
    chunks = list(_chunks(plan))
    with ProcessPoolExecutor(processes) as pool, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=len(chunks))
        seen = []
        for each in pool.map(observe, chunks):
            seen.extend(each)
            progress.advance(task)
    return seen


def _counts(shares: Mapping[str, float], total: int) -> dict[str, int]:
    counts = {kind: round(share * total) for kind, share in shares.items()}
    counts["retreat"] += total - sum(counts.values())
    return counts


@click.command()
@click.option("--tuning", default=200, show_default=True, help="Worlds (seeds from 1) that set the thresholds of the simpler rules.")
@click.option("--scoring", default=1000, show_default=True, help="Worlds (seeds from 10001) that are scored.")
@click.option("--processes", default=2, show_default=True)
@click.option("--runs", default=4000, show_default=True, help="Runs behind each mean run length of the chart.")
def main(tuning: int, scoring: int, processes: int, runs: int) -> None:
    """Run the protocol and print the report."""
    console = Console(width=150)
    variables = parameters()
    console.print(f"Parameters frozen in commit {_commit()}")
    tuned_on = _watch(
        schedule(range(1, tuning + 1), _counts(TUNING, tuning), strengths=(ARTICLE_STRENGTH,), ramps=(ARTICLE_RAMP,)), processes, f"{tuning} worlds for tuning"
    )
    quiet = [each for each in tuned_on if each.scenario.kind in ("null", "decoy")]
    levels = {rule.name: threshold([each.statistic[number] for each in quiet], rule.leave) for number, rule in enumerate(RULES)}
    ceiling = [threshold([each.oracle[number] for each in quiet], lambda level: level / 2) for number in range(len(worlds.STRENGTHS))]
    seen = _watch(schedule(range(10001, 10001 + scoring), _counts(SCORING, scoring)), processes, f"{scoring} worlds for the score")

    starts: dict[str, list[list[int]]] = {"Retreat Index": [[day for day, _ in episodes(each.regime)] for each in seen]}
    for number, rule in enumerate(RULES):
        starts[f"{rule.name}, as usual"] = [alarms(each.statistic[number], rule.usual, rule.leave(rule.usual)) for each in seen]
        starts[f"{rule.name}, tuned"] = [alarms(each.statistic[number], levels[rule.name], rule.leave(levels[rule.name])) for each in seen]
    starts["oracle"] = []
    for each in seen:
        strength = each.scenario.strength if each.scenario.kind == "retreat" else ARTICLE_STRENGTH
        number = worlds.STRENGTHS.index(strength)
        starts["oracle"].append([] if each.scenario.kind == "crash" else alarms(each.oracle[number], ceiling[number], ceiling[number] / 2))

    without = [number for number, each in enumerate(seen) if each.scenario.kind in ("null", "decoy")]
    retreats = [number for number, each in enumerate(seen) if each.scenario.kind == "retreat"]
    _show_rules(console, seen, starts, without, retreats)
    _show_strengths(console, seen, starts, retreats)
    _show_delays(console, seen, starts["Retreat Index"], retreats)
    _show_classes(console, seen)
    _show_index(console, seen)
    _show_chart(console, runs)
    console.print(
        f"{scoring} worlds of {DAYS // YEAR} years; evidence above {variables['regime']['evidence_enter']} begins an orderly retreat. "
        "Detected: first day of an episode from the onset to 60 days after half strength."
    )


def _rate(seen: Sequence[Seen], starts: Sequence[Sequence[int]], numbers: Sequence[int], ramp: int | None, strength: float | None) -> tuple[int, int]:
    """Worlds found and worlds in all, of a ramp and a strength (none: any)."""
    chosen = [
        number
        for number in numbers
        if (ramp is None or seen[number].scenario.ramp == ramp) and (strength is None or seen[number].scenario.strength == strength)
    ]
    found = sum(found_at(starts[number], seen[number].scenario, half_day(seen[number].scenario) + HORIZON) is not None for number in chosen)
    return found, len(chosen)


def _share_of(found: int, total: int) -> str:
    if not total:
        return "-"
    low, high = binomtest(found, total).proportion_ci(method="wilson")
    return f"{100 * found / total:.0f}% ({100 * low:.0f}-{100 * high:.0f})"


def _show_rules(console: Console, seen: Sequence[Seen], starts: Mapping[str, list[list[int]]], without: Sequence[int], retreats: Sequence[int]) -> None:
    table = Table(title=f"False alarms, and retreats of strength {ARTICLE_STRENGTH:g} found within {HORIZON} days of half strength")
    for heading in ("rule", "false alarms a year (95%)", f"found, ramp {ARTICLE_RAMP}", "found, all ramps"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    years = YEARS_WATCHED * len(without)
    for name, each in starts.items():
        count = sum(len(each[number]) for number in without)
        low, high = interval(count, years)
        table.add_row(
            name,
            f"{count / years:.2f} ({low:.2f}-{high:.2f})",
            _share_of(*_rate(seen, each, retreats, ARTICLE_RAMP, ARTICLE_STRENGTH)),
            _share_of(*_rate(seen, each, retreats, None, ARTICLE_STRENGTH)),
        )
    console.print(table)


def _show_strengths(console: Console, seen: Sequence[Seen], starts: Mapping[str, list[list[int]]], retreats: Sequence[int]) -> None:
    table = Table(title="Found by strength, all ramps, and as a share of the oracle's")
    names = [name for name in starts if name in ("Retreat Index", "oracle") or name.endswith("tuned")]
    for heading in ("strength", "worlds", *names, "Index / oracle"):
        table.add_column(heading, justify="right")
    for strength in worlds.STRENGTHS:
        rates = {name: _rate(seen, starts[name], retreats, None, strength) for name in names}
        total = rates["oracle"][1]
        of_oracle = f"{rates['Retreat Index'][0] / rates['oracle'][0]:.2f}" if rates["oracle"][0] else "-"
        table.add_row(f"{strength:g}", str(total), *(f"{100 * found / total:.0f}%" if total else "-" for found, total in rates.values()), of_oracle)
    console.print(table)


def _show_delays(console: Console, seen: Sequence[Seen], starts: Sequence[Sequence[int]], retreats: Sequence[int]) -> None:
    table = Table(title="Retreat Index: median delay in trading days (Kaplan-Meier), by ramp, strength 1 and more")
    for heading in ("ramp", "worlds", "from the onset", "from half strength"):
        table.add_column(heading, justify="right")
    for ramp in worlds.RAMPS:
        from_onset, from_half = [], []
        for number in retreats:
            scenario = seen[number].scenario
            if scenario.ramp == ramp and scenario.strength >= 1:
                end = scenario.onset + ramp + worlds.HOLD
                day = found_at(starts[number], scenario, end)
                at = end if day is None else day
                from_onset.append((at - scenario.onset, day is not None))
                from_half.append((max(0, at - half_day(scenario)), day is not None))
        table.add_row(str(ramp), str(len(from_onset)), f"{median_delay(from_onset):.0f}", f"{median_delay(from_half):.0f}")
    console.print(table)


def _show_classes(console: Console, seen: Sequence[Seen]) -> None:
    table = Table(title="Retreat Index: what the first alarm says (found worlds told apart, with Wilson intervals)")
    for heading in ("world", "worlds", "orderly retreat", "contagion", "no alarm", "right, of those with an alarm"):
        table.add_column(heading, justify="left" if heading == "world" else "right")
    kinds: list[tuple[str, str, Callable[[Scenario], bool]]] = [
        ("retreat, strength 1 and more", ORDERLY_RETREAT, lambda scenario: scenario.kind == "retreat" and scenario.strength >= 1),
        ("retreat, all strengths", ORDERLY_RETREAT, lambda scenario: scenario.kind == "retreat"),
        ("crash", CONTAGION, lambda scenario: scenario.kind == "crash"),
    ]
    for name, right, belongs in kinds:
        said = []
        for each in seen:
            if belongs(each.scenario):
                until = half_day(each.scenario) + HORIZON
                said.append(next((kind for day, kind in episodes(each.regime) if each.scenario.onset <= day <= until), ""))
        orderly, contagion = said.count(ORDERLY_RETREAT), said.count(CONTAGION)
        right_share = _share_of(said.count(right), orderly + contagion)
        table.add_row(name, str(len(said)), str(orderly), str(contagion), str(said.count("")), right_share)
    console.print(table)


def _show_index(console: Console, seen: Sequence[Seen]) -> None:
    null = np.concatenate([each.index_z[5 * YEAR :] for each in seen if each.scenario.kind == "null"])
    console.print(
        f"Z in worlds without a retreat: standard deviation {np.nanstd(null):.3f} (aim 0.9-1.1), "
        f"index above 84 on {np.nanmean(null > 1):.3f} of days (aim 0.12-0.20)"
    )


def _show_chart(console: Console, runs: int) -> None:
    table = Table(title=f"Page's chart: mean run length without a drift, {runs:,} runs")
    for heading in ("noise", "target", "measured", "ratio"):
        table.add_column(heading, justify="left" if heading == "noise" else "right")
    independent = mean_run_length(0.0, runs, 1, 931, estimated=False)
    table.add_row("independent, k = 0.5, h = 5", "930.9", f"{independent:.0f}", f"{independent / 930.9:.3f}")
    steps = parameters()["robust_z"]["daily"]["run_length"]
    for phi in (0.5, 0.9, 0.98):
        measured = mean_run_length(phi, runs, 2, steps, estimated=True)
        table.add_row(f"persistence {phi:g}, estimated from the window", f"{steps:,}", f"{measured:,.0f}", f"{measured / steps:.3f}")
    console.print(table)


if __name__ == "__main__":
    main()
