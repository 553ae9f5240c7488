"""What a benchmark measures, how it is shown, and where it is kept."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One ratio: `ours` and `baseline` in `unit`, and whether `ratio` keeps the `bar` (at least or at most, as `bar` says)."""

    name: str
    ours: float
    baseline: float
    ratio: float
    bar: str
    ok: bool
    unit: str = "s"


def at_least(name: str, ours: float, baseline: float, ratio: float, bar: float, unit: str = "s") -> Result:
    """A result that is good when the ratio is no less than the bar."""
    return Result(name, round(ours, 3), round(baseline, 3), round(ratio, 3), f">= {bar:g}", ratio >= bar, unit)


def at_most(name: str, ours: float, baseline: float, ratio: float, bar: float, unit: str = "s") -> Result:
    """A result that is good when the ratio is no more than the bar."""
    return Result(name, round(ours, 3), round(baseline, 3), round(ratio, 3), f"<= {bar:g}", ratio <= bar, unit)


def without_bar(name: str, ours: float, baseline: float, ratio: float, unit: str = "s") -> Result:
    """A result that is shown and not judged."""
    return Result(name, round(ours, 3), round(baseline, 3), round(ratio, 3), "none", True, unit)


def _processor() -> str:
    """What the machine calls its processor."""
    information = Path("/proc/cpuinfo")
    names = re.findall(r"(?m)^model name\s*: (.+)$", information.read_text(encoding="utf-8")) if information.exists() else []
    return names[0] if names else platform.machine()


def show(results: Sequence[Result], home: Path) -> None:
    """Print the results as a table and add them to `<home>/bench/latest.json`, in place of those of the same names."""
    machine = f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB"
    table = Table(title=f"{machine}; Python {platform.python_version()}, DuckDB {duckdb.__version__}")
    for heading in ("what", "ours", "baseline", "ratio", "bar", ""):
        table.add_column(heading, justify="left" if heading in ("what", "") else "right")
    for each in results:
        row = (each.name, f"{each.ours:,.2f} {each.unit}", f"{each.baseline:,.2f} {each.unit}", f"{each.ratio:.2f}", each.bar, "ok" if each.ok else "missed")
        table.add_row(*row)
    Console().print(table)
    path = home / "bench" / "latest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    names = {each.name for each in results}
    path.write_text(json.dumps([*(old for old in kept if old["name"] not in names), *map(asdict, results)], indent=2) + "\n", encoding="utf-8")
