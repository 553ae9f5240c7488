"""Faults: a refresh is killed or finds the disk full, and the next one must end as if nothing had happened. `make faults` runs all.

The world is a dozen feeds of the sample world, replayed on two days. The first day is published; the second is refreshed once without a
fault, and the home is copied before every stage. A fault begins with such a copy: a process of its own runs the stage and is killed with
SIGKILL at the point, or has no room to write. Then another process refreshes from the beginning. `Trial` says what must hold then.

Nothing in the product knows of this: the process that is to die replaces a function by one that kills it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FEEDS = (
    *("cboe_index_history", "coin_metrics", "finra_margin", "gld_archive", "gpr_daily", "ici_fund_flow", "ofr_fsi", "sec_13f_filing", "treasury_par_yield"),
    *("fred_series", "epu_daily", "cboe_vx_settlement"),
)
FIRST_YEAR = 2022
FIRST_DAY = datetime(2023, 12, 15, 23, tzinfo=UTC)
LATE_FEED = "finra_margin"  # an edition of it that is older than those of the first day arrives on the second
AS_OF = "2024-01-31T00:00:00Z"

STAGES = ("open build", "fetch", "load", "gate raw", "build staging", "gate staging", "build marts", "gate marts", "publish")
GATES = ("gate raw", "gate staging", "gate marts")

# Marts with rows that rest on the fewest models: a refresh of them takes a third of the time of one of all.
FEW_MARTS = ("dim_signal", "fct_manager_position_quarterly", "fct_manager_rotation_quarterly", "fct_discount_rate_daily")

Strike = Callable[[Path], None]


# --- where a process is killed ------------------------------------------------------------------------------------------


def die() -> None:
    """End this process as the kernel does when memory runs out: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def _replaced(target: str, replacement: Callable[[Any], Any]) -> None:
    """Replace the function `module:name` or `module:Class.name`."""
    import importlib

    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, replacement(getattr(owner, name)))


