"""Publishing a checked build in one step, rolling back to a kept one, and listing them.

A build is a read-only file `published/<build id>.duckdb`; `current.duckdb` is a relative symlink that is replaced by rename, so a
reader sees the old build or the new one, never something between. Parquet of the same tables lies in `published/<build id>/`.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.build import BUILD_PATTERN, build_in_progress, create_record, feed_status, finish_build
from warehouse.connection import connect, literal, quote, transaction
from warehouse.lake import Lake, publish_marts, restore_marts
from warehouse.settings import Settings, WrongUse

# Comments of the tables that are copied into every published file beside the marts: table, then its columns.
RECORD_COMMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "meta.build": (
        "Builds of this home, the newest last; the one without a finish is this file's. Grain: build_id",
        {
            "build_id": "UTC time the build started",
            "source": "sample (the invented sample world), replay (files of a folder) or live",
            "as_of": "Nothing learned after this moment (UTC) is in the build",
            "started_at": "UTC",
            "finished_at": "UTC",
            "code_version": "Version of Ebbtide, with the commit where known",
            "status": "published, failed or running",
            "message": "Failed stage and why",
            "rows": "Rows in the marts",
        },
    ),
    "meta.feed_status": (
        "How each feed stood at the build's as-of. Grain: feed",
        {
            "feed": "Feed, and name of its raw table",
            "provider": "Provider of the feed",
            "cadence": "How often the feed has a new observation",
            "publication_lag": "When an observation becomes known",
            "status": "fresh, stale (the next observation is overdue) or absent (no file)",
            "files": "Files loaded",
            "rows": "Row versions loaded",
            "last_file": "Name of the newest file",
            "last_edition_at": "When that file was current, UTC",
            "last_observation": "Newest observation date known",
        },
    ),
    "meta.file": (
        "Every landed file. rows_read = rows_loaded + rows_quarantined + rows_unchanged. Grain: file_id",
        {
            "file_id": "Id of the landed edition, a hash of feed, name, content and edition",
            "feed": "Feed the file belongs to",
            "format": "Format of the feed it was read as",
            "name": "The provider's file name",
            "path": "Path below the landing folder",
            "sha256": "Hash of the bytes as received",
            "size": "Bytes",
            "url": "Address it was fetched from, without keys",
            "source": "sample, replay or live",
            "fetched_at": "When it was landed, UTC",
            "edition_at": "When this edition was current, UTC",
            "loaded_at": "When it was loaded, UTC",
            "build_id": "Build that loaded it, or the first after the release or drop that did",
            "status": "loaded, quarantined as a whole, or dropped after that",
            "message": "Why it is quarantined or was dropped, or a warning about it",
            "rows_read": "Records in the file",
            "rows_loaded": "New or changed records, now row versions",
            "rows_quarantined": "Records that cannot be taken, kept in meta.quarantine",
            "rows_unchanged": "Records equal to the version in force",
            "rows_skipped": "Lines that are no records",
            "skipped": "Lines that are no records, by kind",
            "first_observation": "Oldest observation date in the file",
            "last_observation": "Newest observation date in the file",
            "seen_until": "When the provider's file was last met again with the same bytes, UTC; null when it never was",
        },
    ),
    "meta.quarantine": (
        "Records that could not be taken, with the reason and what was decided. Grain: file_id, row_number, line",
        {
            "file_id": "File the record stands in",
            "feed": "Feed of the file",
            "row_number": "Number of the record in the file, or of the line where it cannot be split; id of a line of filings that load straight",
            "line": "The record",
            "reason": "What is wrong with it",
            "quarantined_at": "When its file was loaded last, UTC",
            "can_be_released": "Whether its values can be read, so that it can be taken although it breaks a bound or repeats a key",
            "decision": "released (it is taken as it stands), dropped (it stays out); null while undecided",
        },
    ),
    "meta.decision": (
        "What was decided about quarantined files and records, all of it. Grain: file_id, row_number, line, decided_at",
        {
            "file_id": "File that was decided about, in meta.file",
            "feed": "Feed of the file",
            "row_number": "Record, as in meta.quarantine; null for the whole file",
            "line": "The record; null for the whole file",
            "decision": "released or dropped; the last one holds",
            "why": "Reason, as given by who decided",
            "decided_by": "User who decided",
            "decided_at": "UTC",
        },
    ),
    "meta.lineage": (
        "Which landed files each mart rests on. Grain: model, feed, file_id",
        {"model": "Mart, with its schema", "feed": "Feed it draws on", "file_id": "Landed file of that feed, in meta.file"},
    ),
    "meta.model_input": (
        "What each model behind the marts reads directly. Grain: model, input",
        {"model": "Model, with its schema", "input": "Model, seed or raw table (raw.<feed>) it reads, with its schema"},
    ),
    "meta.key_column": (
        "Columns that identify a row of a table: together unique, none of them null. Grain: model, column_name",
        {"model": "Table of this file, with its schema", "column_name": "Column of its key", "position": "Place in the key, from 1"},
    ),
}

# Keys of the same tables, of those that have one without nulls. The keys of the marts stand in the dbt project (`config.meta.grain`).
RECORD_KEYS: dict[str, tuple[str, ...]] = {
    "meta.build": ("build_id",),
    "meta.feed_status": ("feed",),
    "meta.file": ("file_id",),
    "meta.lineage": ("model", "feed", "file_id"),
    "meta.model_input": ("model", "input"),
    "meta.key_column": ("model", "column_name"),
}


def publish_build(settings: Settings, manifest: Path) -> Path:
    """Complete `.next.duckdb` with the build record, make it the current build, and drop builds beyond those kept.

    Parameters
    ----------
    manifest
        dbt's `manifest.json`, from which lineage is drawn.

    Raises
    ------
    WrongUse
        when there is no built mart to publish.
    """
    if not settings.next_mart_path.exists():
        raise WrongUse(f"nothing to publish in {settings.published_dir}: build the marts first")
    with connect(settings) as connection:
        build_id, as_of = build_in_progress(connection)
        status = feed_status(connection, as_of)
        connection.execute(f"attach {literal(settings.next_mart_path)} as mart")
        graph = json.loads(manifest.read_text(encoding="utf-8"))
        _copy_record(connection, build_id, status, _lineage(graph), _inputs(graph), _keys(graph))
        counted = connection.execute(
            "select coalesce(sum(estimated_size), 0) from duckdb_tables() where database_name = 'mart' and schema_name not in ('meta', 'quality')"
        )
        row = counted.fetchone()
        rows = int(row[0]) if row else 0
        connection.execute(
            """update mart.meta.build set status = 'published', "rows" = ?, finished_at = now()::timestamp where build_id = ?""", [rows, build_id]
        )
        _comment_record(connection)
        _export_parquet(connection, settings.published_dir / build_id)
        if settings.uses_lake:
            with transaction(connection):
                publish_marts(connection, build_id, "mart")
        connection.execute("checkpoint mart")
        connection.execute("detach mart")
        target = settings.published_dir / f"{build_id}.duckdb"
        settings.next_mart_path.chmod(0o444)
        settings.next_mart_path.replace(target)
        point_current_at(settings, build_id)
        finish_build(connection, build_id, "published", rows=rows)
    _drop_old_builds(settings)
    return target


def _copy_record(
    connection: duckdb.DuckDBPyConnection,
    build_id: str,
    status: list[dict[str, object]],
    lineage: list[tuple[str, str]],
    inputs: list[tuple[str, str]],
    keys: list[tuple[str, str, int]],
) -> None:
    import pandas

    connection.execute("create schema if not exists mart.meta; create schema if not exists mart.quality")
    for table in ("meta.build", "meta.file", "meta.quarantine", "meta.decision"):
        connection.execute(f"create or replace table mart.{table} as select * from warehouse.{table}")
    connection.register("status_frame", pandas.DataFrame(status))
    # a column without a value says nothing about its type
    connection.execute(
        """
        create or replace table mart.meta.feed_status as
        select * replace (last_file::varchar as last_file, last_edition_at::timestamp as last_edition_at, last_observation::date as last_observation)
        from status_frame order by feed
        """
    )
    connection.unregister("status_frame")
    connection.execute("create or replace table mart.meta.lineage (model varchar, feed varchar, file_id bigint)")
    if lineage:
        connection.register("lineage_frame", pandas.DataFrame(lineage, columns=["model", "feed"]))
        connection.execute(
            """
            insert into mart.meta.lineage
            select lineage_frame.model, lineage_frame.feed, file.file_id
            from lineage_frame join warehouse.meta.file as file on file.feed = lineage_frame.feed and file.status = 'loaded'
            order by all
            """
        )
        connection.unregister("lineage_frame")
    connection.execute("create or replace table mart.meta.model_input (model varchar, input varchar)")
    if inputs:
        connection.register("input_frame", pandas.DataFrame(inputs, columns=["model", "input"]))
        connection.execute("insert into mart.meta.model_input select model, input from input_frame order by all")
        connection.unregister("input_frame")
    connection.execute("create or replace table mart.meta.key_column (model varchar, column_name varchar, position integer)")
    connection.executemany("insert into mart.meta.key_column values (?, ?, ?)", keys)
    connection.execute(
        "create or replace table mart.quality.validation_result as select * from warehouse.quality.validation_result where build_id = ?", [build_id]
    )


def _lineage(graph: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs (mart with schema, feed) from dbt's graph."""
    sources = {key: node["name"] for key, node in graph["sources"].items() if node["schema"] == "raw"}
    pairs = set()
    for key in _marts(graph):
        node = graph["nodes"][key]
        pairs |= {(f"{node['schema']}.{node['name']}", sources[parent]) for parent in _behind(graph, key) if parent in sources}
    return sorted(pairs)


