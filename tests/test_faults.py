"""A killed refresh, a full disk, a damaged database, a clock set back: what is said, and what the next refresh makes of it.

`make faults` tries all the faults of `tests/faults.py`; here run a few of them, and what clears up after them is tried by itself.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
from click.testing import CliRunner
from raw_store import RawStore

import warehouse.build
from tests import faults
from tests.conftest import ROOT
from warehouse import refresh
from warehouse.build import start_build
from warehouse.cli import main
from warehouse.connection import Busy, Damaged, connect, connect_published
from warehouse.disk import DiskFull, explained, is_full
from warehouse.leftovers import clear_leftovers
from warehouse.publish import published_builds
from warehouse.settings import Settings, load_settings


def test_refreshes_that_are_killed_and_find_the_disk_full_one_after_the_other() -> None:
    command = [sys.executable, "-m", "tests.faults", "--tenth"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EBBTIDE_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(faults.TENTH)} of {len(faults.TENTH)} faults survived (4 kills, 2 full disks)" in done.stdout


def test_faults_lie_at_every_boundary_and_inside_every_stage() -> None:
    kills = [fault for fault in faults.FAULTS if fault.room is None]
    assert len(kills) >= 30
    assert {fault.stage for fault in kills if fault.name.startswith("after the")} == set(faults.STAGES)
    assert {fault.stage for fault in kills if not fault.name.startswith("after the ")} >= set(faults.STAGES)
    assert {fault.stage for fault in faults.FAULTS if fault.room is not None} == set(faults.STAGES)
    names = [fault.name for fault in faults.FAULTS]
    assert len(set(names)) == len(names) and set(faults.TENTH) <= set(names)


# --- leftovers --------------------------------------------------------------------------------------------------------


def published_build(settings: Settings, build_id: str, status: str = "published") -> Path:
    """A published file with its record and its Parquet."""
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    path = settings.published_dir / f"{build_id}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute('create schema meta; create table meta.build (build_id varchar, status varchar, finished_at timestamp, "rows" bigint)')
        connection.execute("insert into meta.build values (?, ?, '2026-01-02 03:04:05', 77)", [build_id, status])
    path.chmod(0o444)
    (settings.published_dir / build_id).mkdir()
    return path


def links(settings: Settings) -> tuple[str, str]:
    return settings.current_path.readlink().name, (settings.published_dir / "current").readlink().name


def test_leftovers_are_cleared_and_nothing_else() -> None:
    settings = load_settings()
    kept = "20260101T000000000Z"
    published_build(settings, kept)
    (settings.published_dir / "current.duckdb").symlink_to(f"{kept}.duckdb")
    (settings.published_dir / "current").symlink_to(kept)
    dead = subprocess.Popen(["true"])
    dead.wait()
    leftovers = [
        "published/.next.duckdb",
        "published/.next.duckdb.wal",  # would be replayed into the next build
        f"published/.current.duckdb.{dead.pid}.tmp",
        f"quality/.{kept}.json.{dead.pid}.tmp",
        f"landing/gpr_daily/.completed.json.{dead.pid}.tmp",
        f"landing/gpr_daily/2026-01-01/.abc.csv.{dead.pid}.tmp",
        f"home.{dead.pid}.tmp",
        "spill/duckdb_temp_block-1.tmp",
        "warehouse.duckdb.tmp/duckdb_temp_block-1.tmp",
        "published/.20260102T000000000Z.tmp/meta.build.parquet",
        "published/20260102T000000000Z/meta.build.parquet",  # its database never had its name
    ]
    good = [
        f"published/{kept}/meta.build.parquet",
        "landing/gpr_daily/manifest.jsonl",
        "landing/gpr_daily/2026-01-01/abc.csv",
        "landing/.partial/half.zip",  # a download goes on where it stopped
        f"landing/gpr_daily/.completed.json.{os.getppid()}.tmp",  # its process lives
    ]
    for name in (*leftovers, *good):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    clear_leftovers(settings)
    assert [name for name in leftovers if (settings.home / name).exists()] == []
    assert [name for name in good if not (settings.home / name).exists()] == []
    assert [build.build_id for build in published_builds(settings)] == [kept]
    assert not (settings.home / "spill").exists() and not (settings.published_dir / "20260102T000000000Z").exists()


def test_a_switch_that_was_cut_in_two_is_finished() -> None:
    settings = load_settings()
    for build_id in ("20260101T000000000Z", "20260102T000000000Z"):
        published_build(settings, build_id)
    settings.current_path.symlink_to("20260102T000000000Z.duckdb")
    (settings.published_dir / "current").symlink_to("20260101T000000000Z")
    clear_leftovers(settings)
    assert links(settings) == ("20260102T000000000Z.duckdb", "20260102T000000000Z")


@pytest.mark.parametrize("has_its_name", [True, False])
def test_a_build_is_published_once_its_database_has_its_name(has_its_name: bool) -> None:
    settings = load_settings()
    with connect_new(settings) as connection:
        build_id = start_build(connection, settings)
        if has_its_name:
            published_build(settings, build_id)
        start_build(connection, settings)
        recorded = connection.execute('select status, finished_at, "rows", message from meta.build where build_id = ?', [build_id]).fetchall()
    if has_its_name:
        assert recorded == [("published", datetime(2026, 1, 2, 3, 4, 5), 77, None)]
    else:
        assert recorded[0][0] == "failed" and recorded[0][3] == "did not finish"


def connect_new(settings: Settings):  # type: ignore[no-untyped-def]
    settings.claim_home()
    return connect(settings)


@pytest.mark.parametrize("warehouse_is_new", [False, True])
def test_build_ids_grow_when_the_clock_is_set_back(warehouse_is_new: bool) -> None:
    settings = load_settings()

    def started(now: datetime) -> str:
        class Clock(datetime):
            now = classmethod(lambda cls, tz=None: moment)  # type: ignore[assignment]

        moment = now
        with patch.object(warehouse.build, "datetime", Clock), connect_new(settings) as connection:
            return start_build(connection, settings)

    first = started(datetime(2026, 11, 1, 0, 0, 0, 999_000, tzinfo=UTC))
    assert first == "20261101T000000999Z"
    if warehouse_is_new:
        published_build(settings, first)
        settings.warehouse_path.unlink()
    second, third = started(datetime(2026, 10, 31, 23, tzinfo=UTC)), started(datetime(2026, 10, 31, 22, tzinfo=UTC))
    assert (second, third) == ("20261101T000001000Z", "20261101T000001001Z")
    assert started(datetime(2026, 11, 2, tzinfo=UTC)) == "20261102T000000000Z"


# --- full disks -------------------------------------------------------------------------------------------------------

NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
OPTIONS = b"Date,VIX\n01/02/2024,13.20\n"
HISTORY = b"DATE,OPEN,HIGH,LOW,CLOSE\n01/02/2024,13.210000,14.200000,13.100000,13.200000\n"


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def full_while_unpacking() -> None:
    raise NO_ROOM


def full_while_reading() -> None:
    raise duckdb.IOException('IO Error: Could not write file "spill/duckdb_temp_storage": No space left on device')


@pytest.mark.parametrize(("target", "fault"), [("ingest.reader._inflate", full_while_unpacking), ("ingest.load._insert", full_while_reading)])
def test_a_good_file_is_not_quarantined_because_there_was_no_room_to_read_it(tmp_path: Path, target: str, fault: Callable[[], None]) -> None:
    store = RawStore(tmp_path)
    store.land("cboe_index_history", "VIX_History.csv.zip", zipped("VIX_History.csv", HISTORY))
    with patch(target, lambda *arguments: fault()), pytest.raises((OSError, duckdb.IOException)) as raised:
        store.load()
    assert is_full(raised.value)
    assert store.rows("select * from meta.file") == []
    assert store.load().rows_loaded > 0
    assert store.rows("select status from meta.file") == [("loaded",)]


@pytest.mark.parametrize(
    "error",
    [
        NO_ROOM,
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        duckdb.OutOfMemoryException("failed to offload data block of size 256.0 KiB\nThis limit was set by the 'max_temp_directory_size' setting."),
        RuntimeError("dbt build failed at 1 node(s)\nmodel.ebbtide.x: IO Error: Could not write file: No space left on device"),
    ],
)
def test_a_full_disk_is_told_with_the_room_there_is_and_what_to_do(error: Exception, tmp_path: Path) -> None:
    text = str(explained(error, "load", tmp_path / "home"))
    assert text.startswith("the disk is full in stage load, which writes raw rows in warehouse.duckdb")
    assert re.search(rf"[\d,.]+ MB free in {tmp_path}", text)
    assert "EBBTIDE_HOME" in text and "refresh again" in text and "\n" not in text


def test_other_errors_are_not_taken_for_a_full_disk() -> None:
    assert not any(is_full(error) for error in (ValueError("no"), FileNotFoundError(errno.ENOENT, "gone"), duckdb.OutOfMemoryException("could not allocate")))


def test_a_stage_and_the_command_line_say_that_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*arguments: object, **named: object) -> None:
        raise NO_ROOM

    monkeypatch.setattr("warehouse.connection.Path.write_text", no_room)  # who holds the lock is written first
    with pytest.raises(DiskFull, match="in stage open build"):
        refresh.open_build()
    result = CliRunner().invoke(main, ["refresh"])
    assert result.exit_code == 1
    assert result.stderr.startswith("ebbtide: the disk is full in stage refresh") and "Traceback" not in result.stderr


# --- damaged databases ------------------------------------------------------------------------------------------------


def checksum(block: bytes) -> int:
    """DuckDB's checksum of a header (src/common/checksum.cpp)."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        result ^= word * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    return result


