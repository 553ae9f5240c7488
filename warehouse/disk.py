"""A full disk: how it shows in the errors of Python, DuckDB, dbt and Airflow, and what is said about it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

# no room, no quota left, and the limit of a file's size that a shell or a container may set
_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# DuckDB, dbt and Great Expectations hand on the system's text; DuckDB names its own limit when it cannot spill, and SQLite has words of its own
_TEXTS = (*(os.strerror(code) for code in _CODES), "max_temp_directory_size", "database or disk is full")

# What each stage of a refresh writes, below the home.
_WRITES = {
    "open build": "the record of the new build in warehouse.duckdb",
    "fetch": "the provider's files in landing/",
    "load": "raw rows in warehouse.duckdb, and unpacked archives in the folder for temporary files",
    "build staging": "staging and intermediate tables in warehouse.duckdb",
    "build marts": "marts in published/.next.duckdb",
    "gate": "results in warehouse.duckdb and pages in quality/",
    "publish": "the build record in published/.next.duckdb, and its tables as Parquet in published/",
}


class DiskFull(Exception):
    """A stage had no room to write; the message says where, how much is free, what needs it, and what to do."""


def is_full(error: BaseException) -> bool:
    """Whether an error, or one it came from, says that there is no room to write."""
    return _found(error) is not None


def _found(error: BaseException | None) -> BaseException | None:
    """The error that says so: itself, or the first behind it."""
    while error is not None:
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _CODES) or any(text in str(error) for text in _TEXTS):
            return error
        error = error.__cause__ or error.__context__
    return None


def explained(error: BaseException, stage: str, home: Path) -> DiskFull:
    """The same in words: what `stage` writes, how much is free in its folders, and what to do."""
    found = _found(error) or error
    if isinstance(found, DiskFull):
        return found
    folders = {folder.stat().st_dev: folder for folder in (Path(tempfile.gettempdir()), _existing(home))}
    free = " and ".join(f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB free in {folder}" for folder in reversed(folders.values()))
    writes = next((text for name, text in _WRITES.items() if stage.startswith(name)), "files in its home")
    text = str(found)
    # the line of a long message that says it, of dbt for example
    said = next((line.strip() for line in text.splitlines() if any(known in line for known in _TEXTS)), text)
    return DiskFull(
        f"the disk is full in stage {stage}, which writes {writes}: {free} ({said}). Make room there, "
        f"for example by moving {home} to a larger disk (EBBTIDE_HOME), and refresh again: nothing that had landed, was loaded or published is lost"
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
