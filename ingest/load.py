"""From landed files to raw rows: typed, checked, only new or changed rows added, one transaction a feed and batch of files.

For every file: rows read = rows loaded + rows quarantined + rows unchanged. A file that cannot be read is quarantined whole,
bad rows one by one; the rest of the feed loads. What was decided about them (`decisions.jsonl`) is applied whenever their file
is loaded. See `docs/architecture.md` for the rules of versions and availability.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from ingest.calendars import exchange_calendar
from ingest.feed import Cadence, Column, Feed, Format, LandedFile, PublicationLag, Records, UnreadableFile
from ingest.landing import Decision, Landed, Landing, identify
from ingest.reader import expanded, looks_like_html
from warehouse.connection import literal, quote, transaction
from warehouse.disk import is_full

if TYPE_CHECKING:
    import numpy
    import pandas

LINEAGE = {"_file_id": "BIGINT", "_row_number": "BIGINT", "_available_at": "TIMESTAMP", "_available_at_source": "VARCHAR"}
# lines of filings became known with their filing and carry a row id of their own
LINEAGE_OF_LINES = {"_file_id": "BIGINT"}

# Texts that stand for a missing value in some provider's file.
NULL_TOKENS = ("", ".", "-", "--", "NA", "N/A", "N.A.", "#N/A", "NULL", "ND", "*", "**", "AWAITED", "NYSECLOSED", "NYSE CLOSED")

DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%d-%b-%Y", "%Y-%m-%dT%H:%M:%S.%g", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%b %d, %Y", "%d-%b-%y", "%Y%m%d")

# A date before this is a slip: the oldest series of any provider begin after it.
EARLIEST = date(1700, 1, 1)

# A date of three numbers, which may have its month or its day first.
_SLASHED = r"(\d{1,2})/(\d{1,2})/\d{4}\b.*"

# A number whose commas separate thousands; in another, a comma may be a decimal comma, and taking it out would change the number.
_THOUSANDS = r"[^0-9,]*\d{1,3}(,\d{3})+([^0-9,][^,]*)?"

# What a transaction waits for: where others write as well, its turn.
Turn = Callable[[], AbstractContextManager[None]]

# A file with fewer rows than this share of its previous edition is reported.
SHRUNK = 0.98

_META = """
create schema if not exists raw;
create schema if not exists meta;
create table if not exists meta.file (
    file_id bigint, feed varchar, format varchar, name varchar, path varchar, sha256 varchar, size bigint, url varchar, source varchar,
    fetched_at timestamp, edition_at timestamp, loaded_at timestamp, build_id varchar, status varchar, message varchar,
    rows_read bigint, rows_loaded bigint, rows_quarantined bigint, rows_unchanged bigint, rows_skipped bigint, skipped map(varchar, bigint),
    first_observation date, last_observation date, seen_until timestamp
);
alter table meta.file add column if not exists seen_until timestamp;
create table if not exists meta.quarantine (
    file_id bigint, feed varchar, row_number bigint, line varchar, reason varchar, quarantined_at timestamp, can_be_released boolean, decision varchar
);
alter table meta.quarantine add column if not exists can_be_released boolean;
alter table meta.quarantine add column if not exists decision varchar;
alter table meta.quarantine drop column if exists released_at;
create table if not exists meta.decision (
    file_id bigint, feed varchar, row_number bigint, line varchar, decision varchar, why varchar, decided_by varchar, decided_at timestamp
);
create table if not exists meta.filing (feed varchar, filing varchar, file_id bigint, "rows" bigint);
"""

_REJECTED = "create or replace temp table rejected (_file_id bigint, row_number bigint, line varchar, reason varchar)"

_REPEATED_KEY = "the key stands more than once with different values"

# Released rows of `checked`: taken, with what is wrong with them beside.
_RELEASE = """
update checked set _reason = null, _said = _reason from decision
where
    decision.decision = 'released' and decision.file_id = checked._file_id and decision.row_number = checked._row_number
    and decision.line = checked._line and checked._can_be_released
"""

# Rows of `_file_row`, a list a column: one statement for thousands of files.
_FILE_TYPES = ["bigint", *["varchar"] * 5, "bigint", *["varchar"] * 2, *["timestamp"] * 3, *["varchar"] * 3, *["bigint"] * 5]
_INSERT_FILES = f"""
insert into meta.file
select {", ".join(f"unnest(?::{kind}[])" for kind in _FILE_TYPES)}, map(unnest(?::varchar[][]), unnest(?::bigint[][])), unnest(?::date[]), unnest(?::date[]),
    unnest(?::timestamp[])
"""

_NOTE_SEEN = """
update meta.file set seen_until = seen.seen_until
from (select unnest(?::bigint[]) as file_id, unnest(?::timestamp[]) as seen_until) as seen
where file.file_id = seen.file_id and file.seen_until is distinct from seen.seen_until
"""


@dataclass
class FileOutcome:
    """What became of one landed file."""

    landed: Landed
    edition_at: datetime | None = None
    status: str = "loaded"
    message: str | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    may_be_empty: bool = False
    is_dropped: bool = False


@dataclass(frozen=True)
class LoadSummary:
    """Files and rows of a load."""

    files: int
    quarantined_files: int
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_unchanged: int


def create_tables(connection: duckdb.DuckDBPyConnection, feeds: Sequence[Feed]) -> None:
    """Create schemas, the file record, and a raw table for each feed; columns a declaration gained are added."""
    connection.execute(_META)
    known: dict[str, set[str]] = {}
    found = connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = current_database() and schema_name = 'raw'"
    ).fetchall()
    for table, column in found:
        known.setdefault(table, set()).add(column)
    for feed in feeds:
        columns = {column.name: column.type.replace("TEXT", "VARCHAR") for column in feed.columns} | (LINEAGE_OF_LINES if feed.filing_of else LINEAGE)
        if feed.name not in known:
            body = ", ".join(f"{quote(name)} {type_}" for name, type_ in columns.items())
            connection.execute(f"create table if not exists raw.{quote(feed.name)} ({body})")
        for name, type_ in columns.items():
            if name not in known.get(feed.name, columns):
                connection.execute(f"alter table raw.{quote(feed.name)} add column {quote(name)} {type_}")


def load_landed(connection: duckdb.DuckDBPyConnection, feeds: Sequence[Feed], landing: Landing, build_id: str | None, turn: Turn = nullcontext) -> LoadSummary:
    """Load every landed edition that is not in the warehouse yet or was decided about since, feed by feed. Returns what was loaded.

    What is loaded without a build (after a release from quarantine) belongs to the next one. Files are read, typed and checked beside whoever
    else loads; what is written is written in turn.
    """
    manifests = {feed.name: _landed(landing, feed) for feed in feeds}
    with turn():
        create_tables(connection, feeds)
        if build_id:
            connection.execute("update meta.file set build_id = ? where build_id is null", [build_id])
        restated = _note_seen(connection, feeds, manifests)
    # one after the other: beside a second transaction, DuckDB keeps the memory of temporary tables that were replaced
    outcomes = [outcome for feed in feeds for outcome in _load_feed(connection, feed, landing, manifests[feed.name], restated, build_id, turn)]
    ids = [outcome.landed.file_id for outcome in outcomes]
    totals = connection.execute(
        """
        select count(*), count(*) filter (where status = 'quarantined'), coalesce(sum(rows_read), 0), coalesce(sum(rows_loaded), 0),
               coalesce(sum(rows_quarantined), 0), coalesce(sum(rows_unchanged), 0)
        from meta.file where list_contains(?::bigint[], file_id)
        """,
        [ids],
    ).fetchone()
    assert totals is not None
    return LoadSummary(*(int(total) for total in totals))


def _moment(text: str | None) -> datetime | None:
    """A time of the manifest as DuckDB takes it: UTC without zone."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None


