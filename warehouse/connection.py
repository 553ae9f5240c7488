"""Opening DuckDB files: one writing process at a time, every connection closed fully."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from warehouse.lake import Lake
from warehouse.settings import Busy, Settings, WrongUse
from warehouse.sql import literal, quote, transaction

__all__ = ["Busy", "connect", "connect_published", "describe_holder", "held", "literal", "open_database", "quote", "transaction", "warehouse_of", "writer_lock"]


def warehouse_of(settings: Settings) -> Path | Lake:
    """Where raw, staging and intermediate tables are: the file of the home, or the lake of the settings."""
    return Lake.of(settings) if settings.uses_lake else settings.warehouse_path


def open_database(
    database: Path | Lake, *, read_only: bool = False, config: dict[str, str | bool | int | float | list[str]] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, or to the lake, whose tables are named without a catalogue; its name there is `warehouse`."""
    if isinstance(database, Path):
        return duckdb.connect(str(database), read_only=read_only, config=config or {})
    connection = duckdb.connect(config=config or {})
    try:
        database.attach(connection, read_only=read_only)
        connection.execute("use warehouse")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, closed again when the block ends. Times are UTC.

    Raises WrongUse when there is none to read, Busy when another process has it open, Damaged when it cannot be read.
    """
    if read_only and not warehouse_of(settings).exists():
        raise WrongUse(f"no warehouse in {settings.home} yet: run `make refresh` first")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.spill_dir),
    }
    try:
        connection = open_database(warehouse_of(settings), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise _in_words(error, settings, settings.warehouse_path) from error
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


class Damaged(Exception):
    """A database cannot be read; the message says which, why, and how to get a good one."""


# What DuckDB says of a file that is damaged, is no database, or was written by a version that is newer than itself.
_DAMAGE = (
    "not a valid DuckDB database file",
    "Corrupt database file",
    "Could not read enough bytes",
    "Failure while replaying WAL",
    "database file with version number",
    "Serialization Error",
)


def is_damaged(error: BaseException) -> bool:
    """Whether an error says that a database is damaged or too new."""
    return any(text in str(error) for text in _DAMAGE)


def damage_in_words(error: BaseException, settings: Settings, path: Path | None = None) -> Damaged:
    """The same with what to do about the file; which file it is stands in DuckDB's message where `path` does not tell."""
    said = next((line.strip() for line in str(error).splitlines() if any(text in line for text in _DAMAGE)), str(error))
    if path is not None and path.parent == settings.published_dir and path != settings.next_mart_path:
        return Damaged(
            f"the published build {path} cannot be read ({said}). Show another one, `ebbtide rollback BUILD` (`ebbtide builds` lists them), or refresh. "
            "If a newer Ebbtide has written it, read it with that one"
        )
    warehouse, away = shlex.quote(str(settings.warehouse_path)), shlex.quote(str(settings.home / "damaged"))
    return Damaged(
        f"{path or 'a database in ' + str(settings.home)} cannot be read ({said}). If a newer Ebbtide has written it, go back to that version. Otherwise "
        f"move it away with its log (mkdir -p {away}; mv {warehouse}* {away}) and refresh: the raw rows are loaded again from "
        f"{settings.landing_dir}, and readers keep the published builds meanwhile"
    )


def _in_words(error: duckdb.Error, settings: Settings, path: Path) -> Exception:
    """An error in opening a database, as one of ours where we know what to do."""
    if "Could not set lock on file" in str(error):
        holder = re.search(r"\(PID (\d+)\)", str(error))
        return Busy(f"{path} is open in {f'process {holder[1]}' if holder else 'another process'}; close it there, or try again when it has finished")
    return damage_in_words(error, settings, path) if is_damaged(error) else error


@contextmanager
def connect_published(settings: Settings, path: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published build, read-only and locked down: no file, network or setting can be reached from a query.

    Raises WrongUse when nothing has been published yet, Damaged when the build cannot be read.
    """
    build = (path or settings.current_path).resolve()
    if not build.exists():
        raise WrongUse(f"no build published in {settings.published_dir} yet: run `make refresh` first")
    try:
        connection = duckdb.connect(str(build), read_only=True, config={"memory_limit": settings.memory_limit, "threads": settings.threads})
    except duckdb.Error as error:
        raise _in_words(error, settings, build) from error
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextmanager
def held(path: Path, stage: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold a kernel lock; it falls with the process, so a killed owner leaves nothing to clear.

    The text beside the lock serves the message only. Raises Busy when another process holds it longer than `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".json")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise Busy(f"{path.parent} is in use by {describe_holder(holder)}; try again when it has finished") from None
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "stage": stage, "since": started}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def writer_lock(settings: Settings, stage: str, wait_seconds: float = 0, feeds: Sequence[str] | None = None) -> AbstractContextManager[None]:
    """Hold the lock of the writing stage of a home; in a lake, loads of different `feeds` hold it side by side.

    Raises Busy when another process holds it longer than `wait_seconds`.
    """
    warehouse = warehouse_of(settings)
    return held(settings.lock_path, stage, wait_seconds) if isinstance(warehouse, Path) else warehouse.held(stage, wait_seconds, feeds)


def turn_of(settings: Settings) -> Callable[[], AbstractContextManager[None]]:
    """What a transaction of a load waits for: in a lake, its turn among the loads; in a file, where one process writes, nothing."""
    warehouse = warehouse_of(settings)
    return nullcontext if isinstance(warehouse, Path) else warehouse.turn


def describe_holder(holder: Path) -> str:
    """Who holds the lock, in words."""
    try:
        owner = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "another process"
    return f"process {owner['pid']} on {owner['host']} (stage {owner['stage']}, since {owner['since']})"
