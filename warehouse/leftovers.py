"""What a process that was killed leaves behind, and how the next refresh clears it.

None of it is visible to a reader: names begin with a dot, or a folder of Parquet has no database beside it. Landed bytes, raw rows and
published builds are never touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb

from warehouse.build import BUILD_PATTERN
from warehouse.connection import Damaged, connect_published
from warehouse.publish import point_current_at
from warehouse.settings import Settings


def clear_leftovers(settings: Settings) -> list[Path]:
    """Remove what an unfinished refresh left, and finish a switch of `current` that was cut in two. Returns what was removed.

    The caller holds the writer's lock. A temporary file is kept while the process that its name tells is alive.
    """
    removed = list(leftovers(settings))
    for path in removed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    link, folder = settings.current_path, settings.published_dir / "current"
    if link.is_symlink() and link.exists() and (not folder.is_symlink() or folder.readlink().name != link.readlink().stem):
        point_current_at(settings, link.readlink().stem)
    return removed


def leftovers(settings: Settings) -> Iterator[Path]:
    """What is there of a refresh that is not under way."""
    # the log of a database that is gone would be replayed into the next one of its name
    yield from settings.published_dir.glob(".next.duckdb*")
    yield from (path for path in settings.published_dir.glob(".*.tmp") if _is_orphaned(path))
    # a build is its database: Parquet without it was made before the database had its name, or is what a dropped build left
    yield from (
        path
        for path in settings.published_dir.glob(BUILD_PATTERN)
        if path.is_dir() and not path.is_symlink() and not path.with_name(f"{path.name}.duckdb").exists()
    )
    # what DuckDB spilled: for the stages, and for dbt and the gates
    yield from (path for path in (settings.spill_dir, settings.warehouse_path.with_name(f"{settings.warehouse_path.name}.tmp")) if path.exists())
    yield from (path for path in settings.home.glob("home.*.tmp") if _is_orphaned(path))
    yield from (path for path in settings.quality_dir.glob(".*.tmp") if _is_orphaned(path))
    for pattern in ("*/.*.tmp", "*/*/.*.tmp"):
        yield from (path for path in settings.landing_dir.glob(pattern) if _is_orphaned(path))


def _is_orphaned(path: Path) -> bool:
    """Whether no other process writes a file called `<name>.<process>.tmp`."""
    process = path.name.removesuffix(".tmp").rpartition(".")[2]
    if not process.isdigit() or int(process) == os.getpid():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it lives, and belongs to another user
    return False


def settle_running_builds(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Record as published the builds that were published when their process ended before it could say so.

    A build is published once its database has its name: it is whole and has passed its gates then, and may be rolled back to.
    """
    for (build_id,) in connection.execute("select build_id from meta.build where status = 'running'").fetchall():
        path = settings.published_dir / f"{build_id}.duckdb"
        if not path.exists():
            continue
        try:
            with connect_published(settings, path) as published:
                row = published.execute('select status, finished_at, "rows" from meta.build where build_id = ?', [build_id]).fetchone()
        except Damaged:
            continue
        if row:
            connection.execute('update meta.build set status = ?, finished_at = ?, "rows" = ? where build_id = ?', [*row, build_id])
