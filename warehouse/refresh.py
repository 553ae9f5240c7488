"""The stages of a refresh, one plain function each: what a DAG task calls, and what a user may call by hand.

`open_build -> fetch (a provider each) -> load -> gate raw -> build staging -> gate staging -> build marts -> gate marts -> publish
-> publish_to_postgres -> report`
"""

from __future__ import annotations

import functools
import json
import math
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast

from ingest.secrets import holds_secret, masked
from warehouse.build import build_in_progress, record_failure, start_build
from warehouse.connection import Damaged, connect, connect_published, damage_in_words, is_damaged, literal, quote, turn_of, warehouse_of, writer_lock
from warehouse.disk import DiskFull, explained, is_full
from warehouse.leftovers import clear_leftovers
from warehouse.published import published_build
from warehouse.settings import Settings, WrongUse, load_settings

P = ParamSpec("P")
R = TypeVar("R")

WAIT_SECONDS = 60  # a stage waits this long for another process to finish writing


class GateFailed(Exception):
    """A critical check failed: the build stops and the one published before stays."""


class Overtaken(WrongUse):
    """Another refresh has opened a build of its own since: this one may not go on in the other's tables."""


class StageFailed(Exception):
    """A stage failed with an error that holds a secret; the message says what, without it."""


def build_settings() -> Settings:
    """Settings of the build: those of the environment, or of a home of its own when an as-of is asked for that this home was not made with.

    An as-of build reads the raw tables, never writes them, and never moves `current`; it lies in `$EBBTIDE_HOME/as_of/<moment>/`.
    """
    settings = load_settings()
    settings.claim_home()
    if settings.as_of and settings.as_of != settings.home_as_of:
        folder = settings.home / "as_of" / settings.as_of.strftime("%Y%m%dT%H%M%SZ")
        settings = settings.model_copy(update={"home_setting": folder})
        settings.claim_home()
    return settings


def parent_of(settings: Settings) -> Settings | None:
    """Settings of the home whose raw tables an as-of build reads; None for an ordinary build."""
    home = settings.parent_home
    return settings.model_copy(update={"home_setting": home, "as_of": None}) if home else None


@contextmanager
def faults_in_words(stage: str) -> Iterator[None]:
    """Say of a full disk and of a damaged database what to do, wherever in a stage they show. Raises DiskFull or Damaged for them."""
    try:
        yield
    except (WrongUse, DiskFull, Damaged):
        raise
    except Exception as error:
        if is_full(error):
            raise explained(error, stage, load_settings().home) from error
        if is_damaged(error):
            raise damage_in_words(error, load_settings()) from error
        raise


