"""Many processes at once: readers of the published warehouse, and refreshes that want to write."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.published_readers import TABLES, publish_one, read_while_publishing
from warehouse import refresh
from warehouse.connection import Busy, connect, describe_holder, writer_lock
from warehouse.publish import published_builds, rollback
from warehouse.settings import Settings, WrongUse


def test_sixteen_readers_see_one_build_in_each_result_while_builds_come_and_go(tmp_path: Path) -> None:
    # a tenth of what `make faults` does
    reading = read_while_publishing(tmp_path, readers=16, publishes=5)
    assert reading.errors == []
    assert reading.queries > 16 and reading.rolled_back == 1
    assert len(set().union(*(reader.builds for reader in reading.readers))) > 1, "no reader saw a new build, so nothing was shown"
    assert list((tmp_path / "published").glob(".*")) == []


def test_a_mixed_build_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The readers' query tells a mixed build from a whole one: the test above can fail."""
    from tests.published_readers import ONE_BUILD

    settings = Settings(home_setting=tmp_path, source="sample")  # type: ignore[call-arg]
    build_id = publish_one(settings)
    path = settings.published_dir / f"{build_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(ONE_BUILD).fetchall()[0][0] == [build_id]
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"update {TABLES[-1]} set build_id = 'another' where row_number = 0")
        assert sorted(connection.execute(ONE_BUILD).fetchall()[0][0]) == sorted([build_id, "another"])


def test_a_reader_keeps_its_build_when_the_file_is_dropped(tmp_path: Path) -> None:
    settings = Settings(home_setting=tmp_path, source="sample", keep_builds=1)  # type: ignore[call-arg]
    first = publish_one(settings)
    with duckdb.connect(str(settings.published_dir / f"{first}.duckdb"), read_only=True) as reader:
        second = publish_one(settings)
        assert [build.build_id for build in published_builds(settings)] == [second]
        assert reader.execute(f"select distinct build_id from {TABLES[0]}").fetchall() == [(first,)]


def test_rollback_to_a_build_that_is_not_kept_names_those_that_are(tmp_path: Path) -> None:
    settings = Settings(home_setting=tmp_path, source="sample", keep_builds=2)  # type: ignore[call-arg]
    builds = [publish_one(settings) for _ in range(3)]
    rollback(settings, builds[1])
    assert settings.current_path.resolve().stem == builds[1]
    with pytest.raises(WrongUse, match=builds[1]):
        rollback(settings, builds[0])


# --- two refreshes ------------------------------------------------------------------------------------------------------


HOLDER = """
import sys, time
from warehouse.connection import writer_lock
from warehouse.settings import load_settings
with writer_lock(load_settings(), "build staging"):
    print("held", flush=True)
    time.sleep(float(sys.argv[1]))
"""


def other_process(seconds: float) -> subprocess.Popen[str]:
    """A process that holds the writer's lock of this test's home for so long."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_stage_waits_for_another_that_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    process = other_process(600)
    try:
        # the other ends as soon as this one has begun to wait
        threading.Timer(0.5, process.kill).start()
        build_id = refresh.open_build()
        assert process.poll() is not None, "the stage did not wait for the lock"
    finally:
        process.kill()
        process.wait()
    with connect(refresh.build_settings()) as connection:
        assert connection.execute("select build_id from meta.build_in_progress").fetchall() == [(build_id,)]


def test_a_stage_that_waited_long_enough_says_who_writes_since_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "WAIT_SECONDS", 0.2)
    process = other_process(600)
    try:
        with pytest.raises(Busy, match=rf"in use by process {process.pid} on .* \(stage build staging, since 20\d\d-.*\); try again when it has finished"):
            refresh.open_build()
    finally:
        process.kill()
        process.wait()
    # killed: the kernel has freed the lock, and what the file beside it says is no hindrance
    settings = refresh.build_settings()
    assert str(process.pid) in describe_holder(settings.lock_path.with_suffix(".json"))
    with writer_lock(settings, "open build"):
        pass
    assert refresh.open_build()


def test_a_refresh_that_was_overtaken_stops_and_leaves_the_other_alone() -> None:
    """Two refreshes that take turns, as under two DAGs of one scheduler: no lock is held from one task to the next."""
    first = refresh.open_build()
    time.sleep(0.001)
    second = refresh.open_build()
    for stage in (refresh.load, lambda **build: refresh.gate("raw", **build), lambda **build: refresh.build_models("marts", **build), refresh.publish):
        with pytest.raises(refresh.Overtaken, match=f"build {first} is given up: another refresh opened build {second}"):
            stage(build_id=first)
    assert refresh.load(build_id=second)["files"] == 0
    with connect(refresh.build_settings()) as connection:
        found = connection.execute("select build_id, status from meta.build order by build_id").fetchall()
    assert found == [(first, "failed"), (second, "running")]