def call(target: str, number: int = 1, *, after: bool = False) -> Strike:
    """Die before (or after) the call `number` of a function."""

    def install(home: Path) -> None:
        calls = 0

        def replacement(function: Any) -> Any:
            @functools.wraps(function)
            def counted(*arguments: Any, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == number and not after:
                    die()
                result = function(*arguments, **named)
                if calls == number:
                    die()
                return result

            return counted

        _replaced(target, replacement)

    return install


class _Counted:
    """A DuckDB connection that dies at a statement; its own class cannot be changed."""

    def __init__(self, connection: Any, is_reached: Callable[[str], bool], after: bool) -> None:
        self._connection, self._is_reached, self._after = connection, is_reached, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> _Counted:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def _run(self, function: Any, sql: str, *arguments: Any) -> Any:
        reached = self._is_reached(sql)
        if reached and not self._after:
            die()
        result = function(sql, *arguments)
        if reached:
            die()
        return result

    def execute(self, sql: str, *arguments: Any) -> Any:
        return self._run(self._connection.execute, sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> Any:
        return self._run(self._connection.executemany, sql, *arguments)


def statement(text: str, number: int = 1, *, after: bool = False) -> Strike:
    """Die before (or after) the statement `number` with this text, in a connection that writes."""

    def install(home: Path) -> None:
        seen = 0

        def is_reached(sql: str) -> bool:
            nonlocal seen
            seen += text in sql
            return text in sql and seen == number

        def replacement(connect: Any) -> Any:
            def counted(*arguments: Any, **named: Any) -> Any:
                connection = connect(*arguments, **named)
                return connection if named.get("read_only") else _Counted(connection, is_reached, after)

            return counted

        _replaced("duckdb:connect", replacement)

    return install


def node(number: int) -> Strike:
    """Die when dbt has finished this many nodes."""

    def install(home: Path) -> None:
        finished = 0

        def heard(event: Any) -> None:
            nonlocal finished
            finished += event.info.name == "NodeFinished"
            if finished == number:
                die()

        _replaced("dbt.cli.main:dbtRunner", lambda runner: functools.partial(runner, callbacks=[heard]))

    return install


def file(pattern: str) -> Strike:
    """Die while something is being written that has this name below the home."""

    def install(home: Path) -> None:
        def watch() -> None:
            while not any(path.lstat().st_size for path in home.glob(pattern)):
                time.sleep(0.0005)
            die()

        threading.Thread(target=watch, daemon=True).start()

    return install


def torn(target: str, path: str) -> Strike:
    """Die after the first call of a function, with the last bytes of the file it wrote to missing, as when the machine stops."""

    def install(home: Path) -> None:
        def replacement(function: Any) -> Any:
            def cut(*arguments: Any, **named: Any) -> None:
                function(*arguments, **named)
                written = max(home.glob(path), key=lambda found: found.stat().st_mtime_ns)
                os.truncate(written, written.stat().st_size - 40)
                die()

            return cut

        _replaced(target, replacement)

    return install


@dataclass(frozen=True)
class Fault:
    """One fault: the stage it hits, and what happens there.

    `strike` makes the process die at a point; `share` has it killed from outside after this share of the stage's usual time; `room` is how
    many bytes are left on the disk (for `limit`, where no small disk can be mounted: how long a file may become).
    """

    name: str
    stage: str
    strike: Strike | None = None
    share: float | None = None
    room: int | None = None
    limit: int | None = None
    keep_builds: int = 5
    from_command_line: str | None = None


def _random_kills() -> list[Fault]:
    stages = ("load", "load", "gate raw", "build staging", "build staging", "gate staging", "build marts", "publish")
    dice = random.Random(7)
    return [Fault(f"after a random time, {number}", stage, share=dice.uniform(0.1, 0.7)) for number, stage in enumerate(stages, start=1)]


FAULTS: tuple[Fault, ...] = (
    # every boundary: after a stage is before the next one
    Fault("before the first stage", "open build", call("warehouse.refresh:build_settings")),
    Fault("after the build was opened", "open build", call("warehouse.refresh:open_build", after=True)),
    Fault("after the fetches", "fetch", call(f"{__name__}:fetch_all", after=True)),
    Fault("after the load", "load", call("warehouse.refresh:load", after=True)),
    Fault("after the raw gate", "gate raw", call("warehouse.refresh:gate", after=True)),
    Fault("after the staging models", "build staging", call("warehouse.refresh:build_models", after=True)),
    Fault("after the staging gate", "gate staging", call("warehouse.refresh:gate", after=True)),
    Fault("after the marts", "build marts", call("warehouse.refresh:build_models", after=True)),
    Fault("after the marts gate", "gate marts", call("warehouse.refresh:gate", after=True)),
    Fault("after the publish", "publish", call("warehouse.refresh:publish", after=True)),
    # opening
    Fault("old leftovers cleared, no build recorded", "open build", call("warehouse.refresh:start_build")),
    Fault("in the transaction of the build record", "open build", statement("insert into meta.build values")),
    # landing
    Fault("bytes written, not yet under their name", "fetch", call("ingest.landing:os.fsync")),
    Fault("bytes landed, no line in the manifest", "fetch", call("ingest.landing:Landing._append")),
    Fault("in mid manifest line", "fetch", torn("ingest.landing:Landing._append", "landing/*/manifest.jsonl")),
    Fault("between the manifests of two feeds", "fetch", call("ingest.landing:Landing._append", 3)),
    # loading
    Fault("file read, transaction not begun", "load", call("ingest.load:_append_versions", 2)),
    Fault("rows added, file not recorded", "load", call("ingest.load:_record_files", 2)),
    Fault("before a commit", "load", statement("commit", 3)),
    Fault("after a commit", "load", statement("commit", 3, after=True)),
    Fault("between two feeds", "load", call("ingest.load:_load_feed", 20)),
    Fault("newer editions deleted to load them after a late one", "load", statement("delete from raw.", after=True)),
    Fault("lines of filings added, filings not recorded", "load", call("ingest.load:_record_lines")),
    Fault("all feeds loaded, database not closed", "load", call("ingest.load:load_landed", after=True)),
    # gates
    Fault("checks run, no row written", "gate raw", call("expectations.gate:_write_rows")),
    Fault("in the transaction of the results", "gate raw", statement("insert into quality.validation_result", after=True)),
    Fault("rows written, no file of results", "gate staging", call("expectations.gate:_write_rows", after=True)),
    Fault("between JUnit and the file of failures", "gate marts", call("expectations.gate:_write_failures")),
    Fault("in mid data docs", "gate raw", file("quality/data_docs/raw/*.html")),
    # models
    Fault("after the first node", "build staging", node(1)),
    Fault("after 20 nodes", "build staging", node(20)),
    Fault("all nodes built, database not closed", "build staging", call("dbt.adapters.duckdb.connections:DuckDBConnectionManager.close_all_connections")),
    Fault("after the first mart", "build marts", node(1)),
    Fault("after three marts", "build marts", node(3)),
    Fault("all marts built, database not closed", "build marts", call("dbt.adapters.duckdb.connections:DuckDBConnectionManager.close_all_connections")),
    # publishing
    Fault("before the record is copied", "publish", call("warehouse.publish:_copy_record")),
    Fault("in the copy of the record", "publish", statement("create or replace table mart.meta.lineage")),
    Fault("in mid Parquet", "publish", file("published/.*Z.tmp/*.parquet")),
    Fault("Parquet has its name, the database does not", "publish", statement("checkpoint mart")),
    Fault("database read-only, not renamed", "publish", statement("detach mart", after=True)),
    Fault("database has its name, current is the old one", "publish", call("warehouse.publish:point_current_at")),
    Fault("between the two links", "publish", call("pathlib:Path.symlink_to", 2)),
    Fault("current is the new one, not recorded", "publish", call("warehouse.publish:finish_build")),
    Fault("recorded, old builds not dropped", "publish", call("warehouse.publish:_drop_old_builds")),
    Fault("database of an old build dropped, its Parquet not", "publish", call("warehouse.publish:shutil.rmtree", 3), keep_builds=1),
    *_random_kills(),
    # the whole command, Airflow and all
    Fault("ebbtide refresh, while it loads", "load", from_command_line="raw.load"),
    Fault("ebbtide refresh, while it builds", "build staging", from_command_line="staging.build"),
    # full disks
    Fault("full disk: opening", "open build", room=0, limit=0),
    Fault("full disk: landing", "fetch", room=20_000, limit=1_000),
    Fault("full disk: loading", "load", room=300_000, limit=100_000),
    Fault("full disk: raw gate", "gate raw", room=20_000, limit=10_000),
    Fault("full disk: staging models", "build staging", room=300_000, limit=100_000),
    Fault("full disk: staging gate", "gate staging", room=20_000, limit=10_000),
    Fault("full disk: marts", "build marts", room=300_000, limit=100_000),
    Fault("full disk: marts gate", "gate marts", room=20_000, limit=10_000),
    Fault("full disk: publishing", "publish", room=300_000, limit=100_000),
)

# What the tests run, one after the other in one home: each is a refresh that ends so, and the last one ends well.
TENTH = (
    "bytes landed, no line in the manifest",
    "full disk: landing",
    "newer editions deleted to load them after a late one",
    "full disk: loading",
    "after the first mart",
    "between the two links",
)


# --- the world and its homes --------------------------------------------------------------------------------------------


def write_world(folder: Path) -> None:
    """Two folders to replay, `first` and `second`: the files of the feeds as they stood on two days."""
    import csv

    from ingest import sample

    held_back = None
    for name, as_of in (("first", FIRST_DAY), ("second", sample.END)):
        rows = []
        for number, made in enumerate(sample.render(as_of, first_year=FIRST_YEAR, feeds=FEEDS)):
            # the first quarter of the managers, and all that is no filing
            if made.feed == "sec_13f_filing" and number % 4:
                continue
            if name == "first" and made.feed == LATE_FEED and held_back is None:
                held_back = made.edition_at
                continue
            path = folder / name / made.feed / str(number) / made.name
            path.parent.mkdir(parents=True)
            path.write_bytes(made.content)
            rows.append((path.relative_to(folder / name).as_posix(), made.edition_at.isoformat()))
        with (folder / name / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("file", "edition"), *rows])


def settings_of(home: Path, replay: Path, keep_builds: int = 5) -> dict[str, str]:
    """Environment of a refresh."""
    return {
        "EBBTIDE_HOME": str(home),
        "EBBTIDE_SOURCE": f"replay:{replay}",
        "EBBTIDE_AS_OF": AS_OF,
        "EBBTIDE_KEEP_BUILDS": str(keep_builds),
    }


def fetch_all() -> None:
    """The fetches of a refresh, one provider after the other."""
    from ingest.feeds import PROVIDERS
    from warehouse import refresh

    for provider in PROVIDERS:
        refresh.fetch(provider)


def run_stage(name: str) -> None:
    """One stage of a refresh."""
    from warehouse import refresh

    kind, _, argument = name.partition(" ")
    stages: dict[str, Callable[[], Any]] = {
        "open": lambda: refresh.open_build(),
        "fetch": lambda: sys.modules[__name__].fetch_all(),
        "load": lambda: refresh.load(),
        "gate": lambda: refresh.gate(argument),  # type: ignore[arg-type]
        "build": lambda: refresh.build_models(argument),  # type: ignore[arg-type]
        "publish": lambda: refresh.publish(),
    }
    stages[kind]()


def build_only(marts: Sequence[str]) -> None:
    """Leave out dbt's tests, which change nothing, and every model that none of `marts` rests on; none named are all. In this process."""

    def narrowed(run_dbt: Any) -> Any:
        def shorter(arguments: Sequence[str], **named: Any) -> None:
            start, end = arguments.index("--select") + 1, arguments.index("--exclude-resource-type")
            selected = [f"+{mart},{part}" for mart in marts for part in arguments[start:end]] or arguments[start:end]
            run_dbt([*arguments[:start], *selected, *arguments[end:], "--exclude-resource-type", "test"], **named)

        return shorter

    def of_what_is_there(suites: Any) -> Any:
        return lambda *arguments: [suite for suite in suites(*arguments) if not (suite.skipped or "").endswith("has not been built")]

    _replaced("warehouse.dbt:run_dbt", narrowed)
    if marts:
        for stage in ("staging", "marts"):
            _replaced(f"expectations.{stage}:suites", of_what_is_there)


def import_beforehand() -> None:
    """Import what takes seconds once, for all the processes made from this one."""
    import great_expectations  # noqa: F401

    import warehouse.refresh  # noqa: F401


def parse_beforehand(folder: Path) -> None:
    """Parse the dbt project once, for all the processes made from this one: dbt parses anew in every home, which takes longer than the rest of a refresh."""
    import warehouse.dbt

    parse = warehouse.dbt._manifest
    parsed: list[Any] = []

    def kept(command: tuple[str, ...], *others: Any) -> Any:
        target = Path(command[command.index("--target-path") + 1])
        if not parsed:
            parsed[:] = parse(command, *others), target / "manifest.json"
        elif not (target / "manifest.json").exists():
            shutil.copyfile(parsed[1], target / "manifest.json")
        return parsed[0]

    warehouse.dbt._manifest = kept  # type: ignore[assignment]
    with contextlib.redirect_stdout(None):
        warehouse.dbt.run_dbt(["list", "--select", "dim_signal"], warehouse=folder / "warehouse.duckdb", mart=folder / "mart.duckdb")


def in_child(work: Callable[[], None], log: Path) -> int:
    """Start a process made from this one that does `work`; its output and traceback go to `log`. Returns its id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 1)
        os.dup2(target, 2)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def finished(child: int, home: Path | None = None) -> int:
    """Wait for a process; its exit code, negative when a signal ended it.

    Meanwhile the build that readers of `home` open is looked at: it is always there, and always a finished file.
    """
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if home:
            build, folder = home / "published" / "current.duckdb", home / "published" / "current"
            assert build.stat().st_mode & 0o222 == 0, f"readers of {build} saw a file that was being written"
            assert (folder / "meta.build.parquet").exists(), f"readers of {folder} saw a folder that was being written"
        time.sleep(0.005)


def done(work: Callable[[], None], log: Path, home: Path | None = None) -> None:
    """Do `work` in a process of its own. Raises AssertionError with the end of its output when it fails, or when readers of `home` saw part of a build."""
    code = finished(in_child(work, log), home)
    assert code == 0, f"exit code {code}: " + " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])


def copied(source: Path, target: Path) -> None:
    """A copy of a home, with its links; blocks are shared where the file system can."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


@dataclass(frozen=True)
class World:
    """The folders of a run. `uninterrupted` holds the home after the second day, `before` a copy of it before each stage."""

    folder: Path
    marts: tuple[str, ...] = ()  # all

    @property
    def uninterrupted(self) -> Path:
        return self.folder / "uninterrupted"

    def before(self, stage: str) -> Path:
        return self.folder / "before" / stage.replace(" ", "_")

    def replay(self, day: str) -> Path:
        return self.folder / day

    def seconds(self) -> dict[str, float]:
        """How long each stage took."""
        return dict(json.loads((self.folder / "seconds.json").read_text(encoding="utf-8")))

    def refresh(
        self,
        home: Path,
        *,
        day: str = "second",
        keep_builds: int = 5,
        gates: Sequence[str] = ("gate marts",),
        until: str | None = None,
        snapshots: bool = False,
    ) -> None:
        """Refresh a home in this process, from the beginning to the end or to before a stage, with some of the gates."""
        os.environ.update(settings_of(home, self.replay(day), keep_builds))
        build_only(self.marts)
        seconds = {}
        for stage in STAGES:
            if stage == until:
                return
            if snapshots:
                copied(home, self.before(stage))
            if stage not in GATES or stage in gates:
                started = time.monotonic()
                run_stage(stage)
                seconds[stage] = time.monotonic() - started
        if snapshots:
            (self.folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")

    def make(self, *, snapshots: bool) -> None:
        """Write the world, publish its first day, and refresh the second without a fault, with every gate and a copy before each stage, or without."""
        logs = self.folder / "logs"
        done(lambda: write_world(self.folder), logs / "world.log")
        done(lambda: self.refresh(self.uninterrupted, day="first"), logs / "first.log")
        if not snapshots:
            copied(self.uninterrupted, self.before(STAGES[0]))
        done(lambda: self.refresh(self.uninterrupted, gates=GATES if snapshots else (), snapshots=snapshots), logs / "second.log")


# --- what must hold ---------------------------------------------------------------------------------------------------------


def hash_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def marts_in(connection: Any, database: str) -> dict[str, int]:
    """Tables of a build with their rows, the build record left out."""
    rows = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = ? and schema_name not in ('meta', 'quality')", [database]
    ).fetchall()
    return {table: connection.execute(f'select count(*) from "{database}".{table}').fetchone()[0] for (table,) in rows}


def check_visible(home: Path, builds: Sequence[str]) -> None:
    """What readers see is whole: `current` is one of `builds`, and each published file and folder of Parquet holds all of its tables."""
    import duckdb

    published = home / "published"
    for link in (published / "current.duckdb", published / "current"):
        target = link.readlink()
        assert not target.is_absolute() and link.exists(), f"{link} leads nowhere"
        assert target.name.removesuffix(".duckdb") in builds, f"{link} leads to {target}, not to one of {builds}"
    expected: dict[str, int] = {}
    for path in sorted(published.glob("[0-9]*.duckdb")):
        assert path.stat().st_mode & 0o222 == 0, f"{path} can be written"
        with duckdb.connect(str(path), read_only=True) as connection:
            status = connection.execute("select status from meta.build where build_id = ?", [path.stem]).fetchall()
            assert status == [("published",)], f"{path} says of itself {status}"
            tables = marts_in(connection, path.stem)
        assert not expected or set(tables) == set(expected), f"{path} lacks {set(expected) ^ set(tables)}"
        expected = tables
    for folder in (path for path in published.glob("[0-9]*") if path.is_dir() and not path.is_symlink()):
        with duckdb.connect() as connection:
            for table in expected:
                connection.execute(f"select count(*) from '{folder / table}.parquet'")


def check_equal(home: Path, uninterrupted: Path) -> None:
    """Marts and raw tables equal those of the refresh without a fault, and no row is lost between file and table."""
    import duckdb

    from tests.equal import assert_equal
    from tests.test_refresh import grains

    with duckdb.connect() as connection:
        for name, folder in (("here", home), ("there", uninterrupted)):
            connection.execute(f"attach '{(folder / 'published' / 'current.duckdb').resolve()}' as {name} (read_only)")
            connection.execute(f"attach '{folder / 'warehouse.duckdb'}' as raw_{name} (read_only)")
        here, there = marts_in(connection, "here"), marts_in(connection, "there")
        assert here == there and sum(there.values()) > 1000, f"rows of marts differ: {set(here.items()) ^ set(there.items())}"
        for table in there:
            assert_equal(connection, f"here.{table}", f"there.{table}", grains()[table])
        tables = [
            row[0] for row in connection.execute("select table_name from duckdb_tables() where database_name = 'raw_there' and schema_name = 'raw'").fetchall()
        ]
        compared = {f"raw.{table}": "*" for table in tables}
        compared["meta.file"] = "file_id, feed, name, sha256, size, edition_at, status, message, rows_read, rows_loaded, rows_quarantined, rows_unchanged"
        compared["meta.filing"] = "*"
        for table, columns in compared.items():
            for one, other in (("raw_here", "raw_there"), ("raw_there", "raw_here")):
                left = connection.execute(
                    f"select count(*) from (select {columns} from {one}.{table} except all select {columns} from {other}.{table})"
                ).fetchone()
                assert left == (0,), f"{left[0]} rows of {table} are in {one} alone"
        wrong = connection.execute("select count(*) from raw_here.meta.file where rows_read <> rows_loaded + rows_quarantined + rows_unchanged").fetchone()
        assert wrong == (0,), f"{wrong[0]} files whose rows do not add up"
        running = connection.execute("select build_id from raw_here.meta.build where status = 'running'").fetchall()
        assert not running, f"{running} still run, says the record"


def check_nothing_left(home: Path) -> None:
    """No lock is held, and nothing of the unfinished refresh is there."""
    from filelock import FileLock

    from warehouse.leftovers import leftovers
    from warehouse.settings import load_settings

    for lock in (*home.glob("*.lock"), *home.glob("airflow/*.lock"), *home.glob("landing/*/*.lock")):
        with FileLock(lock, timeout=0):
            pass
    assert not (home / "writer.json").exists(), f"{home / 'writer.json'} still names a holder"
    left = [str(path) for path in leftovers(load_settings()) if path != home / "spill"]
    hidden = [str(path) for path in (home / "published").glob(".*")]
    assert not left and not hidden, f"left over: {left + hidden}"
    database = home / "airflow" / "airflow.db"
    if database.exists():
        import sqlite3

        with contextlib.closing(sqlite3.connect(database)) as connection:
            running = connection.execute("select run_id from dag_run where state not in ('success', 'failed')").fetchall()
        assert not running, f"Airflow has runs that never ended: {running}"


# --- faults -----------------------------------------------------------------------------------------------------------------


def can_mount() -> bool:
    """Whether this process may mount a small disk of its own: it runs in a mount namespace, see `main`."""
    return os.environ.get("FAULTS_CAN_MOUNT") == "1"


@contextlib.contextmanager
def little_room(home: Path, room: int) -> Iterator[None]:
    """Have a home on a disk that has `room` bytes left while the block runs."""
    elsewhere = home.with_name(f"{home.name}.elsewhere")
    home.rename(elsewhere)
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "faults", str(home)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{elsewhere}/.", str(home)], check=True)
        disk = os.statvfs(home)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        # a tmpfs counts in pages, and takes 0 for no limit
        subprocess.run(["mount", "-o", f"remount,size={(used + room) // 4096 * 4096}", str(home)], check=True)
        yield
        shutil.rmtree(elsewhere)
        subprocess.run(["cp", "-a", f"{home}/.", str(elsewhere)], check=True)
    finally:
        subprocess.run(["umount", str(home)], check=True)
        home.rmdir()
        elsewhere.rename(home)


@dataclass(frozen=True)
class Trial:
    """A fault, the home it happens in, and the log of the processes."""

    world: World
    fault: Fault
    home: Path
    log: Path

    def enter(self) -> None:
        """Make this process one of a refresh."""
        os.environ.update(settings_of(self.home, self.world.replay("second"), self.fault.keep_builds))
        build_only(self.world.marts)

    def hit(self) -> str:
        """Let the fault happen in its stage. Returns what was seen. Raises AssertionError when it did not happen, or was told badly."""
        if self.fault.room is not None:
            return self._fill()
        if self.fault.from_command_line:
            return self._kill_command()

        def work() -> None:
            self.enter()
            if self.fault.strike:
                self.fault.strike(self.home)
            run_stage(self.fault.stage)

        child = in_child(work, self.log)
        if self.fault.share is not None:
            time.sleep(self.fault.share * self.world.seconds()[self.fault.stage])
            os.kill(child, signal.SIGKILL)
        code = finished(child, self.home)
        assert code == -signal.SIGKILL, f"the point was not reached: exit code {code}, see {self.log}"
        return "killed"

    def _fill(self) -> str:
        """Run the stage with too little room. Returns the message, which must say what is full and what to do."""
        assert self.fault.room is not None and self.fault.limit is not None
        hear, tell = os.pipe()

        def work() -> None:
            from warehouse.disk import DiskFull

            self.enter()
            if not can_mount():
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.fault.limit or 0, self.fault.limit or 0))
            try:
                run_stage(self.fault.stage)
            except DiskFull as error:
                os.write(tell, str(error).encode())
                return
            raise AssertionError("the stage ended as if there were room")

        try:
            with little_room(self.home, self.fault.room) if can_mount() else contextlib.nullcontext():
                code = finished(in_child(work, self.log), self.home)
        finally:
            os.close(tell)
            message = os.read(hear, 1 << 16).decode()
            os.close(hear)
        assert code == 0 and message, f"no DiskFull but exit code {code}, see {self.log}"
        for part in (f"the disk is full in stage {self.fault.stage}", f"MB free in {self.home}", "Make room", "refresh again"):
            assert part in message, f"the message does not say {part!r}: {message}"
        return message

    def _command(self) -> subprocess.Popen[bytes]:
        settings = settings_of(self.home, self.world.replay("second"), self.fault.keep_builds)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "warehouse.cli", "refresh"], env={**os.environ, **settings}, stdout=log, stderr=log, start_new_session=True
            )

    def _kill_command(self) -> str:
        process = self._command()
        started = f"airflow/logs/*/*/task_id={self.fault.from_command_line}/attempt=*.log"
        while not any(self.home.glob(started)):
            assert process.poll() is None, f"the command ended with {process.returncode}, see {self.log}"
            time.sleep(0.02)
        time.sleep(0.4 * self.world.seconds()[self.fault.stage])
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"the command had ended with {process.returncode}, see {self.log}"
        return "killed, with all its processes"

    def check_readers(self, first_build: str, hash_of_first: str) -> None:
        """Readers see the first build, or the next one whole."""

        def work() -> None:
            published = [path.stem for path in (self.home / "published").glob("[0-9]*.duckdb")]
            check_visible(self.home, published if self.fault.stage == "publish" else [first_build])
            first = self.home / "published" / f"{first_build}.duckdb"
            if self.fault.keep_builds == 1 and not first.exists():
                return  # dropped, as it should be
            assert hash_of(first) == hash_of_first, "the build that was published before has changed"

        done(work, self.log)

    def refresh_again(self, gates: Sequence[str]) -> None:
        """Refresh from the beginning; it must end well."""
        if self.fault.from_command_line:
            code = self._command().wait()
            assert code == 0, f"`ebbtide refresh` ended with {code}, see {self.log}"
        else:
            done(lambda: self.world.refresh(self.home, keep_builds=self.fault.keep_builds, gates=gates), self.log, self.home)

    def check_result(self) -> None:
        """The home is as after a refresh without a fault."""

        def work() -> None:
            self.enter()
            published = [path.stem for path in (self.home / "published").glob("[0-9]*.duckdb")]
            check_visible(self.home, [max(published)])
            check_equal(self.home, self.world.uninterrupted)
            check_nothing_left(self.home)

        done(work, self.log)