def stage(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A stage that writes: it holds the writer's lock, and its failure is recorded with the build.

    Called with `feeds`, it works on these only, in a lake beside others. Called with a `build_id`, it raises Overtaken unless that build is the one
    in progress: no lock can be held from one task to the next, so two refreshes that take turns are told apart by their builds. Raises DiskFull when
    there is no room.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            label = f"{name} {args[0]}" if args else name
            feeds = cast("Sequence[str] | None", kwargs.get("feeds"))
            # around the lock too: who holds it is written beside it
            with faults_in_words(label):
                settings = build_settings()
                with writer_lock(settings, label, WAIT_SECONDS, feeds):
                    if build_id := kwargs.get("build_id"):
                        _check_in_progress(settings, str(build_id))
                    try:
                        with faults_in_words(label):
                            return function(*args, **kwargs)
                    except WrongUse:
                        raise
                    except Exception as error:
                        record_failure(settings, label, str(error))
                        if not holds_secret("".join(traceback.format_exception(error)).encode(), settings.secrets()):
                            raise
                        said = masked(f"{type(error).__name__}: {error}", settings.secrets())
                # raised outside the handler: whoever logs the first error would log the secret with it
                raise StageFailed(said)

        return run

    return wrap


def _check_in_progress(settings: Settings, build_id: str) -> None:
    with connect(settings) as connection:
        in_progress, _ = build_in_progress(connection)
    if in_progress != build_id:
        raise Overtaken(
            f"build {build_id} is given up: another refresh opened build {in_progress} in {settings.home} since; "
            "`ebbtide builds` says when it is done, and the next refresh takes up what is new"
        )


@stage("open build")
def open_build() -> str:
    """Start a build, clearing what an unfinished one left; returns its id."""
    settings = build_settings()
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    settings.quality_dir.mkdir(parents=True, exist_ok=True)
    clear_leftovers(settings)
    if settings.source_kind == "replay":
        _ = settings.replay_folder
    with connect(settings) as connection:
        return start_build(connection, settings)


def fetch(name: str, start: date | None = None, end: date | None = None, *, again: bool = False) -> dict[str, Any]:
    """Fetch and land the files of one provider, or of one feed; network and landing folder only.

    With a window, a live provider is asked only for days it has not answered for yet, unless `again`. Without one, a provider whose key
    is not set is passed over. Returns files seen and newly landed, requests sent, and why a provider was passed over.
    Raises DiskFull when there is no room, FetchFailed when the provider does not answer, KeyMissing when a window is asked for and a key
    is not set, KeyError when there is no such provider or feed. A failure without a window stays noted (`failed_fetches`) until the provider
    answers again.
    """
    settings = build_settings()
    record = _failure_record(settings, name)
    try:
        done = _fetch(name, start, end, again=again)
    except Exception as error:
        if start is None and end is None:
            with suppress(OSError):  # a disk that is full keeps the note from being written, too
                _note_failure(record, masked(str(error) or type(error).__name__, settings.secrets()))
        raise
    record.unlink(missing_ok=True)
    return done


@dataclass(frozen=True)
class FailedFetch:
    """A provider whose newest fetch failed: why, and since when none has succeeded (UTC)."""

    provider: str
    message: str
    since: datetime


def failed_fetches(settings: Settings) -> list[FailedFetch]:
    """Providers whose newest fetch failed, by name. What they published before stays in the warehouse."""
    records = sorted(_failure_record(settings, "").parent.glob("*.json"))
    read = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in records]
    return [FailedFetch(name, said["message"], datetime.fromisoformat(said["since"])) for name, said in read]


def failure_lines(settings: Settings) -> list[str]:
    """A line for each provider whose newest fetch failed; the whole message is in the log of its task and in `ebbtide doctor`."""
    return [
        f"Not fetched: {failed.provider}, since {failed.since:%Y-%m-%d %H:%M} UTC; its feeds stand as they were: {failed.message.splitlines()[0]}"
        for failed in failed_fetches(settings)
    ]


def _failure_record(settings: Settings, name: str) -> Path:
    # a file a provider: fetches run side by side
    return settings.landing_dir / ".failed" / f"{name}.json"


def _note_failure(record: Path, message: str) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    if record.exists():
        since = json.loads(record.read_text(encoding="utf-8"))["since"]
    temporary = record.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"message": message, "since": since}), encoding="utf-8")
    temporary.replace(record)


@faults_in_words("fetch")
def _fetch(name: str, start: date | None, end: date | None, *, again: bool) -> dict[str, Any]:
    from ingest.feeds import FEEDS
    from ingest.landing import Landing
    from ingest.source import KeyMissing, LiveSource, ReplaySource, open_source
    from warehouse.progress import fetching

    settings = build_settings()
    if parent_of(settings):
        return {"seen": 0, "landed": 0}
    landing = Landing(settings.landing_dir)
    if settings.source_kind != "live":
        seen, landed = landing.land(open_source(settings).fetch(FEEDS[name].provider if name in FEEDS else name, start, end), settings.source_kind)
        return {"seen": seen, "landed": landed}
    window = start is not None or end is not None
    seen = landed = 0
    with fetching() as tell:
        if not window and settings.own_dir.is_dir():
            brought = ReplaySource(settings.own_dir)
            seen, landed = landing.land(brought.fetch(name), "own")
            for file in brought.survey()[1] if name == "own" else ():
                tell.say(f"{settings.own_dir / file.path} is not taken: {file.reason}")
        source = LiveSource(settings, tell=tell.step)
        try:
            fetched = landing.land(source.fetch(name, start, end, only_missing=window and not again), "live")
        except KeyMissing as missing:
            if window:
                raise
            tell.say(str(missing))
            return {"seen": seen, "landed": landed, "requests": 0, "not_asked": str(missing)}
    return {"seen": seen + fetched[0], "landed": landed + fetched[1], "requests": source.requests_sent}


