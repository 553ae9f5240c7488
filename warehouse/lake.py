"""The lake: raw, staging and marts as Parquet that several machines write and read at once, with its catalogue in PostgreSQL.

It is a DuckLake (https://ducklake.select/docs/stable/specification/introduction): tables are Parquet files on a path that every machine sees or in
object storage, and which files make up which table, since which commit, stands in PostgreSQL. A commit of any number of tables is one snapshot. Writers do
not wait for each other, readers see the snapshot before until a commit, and an earlier snapshot can be read until it expires.

`EBBTIDE_LAKE_URL` makes the warehouse a lake; `docs/lake.md` tells how to move there and back.
"""

from __future__ import annotations

import importlib
import os
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from ingest.secrets import masked
from warehouse.settings import Busy, Settings
from warehouse.sql import literal, quote, transaction

# They come as packages, so that nothing is downloaded when a lake is opened.
EXTENSIONS = ("ducklake", "postgres_scanner", "httpfs")

# Schema of the catalogue in PostgreSQL, and name of the secrets of a connection.
NAME = "ebbtide_lake"

# First key of the locks in PostgreSQL: "lake" in ASCII. The second is that of the stages, of the turn to write, or of a feed: a hash.
_LOCKS = int.from_bytes(b"lake", "big")
_STAGE, _TURN = 0, 1

# What a commit message begins with that publishes a build.
_PUBLISHED = "published "

# Schemas that the stages write themselves, and tables of `meta` that only a published build has.
_STAGES = ["raw", "meta", "quality", "staging", "intermediate", "main"]
_RECORD = ["feed_status", "lineage", "model_input", "key_column"]


class LakeFailed(Exception):
    """The lake cannot be reached or does not do what is asked; the message says what to do. It holds no password."""