@dataclass(frozen=True)
class Result:
    """What became of a fault. `problem` is empty when the refresh after it ended as it must."""

    name: str
    stage: str
    seen: str
    problem: str
    seconds: float


def first_build_of(home: Path) -> tuple[str, str]:
    """Name and hash of the build that readers see."""
    path = (home / "published" / "current.duckdb").resolve()
    return path.stem, hash_of(path)


def try_out(world: World, fault: Fault, folder: Path) -> Result:
    """One fault in a home of its own, from a copy of the home before its stage; and the refresh after it."""
    started = time.monotonic()
    home = folder / "home"
    seen = problem = ""
    try:
        copied(world.before(STAGES[0] if fault.from_command_line else fault.stage), home)
        trial = Trial(world, fault, home, folder / "log.txt")
        build = first_build_of(home)
        seen = trial.hit()
        trial.check_readers(*build)
        trial.refresh_again(GATES if fault.stage in GATES else ("gate marts",))
        trial.check_result()
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    else:
        shutil.rmtree(folder)
    return Result(fault.name, fault.stage, seen, problem, time.monotonic() - started)


def try_in_a_row(world: World, faults: Sequence[Fault], folder: Path) -> Iterator[Result]:
    """Faults in one home, each in a refresh from the beginning to its stage; after the last one a refresh that must end well."""
    home = folder / "home"
    copied(world.before(STAGES[0]), home)
    build = first_build_of(home)
    for number, fault in enumerate(faults):
        started = time.monotonic()
        seen = problem = ""
        try:
            trial = Trial(world, fault, home, folder / f"{number}.txt")
            done(functools.partial(world.refresh, home, gates=[], until=fault.stage), trial.log)
            seen = trial.hit()
            trial.check_readers(*build)
            if fault is faults[-1]:
                trial.refresh_again(())
                trial.check_result()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        yield Result(fault.name, fault.stage, seen, problem, time.monotonic() - started)
        if problem:
            return


