"""Load, models, gates and publish on a world with once, four and sixteen times the rows: seconds on rows, and the peak of memory.

`python -m benchmarks.growth [--memory-limit 1GB]`: the sample world of 20 years, and the same with so many more managers who file Form 13F, goes through the
stages of a refresh in a process of its own, without Airflow. The slope of log seconds on log rows is that of the last step, from four to sixteen times
the rows: below it, what a stage costs whatever the rows would hide how it grows. DuckDB may use as much memory as the limit says, and writes what does not fit
beside the database; how much, is watched. The making of the files is left out: it has a process of its own, before.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.result import Result, at_most, show, without_bar
from tests.conftest import environment
from warehouse.settings import Settings, load_settings

# other managers of the sample world, by how many times the rows they make of its 1.1 million
OTHER_MANAGERS = {1: 0, 4: 6_400, 16: 32_200}
STAGES = ("load", "models", "gates", "publish")
MEMORY_LIMIT = "1GB"  # as by default
PEAK_MB = 4096


@dataclass(frozen=True)
class Measurement:
    """A world so many `times` as large: rows that were read, seconds by stage, and the peaks of memory and of what DuckDB put aside on the disk, in MB."""

    times: int
    rows: int
    seconds: dict[str, float]
    memory: float
    put_aside: float


def files() -> None:
    """Open a build in the home of the environment, and land the files of the sample world."""
    from ingest.feeds import PROVIDERS
    from warehouse import refresh

    refresh.open_build()
    for provider in PROVIDERS:
        refresh.fetch(provider)


def stages() -> None:
    """Run the stages on the files of that home in this process; prints rows, seconds by stage and the peak of memory in MB as JSON."""
    from warehouse import refresh

    seconds = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        seconds[stage] += time.perf_counter() - began

    loaded: dict[str, int] = {}
    timed("load", lambda: loaded.update(refresh.load()))
    for layer in ("staging", "marts"):
        timed("models", lambda layer=layer: refresh.build_models(layer))
    for stage in ("raw", "staging", "marts"):
        timed("gates", lambda stage=stage: refresh.gate(stage))
    timed("publish", refresh.publish)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": loaded["rows_read"], "seconds": seconds, "memory": peak}))


class PutAside(threading.Thread):
    """Watches how much DuckDB puts aside in a home: in its own folder for that, or beside the database, where dbt opens it."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        spill = Settings.model_validate({"home_setting": home}).spill_dir
        self.folders, self.most, self.over = (spill, home / "warehouse.duckdb.tmp"), 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            size = 0
            for path in (path for folder in self.folders for path in folder.glob("*")):
                with suppress(OSError):  # gone meanwhile
                    size += path.stat().st_size
            self.most = max(self.most, size)


def measure(home: Path, times: int, memory_limit: str) -> Measurement:
    """Put a world through the stages, in a process of its own. Raises RuntimeError with its output when it fails."""
    settings = environment(home, SAMPLE_OTHER_MANAGERS=OTHER_MANAGERS[times], MEMORY_LIMIT=memory_limit)
    printed = ""
    watch = PutAside(home)
    watch.start()
    for part in ("files", "stages"):
        done = subprocess.run([sys.executable, "-m", "benchmarks.growth", "--part", part], env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        printed = done.stdout
    watch.over.set()
    watch.join()
    found = json.loads(printed.splitlines()[-1])
    told = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in found["seconds"].items())
    click.echo(f"{found['rows']:,} rows: {told}; {found['memory']:,.0f} MB, put aside {watch.most / 2**20:,.0f} MB", err=True)
    return Measurement(times, found["rows"], found["seconds"], found["memory"], watch.most / 2**20)


def results_of(measurements: list[Measurement]) -> list[Result]:
    """A slope a stage, from the second last world to the last, and the peaks of the last."""
    before, last = measurements[-2:]
    found = []
    for stage in STAGES:
        slope = math.log(last.seconds[stage] / before.seconds[stage]) / math.log(last.rows / before.rows)
        name = f"growth: {stage}, {last.times} times the rows against {before.times}, log-log slope of seconds on rows"
        found.append(at_most(name, last.seconds[stage], before.seconds[stage], slope, 1.05))
    found.append(at_most(f"growth: peak memory at {last.times} times the rows against 4 GB", last.memory, PEAK_MB, last.memory / PEAK_MB, 1, "MB"))
    name = f"growth: put aside on the disk at {last.times} times the rows, against {before.times}"
    found.append(without_bar(name, last.put_aside, before.put_aside, last.put_aside / before.put_aside if before.put_aside else 0, "MB"))
    return found


def results(folder: Path, memory_limit: str = MEMORY_LIMIT) -> list[Result]:
    """Slopes of load, models, gates and publish, and the peak of memory."""
    return results_of([measure(folder / str(times), times, memory_limit) for times in OTHER_MANAGERS])


@click.command()
@click.option("--memory-limit", default=MEMORY_LIMIT, show_default=True, help="what DuckDB may use")
@click.option("--part", type=click.Choice(["files", "stages"]), hidden=True)
def main(memory_limit: str, part: str | None) -> None:
    """Put worlds of once, four and sixteen times the rows through load, models, gates and publish, and print how seconds and memory grow."""
    if part:
        {"files": files, "stages": stages}[part]()
        return
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), memory_limit), load_settings().home)


if __name__ == "__main__":
    main()
