"""Homes of their own for benchmarks: refreshed by the command a user would give, whatever the caller has set."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.conftest import EBBTIDE, environment


def refresh(home: Path, **settings: object) -> tuple[float, str]:
    """Seconds of `ebbtide refresh` in a process of its own, and what it printed. Raises RuntimeError with that when it fails."""
    began = time.perf_counter()
    done = subprocess.run([str(EBBTIDE), "refresh"], env=environment(home, **settings), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"the refresh of {home} failed:\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout
