"""Readers of the published warehouse while builds are published over and over and rolled back: `read_while_publishing`.

`python -m tests.published_readers` lets sixteen processes read over fifty publishes; the tests take fewer.
Every published table carries the id of its build, so that a query over several of them shows whether its result belongs to one build.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from expectations.gate import RESULT_COLUMNS
from warehouse.build import start_build
from warehouse.connection import connect, connect_published, writer_lock
from warehouse.publish import publish_build, published_builds, rollback
from warehouse.settings import Settings

TABLES = ("signals.fct_signal_daily", "signals.fct_retreat_index_daily", "valuation.fct_discount_rate_daily", "scenarios.fct_spillover")
ROWS = 20_000

# the ids of all builds that a query meets, in tables of several schemas and in the build record
ONE_BUILD = (
    "select list(distinct build_id), count(*) from ("
    + " union all ".join(f"select build_id from {table}" for table in TABLES)
    + " union all select max(build_id) from meta.build where status = 'published'"
    + ")"
)


@dataclass
class Reader:
    """What one reading process met."""

    queries: int = 0
    builds: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """What all readers met while `published` builds were published, `rolled_back` of them followed by a rollback."""

    readers: list[Reader]
    published: int
    rolled_back: int

    @property
    def queries(self) -> int:
        """Queries answered, of all readers."""
        return sum(reader.queries for reader in self.readers)

    @property
    def errors(self) -> list[str]:
        """What went wrong: a query that failed, or whose result belongs to more than one build."""
        return [error for reader in self.readers for error in reader.errors]


def _settings(home: Path) -> Settings:
    return Settings(home_setting=home, source="sample")  # type: ignore[call-arg]


def publish_one(settings: Settings) -> str:
    """Build small marts that carry the build's id, and publish them as a refresh does; returns the id."""
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    with writer_lock(settings, "publish", 60):
        with connect(settings) as connection:
            build_id = start_build(connection, settings)
            results = ", ".join(f"{name} {type_}" for name, (type_, _) in RESULT_COLUMNS.items())
            connection.execute(f"create table if not exists quality.validation_result ({results})")
        with duckdb.connect(str(settings.next_mart_path)) as mart:
            for table in TABLES:
                mart.execute(f"create schema if not exists {table.partition('.')[0]}")
                mart.execute(f"create table {table} as select '{build_id}' as build_id, range as row_number from range({ROWS})")
        manifest = settings.home / "manifest.json"
        manifest.write_text(json.dumps({"nodes": {}, "sources": {}, "parent_map": {}}), encoding="utf-8")
        publish_build(settings, manifest)
    return build_id


def _ways_to_read(settings: Settings) -> Iterator[tuple[str, Any]]:
    """The ways in which people read, by turns: this project's connection, DuckDB on the symlink, Parquet beside it."""
    while True:
        with connect_published(settings) as connection:
            yield "connect_published", connection.execute(ONE_BUILD).fetchone()
        with duckdb.connect(str(settings.current_path), read_only=True) as connection:
            yield "duckdb", connection.execute(ONE_BUILD).fetchone()
        # a folder is resolved once, as the files of one build lie in one folder
        folder = (settings.published_dir / "current").resolve()
        with duckdb.connect() as connection:
            files = ", ".join(f"'{folder}/{table}.parquet'" for table in TABLES)
            yield "parquet", connection.execute(f"select list(distinct build_id), count(*) from read_parquet([{files}])").fetchone()


def _read(home: Path, stop: Event, started: Any, answers: Any) -> None:
    os.nice(10)  # sixteen processes that never pause would leave the publishing one no time on a machine of two cores
    reader, settings = Reader(), _settings(home)
    ways = _ways_to_read(settings)
    started.release()
    while not stop.is_set():
        try:
            way, (builds, rows) = next(ways)
        except Exception as error:
            reader.errors.append(f"{type(error).__name__}: {error}")
            ways = _ways_to_read(settings)
            continue
        reader.queries += 1
        reader.builds.update(builds)
        if len(builds) != 1 or rows < len(TABLES) * ROWS:
            reader.errors.append(f"{way}: {rows:,} rows of the builds {builds}")
    answers.put(reader)


def read_while_publishing(home: Path, *, readers: int, publishes: int, rollback_every: int = 5) -> Reading:
    """Let `readers` processes query without pause while `publishes` builds are published, every few of them rolled back to the one before.

    `home` is an empty folder. All processes have ended when this returns.
    """
    settings = _settings(home)
    publish_one(settings)
    # forked from a process that has imported all and opened nothing: a fork of this one would share what DuckDB has open
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.published_readers"])
    stop, started, answers = context.Event(), context.Semaphore(0), context.Queue()
    processes = [context.Process(target=_read, args=(home, stop, started, answers), daemon=True) for _ in range(readers)]
    rolled_back = 0
    for process in processes:
        process.start()
    try:
        for _ in processes:
            assert started.acquire(timeout=120), "a reader did not start"
        for number in range(1, publishes + 1):
            publish_one(settings)
            # a reader between opening and reading must not lose more builds than are kept
            time.sleep(0.1)
            if number % rollback_every == 0:
                with writer_lock(settings, "rollback", 60):
                    rollback(settings, published_builds(settings)[-2].build_id)
                rolled_back += 1
    finally:
        stop.set()
        met = [answers.get(timeout=120) for _ in processes]
        for process in processes:
            process.join(timeout=60)
    return Reading(met, publishes, rolled_back)


def main() -> None:
    """Sixteen readers over fifty publishes, each fifth rolled back; exit code 1 when one of them met an error."""
    with tempfile.TemporaryDirectory(prefix="ebbtide_readers_") as folder:
        reading = read_while_publishing(Path(folder), readers=16, publishes=50)
    print(
        f"{len(reading.readers)} readers, {reading.published} publishes, {reading.rolled_back} rolled back: "
        f"{reading.queries:,} queries, {len(reading.errors)} errors"
    )
    for error in reading.errors[:20]:
        print(f"  {error}")
    sys.exit(1 if reading.errors else 0)


if __name__ == "__main__":
    main()
