"""A few damaged files of every format, drawn by hypothesis: what `fuzz.py` tries without end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fuzz import Bench, damaged
from good_files import FORMATS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.landing import Landing


@pytest.mark.parametrize(("feed", "format"), FORMATS, ids=[f"{feed}-{format}" for feed, format in FORMATS])
def test_damage_is_survived_and_counted(feed: str, format: str, tmp_path: Path) -> None:
    bench = Bench(feed, format, tmp_path)

    @settings(max_examples=2, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 1 << 32))
    def survives(seed: int) -> None:
        chance = random.Random(seed)
        bench.try_([damaged(bench.subject, chance)[0] for _ in range(6)])

    survives()
    assert len(Landing(tmp_path).manifest(bench.good.landed_with)) > 1
