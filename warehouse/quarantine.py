"""Quarantine: what is in it, and deciding about it. A file or a row is released (taken after all) or dropped (looked at, stays out).

A decision is kept beside the landed files and applied whenever its file is loaded, so that a warehouse built again from landing is the same.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb

from ingest.feeds import FEEDS
from ingest.landing import Decision, Landing
from ingest.load import create_tables, load_landed
from warehouse.connection import connect, writer_lock
from warehouse.settings import Settings, WrongUse

HASH_PREFIX = 6  # characters of a file's SHA-256 that name it at least
NAMED = 5  # files or rows a message names

Verb = Literal["released", "dropped"]


@dataclass(frozen=True)
class QuarantinedFile:
    """A file with something in quarantine, or about which something was decided."""

    file_id: int
    feed: str
    name: str
    sha256: str
    status: str
    message: str | None

    def __str__(self) -> str:
        return f"{self.name} of feed {self.feed} (file {self.file_id})"


@dataclass(frozen=True)
class QuarantinedRow:
    """A row of `meta.quarantine`."""

    row_number: int | None
    line: str
    reason: str
    can_be_released: bool
    decision: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of a file after a decision; rows read = rows loaded + rows quarantined + rows unchanged."""

    file: QuarantinedFile
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_unchanged: int
    undecided: int

    def lines(self) -> list[str]:
        """The outcome in words, for a terminal."""
        return [
            f"{self.file}: {self.rows_read:,} rows read = {self.rows_loaded:,} loaded + {self.rows_quarantined:,} quarantined "
            f"+ {self.rows_unchanged:,} unchanged" + (f"; {self.undecided:,} rows undecided" if self.undecided else ""),
            *([f"{self.file.status}: {self.file.message}"] if self.file.message else []),
        ]


def undecided(settings: Settings, feed: str | None, limit: int) -> list[tuple[Any, ...]]:
    """Files and rows in quarantine about which nothing was decided, newest first; `limit` at most.

    Columns: file_id, feed, file, row, reason, whether the row can be released, content (of a file its hash).
    """
    return _listed(
        settings,
        """
        select file_id, feed, file, "row", reason, can_be_released, content
        from (
            select
                file_id, feed, name as file, null as "row", message as reason, true as can_be_released, sha256 as content, loaded_at as since
            from meta.file where status = 'quarantined'
            union all
            select
                quarantine.file_id, quarantine.feed, file.name, quarantine.row_number, quarantine.reason, quarantine.can_be_released, quarantine.line,
                quarantine.quarantined_at
            from meta.quarantine as quarantine
            join meta.file as file using (file_id)
            where quarantine.decision is null
        )
        where coalesce(feed = $feed, true)
        order by since desc, feed, file, file_id, "row" nulls first, content
        limit $limit
        """,
        feed,
        limit,
    )


def decided(settings: Settings, feed: str | None, limit: int) -> list[tuple[Any, ...]]:
    """Decisions, newest first; `limit` at most. Columns: file_id, feed, file, row, decision, by whom, when (UTC), why, content."""
    return _listed(
        settings,
        """
        select
            decision.file_id, decision.feed, file.name as file, decision.row_number, decision.decision, decision.decided_by, decision.decided_at,
            decision.why, coalesce(decision.line, file.sha256)
        from meta.decision as decision
        join meta.file as file using (file_id)
        where coalesce(decision.feed = $feed, true)
        order by decision.decided_at desc, file.name, decision.file_id, decision.row_number nulls first
        limit $limit
        """,
        feed,
        limit,
    )


def _listed(settings: Settings, sql: str, feed: str | None, limit: int) -> list[tuple[Any, ...]]:
    with connect(settings, read_only=True) as connection:
        try:
            return connection.execute(sql, {"feed": feed, "limit": limit}).fetchall()
        except (duckdb.BinderException, duckdb.CatalogException):
            raise WrongUse(f"{settings.warehouse_path} was made by an older version: run `make refresh` once") from None