@stage("load")
def load(*, build_id: str | None = None, feeds: Sequence[str] | None = None) -> dict[str, int]:
    """Load what has landed, of all feeds or of some, into the raw tables. Returns files and rows.

    In a lake, loads of different feeds may run at once, in processes of their own. Raises KeyError when there is no such feed.
    """
    from ingest.feeds import FEEDS
    from ingest.landing import Landing
    from ingest.load import load_landed

    settings = build_settings()
    parent = parent_of(settings)
    with connect(settings) as connection:
        in_progress, as_of = build_in_progress(connection)
        # what is done once, and not by each of the loads that share the feeds
        is_first = feeds is None or next(iter(FEEDS)) in feeds
        if parent:
            return _copy_raw(connection, parent, as_of) if is_first else {"rows_loaded": 0}
        chosen = list(FEEDS.values()) if feeds is None else [FEEDS[name] for name in feeds]
        summary = load_landed(connection, chosen, Landing(settings.landing_dir), in_progress, turn_of(settings))
        if settings.source_kind == "replay" and is_first:
            _record_unclaimed(connection, settings)
        return asdict(summary)


def _copy_raw(connection: Any, parent: Settings, as_of: datetime) -> dict[str, int]:
    """Raw rows and files of another home that were known at the as-of."""
    from ingest.feeds import FEEDS

    warehouse = warehouse_of(parent)
    if isinstance(warehouse, Path):
        connection.execute(f"attach {literal(warehouse)} as parent (read_only)")
    else:
        # what was loaded since is left out, too, where the lake is that old
        warehouse.attach_as_of(connection, "parent", as_of)
    if not connection.execute("from duckdb_tables() where database_name = 'parent' and schema_name = 'meta' and table_name = 'decision'").fetchall():
        raise WrongUse(f"{parent.warehouse_path} was made by an older version: run `make refresh` without EBBTIDE_AS_OF once")
    rows = 0
    for name, feed in FEEDS.items():
        known = "_available_at <= ?"
        if feed.filing_of:
            key = quote(feed.key[0])
            known = f"{key} in (select {key} from parent.raw.{quote(feed.filing_of)} where _available_at <= ?)"
        connection.execute(f"create or replace table raw.{quote(name)} as select * from parent.raw.{quote(name)} where {known}", [as_of])
        rows += connection.execute(f"select count(*) from raw.{quote(name)}").fetchone()[0]
    # a file of a later edition still brings rows that were known before it
    known = " union ".join(f"select _file_id from raw.{quote(name)}" for name in FEEDS)
    connection.execute(f"create or replace table meta.file as select * from parent.meta.file where edition_at <= ? or file_id in ({known})", [as_of])
    for table in ("quarantine", "decision"):
        connection.execute(f"create or replace table meta.{table} as select * from parent.meta.{table} semi join meta.file using (file_id)")
    connection.execute("detach parent")
    return {"rows_loaded": rows}


def _record_unclaimed(connection: Any, settings: Settings) -> None:
    from ingest.source import ReplaySource

    connection.execute("create or replace table meta.unclaimed_file (path varchar, size bigint, reason varchar)")
    _, unclaimed = ReplaySource(settings.replay_folder).survey()
    if unclaimed:
        connection.executemany("insert into meta.unclaimed_file values (?, ?, ?)", [(u.path, u.size, u.reason) for u in unclaimed])


@stage("build")
def build_models(stage_name: Literal["staging", "marts"], *, build_id: str | None = None) -> None:
    """Build the dbt models of a stage. Raises DbtFailed naming the models that failed."""
    from warehouse.dbt import run_dbt

    settings = build_settings()
    select = ["resource_type:seed", "staging", "intermediate"] if stage_name == "staging" else ["marts"]
    run_dbt(
        # of what dbt writes beside the tables nothing is read but `manifest.json`, which parsing has written
        ["build", "--no-write-json", "--select", *select, "--exclude-resource-type", "unit_test"],
        warehouse=warehouse_of(settings),
        mart=settings.next_mart_path,
        target=settings.dbt_dir,
    )