def _inputs(graph: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs (model with schema, what it reads) for the marts and every model behind them."""
    nodes = graph["sources"] | graph["nodes"]
    pairs = set()
    for mart in _marts(graph):
        for key in {mart} | _behind(graph, mart):
            pairs |= {
                (f"{nodes[key]['schema']}.{nodes[key]['name']}", f"{nodes[parent]['schema']}.{nodes[parent]['name']}")
                for parent in graph["parent_map"].get(key, [])
                if parent in nodes
            }
    return sorted(pairs)


def _keys(graph: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Table with schema, column and place of each column of a key, of the marts and of the record."""
    marts = {f"{node['schema']}.{node['name']}": node["config"]["meta"]["grain"] for node in (graph["nodes"][key] for key in _marts(graph))}
    return [(table, column, place) for table, key in sorted({**marts, **RECORD_KEYS}.items()) for place, column in enumerate(key, start=1)]


def _marts(graph: dict[str, Any]) -> list[str]:
    return [key for key, node in graph["nodes"].items() if node["resource_type"] == "model" and node["database"] == "mart"]


def _behind(graph: dict[str, Any], key: str) -> set[str]:
    """Everything a node rests on, near or far."""
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        for parent in graph["parent_map"].get(waiting.pop(), []):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen


def record_columns() -> list[tuple[str, str, str, str, str]]:
    """Table, what it holds, column, type and meaning of the build record, in order; read from an empty one that is made as every build's is."""
    from expectations.gate import RESULT_COLUMNS

    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as mart; attach ':memory:' as warehouse; use warehouse")
        create_record(connection)
        connection.execute(f"create table quality.validation_result ({', '.join(f'{quote(name)} {kind}' for name, (kind, _) in RESULT_COLUMNS.items())})")
        _copy_record(connection, "", feed_status(connection, datetime.max), [], [], _keys({"nodes": {}}))
        _comment_record(connection)
        return connection.execute(
            """
            select concat_ws('.', schema_name, table_name) as name, held.comment, column_name, data_type, described.comment
            from duckdb_columns() as described
            inner join duckdb_tables() as held using (database_name, schema_name, table_name)
            where database_name = 'mart'
            order by name, column_index
            """
        ).fetchall()


def _comment_record(connection: duckdb.DuckDBPyConnection) -> None:
    from expectations.gate import RESULT_COLUMNS

    results = ("Results of this build's gates. Grain: stage, suite, expectation", {name: text for name, (_, text) in RESULT_COLUMNS.items()})
    for table, (comment, columns) in {**RECORD_COMMENTS, "quality.validation_result": results}.items():
        connection.execute(f"comment on table mart.{table} is {literal(comment)}")
        for column, text in columns.items():
            connection.execute(f"comment on column mart.{table}.{quote(column)} is {literal(text)}")


def _export_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The marts and the record as Parquet, one file a table, `<schema>.<table>.parquet`; complete when the folder has its name."""
    unfinished = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    tables = connection.execute("select schema_name, table_name from duckdb_tables() where database_name = 'mart' order by all").fetchall()
    for schema, table in tables:
        path = literal(unfinished / f"{schema}.{table}.parquet")
        connection.execute(f"copy mart.{quote(schema)}.{quote(table)} to {path} (format parquet, compression zstd)")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)


def point_current_at(settings: Settings, build_id: str) -> None:
    """Make a build the current one, for the database and the Parquet folder, each in one step."""
    for name, target in (("current.duckdb", f"{build_id}.duckdb"), ("current", build_id)):
        link = settings.published_dir / name
        temporary = settings.published_dir / f".{name}.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(link)


@dataclass(frozen=True)
class PublishedBuild:
    """A kept build."""

    build_id: str
    current: bool
    size: int
    published_at: datetime


def published_builds(settings: Settings) -> list[PublishedBuild]:
    """Kept builds, oldest first."""
    current = settings.current_path.resolve().stem if settings.current_path.is_symlink() else None
    return [
        PublishedBuild(path.stem, path.stem == current, path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime))
        for path in sorted(settings.published_dir.glob(f"{BUILD_PATTERN}.duckdb"))
    ]


def rollback(settings: Settings, build_id: str) -> None:
    """Make a kept build the current one again, in the lake, too. Raises WrongUse when it is not kept, LakeFailed when the lake has given it up."""
    kept = [build.build_id for build in published_builds(settings)]
    if build_id not in kept:
        raise WrongUse(f"build {build_id} is not kept in {settings.published_dir}; kept builds: {', '.join(kept) or 'none'}")
    if settings.uses_lake:
        with connect(settings) as connection:
            restore_marts(Lake.of(settings), connection, build_id)
    point_current_at(settings, build_id)


def _drop_old_builds(settings: Settings) -> None:
    """Remove builds beyond those kept, never the current one. Readers that have one open keep it until they close it."""
    builds = published_builds(settings)
    for build in builds[: max(0, len(builds) - settings.keep_builds)]:
        if not build.current:
            (settings.published_dir / f"{build.build_id}.duckdb").unlink()
            shutil.rmtree(settings.published_dir / build.build_id, ignore_errors=True)