def decide(
    settings: Settings,
    named: str,
    verb: Verb,
    why: str,
    *,
    feed: str | None = None,
    rows: Sequence[int] = (),
    every_row: bool = False,
    although_loaded: bool = False,
) -> Outcome:
    """Release or drop a file or rows of it: the decision is written, and its feed loaded at once.

    Parameters
    ----------
    named
        Id of the file, the first characters of its hash, or its name where that is unambiguous.
    rows
        Numbers of rows in quarantine; `every_row` stands for all that are undecided (of those only what can be released, in a release).
        Without either the decision is about the whole file: released, it is read again; dropped, none of its rows is taken.
    although_loaded
        Drop a whole file although it was loaded: its rows are taken out, and what it changed is as before it.

    Raises
    ------
    WrongUse
        when there is no such file or row in quarantine, several files go by the name, the row cannot be released, or it was decided so before.
    Busy
        when another process writes.
    """
    if not why.strip():
        raise WrongUse("say why, in a few words: --why TEXT")
    landing = Landing(settings.landing_dir)
    with connect(settings, read_only=True):
        pass  # says so clearly when there is no warehouse yet
    with writer_lock(settings, f"quarantine {verb}"), connect(settings) as connection:
        create_tables(connection, [])
        file = _find(connection, named, feed)
        if rows or every_row:
            chosen = _rows_to_decide(connection, landing, file, verb, rows)
            keys: list[tuple[int | None, str | None]] = [(row.row_number, row.line) for row in chosen]
        else:
            _check_whole(connection, landing, file, verb, although_loaded)
            keys = [(None, None)]
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        landing.decide(file.feed, [Decision(file.file_id, number, line, verb, why.strip(), _user(), now) for number, line in keys])
        load_landed(connection, [FEEDS[file.feed]], landing, None)
        return _outcome(connection, file.file_id)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _find(connection: duckdb.DuckDBPyConnection, named: str, feed: str | None) -> QuarantinedFile:
    """The file that goes by an id, the start of a hash, or a name. Raises WrongUse when there is none, or several."""
    columns = "file_id, feed, name, sha256, status, message"
    in_question = "(status <> 'loaded' or file_id in (select file_id from meta.quarantine) or file_id in (select file_id from meta.decision))"
    found = connection.execute(
        f"""
        select {columns} from meta.file
        where
            (file_id = try_cast($named as bigint) or name = $named or (length($named) >= {HASH_PREFIX} and starts_with(sha256, lower($named))))
            and coalesce(feed = $feed, true)
        order by {in_question} desc, feed, edition_at, file_id
        """,
        {"named": named, "feed": feed},
    ).fetchall()
    files = [QuarantinedFile(*row) for row in found]
    exact = [file for file in files if str(file.file_id) == named]
    if exact:
        return exact[0]
    if not files:
        of_feed = f" of feed {feed}" if feed else ""
        raise WrongUse(f"no file{of_feed} has the id, the name, or a hash that begins with {named!r}; see `ebbtide quarantine list`")
    open_ = {row[0] for row in connection.execute(f"select file_id from meta.file where {in_question}").fetchall()}
    candidates = [file for file in files if file.file_id in open_] or files
    if len(candidates) > 1:
        listed = ", ".join(f"{file.file_id} ({file.feed}, {file.sha256[:12]})" for file in candidates[:NAMED])
        more = f" and {len(candidates) - NAMED} more" if len(candidates) > NAMED else ""
        raise WrongUse(f"{len(candidates)} files go by {named!r}: name one by its id: {listed}{more}")
    return candidates[0]


def _quarantined_rows(connection: duckdb.DuckDBPyConnection, file: QuarantinedFile) -> list[QuarantinedRow]:
    found = connection.execute(
        "select row_number, line, reason, can_be_released, decision from meta.quarantine where file_id = ? order by row_number, line", [file.file_id]
    ).fetchall()
    return [QuarantinedRow(*row) for row in found]