def _landed(landing: Landing, feed: Feed) -> list[Landed]:
    """Editions with records of a feed, as they count; one that is landed for several feeds has an id in each."""
    editions = landing.manifest(feed.landed_with or feed.name)
    if not feed.read_by_edition:
        editions = _standing(editions)
    if feed.landed_with is None:
        return editions
    return [replace(line, feed=feed.name, file_id=identify(feed.name, line.name, line.sha256, line.edition_at)) for line in editions]


def _file_of(landed: Landed) -> str:
    """What the editions of a file share: its address, or its name where it has none."""
    return landed.url or landed.name


def _standing(editions: Sequence[Landed]) -> list[Landed]:
    """Editions without those that only repeat the bytes of the one before of the same file: that one still stood.

    What is known of such an edition is all there: reading it again could only take back what another file has said since.
    """
    before: dict[str, Landed] = {}
    seen: dict[int, str] = {}
    repeats: set[int] = set()
    for landed in sorted((edition for edition in editions if edition.edition_at), key=_in_order):
        standing = before.get(_file_of(landed))
        if standing and (standing.sha256, standing.format) == (landed.sha256, landed.format):
            repeats.add(landed.file_id)
            seen[standing.file_id] = max(filter(None, (landed.edition_at, landed.seen_until)))
        else:
            before[_file_of(landed)] = landed
    return [
        replace(edition, seen_until=seen[edition.file_id]) if edition.file_id in seen else edition for edition in editions if edition.file_id not in repeats
    ]


def _sharing(feed: Feed) -> list[Feed]:
    """The other feeds whose records lie in the same landed files."""
    from ingest.feeds import FEEDS

    together = feed.landed_with or feed.name
    return [other for other in FEEDS.values() if other.name != feed.name and (other.landed_with or other.name) == together]


def _note_seen(connection: duckdb.DuckDBPyConnection, feeds: Sequence[Feed], manifests: Mapping[str, Sequence[Landed]]) -> set[int]:
    """Note until when loaded files were met again. Returns those, not noted, with a later edition that is loaded: it is to be dated anew."""
    loaded = dict(connection.execute("select file_id, seen_until from meta.file").fetchall())
    noted: list[tuple[int, datetime | None]] = []
    restated: set[int] = set()
    for feed in feeds:
        known = [landed for landed in manifests[feed.name] if landed.file_id in loaded]
        changed = [landed for landed in known if loaded[landed.file_id] != _moment(landed.seen_until)]
        # lines of filings are not dated by their files
        newest = {_file_of(landed): _in_order(landed) for landed in sorted(known, key=_in_order)} if changed and not feed.filing_of else {}
        for landed in changed:
            if _in_order(landed) < newest.get(_file_of(landed), _in_order(landed)):
                restated.add(landed.file_id)
            else:
                noted.append((landed.file_id, _moment(landed.seen_until)))
    if noted:
        connection.execute(_NOTE_SEEN, [list(column) for column in zip(*noted, strict=True)])
    return restated


def _load_feed(
    connection: duckdb.DuckDBPyConnection,
    feed: Feed,
    landing: Landing,
    manifest: Sequence[Landed],
    restated: set[int],
    build_id: str | None,
    turn: Turn,
) -> list[FileOutcome]:
    loaded = {row[0]: row[1] for row in connection.execute("select file_id, edition_at from meta.file where feed = ?", [feed.name]).fetchall()}
    again = (_decided_since(connection, feed, landing) | restated) & loaded.keys()
    new = [landed for landed in manifest if landed.file_id not in loaded or landed.file_id in again]
    if not new:
        return []
    _note_decisions(connection, landing.decisions(feed.name))
    if feed.filing_of:
        return _load_lines(connection, feed, landing, new, _lines_after(connection, feed, manifest, again), build_id, turn)
    # reading makes temporary tables only, and a damaged file may fail there: the transaction starts after it
    outcomes = _stage(connection, feed, landing, new)
    before = [loaded[file_id].replace(tzinfo=UTC) for file_id in again if loaded[file_id]]
    oldest = min([o.edition_at for o in outcomes if o.edition_at] + before, default=None)
    overtaken = sorted({file_id for file_id, edition in loaded.items() if oldest and edition and edition.replace(tzinfo=UTC) >= oldest} | again)
    if set(overtaken) - again:
        # an older edition arrived late: the newer ones are loaded again after it, so that versions stand in edition order;
        # so are those of the same moment, whose order is that of their ids, not of their arrival
        outcomes = _stage(connection, feed, landing, [landed for landed in manifest if landed.file_id in overtaken or landed in new])
    with turn(), transaction(connection):
        _forget(connection, feed, overtaken)
        _append_versions(connection, feed, outcomes)
        _record_files(connection, feed, outcomes, build_id)
        _record_decisions(connection, feed, landing, [outcome.landed.file_id for outcome in outcomes])
    return outcomes


def _forget(connection: duckdb.DuckDBPyConnection, feed: Feed, file_ids: Sequence[int]) -> None:
    """Delete what was loaded of files that are loaded again in the same transaction."""
    if file_ids:
        for table in (f"raw.{quote(feed.name)}", "meta.file", "meta.quarantine", "meta.decision", "meta.filing"):
            column = "_file_id" if table.startswith("raw.") else "file_id"
            connection.execute(f"delete from {table} where list_contains(?::bigint[], {column})", [file_ids])


def _stage(connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, files: Sequence[Landed]) -> list[FileOutcome]:
    """Read, type, check and date the files, in temporary tables."""
    outcomes = _read(connection, feed, landing, files)
    _note_last_days(connection, files)
    _type_and_check(connection, feed)
    _date_editions(connection, feed, outcomes)
    return outcomes


# --- decisions about what is in quarantine -----------------------------------------------------------------------------


def _decided_since(connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing) -> set[int]:
    """Files about which more was decided than their load applied, and those loaded before it was recorded what can be released."""
    counted = Counter(decision.file_id for decision in landing.decisions(feed.name))
    applied = dict(connection.execute("select file_id, count(*) from meta.decision where feed = ? group by 1", [feed.name]).fetchall())
    unknown = connection.execute("select distinct file_id from meta.quarantine where feed = ? and can_be_released is null", [feed.name]).fetchall()
    return {file_id for file_id, count in counted.items() if applied.get(file_id) != count} | {row[0] for row in unknown}


def _note_decisions(connection: duckdb.DuckDBPyConnection, decisions: Sequence[Decision]) -> None:
    """Make `decision`: the decision in force about each file (`row_number` and `line` null) and row, where there is one."""
    last = {(decision.file_id, decision.row_number, decision.line): decision.decision for decision in decisions}
    connection.execute("create or replace temp table decision (file_id bigint, row_number bigint, line varchar, decision varchar)")
    if last:
        connection.executemany("insert into decision values (?, ?, ?, ?)", [[*row, decision] for row, decision in last.items()])