def of_a_newer_version(content: bytes) -> bytes:
    """The same database with a storage version that no DuckDB has yet."""
    header = bytearray(content[8:4096])
    header[4:12] = struct.pack("<Q", 9_000)
    return struct.pack("<Q", checksum(bytes(header))) + bytes(header) + content[4096:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a web page": lambda content: b"<!doctype html>" * 1000,
    "cut short": lambda content: content[: len(content) // 2],
    "overwritten": lambda content: content[:4096] + b"\xff" * 8192 + content[12288:],
    "newer version": of_a_newer_version,
}


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    assert checksum(content[8:4096]) == struct.unpack("<Q", content[:8])[0]
    path.chmod(0o644)
    path.write_bytes(DAMAGES[kind](content))


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_warehouse_is_rebuilt_from_landing_as_the_message_says(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "replay"
    folder.mkdir()
    (folder / "VIX_History.csv").write_bytes(HISTORY)
    monkeypatch.setenv("EBBTIDE_SOURCE", f"replay:{folder}")
    settings = load_settings()
    refresh.open_build()
    refresh.fetch("cboe")
    refresh.load()
    published = published_build(settings, "20260101T000000000Z")
    settings.current_path.symlink_to(published.name)
    damage(settings.warehouse_path, kind)
    with pytest.raises(Damaged) as raised:
        refresh.open_build()
    message = str(raised.value)
    assert str(settings.warehouse_path) in message and "refresh" in message
    assert ("version number" in message) == (kind == "newer version")
    result = CliRunner().invoke(main, ["builds"])
    assert (result.exit_code, result.stderr) == (1, f"ebbtide: {message}\n")
    # what the message says to type
    moves = re.search(r"\(mkdir -p (\S+); mv (\S+) (\S+)\)", message)
    assert moves
    subprocess.run(["sh", "-c", f"mkdir -p {moves[1]}; mv {moves[2]} {moves[3]}"], check=True)
    (folder / "VIX_History.csv").unlink()
    refresh.open_build()
    assert refresh.load()["rows_loaded"] == 1
    assert settings.current_path.resolve() == published.resolve()


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_build_says_how_to_show_another(kind: str) -> None:
    settings = load_settings()
    path = published_build(settings, "20260101T000000000Z")
    settings.current_path.symlink_to(path.name)
    damage(path, kind)
    with pytest.raises(Damaged, match="ebbtide rollback BUILD"), connect_published(settings):
        pass


def test_a_warehouse_that_is_open_elsewhere_names_the_process() -> None:
    settings = load_settings()
    with connect_new(settings):
        pass
    script = f"import duckdb; c = duckdb.connect({str(settings.warehouse_path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"open\n"
        with pytest.raises(Busy, match=f"is open in process {other.pid}"), connect(settings):
            pass
        other.communicate(b"\n")
