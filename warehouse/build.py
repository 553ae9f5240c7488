"""The build record: which build is under way, what it sees, and how each feed stood."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb

from ingest.feed import Feed
from ingest.feeds import FEEDS
from ingest.load import create_tables, publication_times
from ingest.secrets import masked
from warehouse.connection import quote
from warehouse.settings import REPOSITORY, Settings

_TABLES = """
create schema if not exists meta;
create schema if not exists quality;
create table if not exists meta.build (
    build_id varchar, source varchar, as_of timestamp, started_at timestamp, finished_at timestamp, code_version varchar, status varchar,
    message varchar, "rows" bigint
);
create table if not exists meta.build_in_progress (build_id varchar, source varchar, as_of timestamp, started_at timestamp, code_version varchar);
"""

_BUILD_ID = "%Y%m%dT%H%M%S%fZ"

# How a build's id looks in names of files.
BUILD_PATTERN = "[0-9]" * 8 + "T" + "[0-9]" * 9 + "Z"


@functools.cache
def code_version() -> str:
    """Version of the package, with the commit where the repository is a git checkout."""
    release = version("ebbtide")
    if not (REPOSITORY / ".git").exists():
        return release
    try:
        commit = subprocess.run(
            ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return release
    return f"{release}+{commit}"


def _build_id(moment: datetime) -> str:
    """A moment to the millisecond, as builds are named."""
    return moment.strftime(_BUILD_ID)[:18] + "Z"


def create_record(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the build record and the raw tables, where there are none."""
    connection.execute(_TABLES)
    create_tables(connection, list(FEEDS.values()))


def start_build(connection: duckdb.DuckDBPyConnection, settings: Settings) -> str:
    """Record a new build as the one in progress; returns its id, the UTC time it started. An unfinished one is marked failed.

    Ids grow whatever the clock does: where it was set back, the id is a millisecond after the newest there is.
    """
    from warehouse.leftovers import settle_running_builds

    create_record(connection)
    settle_running_builds(connection, settings)
    started = datetime.now(UTC)
    build_id = _build_id(started)
    # a warehouse that was made anew does not know the builds that are still published
    known = [row[0] for row in connection.execute("select build_id from meta.build").fetchall()]
    newest = max([*known, *(path.stem for path in settings.published_dir.glob(f"{BUILD_PATTERN}.duckdb"))], default="")
    if build_id <= newest:
        build_id = _build_id(datetime.strptime(newest, _BUILD_ID) + timedelta(milliseconds=1))
    as_of = settings.build_as_of().replace(tzinfo=None)
    connection.execute("begin")
    connection.execute(
        "update meta.build set status = 'failed', finished_at = ?, message = coalesce(message, 'did not finish') where status = 'running'",
        [started.replace(tzinfo=None)],
    )
    connection.execute("delete from meta.build_in_progress")
    row = [build_id, settings.source_kind, as_of, started.replace(tzinfo=None), code_version()]
    connection.execute("insert into meta.build_in_progress values (?, ?, ?, ?, ?)", row)
    connection.execute("insert into meta.build values (?, ?, ?, ?, null, ?, 'running', null, null)", row)
    connection.execute("commit")
    return build_id


def build_in_progress(connection: duckdb.DuckDBPyConnection) -> tuple[str, datetime]:
    """Id and as-of (UTC, without zone) of the build in progress."""
    row = connection.execute("select build_id, as_of from meta.build_in_progress").fetchone()
    assert row is not None
    return row[0], row[1]


def finish_build(connection: duckdb.DuckDBPyConnection, build_id: str, status: str, message: str | None = None, rows: int | None = None) -> None:
    """Record how a build ended: published or failed."""
    connection.execute(
        'update meta.build set status = ?, message = ?, finished_at = ?, "rows" = ? where build_id = ?',
        [status, message, datetime.now(UTC).replace(tzinfo=None), rows, build_id],
    )


def record_failure(settings: Settings, stage: str, message: str) -> None:
    """Note a failed stage in the build record and in `quality/<build id>.json`, so that the old build does not hide it."""
    from warehouse.connection import Damaged, connect

    try:
        with connect(settings) as connection:
            build_id, _ = build_in_progress(connection)
            message = masked(message, settings.secrets())
            finish_build(connection, build_id, "failed", f"{stage}: {message}"[:2000])
        write_failure(settings.quality_dir / f"{build_id}.json", stage, message)
    except (duckdb.Error, OSError, Damaged):
        return  # nothing can be written any more; the exception that brought us here says why


def write_failure(path: Path, stage: str, message: str) -> None:
    """Add a failed stage to a build's result file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record.setdefault("failed_stages", []).append({"stage": stage, "message": message, "at": datetime.now(UTC).isoformat(timespec="seconds")})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def due_at(feed: Feed, last_observation: datetime) -> datetime:
    """When the observation after the last one is known at the latest, by cadence and documented lag (UTC, without zone)."""
    return publication_times(feed.lag, [last_observation + timedelta(days=feed.cadence.days)])[0].to_pydatetime()


def feed_status(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> list[dict[str, object]]:
    """One row a feed: fresh, stale or absent as of a moment (UTC), its last file and last observation known by then.

    A feed is stale when the next observation, by its cadence and lag, should have been known already.
    """
    rows = []
    # a feed that is newer than the last refresh has no table yet
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()}
    for feed in FEEDS.values():
        found = connection.execute(
            """
            select max_by(name, edition_at), max(edition_at), count(*), sum(rows_loaded)
            from meta.file where feed = ? and status = 'loaded' and edition_at <= ?
            """,
            [feed.name, as_of],
        ).fetchone()
        assert found is not None
        name, edition, files, loaded = found
        # lines of filings are as new as the filings they belong to
        dated = FEEDS[feed.filing_of] if feed.filing_of else feed
        last = None
        if dated.name in tables and (loaded or not feed.filing_of):
            observed = connection.execute(
                f"select max({quote(dated.observation_column)}) from raw.{quote(dated.name)} where _available_at <= ?", [as_of]
            ).fetchone()
            last = observed[0] if observed else None
        status = "absent" if last is None else "stale" if as_of > due_at(feed, last) else "fresh"
        rows.append(
            {
                "feed": feed.name,
                "provider": feed.provider,
                "cadence": str(feed.cadence),
                "publication_lag": str(feed.lag),
                "status": status,
                "files": files,
                "rows": int(loaded or 0),
                "last_file": name,
                "last_edition_at": edition,
                "last_observation": last,
            }
        )
    return rows
