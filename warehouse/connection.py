"""Opening DuckDB files: one writing process at a time, every connection closed fully."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from warehouse.settings import Settings, WrongUse
from warehouse.sql import literal, quote

__all__ = ["Busy", "connect", "connect_published", "describe_holder", "held", "literal", "quote", "writer_lock"]


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, closed again when the block ends. Times are UTC. Raises WrongUse when there is none to read."""
    if read_only and not settings.warehouse_path.exists():
        raise WrongUse(f"no warehouse in {settings.home} yet: run `make refresh` first")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.home / "spill"),
    }
    connection = duckdb.connect(str(settings.warehouse_path), read_only=read_only, config=config)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def connect_published(settings: Settings, path: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published build, read-only and locked down: no file, network or setting can be reached from a query.

    Raises WrongUse when nothing has been published yet.
    """
    build = (path or settings.current_path).resolve()
    if not build.exists():
        raise WrongUse(f"no build published in {settings.published_dir} yet: run `make refresh` first")
    connection = duckdb.connect(str(build), read_only=True, config={"memory_limit": settings.memory_limit, "threads": settings.threads})
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


class Busy(WrongUse):
    """Another process is writing; the message says which, what it does, and since when."""


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


def writer_lock(settings: Settings, stage: str, wait_seconds: float = 0) -> AbstractContextManager[None]:
    """Hold the lock of the writing stage of a home. Raises Busy when another process holds it longer than `wait_seconds`."""
    return held(settings.lock_path, stage, wait_seconds)


def describe_holder(holder: Path) -> str:
    """Who holds the lock, in words."""
    try:
        owner = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "another process"
    return f"process {owner['pid']} on {owner['host']} (stage {owner['stage']}, since {owner['since']})"
