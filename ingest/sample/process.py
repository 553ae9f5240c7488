"""Building blocks of the sample world: random streams, noise with memory, paths through waypoints, and the forces common to all series."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias
from zlib import crc32

import numpy as np
import pandas as pd

from ingest.sample import dates
from ingest.sample.dates import Days
from ingest.sample.tables import Floats

Waypoints: TypeAlias = Sequence[tuple[str, float]]

SEED = 20230703
STRENGTH = 1.25  # the article's figures are worth a lasting 1 to 1.5 standard deviations
ONSET = np.datetime64("2023-07-03", "D")
# The article: in the second quarter of 2023 Bridgewater cut its large technology shares by this much.
TECHNOLOGY_CUT = 0.37
RAMP = 40  # sessions from the first to the full shift
BLOCKS = ("hedging", "leverage", "flows", "positioning", "impact")


def stream(seed: int, name: str) -> np.random.Generator:
    """The random stream of one series of a world."""
    return np.random.default_rng([seed, crc32(name.encode())])


def autoregression(shocks: Floats, persistence: float) -> Floats:
    """A stationary first-order autoregression of unit variance driven by unit shocks."""
    gain = np.sqrt((1 + persistence) / (1 - persistence))
    started = shocks.copy()
    started[0] /= gain
    smoothed = pd.Series(started).ewm(alpha=1 - persistence, adjust=False).mean()
    return np.asarray(smoothed.to_numpy() * gain)


def path(text: str) -> Waypoints:
    """Waypoints from text such as `2004-01-02 1108.5, 2007-10-09 1565.2`: days with the level a series passes on them."""
    pairs = (part.split() for part in text.split(","))
    return tuple((day, float(value)) for day, value in pairs)


def bridge(returns: Floats, days: Days, waypoints: Waypoints, weights: Floats) -> Floats:
    """A level path with the given log returns, drifted so that it passes the waypoints; drift goes where variance (`weights`) is."""
    moved = returns.copy()
    places = [(int(np.searchsorted(days, np.datetime64(day))), value) for day, value in waypoints]
    for (start, before), (stop, after) in pairwise(places):
        inside = slice(start + 1, stop + 1)
        missing = np.log(after / before) - moved[inside].sum()
        moved[inside] += missing * weights[inside] / weights[inside].sum()
    summed = np.cumsum(moved)
    anchor, value = places[0]
    return np.asarray(value * np.exp(summed - summed[anchor]))


def interpolated(days: Days, waypoints: Waypoints) -> Floats:
    """Straight lines between waypoints, flat beyond them."""
    at = np.array([day for day, _ in waypoints], "datetime64[D]").astype(np.int64)
    return np.interp(days.astype(np.int64), at, np.array([value for _, value in waypoints], np.float64))


def tied_down(noise: Floats, days: Days, waypoints: Waypoints, scale: float) -> Floats:
    """Waypoints joined by straight lines plus stationary noise that vanishes at each waypoint."""
    at = np.array([day for day, _ in waypoints], "datetime64[D]").astype(np.int64)
    position = days.astype(np.int64)
    left = at[np.clip(np.searchsorted(at, position, "right") - 1, 0, len(at) - 1)]
    right = at[np.clip(np.searchsorted(at, position), 0, len(at) - 1)]
    nearest = np.minimum(np.abs(position - left), np.abs(right - position))
    fade = np.minimum(1.0, np.sqrt(nearest / 40.0))
    return np.asarray(interpolated(days, waypoints) + scale * noise * fade)


def rounded(values: Floats, decimals: int) -> Floats:
    """Half-even rounding; negative zero becomes zero."""
    return np.asarray(np.round(values, decimals) + 0.0)


# start, peak, half-life in sessions, size of the jump of log implied volatility
_CRISES: tuple[tuple[str, str, float, float], ...] = (
    ("2007-07-24", "2007-08-16", 15, 0.35),
    ("2008-09-12", "2008-10-24", 45, 1.15),
    ("2010-05-04", "2010-05-20", 15, 0.55),
    ("2011-08-01", "2011-08-10", 25, 0.75),
    ("2015-08-20", "2015-08-25", 8, 0.75),
    ("2018-02-02", "2018-02-06", 6, 0.80),
    ("2018-12-12", "2018-12-24", 8, 0.50),
    ("2020-02-24", "2020-03-16", 9, 1.45),
)


class Drivers:
    """Common forces of the world, on every trading session since the settling year."""

    def __init__(self, seed: int, strength: float) -> None:
        self.seed, self.strength = seed, strength
        self.days = dates.sessions()
        count = len(self.days)
        rng = stream(seed, "market")
        heavy = rng.standard_t(5, count) / np.sqrt(5 / 3)
        self.shock = np.clip(heavy, -4.5, 4.5)
        self.stress = self._crises()
        swing = autoregression(-0.7 * self.shock + np.sqrt(1 - 0.49) * rng.standard_normal(count), 0.975)
        self.calm_volatility = 2.84 + 0.27 * swing + self.stress
        self.common = autoregression(-0.6 * self.shock + 0.8 * rng.standard_normal(count), 0.98)
        self.blocks = {block: autoregression(stream(seed, block).standard_normal(count), 0.98) for block in BLOCKS}
        self.ramp = np.clip((np.arange(count) - np.searchsorted(self.days, ONSET) + 1) / RAMP, 0.0, 1.0)
        self.shift = strength * self.ramp

    def _crises(self) -> Floats:
        clock = np.arange(len(self.days))
        total = np.zeros(len(self.days))
        for start, peak, half_life, size in _CRISES:
            begin, top = (int(np.searchsorted(self.days, np.datetime64(day))) for day in (start, peak))
            rise = np.clip((clock - begin + 1) / (top - begin + 1), 0.0, 1.0)
            total += size * rise * 0.5 ** (np.clip(clock - top, 0, None) / half_life)
        return total

    def signal(self, name: str, block: str, persistence: float = 0.98, crisis: float = 3.0) -> Floats:
        """A core signal in standard deviations of its own noise, positive when it says that capital leaves."""
        own = autoregression(stream(self.seed, name).standard_normal(len(self.days)), persistence)
        noise = 0.35 * self.common + 0.45 * self.blocks[block] + np.sqrt(1 - 0.35**2 - 0.45**2) * own
        return np.asarray(noise + crisis * np.minimum(self.stress, 1.2) + self.shift)

    def on(self, days: Days, values: Floats) -> Floats:
        """A session series seen on other days: its last value on or before each."""
        return np.asarray(values[np.clip(np.searchsorted(self.days, days, "right") - 1, 0, None)])

    def noise(self, name: str, days: Days, persistence: float) -> Floats:
        """Unit-variance autoregression of its own, on any calendar."""
        return autoregression(stream(self.seed, name).standard_normal(len(days)), persistence)

    def story(self, always: Waypoints, retreat: Waypoints) -> Waypoints:
        """Waypoints, the later ones only in a world with a retreat."""
        return [*always, *retreat] if self.strength else list(always)