# --- the command ------------------------------------------------------------------------------------------------------------


def side_by_side(world: World, faults: Sequence[Fault], folder: Path, jobs: int) -> Iterator[Result]:
    """Try faults, `jobs` at a time, each in processes of its own."""
    waiting = list(enumerate(faults))
    running: dict[int, tuple[Fault, Path]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            number, fault = waiting.pop(0)
            path = folder / f"{number}.json"

            def work(fault: Fault = fault, number: int = number, path: Path = path) -> None:
                path.write_text(json.dumps(vars(try_out(world, fault, folder / str(number)))), encoding="utf-8")

            running[in_child(work, folder / f"{number}.txt")] = fault, path
        child, _ = os.wait()
        fault, path = running.pop(child)
        if path.exists():
            yield Result(**json.loads(path.read_text(encoding="utf-8")))
        else:
            yield Result(fault.name, fault.stage, "", f"the trial itself failed, see {path.with_suffix('.txt')}", 0)


def in_mount_namespace() -> None:
    """Start this program again where it may mount disks of its own; where the system does not allow that, go on."""
    if "FAULTS_CAN_MOUNT" in os.environ:
        return
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-rm", "sh", "-c", "mount -t tmpfs -o size=4k faults /mnt"], capture_output=True, check=False).returncode == 0:
        os.environ["FAULTS_CAN_MOUNT"] = "1"
        os.execv(unshare, [unshare, "-rm", sys.executable, "-m", "tests.faults", *sys.argv[1:]])
    os.environ["FAULTS_CAN_MOUNT"] = "0"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill refreshes and fill disks, and refresh again.")
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only the faults whose name or stage holds this text")
    parser.add_argument("--tenth", action="store_true", help="the faults of the tests, one after the other in one home, without gates")
    parser.add_argument("--all-marts", action="store_true", help="build all marts, which takes three times as long")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at a time")
    parser.add_argument("--folder", type=Path, help="where to work; it is kept. Default: a temporary folder, removed when all is well")
    arguments = parser.parse_args()
    in_mount_namespace()
    for name in [name for name in os.environ if name.startswith("EBBTIDE_")]:
        del os.environ[name]
    # the command builds all marts, and can be compared with nothing less
    possible = [fault for fault in FAULTS if arguments.all_marts or not fault.from_command_line]
    chosen = [fault for fault in possible if not arguments.names or any(text in f"{fault.stage}: {fault.name}" for text in arguments.names)]
    if arguments.tenth:
        chosen = [fault for name in TENTH for fault in FAULTS if fault.name == name]
    print(f"{len(chosen)} faults; a full disk is {'a small tmpfs' if can_mount() else 'a limit on the size of files, since no tmpfs can be mounted here'}")
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="faults-"))
    import_beforehand()
    world = World(folder / "world", () if arguments.all_marts else FEW_MARTS)
    started = time.monotonic()
    parse_beforehand(folder / "parsed")
    if not (world.folder / "made").exists():
        world.make(snapshots=not arguments.tenth)
        (world.folder / "made").touch()
    print(f"world made in {time.monotonic() - started:.0f} s", flush=True)
    trials = folder / "trials"
    shutil.rmtree(trials, ignore_errors=True)
    results = []
    print(f"{'stage':<15}{'fault':<58}{'rerun':<8}{'seconds':>7}  seen")
    for result in try_in_a_row(world, chosen, trials) if arguments.tenth else side_by_side(world, chosen, trials, arguments.jobs):
        results.append(result)
        print(f"{result.stage:<15}{result.name:<58}{'FAILED' if result.problem else 'equal':<8}{result.seconds:>7.1f}  {result.seen}", flush=True)
        if result.problem:
            print(f"    {result.problem}", flush=True)
    good = sum(not result.problem for result in results)
    kills = sum(not result.problem and result.seen.startswith("killed") for result in results)
    print(f"{good} of {len(chosen)} faults survived ({kills} kills, {good - kills} full disks) in {time.monotonic() - started:.0f} s")
    if good < len(chosen):
        sys.exit(f"logs and homes are in {folder}")
    if not arguments.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