@stage("gate")
def gate(stage_name: Literal["raw", "staging", "marts"], *, build_id: str | None = None) -> dict[str, Any]:
    """Run the gate of a stage. Returns counts; raises GateFailed naming the critical checks that failed."""
    from expectations.gate import run_gate

    settings = build_settings()
    result = run_gate(
        stage_name,
        warehouse=warehouse_of(settings),
        mart=settings.next_mart_path if stage_name == "marts" else None,
        quality_dir=settings.quality_dir,
    )
    if not result.success:
        raise GateFailed(result.message)
    return {"checks": len(result.results), "warnings": result.warnings}


@stage("publish")
def publish(*, build_id: str | None = None) -> str:
    """Make the checked build the current one. Returns its path."""
    from warehouse.publish import publish_build

    settings = build_settings()
    return str(publish_build(settings, settings.dbt_dir / "manifest.json"))


def maintain_lake() -> dict[str, Any]:
    """Expire old states of the lake, merge small files, and delete files that nothing needs. Returns how many, or why that is not asked for.

    Raises Busy when a stage is under way longer than a minute.
    """
    from warehouse.lake import maintain

    settings = load_settings()
    if not settings.uses_lake:
        return {"not_asked": "EBBTIDE_LAKE_URL is not set"}
    with writer_lock(settings, "maintain", WAIT_SECONDS), connect(settings) as connection:
        return asdict(maintain(connection, settings.keep_builds, settings.lake_keep_days))


def publish_to_postgres() -> dict[str, Any]:
    """Show the current build in PostgreSQL. Returns build, tables, rows and seconds, or why that is not asked for.

    The build is published to files whatever comes of this, so a failure is not one of the build.
    Raises PublishFailed and WrongUse as `warehouse.postgres.publish_to_postgres` does.
    """
    settings = build_settings()
    if settings.bi_postgres_url is None:
        return {"not_asked": "EBBTIDE_BI_POSTGRES_URL is not set"}
    if parent_of(settings):
        return {"not_asked": "a build as of an earlier day lies beside the one readers see"}
    from warehouse import postgres

    return asdict(postgres.publish_to_postgres(settings))


def published_facts() -> dict[str, Any]:
    """The published build in a few facts that fit into JSON: its name and file, source, as-of, and the newest Retreat Index with its regime.

    The index is null where too few signals are live to say.
    """
    settings = build_settings()
    with connect_published(settings) as connection:
        build_id, source, as_of = published_build(connection)
        day, index, regime = _latest_index(connection) or (None, None, None)
    return {
        "build_id": build_id,
        "path": str(settings.published_dir / f"{build_id}.duckdb"),
        "source": source,
        "as_of": as_of.isoformat(),
        "observation_date": str(day) if day else None,
        "retreat_index": index,
        "regime": regime,
    }


def report() -> list[str]:
    """Write the morning report; returns what the refresh brought, in a few lines: index, gates, changes since the build before, where the report is.

    Raises DiskFull when there is no room for it; the build stays published.
    """
    settings = build_settings()
    return [*summary_lines(settings), f"Morning report: {write_report(settings)}"]


@faults_in_words("report")
def write_report(settings: Settings, target: Path | None = None) -> Path:
    """Write the morning report on the published build, with the providers that did not answer; returns its path."""
    from warehouse import report as morning

    return morning.write_report(settings, [*_not_asked(settings), *failure_lines(settings)], target)