def _record_decisions(connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, file_ids: Sequence[int]) -> None:
    """Write `meta.decision` for the files just loaded: what their load applied."""
    connection.execute("delete from meta.decision where feed = ? and list_contains(?::bigint[], file_id)", [feed.name, file_ids])
    wanted = set(file_ids)
    rows = [
        [d.file_id, feed.name, d.row_number, d.line, d.decision, d.why, d.decided_by, datetime.fromisoformat(d.decided_at).replace(tzinfo=None)]
        for d in landing.decisions(feed.name)
        if d.file_id in wanted
    ]
    if rows:
        connection.executemany("insert into meta.decision values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _dropped(connection: duckdb.DuckDBPyConnection) -> set[int]:
    """Files that were dropped whole."""
    return {row[0] for row in connection.execute("select file_id from decision where row_number is null and line is null and decision = 'dropped'").fetchall()}


def _release_rows(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Take the rows of `checked` that were released (`_said` keeps what is wrong with them), and none of a file that was dropped whole.

    A released row is the one that is taken for its key: other rows of the file with that key and other values are not.
    """
    if _count(connection, _RELEASE):
        identity = ", ".join(quote(name) for name in feed.identity)
        measures = ", ".join(quote(column.name) for column in feed.measures)
        connection.execute(
            f"""
            create or replace temp table rival as
            with taken as (
                select _file_id, _row_number, {identity}, hash({measures}) as measures, _said is not null as is_released
                from checked where _reason is null and _file_id in (select _file_id from checked where _said is not null)
            )
            select _file_id, _row_number, measures <> first_value(measures) over rivals as is_conflict, row_number() over rivals as copy
            from taken
            window
                whole as (partition by _file_id, {identity}),
                rivals as (partition by _file_id, {identity} order by is_released desc, _row_number)
            qualify bool_or(is_released) over whole
            """
        )
        connection.execute(
            f"""
            update checked set
                _copy = rival.copy, _reason = case when is_conflict then {literal(_REPEATED_KEY)} end, _said = case when not is_conflict then _said end
            from rival where checked._file_id = rival._file_id and checked._row_number = rival._row_number
            """
        )
    dropped = sorted(_dropped(connection))
    if dropped:
        connection.execute(
            """
            update checked set _reason = coalesce(_reason, _said, 'the file was dropped'), _said = null
            where list_contains(?::bigint[], _file_id)
            """,
            [dropped],
        )


def _keep_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `kept_out`: the rows of `checked` and `rejected` that are not taken, and those that are because they were released."""
    connection.execute(
        """
        create or replace temp table kept_out as
        with kept as (
            select
                _file_id, _row_number as row_number, coalesce(_line, to_json(struct_pack(row_number := _row_number))::varchar) as line,
                coalesce(_said, _reason) as reason, _can_be_released as can_be_released, _said is not null as is_released
            from checked where _reason is not null or _said is not null
            union all
            select _file_id, row_number, line, reason, false, false from rejected
        )
        select
            kept.* exclude (is_released),
            case when is_released then 'released' when decision.decision = 'dropped' or whole.decision = 'dropped' then 'dropped' end as decision
        from kept
        left join decision
            on decision.file_id = kept._file_id and decision.row_number is not distinct from kept.row_number and decision.line = kept.line
        left join decision as whole on whole.file_id = kept._file_id and whole.row_number is null and whole.line is null
        """
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, files: Sequence[Landed]) -> list[FileOutcome]:
    """Read the files into `incoming` (text columns) and `rejected`; files that cannot be read are marked quarantined."""
    columns = ", ".join(f"{quote(column.name)} varchar" for column in feed.columns)
    for table in ("reject_scan", "reject_line"):
        connection.execute(f"drop table if exists temp.{table}")
    connection.execute(f"create or replace temp table incoming (_file_id bigint, _row_number bigint, {columns})")
    connection.execute(_REJECTED)
    dropped = _dropped(connection)
    outcomes = {landed.file_id: FileOutcome(landed, is_dropped=landed.file_id in dropped) for landed in files}
    paths: dict[str, list[int]] = {}  # editions of the same content share their landed bytes
    with ExitStack() as stack:
        by_format: dict[str, list[LandedFile]] = {}
        for landed in files:
            outcome = outcomes[landed.file_id]
            try:
                for piece in _pieces(stack, feed, landing, landed, outcome):
                    by_format.setdefault(piece.format, []).append(piece)
                    paths.setdefault(str(piece.path), []).append(landed.file_id)
            except UnreadableFile as error:
                outcome.status, outcome.message = "quarantined", str(error)
            except OSError as error:
                if is_full(error):
                    raise  # there is no room to unpack it: the file is good
                outcome.status, outcome.message = "quarantined", f"its landed bytes cannot be read ({error}); fetch it again"
        for name, pieces in by_format.items():
            _read_group(connection, feed, feed.format(name), pieces, outcomes)
        _collect_rejects(connection, paths)
    counts = dict(
        connection.execute("select _file_id, count(*) from (select _file_id from incoming union all select _file_id from rejected) group by 1").fetchall()
    )
    for outcome in outcomes.values():
        if outcome.status == "loaded" and not counts.get(outcome.landed.file_id) and not outcome.may_be_empty:
            outcome.status, outcome.message = "quarantined", "the file has no records; fetch it again"
    return list(outcomes.values())


def _pieces(stack: ExitStack, feed: Feed, landing: Landing, landed: Landed, outcome: FileOutcome) -> list[LandedFile]:
    """The readable members of a landed file. Raises UnreadableFile when none is in a format of the feed."""
    path = landing.path(landed)
    if path.stat().st_size == 0:
        raise UnreadableFile("the file is empty; fetch it again")
    pieces = []
    edition_at = datetime.fromisoformat(landed.edition_at) if landed.edition_at else None
    members = stack.enter_context(expanded(path, landed.name))
    heads: list[str] = []
    damage: UnreadableFile | None = None
    for member in members:
        try:
            heads.append(member.head())
        except UnreadableFile as error:
            # the other tables of the archive can still be read
            heads.append("")
            damage = error
    for member, head in zip(members, heads, strict=True):
        fitting = [f for f in feed.formats if f.header.search(head)]
        chosen = next((f for f in fitting if f.name == landed.format), fitting[0] if fitting else None)
        if chosen:
            # a member of an archive says itself which day or symbol it is about
            named = chosen.file_name.search(member.name) if chosen.file_name else None
            parameters = {k: v for k, v in named.groupdict().items() if v} if named else landed.parameters
            pieces.append(LandedFile(landed.file_id, member.path(), member.name, chosen.name, parameters, edition_at, tuple(members)))
            outcome.may_be_empty = outcome.may_be_empty or chosen.may_be_empty
        else:
            outcome.skipped["other member"] = outcome.skipped.get("other member", 0) + 1
    if not pieces:
        if damage:
            raise damage
        is_of_others = any(other.header.search(head) for feed_beside in _sharing(feed) for other in feed_beside.formats for head in heads)
        if is_of_others and landed.format not in {declared.name for declared in feed.formats}:
            # a file that landed for several feeds, in a form that holds nothing of this one
            outcome.may_be_empty, outcome.message = True, f"holds no records of feed {feed.name}"
            return []
        if heads and all(looks_like_html(head) for head in heads):
            raise UnreadableFile("the file is a web page, not data: the provider answered with an error page; fetch it again later")
        raise UnreadableFile(f"not in a format of feed {feed.name} ({', '.join(f.name for f in feed.formats)}); the provider may have changed it")
    return pieces


def _read_group(connection: duckdb.DuckDBPyConnection, feed: Feed, declared: Format, pieces: Sequence[LandedFile], outcomes: dict[int, FileOutcome]) -> None:
    """Read files of one format together; when one of them fails, each half again, so that it alone is quarantined."""
    pieces = [piece for piece in pieces if outcomes[piece.file_id].status == "loaded"]
    ids = sorted({piece.file_id for piece in pieces})
    skipped = {file_id: dict(outcomes[file_id].skipped) for file_id in ids}
    try:
        for record in declared.reader(connection, feed, pieces):
            _insert(connection, record, outcomes, record.files or ids)
    except Exception as error:
        # what takes too much memory together may not one by one
        if _is_of_the_machine(error) and not (isinstance(error, duckdb.OutOfMemoryException | MemoryError) and len(ids) > 1):
            raise
        connection.execute("delete from incoming where list_contains(?::bigint[], _file_id)", [ids])
        for file_id, kinds in skipped.items():
            outcomes[file_id].skipped = kinds
        if len(ids) > 1:
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                _read_group(connection, feed, declared, [piece for piece in pieces if piece.file_id in half], outcomes)
        else:
            outcome = outcomes[ids[0]]
            outcome.status, outcome.message = "quarantined", _said(error, f" as {declared.name}")


def _said(error: Exception, form: str = "") -> str:
    """What is wrong with a file that a reader failed on, in one line, and what to do."""
    if isinstance(error, UnreadableFile):
        return str(error)
    return f"cannot be read{form} ({next(iter(str(error).splitlines()), type(error).__name__)}); fetch it again"


def _is_of_the_machine(error: Exception) -> bool:
    """Whether an error says nothing about the file: the disk or the memory lacks room, or the database can no longer be used.

    Anything else a reader stumbles over is in the file: a damaged one may be anything.
    """
    return is_full(error) or isinstance(error, OSError | MemoryError | duckdb.FatalException | duckdb.OutOfMemoryException)


def _insert(connection: duckdb.DuckDBPyConnection, record: Records, outcomes: dict[int, FileOutcome], file_ids: Sequence[int]) -> None:
    """Add a reader's records to `incoming`."""
    names = ", ".join(quote(name) for name in record.columns)
    offset = 0
    if len(file_ids) == 1 and outcomes[file_ids[0]].columns:
        # several members of one archive share a file: their rows are numbered on
        offset = _count(connection, "select coalesce(max(_row_number), 0) from incoming where _file_id = ?", file_ids)
    connection.execute(f"insert into incoming by name select _file_id, {offset} + _row_number as _row_number, {names} from ({record.sql}) as records")
    for file_id, kinds in record.skipped.items():
        for kind, count in kinds.items():
            outcomes[file_id].skipped[kind] = outcomes[file_id].skipped.get(kind, 0) + count
    for file_id in file_ids:
        outcomes[file_id].columns.update(record.columns)
    for file_id, remark in record.remarks.items():
        outcomes[file_id].message = remark
    for file_id, day in record.edition_dates.items():
        outcomes[file_id].edition_at = datetime(day.year, day.month, day.day, tzinfo=UTC)


def _collect_rejects(connection: duckdb.DuckDBPyConnection, paths: Mapping[str, Sequence[int]]) -> None:
    """Lines the CSV reader could not split go to `rejected` with their line and reason, for each file of the path: editions of one content share it."""
    try:
        lines = connection.execute(
            """
            -- one line may be wrong in several ways
            select scans.file_path, lines.line, min(lines.csv_line), min(lines.error_message)
            from temp.reject_line as lines join temp.reject_scan as scans using (scan_id, file_id)
            group by all
            """
        ).fetchall()
    except duckdb.CatalogException:
        return  # no such file was read; asking which tables there are takes a quarter of a second in a lake
    rows = [(file_id, line, text.strip()[:2000], message.splitlines()[0]) for path, line, text, message in lines for file_id in paths.get(path, ())]
    if rows:
        connection.executemany("insert into rejected values (?, ?, ?, ?)", rows)


# --- typing and checking ----------------------------------------------------------------------------------------------


def _note_last_days(connection: duckdb.DuckDBPyConnection, files: Sequence[Landed]) -> None:
    """Make `last_day`: the day after which a file can hold no observation, a day after it was current and fetched.

    The day more is for exchanges whose date is ahead of UTC.
    """
    import pandas

    moments = [min(datetime.fromisoformat(text) for text in (f.fetched_at, f.edition_at) if text) for f in files]
    days = pandas.DataFrame(
        {"file_id": pandas.array([f.file_id for f in files], "int64"), "last_day": [m.astimezone(UTC).date() + timedelta(days=1) for m in moments]}
    )
    connection.register("last_day_frame", days)
    connection.execute("create or replace temp table last_day as select file_id as _file_id, last_day::date as last_day from last_day_frame")
    connection.unregister("last_day_frame")


def _note_days_first(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Make `day_first`: files with an observation such as 13/01/2026 and none such as 01/13/2026: which of their dates have the day first cannot be told."""
    observed = "null::varchar" if feed.filing_of else quote(feed.observation_column)
    connection.execute(
        f"""
        create or replace temp table day_first as
        with slashed as (
            select _file_id, {observed} as written, regexp_extract({observed}, '^{_SLASHED}$', ['first', 'second']) as part
            from incoming where {observed} like '%/%'
        )
        select _file_id, min(written) filter (where try_cast(part.first as integer) > 12) as shown from slashed
        group by 1 having shown is not null and count(*) filter (where try_cast(part.second as integer) > 12) = 0
        """
    )


def _clean(column: Column) -> str:
    text = f"trim({quote(column.name)})"
    if column.type == "TEXT":
        return f"nullif({text}, '')"
    tokens = ", ".join(f"'{token}'" for token in NULL_TOKENS)
    text = f"case when not list_contains([{tokens}], upper({text})) then {text} end"
    if column.type in ("BIGINT", "DOUBLE"):
        return f"case when {text} like '%,%' and not regexp_full_match({text}, '{_THOUSANDS}') then {text} else translate({text}, '$, \u00a0', '') end"
    return text


def _typed(column: Column) -> str:
    text = f"incoming.{quote(column.name)}"
    if column.type == "TEXT":
        return text
    if column.type == "DATE":
        formats = ", ".join(f"'{f}'" for f in DATE_FORMATS)
        return f"coalesce(try_cast({text} as date), try_strptime({text}, [{formats}])::date)"
    if column.type == "TIMESTAMP":
        return f"try_cast(replace({text}, 'Z', '+00') as timestamptz)::timestamp"
    number = f"case when {text} like '%\\%' escape '\\' then try_cast(rtrim({text}, '%') as double) / 100 else try_cast({text} as double) end"
    return f"try_cast({number} as bigint)" if column.type == "BIGINT" else number


def _reason(column: Column, required: bool, *, bounds: bool = True) -> str:
    """SQL of what is wrong with a value, or null; without bounds only of what keeps it from being read."""
    text, value = f"incoming.{quote(column.name)}", f"({_typed(column)})"
    kind = {"DATE": "a date", "TIMESTAMP": "a time", "BIGINT": "a whole number", "DOUBLE": "a number"}.get(column.type)
    rules = []
    if required:
        rules.append(f"when {text} is null then '{column.name} is missing'")
    if kind:
        rules.append(f"when {text} is not null and {value} is null then '{column.name}: ' || {text} || ' is not {kind}'")
    if column.type == "BIGINT":
        rules.append(f"when try_cast({text} as double) <> {value} then '{column.name}: ' || {text} || ' is not a whole number'")
    if column.type == "DOUBLE":
        rules.append(f"when not isfinite({value}) then '{column.name}: ' || {text} || ' is not a finite number'")
    if bounds and column.minimum is not None:
        rules.append(f"when {value} < {column.minimum} then '{column.name}: ' || {text} || ' is below {column.minimum:g}'")
    if bounds and column.maximum is not None:
        rules.append(f"when {value} > {column.maximum} then '{column.name}: ' || {text} || ' is above {column.maximum:g}'")
    return f"case {' '.join(rules)} end" if rules else "null"


def _type_and_check(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """From `incoming` make `checked`: typed columns, the line as JSON, why it cannot be taken (null when it can), and which copy of its key it is.

    `_said` is what is wrong with a row that is taken because it was released. Makes `kept_out`, too.
    """
    columns = feed.columns
    texts = ", ".join(f"{_clean(column)} as {quote(column.name)}" for column in columns)
    connection.execute(f"create or replace temp table incoming as select _file_id, _row_number, {texts} from incoming")
    typed = ", ".join(f"{_typed(column)} as {quote(column.name)}" for column in columns)
    # without its day an observation cannot be dated, nor told when it was known
    required = (*feed.key, feed.observation_column)
    reasons = [_reason(column, column.name in required) for column in columns]
    unreadable = [_reason(column, column.name in required, bounds=False) for column in columns]
    if not feed.filing_of:
        observed = f"({_typed(feed.column(feed.observation_column))})"
        lies_after = f"'{feed.observation_column}: ' || {observed} || ' lies after ' || last_day || ', the day after the file was current'"
        reasons.append(f"case when {observed} > last_day then {lies_after} end")
        unreadable.append(f"case when {observed} > last_day then '' end")  # it would be known before it happened
        lies_before = f"'{feed.observation_column}: ' || {observed} || ' lies before {EARLIEST}'"
        reasons.append(f"case when {observed} < date '{EARLIEST}' then {lies_before} end")
        written = f"incoming.{quote(feed.observation_column)}"
        either = f"'{feed.observation_column}: ' || {written} || ' may be written day first, as ' || day_first.shown || ' in the same file is'"
        reasons.append(f"case when day_first.shown is not null and {observed} is not null and regexp_full_match({written}, '{_SLASHED}') then {either} end")
    _note_days_first(connection, feed)
    line = "to_json(struct_pack(" + ", ".join(f"{quote(c.name)} := incoming.{quote(c.name)}" for c in columns) + "))::varchar"
    connection.execute(
        f"""
        create or replace temp table checked as
        select _file_id, _row_number, {typed}, nullif(concat_ws('; ', {", ".join(reasons)}), '') as _reason, null::varchar as _line, 1 as _copy,
               null::varchar as _said, null::boolean as _can_be_released
        from incoming join last_day using (_file_id) left join day_first using (_file_id)
        """
    )
    # few files repeat a key: the rows that do are found on narrow columns, then marked
    identity = ", ".join(quote(name) for name in feed.identity)
    measures = ", ".join(quote(column.name) for column in feed.measures)
    connection.execute(
        f"""
        create or replace temp table repeated as
        with taken as (select _file_id, _row_number, {identity}, hash({measures}) as measures from checked where _reason is null),
        keys as (
            select _file_id, {identity}, min(measures) <> max(measures) as is_conflict from taken group by all having count(*) > 1
        )
        select taken._file_id, taken._row_number, keys.is_conflict,
               row_number() over (partition by taken._file_id, {", ".join(f"taken.{quote(name)}" for name in feed.identity)} order by taken._row_number) as copy
        from taken join keys on taken._file_id = keys._file_id
            {" ".join(f"and taken.{quote(name)} is not distinct from keys.{quote(name)}" for name in feed.identity)}
        """
    )
    connection.execute(
        """
        update checked set _copy = repeated.copy, _reason = case when is_conflict then ? end
        from repeated where checked._file_id = repeated._file_id and checked._row_number = repeated._row_number
        """,
        [_REPEATED_KEY],
    )
    # only of rows that are not taken: it costs as much as typing
    note_lines = f"""
        update checked set _line = {line}, _can_be_released = coalesce({", ".join(unreadable)}) is null from incoming join last_day using (_file_id)
        where checked._reason is not null and checked._line is null
            and incoming._file_id = checked._file_id and incoming._row_number = checked._row_number
        """
    connection.execute(note_lines)
    if _count(connection, "select count(*) from decision"):
        _release_rows(connection, feed)
        connection.execute(note_lines)
    _keep_out(connection)


# --- editions ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def federal_calendar() -> numpy.busdaycalendar:
    """Business days of the US federal government."""
    import numpy
    from pandas.tseries.holiday import USFederalHolidayCalendar

    holidays = USFederalHolidayCalendar().holidays("1950-01-01", "2060-12-31")
    return numpy.busdaycalendar(holidays=holidays.values.astype("datetime64[D]"))


def publication_times(lag: PublicationLag, days: Iterable[date]) -> pandas.DatetimeIndex:
    """When observations of these days become known, UTC without zone, by the feed's documented lag and its declared delays."""
    import numpy
    import pandas

    observed = pandas.DatetimeIndex(pandas.to_datetime(list(days)))
    calendar = exchange_calendar(lag.exchange) if lag.exchange else federal_calendar()
    if lag.business_days:
        shifted = numpy.busday_offset(observed.values.astype("datetime64[D]"), lag.days, roll="backward", busdaycal=calendar)
        index = pandas.DatetimeIndex(shifted.astype("datetime64[us]"))
    else:
        index = observed + pandas.Timedelta(days=lag.days)
    if lag.next_business_day:
        index = pandas.DatetimeIndex(numpy.busday_offset(index.values.astype("datetime64[D]"), 0, roll="forward", busdaycal=calendar).astype("datetime64[us]"))

    def clock(at: str) -> pandas.Timedelta:
        hours, minutes = (int(part) for part in at.split(":"))
        return pandas.Timedelta(hours=hours, minutes=minutes)

    local = pandas.Series(index + clock(lag.at))
    for delay in lag.delays:
        came = pandas.Series(observed).map({pandas.Timestamp(day): pandas.Timestamp(late) for day, late in delay.published}).astype("datetime64[us]")
        local = (came + clock(delay.at or lag.at)).where(came.notna(), local)
    moments = pandas.DatetimeIndex(local)
    return moments.tz_localize(lag.zone, ambiguous="NaT", nonexistent="shift_forward").tz_convert("UTC").tz_localize(None).as_unit("us")


def _lag_of(feed: Feed, group: str | None, days: pandas.Series) -> PublicationLag:
    """The lag of a series: declared, or by the cadence that the spacing of its dates shows."""
    if group is None:
        return feed.lag
    if group in feed.lag_by:
        return feed.lag_by[group]
    if feed.lag_by_cadence and len(days) > 1:
        spacing = days.sort_values().diff().dt.days.median()
        for cadence, limit in ((Cadence.DAILY, 4), (Cadence.WEEKLY, 12), (Cadence.MONTHLY, 45), (Cadence.QUARTERLY, 400)):
            if spacing <= limit and cadence in feed.lag_by_cadence:
                return feed.lag_by_cadence[cadence]
    return feed.lag


def _date_editions(connection: duckdb.DuckDBPyConnection, feed: Feed, outcomes: Sequence[FileOutcome]) -> None:
    """Make `publication` (when each observation is known by its lag) and give each file the time of its edition.

    A file's edition is what its landing says (fetch time, replay manifest, date in the name), else the date it states
    itself, else the newest observation plus the documented lag.
    """
    import pandas

    group = quote(feed.key[0]) if feed.lag_by else "null::varchar"
    observed = quote(feed.observation_column)
    days = connection.execute(f"select distinct {group} as lag_group, {observed} as day from checked where _reason is null").df()
    frames = []
    for name, part in days.groupby("lag_group", dropna=False):
        lag = _lag_of(feed, None if pandas.isna(name) else str(name), pandas.to_datetime(part["day"]))
        frames.append(pandas.DataFrame({"lag_group": part["lag_group"], "day": part["day"], "rule_at": publication_times(lag, part["day"])}))
    publication = pandas.concat(frames) if frames else pandas.DataFrame({"lag_group": [], "day": [], "rule_at": []})
    connection.register("publication_frame", publication)
    connection.execute(
        "create or replace temp table publication as "
        "select lag_group::varchar as lag_group, day::date as day, rule_at::timestamp as rule_at from publication_frame"
    )
    connection.unregister("publication_frame")
    newest = dict(
        connection.execute(
            f"""
            select checked._file_id, max(publication.rule_at)
            from checked join publication on publication.lag_group is not distinct from {group} and publication.day = checked.{observed}
            where _reason is null group by 1
            """
        ).fetchall()
    )
    zone = ZoneInfo(feed.lag.zone)
    for outcome in outcomes:
        landed, stated = outcome.landed, outcome.edition_at
        fetched = datetime.fromisoformat(landed.fetched_at)
        if landed.edition_at:
            outcome.edition_at = datetime.fromisoformat(landed.edition_at)
        elif stated:
            outcome.edition_at = (datetime(stated.year, stated.month, stated.day, tzinfo=zone) + timedelta(days=1)).astimezone(UTC)
        elif landed.file_id in newest:
            outcome.edition_at = min(newest[landed.file_id].replace(tzinfo=UTC), fetched)
        else:
            outcome.edition_at = fetched


_EDITION_IN_NAME = r"_asof_\d{4}-?\d{2}-?\d{2}"
_STREAM = f"lower(regexp_replace(name, '{_EDITION_IN_NAME}', '', 'gi'))"


def stream_of(name: str) -> str:
    """The name that all editions of one file share: an edition date in it is left out (`_STREAM` is the same in SQL)."""
    return re.sub(_EDITION_IN_NAME, "", name, flags=re.IGNORECASE).lower()


# --- versions ---------------------------------------------------------------------------------------------------------


def _append_versions(connection: duckdb.DuckDBPyConnection, feed: Feed, outcomes: Sequence[FileOutcome]) -> None:
    """Add the rows that are new or differ from the version in force at their file's edition (`chain` keeps the judgement)."""
    import pandas

    names = {column.name for column in feed.columns}
    editions = pandas.DataFrame(
        {
            "file_id": pandas.array([o.landed.file_id for o in outcomes], "int64"),
            "edition_at": [o.edition_at.replace(tzinfo=None) if o.edition_at else None for o in outcomes],
            "seen_until": [_moment(o.landed.seen_until) for o in outcomes],
            "stream": [stream_of(o.landed.name) for o in outcomes],
        }
    )
    connection.register("edition_frame", editions)
    connection.execute(
        "create or replace temp table edition as "
        "select file_id, edition_at::timestamp as edition_at, seen_until::timestamp as seen_until, stream from edition_frame"
    )
    connection.unregister("edition_frame")
    observed = quote(feed.observation_column)
    # until when the edition of the same file before each stood: a row due by then that it lacked was published late
    connection.execute(
        f"""
        create or replace temp table earlier as
        with ranges as (select _file_id as file_id, min({observed}) as first_observation from checked where _reason is null group by 1),
        known as (
            select edition.file_id, edition.stream, edition.edition_at, edition.seen_until, ranges.first_observation from edition join ranges using (file_id)
            union all
            select file_id, {_STREAM}, edition_at, seen_until, first_observation
            from meta.file where feed = ? and status = 'loaded'
        )
        select file_id, lag(greatest(edition_at, seen_until)) over editions as stood_until,
               min(first_observation) over (editions rows between unbounded preceding and 1 preceding) as first_observation
        from known window editions as (partition by stream order by edition_at, file_id)
        """,
        [feed.name],
    )
    identity = ", ".join(quote(name) for name in feed.identity)
    raw_identity = ", ".join(f"raw.{quote(name)}" for name in feed.identity)
    same_identity = " and ".join(f"raw.{quote(name)} is not distinct from candidate.{quote(name)}" for name in feed.identity)
    columns = ", ".join(quote(name) for name in names)
    versions = "partition by " + identity + " order by _is_new, _edition_at, _file_id"
    lacking = {o.landed.file_id: names - o.columns for o in outcomes if o.status == "loaded"}
    measures = []
    for column in feed.measures:
        without = sorted(file_id for file_id, missing in lacking.items() if column.name in missing)
        name = quote(column.name)
        if without:
            # a format that does not carry the column says nothing about it: the value in force stays
            listed = ", ".join(str(file_id) for file_id in without)
            is_without = f"_is_new and _file_id in ({listed})"
            stated = f"case when not ({is_without}) then struct_pack(stated := {name}) end"  # a missing value may be stated, too
            earlier = f"last_value({stated} ignore nulls) over ({versions} rows between unbounded preceding and 1 preceding)"
            measures.append(f"case when {is_without} then {earlier}.stated else {name} end as {name}")
        else:
            measures.append(name)
    others = [quote(name) for name in names if name not in {c.name for c in feed.measures}]
    changed = " or ".join(f"{quote(c.name)} is distinct from lag({quote(c.name)}) over versions" for c in feed.measures if not feed.immutable) or "false"
    group = quote(feed.key[0]) if feed.lag_by else "null::varchar"
    rule, provider = "publication.rule_at", "null::timestamp"
    if feed.vintage_column:
        midnight = f"timezone('UTC', timezone('{feed.lag.zone}', ({quote(feed.vintage_column)} + 1)::timestamp))"
        provider = f"case when {quote(feed.vintage_column)} is not null then {midnight} end"
    elif feed.published_column:
        published = quote(feed.published_column)
        provider = f"case when {published} <= {rule} + interval {feed.bulk_after_days} day then {published} end"
    late = f"{rule} <= earlier.stood_until and chain.{observed} >= earlier.first_observation"
    connection.execute(
        f"""
        create or replace temp table chain as
        with candidate as (
            select {columns}, _file_id, _row_number, true as _is_new, edition.edition_at as _edition_at
            from checked join edition on edition.file_id = checked._file_id
            where _reason is null and _copy = 1
        ),
        in_force as (
            select {", ".join(f"raw.{quote(name)}" for name in names)}, raw._file_id, raw._row_number, false as _is_new, file.edition_at as _edition_at
            from raw.{quote(feed.name)} as raw
            join meta.file as file on file.file_id = raw._file_id
            where exists (select 1 from candidate where {same_identity})
            qualify row_number() over (partition by {raw_identity} order by file.edition_at desc, raw._file_id desc) = 1
        ),
        filled as (
            select {", ".join(others + measures)}, _file_id, _row_number, _is_new, _edition_at
            from (select * from in_force union all by name select * from candidate)
        )
        select *, row_number() over versions = 1 as _is_first, (row_number() over versions = 1 or {changed}) as _is_changed
        from filled
        window versions as ({versions})
        """
    )
    connection.execute(
        f"""
        insert into raw.{quote(feed.name)} by name
        select {columns}, _file_id, _row_number,
               case when not _is_first then coalesce({provider if feed.vintage_column else "null"}, _edition_at)
                    when {provider} is not null then {provider}
                    when {late} then _edition_at
                    else least({rule}, _edition_at) end as _available_at,
               case when {"" if feed.vintage_column else "_is_first and "}{provider} is not null then 'provider'
                    when not _is_first or coalesce({late}, false) or _edition_at < {rule} then 'edition'
                    else 'lag' end as _available_at_source
        from chain
        left join publication on publication.lag_group is not distinct from {group} and publication.day = chain.{observed}
        left join earlier on earlier.file_id = chain._file_id
        where _is_new and _is_changed
        order by _edition_at, _file_id, _row_number
        """
    )


def _record_quarantine(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Write `meta.quarantine` for the files just read."""
    connection.execute(
        """
        insert into meta.quarantine by name
        select _file_id as file_id, ? as feed, row_number, line, reason, now()::timestamp as quarantined_at, can_be_released, decision from kept_out
        """,
        [feed.name],
    )


def _record_files(connection: duckdb.DuckDBPyConnection, feed: Feed, outcomes: Sequence[FileOutcome], build_id: str | None) -> None:
    """Write `meta.file` and `meta.quarantine` for the files just read."""
    _record_quarantine(connection, feed)
    observed = quote(feed.observation_column)
    counts = {
        row[0]: row[1:]
        for row in connection.execute(
            f"""
            with read as (select _file_id, count(*) as n,
                          min({observed}) filter (where _reason is null) as first, max({observed}) filter (where _reason is null) as last,
                                 count(*) filter (where _reason is not null) as bad, count(*) filter (where _reason is null and _copy > 1) as repeated
                          from checked group by 1),
            lost as (select _file_id, count(*) as n from rejected group by 1),
            judged as (select _file_id, count(*) filter (where _is_changed) as loaded, count(*) filter (where not _is_changed) as unchanged
                       from chain where _is_new group by 1)
            select edition.file_id, coalesce(read.n, 0) + coalesce(lost.n, 0), coalesce(judged.loaded, 0), coalesce(read.bad, 0) + coalesce(lost.n, 0),
                   coalesce(judged.unchanged, 0) + coalesce(read.repeated, 0), read.first, read.last
            from edition
            left join read on read._file_id = edition.file_id
            left join lost on lost._file_id = edition.file_id
            left join judged on judged._file_id = edition.file_id
            """
        ).fetchall()
    }
    _write_files(connection, [_file_row(outcome, build_id, *counts[outcome.landed.file_id]) for outcome in outcomes])
    connection.execute(
        f"""
        update meta.file set message = 'shrunk from ' || shrunk.before || ' to ' || shrunk.rows_read || ' rows: rows that are missing stay in force'
        from (
            -- a request for another window has another address, and is no shorter edition of the same file
            select file_id, rows_read, lag(rows_read) over (partition by format, {_STREAM}, url order by edition_at, file_id) as before
            from meta.file where feed = ? and status = 'loaded'
        ) as shrunk
        where shrunk.file_id = file.file_id and shrunk.rows_read < {SHRUNK} * shrunk.before and file.message is null
          and list_contains(?::bigint[], file.file_id)
        """,
        [feed.name, [o.landed.file_id for o in outcomes]],
    )


def _write_files(connection: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[object]]) -> None:
    """Add rows of `_file_row` to `meta.file`."""
    connection.execute(_INSERT_FILES, [list(column) for column in zip(*rows, strict=True)])


def _file_row(
    outcome: FileOutcome, build_id: str | None, read: int, loaded: int, bad: int, unchanged: int, first: date | None = None, last: date | None = None
) -> list[object]:
    """A row of `meta.file`, as `_INSERT_FILES` takes it; a file of which every row is bad is quarantined whole."""
    landed = outcome.landed
    if outcome.status == "loaded" and read and bad == read and not outcome.is_dropped:
        outcome.status, outcome.message = "quarantined", f"all {read:,} rows are quarantined; see `ebbtide quarantine list`"
    if outcome.is_dropped:
        outcome.status, outcome.message = "dropped", outcome.message or "the file was dropped"
    skipped = {kind: count for kind, count in sorted(outcome.skipped.items()) if count}
    edition = outcome.edition_at.replace(tzinfo=None) if outcome.edition_at else None
    return [
        *(landed.file_id, landed.feed, landed.format, landed.name, landed.path, landed.sha256, landed.size, landed.url, landed.source),
        *(_moment(landed.fetched_at), edition, datetime.now(UTC).replace(tzinfo=None), build_id),
        *(outcome.status, outcome.message, read, loaded, bad, unchanged, sum(skipped.values()), list(skipped), list(skipped.values()), first, last),
        _moment(landed.seen_until),
    ]


# --- lines of filings ---------------------------------------------------------------------------------------------------


def _in_order(landed: Landed) -> tuple[str, int]:
    """The order in which files of filings' lines were current."""
    return landed.edition_at or landed.fetched_at, landed.file_id


def _lines_after(connection: duckdb.DuckDBPyConnection, feed: Feed, manifest: Sequence[Landed], again: set[int]) -> list[Landed]:
    """Loaded files of lines that are loaded again: those that were decided about, and the later ones, to which a filing may go that an earlier one lost.

    A filing that a file holds only since its release is taken from a later file that gave its lines until then.
    """
    first = min((_in_order(landed) for landed in manifest if landed.file_id in again), default=None)
    if first is None:
        return []
    loaded = {row[0] for row in connection.execute("select file_id from meta.file where feed = ?", [feed.name]).fetchall()}
    return [landed for landed in manifest if landed.file_id in loaded and _in_order(landed) >= first]


def _load_lines(
    connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, files: Sequence[Landed], again: Sequence[Landed], build_id: str | None, turn: Turn
) -> list[FileOutcome]:
    """Load files of filings' lines: a filing that is loaded already is passed over, never compared row by row.

    Files load in the order in which they were current: of two that hold a filing the first gives its lines. A file of millions of lines goes
    straight from its reader into the raw table, in a transaction of its own; small ones are typed and checked together, as those of other feeds.
    What was loaded of the files `again` is deleted first; after a crash they are loaded as files that are new.
    """
    if again:
        with turn(), transaction(connection):
            _forget(connection, feed, [landed.file_id for landed in again])
        files = list({landed.file_id: landed for landed in (*files, *again)}.values())
    outcomes: list[FileOutcome] = []
    waiting: list[Landed] = []

    def load_waiting() -> None:
        if waiting:
            outcomes.extend(_load_small_files(connection, feed, landing, waiting, build_id, turn))
            waiting.clear()

    for landed in sorted(files, key=_in_order):
        if _is_straight(feed, landing, landed):
            load_waiting()
            outcomes.append(_load_straight(connection, feed, landing, landed, build_id, turn))
        else:
            waiting.append(landed)
    load_waiting()
    return outcomes


def _is_straight(feed: Feed, landing: Landing, landed: Landed) -> bool:
    """Whether a file is in a format whose reader gives typed lines."""
    typed = [declared for declared in feed.formats if declared.typed]
    try:
        with expanded(landing.path(landed), landed.name) as members:
            return any(declared.header.search(head) for head in (member.head() for member in members) for declared in typed) if typed else False
    except (UnreadableFile, OSError):
        return False  # the ordinary way says what is wrong with it


def _load_small_files(
    connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, files: Sequence[Landed], build_id: str | None, turn: Turn
) -> list[FileOutcome]:
    outcomes = _read(connection, feed, landing, files)
    _note_last_days(connection, files)
    _type_and_check(connection, feed)
    typed = ", ".join(quote(column.name) for column in feed.columns)
    with turn(), transaction(connection):
        connection.execute(f"insert into raw.{quote(feed.name)} by name select _file_id, {typed} from checked where _reason is null and _copy = 1")
        repeated = dict(connection.execute("select _file_id, count(*) from checked where _reason is null and _copy > 1 group by 1").fetchall())
        _record_lines(connection, feed, outcomes, build_id, repeated)
        _record_decisions(connection, feed, landing, [outcome.landed.file_id for outcome in outcomes])
    return outcomes


def _load_straight(connection: duckdb.DuckDBPyConnection, feed: Feed, landing: Landing, landed: Landed, build_id: str | None, turn: Turn) -> FileOutcome:
    outcome = FileOutcome(landed, is_dropped=landed.file_id in _dropped(connection))
    connection.execute(_REJECTED)
    for name in ("reject_scan", "reject_line"):
        connection.execute(f"drop table if exists temp.{name}")
    preserves = connection.execute("select current_setting('preserve_insertion_order')").fetchone()
    connection.execute("set preserve_insertion_order = false")  # lines have an id; keeping their order would cost a third of the speed
    try:
        with turn(), transaction(connection):
            try:
                with ExitStack() as stack:
                    for piece in _pieces(stack, feed, landing, landed, outcome):
                        for record in feed.format(piece.format).reader(connection, feed, [piece]):
                            names = ", ".join(quote(name) for name in record.columns)
                            connection.execute(f"insert into raw.{quote(feed.name)} by name select _file_id, {names} from ({record.sql}) as records")
                            for kind, count in record.skipped.get(piece.file_id, {}).items():
                                outcome.skipped[kind] = outcome.skipped.get(kind, 0) + count
                        _collect_rejects(connection, {str(piece.path): [piece.file_id]})
            except Exception as error:
                if _is_of_the_machine(error):
                    raise
                connection.execute("rollback")
                connection.execute("begin")
                outcome.status, outcome.message, outcome.skipped = "quarantined", _said(error), {}
                connection.execute(_REJECTED)
            _reject_lines(connection, feed, outcome)
            _record_lines(connection, feed, [outcome], build_id, {})
            _record_decisions(connection, feed, landing, [landed.file_id])
    finally:
        connection.execute(f"set preserve_insertion_order = {str(bool(preserves and preserves[0])).lower()}")
    return outcome


def _record_lines(connection: duckdb.DuckDBPyConnection, feed: Feed, outcomes: Sequence[FileOutcome], build_id: str | None, repeated: dict[int, int]) -> None:
    """Take out the lines of filings that were there before, note the filings, and write `meta.file` and `meta.quarantine`."""
    import pandas

    table, key = f"raw.{quote(feed.name)}", quote(feed.key[0])
    places = pandas.DataFrame({"file_id": pandas.array([o.landed.file_id for o in outcomes], "int64"), "place": range(len(outcomes))})
    connection.register("place_frame", places)
    connection.execute("create or replace temp table place as select file_id, place from place_frame")
    connection.unregister("place_frame")
    new = "_file_id in (select file_id from place)"
    connection.execute(
        f"""
        create or replace temp table new_filing as
        select filing, _file_id, lines, row_number() over (partition by filing order by place.place) = 1 and not is_loaded as is_new
        from (
            select {key} as filing, _file_id, count(*) as lines, {key} in (select filing from meta.filing where feed = ?) as is_loaded
            from {table} where {new} group by all
        ) as filing
        join place on place.file_id = filing._file_id
        """,
        [feed.name],
    )
    if _count(connection, "select count(*) from new_filing where not is_new"):
        old = "(select filing, _file_id from new_filing where not is_new)"
        connection.execute(f"delete from {table} where {new} and ({key}, _file_id) in {old}")
    connection.execute("insert into meta.filing select ?, filing, _file_id, lines from new_filing where is_new", [feed.name])
    _record_quarantine(connection, feed)
    counts = {
        row[0]: row[1:]
        for row in connection.execute(
            """
            select place.file_id, coalesce(any_value(kept.lines), 0), coalesce(any_value(passed.lines), 0), coalesce(any_value(lost.lines), 0)
            from place
            left join (select _file_id, sum(lines) as lines from new_filing where is_new group by 1) as kept on kept._file_id = place.file_id
            left join (select _file_id, sum(lines) as lines from new_filing where not is_new group by 1) as passed on passed._file_id = place.file_id
            left join (select _file_id, count(*) as lines from kept_out where decision is distinct from 'released' group by 1) as lost
                on lost._file_id = place.file_id
            group by 1
            """
        ).fetchall()
    }
    rows = []
    for outcome in outcomes:
        landed = outcome.landed
        kept, passed, lost = (int(count) for count in counts[landed.file_id])
        passed += repeated.get(landed.file_id, 0)
        if not kept + passed + lost and outcome.status == "loaded" and not outcome.may_be_empty:
            outcome.status, outcome.message = "quarantined", "the file has no records; fetch it again"
        outcome.edition_at = _edition_of_filings(connection, feed, landed)
        rows.append(_file_row(outcome, build_id, kept + passed + lost, kept, lost, passed))
    _write_files(connection, rows)


def _count(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()) -> int:
    """The one number a statement answers: a count, or how many rows it changed."""
    row = connection.execute(sql, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def _reject_lines(connection: duckdb.DuckDBPyConnection, feed: Feed, outcome: FileOutcome) -> None:
    """Take out the lines just inserted that lack a key or break a physical bound and were not released, and make `kept_out`.

    Of a file that was dropped whole all lines are taken out. A line is known by its own id, the last column of its key: it has no number here.
    """
    unreadable = {f"{quote(name)} is null": f"'{name} is missing'" for name in feed.key}
    numbers = [column.name for column in feed.columns if column.type == "DOUBLE"]
    unreadable |= {f"not isfinite({quote(name)})": f"'{name}: ' || {quote(name)} || ' is not a finite number'" for name in numbers}
    broken = dict(unreadable)
    for column in feed.columns:
        name = quote(column.name)
        if column.minimum is not None:
            broken[f"{name} < {column.minimum}"] = f"'{column.name}: ' || {name} || ' is below {column.minimum:g}'"
        if column.maximum is not None:
            broken[f"{name} > {column.maximum}"] = f"'{column.name}: ' || {name} || ' is above {column.maximum:g}'"
    reason = "concat_ws('; ', " + ", ".join(f"case when {condition} then {text} end" for condition, text in broken.items()) + ")"
    connection.execute(
        f"""
        create or replace temp table checked as
        select
            rowid as _rowid, _file_id, {quote(feed.key[-1])} as _row_number, coalesce(nullif({reason}, ''), 'the file was dropped') as _reason,
            to_json(struct_pack({", ".join(f"{quote(c.name)} := {quote(c.name)}" for c in feed.columns)}))::varchar as _line,
            null::varchar as _said, not coalesce({" or ".join(unreadable)}, false) as _can_be_released
        from raw.{quote(feed.name)} where _file_id = ? and ({" or ".join(broken)} or ?)
        """,
        [outcome.landed.file_id, outcome.is_dropped],
    )
    if not outcome.is_dropped:
        connection.execute(_RELEASE)
    _keep_out(connection)
    if _count(connection, "select count(*) from checked where _reason is not null"):
        connection.execute(f"delete from raw.{quote(feed.name)} where rowid in (select _rowid from checked where _reason is not null)")


def _edition_of_filings(connection: duckdb.DuckDBPyConnection, feed: Feed, landed: Landed) -> datetime:
    """When the file was current: as landing says, or as the feed of the filings found for the same file, or when it was fetched."""
    if landed.edition_at:
        return datetime.fromisoformat(landed.edition_at)
    row = connection.execute("select max(edition_at) from meta.file where feed = ? and path = ?", [feed.filing_of, landed.path]).fetchone()
    return row[0].replace(tzinfo=UTC) if row and row[0] else datetime.fromisoformat(landed.fetched_at)