@dataclass(frozen=True)
class Storage:
    """Object storage that speaks S3: its key, and where it is when it is not Amazon's (`http://HOST:PORT`, `https://HOST`)."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    region: str
    endpoint: str | None = None


@dataclass(frozen=True)
class Lake:
    """Where a lake is: `catalogue`, a PostgreSQL database (postgresql://USER:PASSWORD@HOST:PORT/DATABASE); `data`, a folder or s3://BUCKET/PREFIX."""

    catalogue: str = field(repr=False)
    data: str
    storage: Storage | None = None

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        """The lake of the settings, which name its catalogue."""
        assert settings.lake_url is not None
        key_id, secret = settings.lake_s3_key_id, settings.lake_s3_secret
        storage = None
        if key_id and secret:
            storage = Storage(key_id.get_secret_value(), secret.get_secret_value(), settings.lake_s3_region, settings.lake_s3_endpoint)
        return cls(settings.lake_url.get_secret_value(), settings.lake_data or str(settings.home / "lake"), storage)

    def __str__(self) -> str:
        """Where it is, without the password."""
        server = urlsplit(self.catalogue)
        return f"{self.data}, catalogue {server.path.lstrip('/')} on {server.hostname or 'localhost'}:{server.port or 5432}"

    def exists(self) -> bool:
        """Whether the catalogue has a lake. Raises LakeFailed when PostgreSQL cannot be reached."""
        with self._server("look for the lake") as cursor:
            cursor.execute("select to_regclass(%s) is not null", [f"{NAME}.ducklake_snapshot"])
            return bool(cursor.fetchone()[0])

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection what it needs to attach the lake as `ducklake:ebbtide_lake`: extensions, and secrets that live as long as it does."""
        from psycopg2.extensions import make_dsn

        for extension in EXTENSIONS:
            connection.execute(f"load {literal(_extension(extension))}")
        server = urlsplit(self.catalogue)
        parts = {
            "host": unquote(server.hostname or "localhost"),
            "port": str(server.port or 5432),
            "database": unquote(server.path.lstrip("/")),
            "user": unquote(server.username or ""),
            "password": unquote(server.password or ""),
        }
        given = ", ".join(f"{name} {literal(value)}" for name, value in parts.items() if value)
        connection.execute(f"create or replace temporary secret {NAME}_catalogue (type postgres, {given})")
        # what else the address says (sslmode, ...) is no secret
        others = make_dsn(**dict(parse_qsl(server.query)))
        connection.execute(
            f"""
            create or replace temporary secret {NAME} (
                type ducklake, metadata_path {literal(others)}, metadata_schema {literal(NAME)}, data_path {literal(self.data)},
                metadata_parameters map {{'TYPE': 'postgres', 'SECRET': {literal(NAME + "_catalogue")}}}
            )
            """
        )
        if self.storage:
            endpoint = urlsplit(self.storage.endpoint or "https://s3.amazonaws.com")
            own = self.storage.endpoint is not None
            connection.execute(
                f"create or replace temporary secret {NAME}_storage (type s3, scope {literal(self.data)}, key_id {literal(self.storage.key_id)}, "
                f"secret {literal(self.storage.secret)}, region {literal(self.storage.region)}, endpoint {literal(endpoint.netloc)}, "
                f"use_ssl {str(endpoint.scheme == 'https').lower()}, url_style {literal('path' if own else 'vhost')})"
            )

    def attach(self, connection: duckdb.DuckDBPyConnection, alias: str = "warehouse", *, read_only: bool = False, snapshot: int | None = None) -> None:
        """Attach the lake under `alias`, as of a snapshot where one is given; a lake that is not there is made, unless `read_only`.

        Raises LakeFailed when it cannot be opened.
        """
        if "://" not in self.data and not read_only:
            Path(self.data).mkdir(parents=True, exist_ok=True)
        self.prepare(connection)
        # a snapshot can only be read, and so can what is made for nobody
        options = [*(["read_only", "create_if_not_exists false"] if read_only else []), *([f"snapshot_version {snapshot}"] if snapshot is not None else [])]
        try:
            connection.execute(f"attach 'ducklake:{NAME}' as {quote(alias)}" + (f" ({', '.join(options)})" if options else ""))
        except duckdb.Error as error:
            raise LakeFailed(f"the lake {self} cannot be opened: {' '.join(str(error).split())}") from error

    def attach_as_of(self, connection: duckdb.DuckDBPyConnection, alias: str, moment: datetime) -> None:
        """Attach the lake as it was at a moment (UTC, without zone), or as it is now where no state of then is kept."""
        self.attach(connection, alias, read_only=True)
        row = connection.execute(
            f"select max(snapshot_id) from ducklake_snapshots({literal(alias)}) where snapshot_time at time zone 'UTC' <= ? and snapshot_id > 0", [moment]
        ).fetchone()
        if row and row[0]:
            connection.execute(f"detach {quote(alias)}")
            self.attach(connection, alias, read_only=True, snapshot=row[0])

    # --- locks ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, stage: str, wait_seconds: float = 0, feeds: Sequence[str] | None = None) -> Iterator[None]:
        """Hold the lake for a stage; with `feeds`, only against other stages and other loads of those feeds.

        The locks are PostgreSQL's and fall with the connection, so a killed owner, on whatever machine, leaves nothing to clear.
        Raises Busy when others hold them longer than `wait_seconds`, LakeFailed when PostgreSQL cannot be reached.
        """
        wanted = [(_STAGE, feeds is not None), *((key, False) for key in sorted({_lock_of(feed) for feed in feeds or ()}))]
        until = time.monotonic() + wait_seconds
        with self._server(stage) as cursor:
            for key, shared in wanted:
                while not _first(cursor, f"select pg_try_advisory_lock{'_shared' if shared else ''}(%s, %s)", [_LOCKS, key]):
                    if time.monotonic() > until:
                        raise Busy(f"the lake is in use by {_holders(cursor, key)}; try again when it has finished")
                    time.sleep(0.2)
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn to write, and hold it: one transaction at a time.

        DuckLake would let transactions commit side by side, but then the statistics of a table that both add to may be those of one of them, by which
        filters pass over rows of the other (https://github.com/duckdb/ducklake/issues/1094).
        """
        with self._server("write") as cursor:
            cursor.execute("select pg_advisory_lock(%s, %s)", [_LOCKS, _TURN])
            yield

    @contextmanager
    def _server(self, stage: str) -> Iterator[Any]:
        """A cursor in PostgreSQL, which shows there as who does what. Raises LakeFailed when it cannot be reached."""
        import psycopg2

        who = f"ebbtide {stage}, process {os.getpid()} on {socket.gethostname()}"
        try:
            connection = psycopg2.connect(self.catalogue, connect_timeout=10, application_name=who.encode("ascii", "replace").decode()[:63])
        except psycopg2.Error as error:
            said = masked(str(error).strip().splitlines()[0], [unquote(urlsplit(self.catalogue).password or "")])
        else:
            with closing(connection), connection.cursor() as cursor:
                connection.autocommit = True
                yield cursor
                return
        raise LakeFailed(f"the catalogue of the lake cannot be reached ({said}): is PostgreSQL up, and is EBBTIDE_LAKE_URL right?")


def _extension(name: str) -> str:
    """Path of an extension of DuckDB in its package. Raises LakeFailed when the package is for another version of DuckDB."""
    path = files(importlib.import_module(f"duckdb_extension_{name}")) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.is_file():
        raise LakeFailed(f"the package duckdb-extension-{name.replace('_', '-')} is not for DuckDB {duckdb.__version__}: install both from requirements.lock")
    return str(path)


def _lock_of(feed: str) -> int:
    """Second key of a feed's lock: a hash, positive, as PostgreSQL takes a signed integer, and none of the others."""
    return max(zlib.crc32(feed.encode()) & 0x7FFFFFFF, _TURN + 1)


def _first(cursor: Any, sql: str, parameters: Sequence[object] = ()) -> Any:
    cursor.execute(sql, list(parameters))
    row = cursor.fetchone()
    return row[0] if row else None


def _holders(cursor: Any, key: int) -> str:
    """Who holds a lock, in words."""
    cursor.execute(
        "select distinct application_name from pg_stat_activity join pg_locks using (pid) "
        "where locktype = 'advisory' and classid = %s and objid = %s and granted order by 1",
        [_LOCKS, key],
    )
    return "; ".join(name.removeprefix("ebbtide ") for (name,) in cursor.fetchall()) or "another process"


# --- snapshots -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that published a build: the whole lake as it was then. `committed_at` is UTC."""

    build_id: str
    snapshot: int
    committed_at: datetime


def published_snapshots(connection: duckdb.DuckDBPyConnection, alias: str = "warehouse") -> list[Snapshot]:
    """Snapshots that published a build, one a build, its first, oldest first; those that have expired are gone."""
    rows = connection.execute(
        f"""
        select commit_message[{len(_PUBLISHED) + 1}:] as build_id, min(snapshot_id), min(snapshot_time at time zone 'UTC')
        from ducklake_snapshots({literal(alias)}) where starts_with(commit_message, {literal(_PUBLISHED)}) group by 1 order by 2
        """
    ).fetchall()
    return [Snapshot(*row) for row in rows]


def publish_marts(connection: duckdb.DuckDBPyConnection, build_id: str, source: str) -> None:
    """Show the marts of an attached database in the lake, in place of those of the build before: one commit, one snapshot.

    `source` is a file of marts, or the lake as of a snapshot. Marts that it does not have go; what the stages write themselves stays.
    The caller begins and ends the transaction.
    """
    tables, there = _shown(connection, source), _shown(connection, "warehouse")
    for schema in sorted({schema for schema, _ in tables}):
        connection.execute(f"create schema if not exists warehouse.{quote(schema)}")
    for (schema, table), comment in tables.items():
        name = f"{quote(schema)}.{quote(table)}"
        connection.execute(f"create or replace table warehouse.{name} as from {quote(source)}.{name}")
        if comment:
            connection.execute(f"comment on table warehouse.{name} is {literal(comment)}")
        described = connection.execute(
            "select column_name, comment from duckdb_columns() where database_name = ? and schema_name = ? and table_name = ? and comment is not null",
            [source, schema, table],
        ).fetchall()
        for column, text in described:
            connection.execute(f"comment on column warehouse.{name}.{quote(column)} is {literal(text)}")
    for schema, table in sorted(there.keys() - tables.keys()):
        connection.execute(f"drop table warehouse.{quote(schema)}.{quote(table)}")
    connection.execute(f"call ducklake_set_commit_message('warehouse', 'ebbtide', {literal(_PUBLISHED + build_id)})")


def restore_marts(lake: Lake, connection: duckdb.DuckDBPyConnection, build_id: str) -> None:
    """Show the marts of an earlier build again. Raises LakeFailed when its snapshot has expired."""
    found = {each.build_id: each.snapshot for each in published_snapshots(connection)}
    if build_id not in found:
        raise LakeFailed(f"the lake keeps no snapshot of build {build_id}; it keeps {', '.join(found) or 'none'}")
    lake.attach(connection, "earlier", read_only=True, snapshot=found[build_id])
    try:
        with transaction(connection):
            publish_marts(connection, build_id, "earlier")
    finally:
        connection.execute("detach earlier")


def _shown(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], str | None]:
    """Schema and name of the tables of a database that a publish shows, with their comments: marts, and the record that only published builds have."""
    rows = connection.execute(
        """
        select schema_name, table_name, comment from duckdb_tables()
        where
            database_name = ? and not list_contains(?::varchar[], schema_name)
            or database_name = ? and schema_name = 'meta' and list_contains(?::varchar[], table_name)
        order by all
        """,
        [database, _STAGES, database, _RECORD],
    ).fetchall()
    return {(schema, table): comment for schema, table, comment in rows}