def summary_lines(settings: Settings) -> list[str]:
    """The published build in a few lines."""
    from warehouse.publish import published_builds

    builds = published_builds(settings)
    before = next((b for b in reversed(builds) if not b.current), None)
    with connect_published(settings) as connection:
        build_id, source, as_of = published_build(connection)
        index = _latest_index(connection)
        checks = connection.execute("select count(*), count(*) filter (where not success) from quality.validation_result").fetchone()
        files = connection.execute(
            """
            select count(*), sum(rows_read), sum(rows_loaded), sum(rows_quarantined), sum(rows_unchanged), count(*) filter (where status = 'quarantined')
            from meta.file where build_id = ?
            """,
            [build_id],
        ).fetchone()
        feeds = dict(connection.execute("select status, count(*) from meta.feed_status group by 1").fetchall())
    assert checks is not None and files is not None
    mark = "sample world (invented figures)" if source == "sample" else source
    lines = [f"Build {build_id}, {mark}, as of {as_of:%Y-%m-%d %H:%M} UTC"]
    if index:
        lines.append(f"Retreat Index {index[1]:.1f} on {index[0]}, regime {index[2].replace('_', ' ')}")
    else:
        lines.append("Retreat Index: too few live signals to say (fewer than 4 of 5 blocks)")
    lines.append(f"Gates: {checks[0] - checks[1]} of {checks[0]} checks met" + (f", {checks[1]} warning{'s' if checks[1] > 1 else ''}" if checks[1] else ""))
    lines.append("Feeds: " + ", ".join(f"{feeds[status]} {status}" for status in ("fresh", "stale", "absent") if feeds.get(status)))
    if files[0]:
        read, loaded, bad, unchanged = (int(n or 0) for n in files[1:5])
        lines.append(
            f"Files: {files[0]} new, {read:,} rows read = {loaded:,} loaded + {bad:,} quarantined + {unchanged:,} unchanged"
            + (f"; {files[5]} files quarantined whole" if files[5] else "")
        )
    else:
        lines.append("Files: none new")
    lines.extend(_not_asked(settings))
    lines.extend(failure_lines(settings))
    lines.append(_change_line(settings, before.build_id if before else None, index))
    lines.extend(_postgres_line(settings, build_id))
    return lines


def _postgres_line(settings: Settings, build_id: str) -> list[str]:
    """Which build PostgreSQL shows, where one is to be shown there."""
    if settings.bi_postgres_url is None or parent_of(settings):
        return []
    from warehouse.postgres import PublishFailed, build_in_postgres

    try:
        shown = build_in_postgres(settings)
    except PublishFailed as error:
        return [f"PostgreSQL: not published, type `ebbtide publish` when it can be reached: {error}"]
    if shown == build_id:
        return ["PostgreSQL: shows this build"]
    return [f"PostgreSQL: still shows {f'build {shown}' if shown else 'no build'}, and `ebbtide publish` says why"]


def _not_asked(settings: Settings) -> list[str]:
    """A line for each live provider that is passed over because a key is not set."""
    if settings.source_kind != "live":
        return []
    from ingest.feeds import PROVIDERS
    from ingest.source import missing_keys

    return [
        f"Not asked: {provider} ({', '.join(f'{key.variable} is not set, see {key.page}' for key in missing)})"
        for provider in PROVIDERS
        if (missing := missing_keys(settings, provider))
    ]


def _latest_index(connection: Any) -> tuple[Any, ...] | None:
    """Day, Retreat Index and regime of the newest day that has an index."""
    row: tuple[Any, ...] | None = connection.execute(
        "select observation_date, retreat_index, regime from signals.fct_retreat_index_daily where retreat_index is not null order by 1 desc limit 1"
    ).fetchone()
    return row


def _change_line(settings: Settings, before: str | None, index: tuple[Any, ...] | None) -> str:
    """What changed since the build before, in one line."""
    if before is None:
        return "Since the last build: this is the first"
    with connect_published(settings, settings.published_dir / f"{before}.duckdb") as connection:
        earlier = _latest_index(connection)
    if not (earlier and index):
        return f"Since build {before}: no index to compare"
    # sums differ in their last bits from run to run
    if (earlier[0], earlier[2]) == (index[0], index[2]) and math.isclose(earlier[1], index[1], rel_tol=1e-9):
        return f"Since build {before}: nothing changed"
    regime = "regime unchanged" if earlier[2] == index[2] else f"regime {earlier[2]} -> {index[2]}".replace("_", " ")
    return f"Since build {before}: index {earlier[1]:.1f} ({earlier[0]}) -> {index[1]:.1f} ({index[0]}), {regime}"