def _rows_to_decide(connection: duckdb.DuckDBPyConnection, landing: Landing, file: QuarantinedFile, verb: Verb, numbers: Sequence[int]) -> list[QuarantinedRow]:
    """The rows of these numbers, or every undecided one when there are none. Raises WrongUse when one of them cannot be decided so."""
    if file.status == "dropped":
        raise WrongUse(f"{file} was dropped whole {_when(landing, file, None)}: release the file first")
    held = _quarantined_rows(connection, file)
    chosen = []
    if not numbers:
        chosen = [row for row in held if row.decision is None and (verb == "dropped" or row.can_be_released)]
        if not chosen:
            raise WrongUse(f"no undecided row of {file} is in quarantine" + (" that can be released" if verb == "released" else ""))
    for number in dict.fromkeys(numbers):
        rows = [row for row in held if row.row_number == number]
        if not rows:
            raise WrongUse(f"row {number} of {file} is not in quarantine; see `ebbtide quarantine list --feed {file.feed}`")
        if all(row.decision == verb for row in rows):
            raise WrongUse(f"row {number} of {file} was {verb} before, {_when(landing, file, number)}")
        wanted = [row for row in rows if row.decision != verb and (verb == "dropped" or row.can_be_released)]
        if not wanted:
            raise WrongUse(
                f"row {number} of {file} cannot be released, because it cannot be read: {rows[0].reason}. Correct the declaration of the feed and release "
                "the file, wait for the provider's correction, or drop the row"
            )
        chosen.extend(wanted)
    if verb == "released":
        _check_keys(connection, file, held, chosen)
    return chosen


def _check_keys(connection: duckdb.DuckDBPyConnection, file: QuarantinedFile, held: Sequence[QuarantinedRow], chosen: Sequence[QuarantinedRow]) -> None:
    """Raise WrongUse when two rows of one key would be released: only one of them can be taken."""
    identity = FEEDS[file.feed].identity
    taken = [row for row in held if row.decision == "released" and row not in chosen]
    keys: dict[tuple[str | None, ...], int | None] = {}
    for row in (*taken, *chosen):
        found = connection.execute("select " + ", ".join(["?::json ->> ?"] * len(identity)), [part for name in identity for part in (row.line, name)])
        key = found.fetchone()
        assert key is not None
        if key in keys:
            raise WrongUse(f"rows {keys[key]} and {row.row_number} of {file} have the same key, and only one of them can be taken: drop the other one first")
        keys[key] = row.row_number


def _check_whole(connection: duckdb.DuckDBPyConnection, landing: Landing, file: QuarantinedFile, verb: Verb, although_loaded: bool) -> None:
    """Raise WrongUse when a file cannot be released or dropped whole."""
    if verb == "dropped" and file.status == "loaded" and although_loaded:
        return
    waiting = sum(row.decision is None for row in _quarantined_rows(connection, file))
    if verb == "dropped" and file.status == "dropped":
        raise WrongUse(f"{file} was dropped before, {_when(landing, file, None)}")
    if file.status == "loaded" and not waiting:
        how = "; to take its rows out all the same: --loaded" if verb == "dropped" else ""
        raise WrongUse(f"{file} is loaded, and nothing of it waits in quarantine{how}")
    if verb == "dropped" and file.status == "loaded":
        raise WrongUse(f"{file} is loaded, and {waiting:,} of its rows are in quarantine: name them with --row, or all of them with --every-row")


def _when(landing: Landing, file: QuarantinedFile, row_number: int | None) -> str:
    """By whom, when and why the last decision about a file or row was made."""
    last = [d for d in landing.decisions(file.feed) if (d.file_id, d.row_number) == (file.file_id, row_number)][-1]
    return f"by {last.decided_by} on {last.decided_at[:16].replace('T', ' ')} UTC ({last.why})"


def _outcome(connection: duckdb.DuckDBPyConnection, file_id: int) -> Outcome:
    found = connection.execute(
        """
        select
            file_id, feed, name, sha256, status, message, rows_read, rows_loaded, rows_quarantined, rows_unchanged,
            (select count(*) from meta.quarantine as held where held.file_id = file.file_id and held.decision is null)
        from meta.file as file where file_id = ?
        """,
        [file_id],
    ).fetchone()
    assert found is not None
    return Outcome(QuarantinedFile(*found[:6]), *found[6:])