# --- maintenance -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Maintained:
    """What a maintenance did: snapshots that expired, files merged or rewritten into how many, files deleted, files of crashed writers deleted."""

    snapshots_expired: int
    files_merged: int
    files_written: int
    files_deleted: int
    orphans_deleted: int


def maintain(connection: duckdb.DuckDBPyConnection, keep_builds: int, keep_days: int, grace_hours: int = 24) -> Maintained:
    """Expire old snapshots, merge small files, and delete the files that nothing needs any more.

    Kept are the newest snapshot, those younger than `keep_days`, and those that published the newest `keep_builds` builds. Files are deleted `grace_hours`
    after they went out of use, as a reader that began before may still need them; so are files of writers that crashed.
    """
    kept = [each.snapshot for each in published_snapshots(connection)[-keep_builds:]]
    old = connection.execute(
        """
        select snapshot_id from ducklake_snapshots('warehouse')
        where
            snapshot_time < now() - to_days(?::integer) and not list_contains(?::bigint[], snapshot_id)
            and snapshot_id < (select max(snapshot_id) from ducklake_snapshots('warehouse'))
        """,
        [keep_days, kept],
    ).fetchall()
    if old:
        connection.execute(f"call ducklake_expire_snapshots('warehouse', versions => [{', '.join(str(snapshot) for (snapshot,) in old)}])")
    # rows that were added few at a time stand in the catalogue until now
    connection.execute("call ducklake_flush_inlined_data('warehouse')")
    merged = written = 0
    for call in ("ducklake_rewrite_data_files", "ducklake_merge_adjacent_files"):
        for row in connection.execute(f"from {call}('warehouse')").fetchall():
            merged, written = merged + int(row[-2]), written + int(row[-1])
    older = f"older_than => now() - to_hours({int(grace_hours)})"
    deleted = connection.execute(f"from ducklake_cleanup_old_files('warehouse', {older})").fetchall()
    orphans = connection.execute(f"from ducklake_delete_orphaned_files('warehouse', {older})").fetchall()
    return Maintained(len(old), merged, written, len(deleted), len(orphans))
