"""Runs dbt in this process, one call a stage.

Starting dbt in a process of its own costs 3.5 s, and DuckDB allows one writing process; so a stage is one `dbtRunner` call. dbt
keeps the database open after a run: it is closed here, so that the next stage may open it in another mode.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from expectations.project import PROJECT, files_of
from warehouse.lake import Lake

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

SIGNALS = PROJECT / "seeds" / "staging" / "signal.csv"


class DbtFailed(Exception):
    """A dbt run failed; the message names each failing node with what dbt says about it."""


def run_dbt(args: Sequence[str], *, warehouse: Path | Lake, mart: Path, quiet: bool = True, target: Path | None = None) -> None:
    """Run one dbt command, for example `["build", "--select", "staging", "intermediate"]`.

    Compiled files, the parse cache and logs go to `target` (default: folder `dbt` beside the file of the warehouse, or of the marts), never into the
    project folder. The cache there makes later runs parse only what changed.

    Parameters
    ----------
    args
        dbt's arguments, without those about folders.
    warehouse
        Database file that holds `raw`; its name without suffix must be `warehouse`, as the sources say. Or the lake of the settings.
    mart
        Database file the marts are written to; created when absent.
    quiet
        Print nothing but errors.

    Raises
    ------
    DbtFailed
        When a node or the run itself fails; the database is closed all the same.
    ValueError
        When the warehouse file has another name.
    """
    if isinstance(warehouse, Path) and warehouse.stem != "warehouse":
        raise ValueError(f"the warehouse file must be called warehouse.duckdb, not {warehouse.name}")
    environment = {"EBBTIDE_MART": str(mart.resolve())}
    folder = target or (warehouse if isinstance(warehouse, Path) else mart).parent / "dbt"
    if isinstance(warehouse, Path):
        environment["EBBTIDE_WAREHOUSE"] = str(warehouse.resolve())
    # imported here: dbt takes seconds to import, and most commands never run it
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    try:
        invoke(args, "duckdb" if isinstance(warehouse, Path) else "lake", folder, environment, quiet=quiet)
    finally:
        DuckDBConnectionManager.close_all_connections()


def invoke(args: Sequence[str], target: str, folder: Path, environment: dict[str, str], *, quiet: bool = True) -> None:
    """One call of dbt on this project with a target of profiles.yml; what it writes but tables goes to the folder.

    Raises
    ------
    DbtFailed
        When a node or the run itself fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = [*(["--quiet"] if quiet else []), "--no-send-anonymous-usage-stats", "--no-version-check", "--log-level-file", "none"]
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(folder), "--log-path", str(folder)]
    after = ["--target", target, "--vars", json.dumps({"measured_signals": measured_signals()}), *folders]
    from dbt.cli.main import dbtRunner

    with _environment({**environment, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}):
        manifest = None if args[0] == "parse" else _manifest((*before, "parse", *after), tuple(sorted(environment.items())), files_of(PROJECT))
        result = dbtRunner(manifest=manifest).invoke([*before, *args, *after])
    if not result.success:
        raise DbtFailed(_explanation(args, result))


@lru_cache(maxsize=1)
def _manifest(parse: tuple[str, ...], environment: tuple[tuple[str, str], ...], files: tuple[tuple[Path, int], ...]) -> Manifest | None:
    """The parsed project, read and written to `manifest.json` once a process while command, environment and files stay as they are.

    None when it cannot be parsed: the command then parses it itself, and fails in its own name.
    """
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(list(parse)).result
    return cast("Manifest | None", result)


def measured_signals() -> list[str]:
    """The signals that are computed, in the order of the seed: dbt must know the models a model reads before it can read a table."""
    with SIGNALS.open(encoding="utf-8", newline="") as lines:
        return [row["signal_id"] for row in csv.DictReader(lines) if row["is_measured"] == "true"]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _explanation(args: Sequence[str], result: object) -> str:
    """What failed, one line a node: `dbtRunnerResult` carries either an exception or the results of the nodes."""
    exception = getattr(result, "exception", None)
    if exception is not None:
        return f"dbt {' '.join(args)}: {exception}"
    failed = [
        f"{node.node.unique_id}: {' '.join(str(node.message).split())}"
        for node in getattr(result, "result", None) or ()
        if str(node.status) in {"error", "fail", "runtime error"}
    ]
    return f"dbt {' '.join(args)} failed at {len(failed)} node(s)\n" + "\n".join(failed)
