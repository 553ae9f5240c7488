"""The command line: `ebbtide`.

Exit codes: 0 good, 1 a gate or a run failed, 2 wrong use. Heavy imports stay inside the commands that need them.
"""

from __future__ import annotations

import atexit
import csv
import difflib
import functools
import gc
import io
import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import click

from warehouse import completion as complete
from warehouse.terminal import coloured, is_terminal, printable

if TYPE_CHECKING:
    from warehouse.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended

AFTER_INTERRUPT = {
    "refresh": "; nothing has to be cleared: readers see a whole build, what has landed or was loaded stays, and the next refresh makes a new build",
    "backfill": "; what arrived has landed, and the same command goes on from there",
}

# Columns of tables that say how something stands, in a word that has a colour.
STANDING = ("status", "state", "decision")


def load_settings() -> Settings:
    """Settings from the environment. They take half a second to import, which `--help` and completion do without."""
    from warehouse.settings import load_settings

    return load_settings()


def wrong_use(message: str) -> Exception:
    """The error that ends a command with one line and exit code 2."""
    from warehouse.settings import WrongUse

    return WrongUse(message)


def unknown(what: str, name: str, known: Iterable[str], else_see: str = "") -> Exception:
    """The error for a name that does not exist: those that look like it, then all there are, or where they stand."""
    names = list(known)
    like = difflib.get_close_matches(name, names, n=3)
    return wrong_use(f"no {what} {name!r}" + (f"; did you mean {' or '.join(like)}?" if like else "") + f"; {else_see or 'there are ' + ', '.join(names)}")


def checked(command: Callable[P, R]) -> Callable[P, R]:
    """Turn wrong use into one clear line and exit code 2; a full disk and a damaged database into one and exit code 1; Ctrl-C into 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo(f"\nebbtide: interrupted{AFTER_INTERRUPT.get(command.__name__, '')}", err=True)
            sys.exit(INTERRUPTED)
        except Exception as error:
            from warehouse.connection import Damaged
            from warehouse.disk import explained, is_full
            from warehouse.settings import WrongUse

            if isinstance(error, WrongUse):
                click.echo(f"ebbtide: {printable(str(error))}", err=True)
                sys.exit(WRONG_USE)
            if isinstance(error, Damaged):
                click.echo(f"ebbtide: {error}", err=True)
            elif is_full(error):
                click.echo(f"ebbtide: {explained(error, command.__name__, load_settings().home)}", err=True)
            else:
                raise
            sys.exit(FAILED)

    return run


def as_text(value: Any) -> str:
    """A value as a terminal shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(value)).replace("\n", "\\n")


def show(columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool, *, cut: bool = False) -> None:
    """Print rows as an aligned table, or as a JSON array of objects. With `cut`, the last column ends where the terminal does."""
    if as_json:
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, ensure_ascii=False, indent=1))
        return
    from rich.cells import cell_len

    text = [[as_text(value) for value in row] for row in rows]
    if cut and text and is_terminal(sys.stdout):
        before = sum(max([cell_len(name), *(cell_len(row[at]) for row in text)]) + 2 for at, name in enumerate(columns[:-1]))
        room = max(20, shutil.get_terminal_size().columns - before)
        text = [[*row[:-1], textwrap.shorten(row[-1], room, placeholder=" ...")] for row in text]
    numeric = [
        bool(rows) and all((isinstance(row[at], int | float) and not isinstance(row[at], bool)) or row[at] is None for row in rows)
        for at in range(len(columns))
    ]
    widths = [max([cell_len(column), *(cell_len(row[at]) for row in text)]) for at, column in enumerate(columns)]

    def line(cells: Sequence[str], *, colour: bool = False) -> str:
        parts = []
        for name, cell, width, right in zip(columns, cells, widths, numeric, strict=True):
            space = " " * (width - cell_len(cell))
            shown = coloured(cell) if colour and name in STANDING else cell
            parts.append(space + shown if right else shown + space)
        return "  ".join(parts).rstrip()

    click.echo(line(columns))
    click.echo("  ".join("-" * width for width in widths))
    for row in text:
        click.echo(line(row, colour=True))


JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="ebbtide")
@click.pass_context
def main(context: click.Context) -> None:
    """Is speculative capital leaving US equities, how fast, where does it go, what does that do to prices?

    The warehouse lies in EBBTIDE_HOME, by default var/sample of the project; EBBTIDE_SOURCE says where its figures come from (sample, live,
    replay:FOLDER). `ebbtide doctor` shows both.

    \b
    Examples:
      ebbtide refresh
      ebbtide tables
      ebbtide query "select observation_date, retreat_index, regime from signals.fct_retreat_index_daily order by 1 desc limit 5"
      ebbtide trace fct_signal_daily signal_id=vix_log observation_date=2023-12-29
      ebbtide report --open
      ebbtide COMMAND --help
    """
    # or Python looks through all that Airflow, dbt and Great Expectations have made before it ends: two seconds after a refresh
    atexit.register(gc.freeze)
    if os.environ.get("NO_COLOR"):
        context.color = False


@main.command(short_help="Fetch, load, check, build, check, publish.")
@checked
def refresh() -> None:
    """Fetch, load, check, build, check, publish: the Airflow DAG warehouse_refresh, in this process.

    \b
    Examples:
      ebbtide refresh
      EBBTIDE_SOURCE=replay:/data/saved ebbtide refresh
      EBBTIDE_AS_OF=2023-09-30T23:59:59Z ebbtide refresh
    """
    from warehouse.connection import held
    from warehouse.orchestration import run_dag
    from warehouse.refresh import build_settings, summary_lines

    settings = build_settings()
    if settings.source_kind == "replay":
        _ = settings.replay_folder
    # the running process prints where it stands; Airflow's tasks take the home from the environment
    base = load_settings()
    with held(base.home / "refresh.lock", "refresh"):
        mark = {"sample": "the sample world (invented figures)", "live": "the live providers", "replay": "files of " + settings.source.partition(":")[2]}
        click.echo(f"Refreshing {settings.home} from {mark[settings.source_kind]}")
        # what the gates and dbt take seconds to import, and what Python models do
        slow_to_import = ("great_expectations", "dbt.cli.main", "dbt.adapters.duckdb", "warehouse.risk_premium", "warehouse.spillover")
        succeeded = run_dag("warehouse_refresh", base.airflow_dir, import_beside={"raw.load": slow_to_import})
        if not succeeded:
            click.echo(f"The refresh failed; the build published before stays. See `ebbtide builds` and {settings.quality_dir}", err=True)
            sys.exit(FAILED)
        click.echo()
        if settings.source_kind == "replay":
            _show_files(settings)
        for line in summary_lines(settings):
            click.echo(line)
        click.echo(
            f"Next: open {settings.report_path}, the morning report; "
            f'.venv/bin/ebbtide query "from signals.fct_retreat_index_daily order by 1 desc limit 5"; data docs in {settings.quality_dir / "data_docs"}'
        )


@main.command(short_help="Fetch the past of a feed from its live provider.")
@click.argument("name", metavar="FEED", shell_complete=complete.feeds_and_providers)
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First observation date to ask for.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="Last observation date to ask for; default today.")
@click.option("--again", is_flag=True, help="Ask for days that were answered before, too.")
@checked
def backfill(name: str, start: datetime, end: datetime | None, again: bool) -> None:
    """Fetch the past of a feed from its live provider, and land it; the next refresh loads it.

    FEED is a feed, or a provider for all its feeds. What was answered before is not asked for again, so a backfill that was
    interrupted goes on where it stopped.

    \b
    Examples:
      EBBTIDE_SOURCE=live ebbtide backfill cboe_put_call --from 2019-10-07 --to 2020-12-31
      EBBTIDE_SOURCE=live ebbtide backfill fred --from 1990-01-01 --again
    """
    from ingest.feeds import FEEDS, PROVIDERS, feeds_of
    from ingest.source import FetchFailed, KeyMissing
    from warehouse.connection import held
    from warehouse.progress import shown_on
    from warehouse.refresh import fetch

    if name not in FEEDS and name not in PROVIDERS:
        raise unknown("feed or provider", name, [*FEEDS, *PROVIDERS], f"there are the providers {', '.join(PROVIDERS)}, and the feeds of `ebbtide feeds`")
    if not any(declared.requests for feed in ([FEEDS[name]] if name in FEEDS else feeds_of(name)) for declared in FEEDS[feed.landed_with or feed.name].formats):
        raise wrong_use(f"{name} has no live format; `ebbtide feeds --json` says how its files reach the warehouse")
    settings = load_settings()
    if settings.source_kind != "live":
        raise wrong_use(f"a backfill asks the live providers, and the source is {settings.source}: set EBBTIDE_SOURCE=live")
    first, last = start.date(), (end or settings.build_as_of()).date()
    if last < first:
        raise wrong_use(f"the last day {last} lies before the first day {first}")
    settings.claim_home()
    with held(settings.home / "refresh.lock", f"backfill {name}"), shown_on(sys.stdout):
        try:
            done = fetch(name, first, last, again=again)
        except KeyMissing as error:
            raise wrong_use(str(error)) from None
        except FetchFailed as error:
            click.echo(f"{printable(str(error))}\nWhat arrived before has landed; the same command goes on from there.", err=True)
            sys.exit(FAILED)
    if not done["requests"]:
        click.echo(f"{name}, {first} to {last}: nothing to do" + ("" if again else ", every day has been answered before; --again asks all the same"))
        return
    click.echo(f"{name}, {first} to {last}: {done['requests']:,} requests, {done['seen']:,} files, {done['landed']:,} of them new")
    if done["landed"]:
        click.echo("Next: make refresh SOURCE=live")


def _show_files(settings: Settings) -> None:
    """The files of the build's own replay, each with its rows, then those that no feed claims."""
    from warehouse.connection import connect

    with connect(settings, read_only=True) as connection:
        rows = connection.execute(
            """
            select feed, name as file, rows_read as read, rows_loaded as loaded, rows_quarantined as quarantined, rows_unchanged as unchanged,
                   rows_skipped as skipped, coalesce(message, status) as status
            from meta.file order by feed, edition_at, name
            """
        ).fetchall()
        unclaimed = connection.execute("select path, reason from meta.unclaimed_file order by path").fetchall()
    show(("feed", "file", "read", "loaded", "quarantined", "unchanged", "skipped", "status"), rows, False)
    wrong = [row for row in rows if row[2] != row[3] + row[4] + row[5]]
    click.echo(f"read = loaded + quarantined + unchanged: {'holds for every file' if not wrong else 'BROKEN for ' + ', '.join(r[1] for r in wrong)}")
    if unclaimed:
        click.echo(f"\n{len(unclaimed)} files no feed reads:")
        show(("file", "why"), unclaimed, False)
    click.echo()


@main.command(short_help="Every feed with cadence, lag, last observation, freshness.")
@JSON_OPTION
@click.option("--provider", help="Only the feeds of this provider.", shell_complete=complete.providers)
@checked
def feeds(as_json: bool, provider: str | None) -> None:
    """Every feed with cadence, publication lag, last observation and freshness.

    \b
    Examples:
      ebbtide feeds
      ebbtide feeds --provider cboe --json

    \b
    With --json also: licence, key, columns with units, on which days observations fall, the provider's
    limit and the settings it needs, and each format with its access and the addresses it is asked at.
    """
    from ingest.endpoint import endpoints
    from ingest.feeds import FEEDS, PROVIDERS, provider_of
    from warehouse.build import feed_status
    from warehouse.connection import connect, warehouse_of

    if provider and provider not in PROVIDERS:
        raise unknown("provider", provider, PROVIDERS)
    settings = load_settings()
    status: dict[str, dict[str, Any]] = {}
    if warehouse_of(settings).exists():
        with connect(settings, read_only=True) as connection:
            moment = connection.execute("select as_of from meta.build_in_progress").fetchone()
            if moment:
                status = {str(row["feed"]): row for row in feed_status(connection, moment[0])}
    rows = []
    for feed in FEEDS.values():
        if provider and feed.provider != provider:
            continue
        now = status.get(feed.name, {})
        row: dict[str, Any] = {
            "feed": feed.name,
            "provider": feed.provider,
            "cadence": str(feed.cadence),
            "lag": str(feed.lag),
            "last_observation": now.get("last_observation"),
            "status": now.get("status", "absent"),
            "files": now.get("files", 0),
            "rows": now.get("rows", 0),
        }
        if as_json:
            row |= {
                "title": feed.title,
                "description": feed.description,
                "key": list(feed.key),
                "lag_source": feed.lag.source,
                "licence": feed.licence,
                "url": feed.url,
                "dated": feed.dated,
                "requests_a_second": provider_of(feed.provider).requests_a_second,
                "limit_source": provider_of(feed.provider).limit_source,
                "needs": [declared.variable for declared in provider_of(feed.provider).keys if not declared.without],
                "formats": {f.name: {"access": str(f.access), "description": f.description, "endpoints": endpoints(f)} for f in feed.formats},
                "columns": {c.name: {"type": c.type, "unit": c.unit, "description": c.description} for c in feed.columns},
            }
        rows.append(row)
    show(tuple(rows[0]), [tuple(row.values()) for row in rows], as_json)


@main.command(short_help="The published tables, or the columns of one.")
@click.argument("table", required=False, shell_complete=complete.tables)
@JSON_OPTION
@checked
def tables(table: str | None, as_json: bool) -> None:
    """The published tables with what each holds; with TABLE, its columns with type, unit and meaning.

    \b
    Examples:
      ebbtide tables
      ebbtide tables fct_retreat_index_daily
      ebbtide tables valuation.fct_dcf_valuation --json
    """
    from warehouse.published import columns_of, tables_of

    settings = load_settings()
    if table:
        rows: Sequence[Sequence[Any]] = columns_of(settings, table)
        show(("column", "type", "unit", "description"), rows, as_json, cut=True)
    else:
        show(("table", "rows", "description"), tables_of(settings), as_json, cut=True)


@main.command(short_help="Run SQL on the published build, read-only.")
@click.argument("sql")
@JSON_OPTION
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@checked
def query(sql: str, as_json: bool, as_csv: bool) -> None:
    """Run SQL on the published build, read-only. `ebbtide tables` lists what there is to ask.

    \b
    Examples:
      ebbtide query "select * from signals.fct_retreat_index_daily order by 1 desc limit 5"
      ebbtide query "from migration.fct_reserve_currency_quarterly" --csv > reserves.csv
      ebbtide query "select feed, status, last_observation from meta.feed_status" --json
    """
    import duckdb

    from warehouse.connection import connect_published

    settings = load_settings()
    with connect_published(settings) as connection:
        try:
            result = connection.execute(sql)
            columns = [column[0] for column in result.description or []]
            rows = result.fetchall()
        except duckdb.Error as error:
            hint = "\n`ebbtide tables` lists the tables" if isinstance(error, duckdb.CatalogException) else ""
            hint = "\n`ebbtide tables TABLE` lists the columns of a table" if isinstance(error, duckdb.BinderException) else hint
            raise wrong_use(f"the query failed: {error}{hint}") from None
        source = connection.execute("select source from meta.build order by build_id desc limit 1").fetchone()
    if as_csv:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([_safe_cell(column) for column in columns])
        writer.writerows([[_safe_cell(value) for value in row] for row in rows])
        click.echo(text.getvalue(), nl=False)
    else:
        show(columns, rows, as_json)
    if source and source[0] == "sample":
        click.echo("(sample world: invented figures)", err=True)


@main.command(short_help="From a published number to the landed file it rests on.")
@click.argument("model", shell_complete=complete.tables)
@click.argument("conditions", nargs=-1, metavar="COLUMN=VALUE...", shell_complete=complete.conditions)
@JSON_OPTION
@checked
def trace(model: str, conditions: tuple[str, ...], as_json: bool) -> None:
    """Walk from a published number to the landed file it rests on, and its hash.

    MODEL is a published table; the conditions name one row of it, by its key. Given too few or wrong ones, it says which there are.

    \b
    Examples:
      ebbtide trace signals.fct_signal_daily signal_id=vix_log observation_date=2023-12-29
      ebbtide trace fct_etf_flow_weekly observation_date=2023-12-22 fund=total --json
    """
    from warehouse.progress import working
    from warehouse.trace import BrokenTrace, as_lines
    from warehouse.trace import trace as walk

    try:
        with working("Tracing"):
            found = walk(load_settings(), model, conditions)
    except BrokenTrace as error:
        click.echo(f"ebbtide: {printable(str(error))}", err=True)
        sys.exit(FAILED)
    if as_json:
        click.echo(json.dumps(found, default=str, ensure_ascii=False, indent=1))
    else:
        click.echo(printable("\n".join(as_lines(found))))
    if found["build"] and found["build"]["source"] == "sample":
        click.echo("(sample world: invented figures)", err=True)


@main.command(short_help="Each claim of the article, what is measured, the verdict.")
@JSON_OPTION
@checked
def claims(as_json: bool) -> None:
    """Each claim of the article with what is measured, the verdict and why.

    One row a claim, that of the variant that speaks for it. With --json every variant, with all columns of signals.fct_claim_check.

    \b
    Examples:
      ebbtide claims
      ebbtide claims --json
    """
    import duckdb

    from warehouse.connection import connect_published

    with connect_published(load_settings()) as connection:
        try:
            result = connection.execute(
                "from signals.fct_claim_check order by split_part(claim_id, '-', 1), cast(split_part(claim_id, '-', 2) as integer), is_used desc, variant"
            )
        except duckdb.CatalogException:
            raise wrong_use("the published build has no claims ledger: run `make refresh` first") from None
        columns = [column[0] for column in result.description or []]
        rows = result.fetchall()
        source = connection.execute("select source from meta.build order by build_id desc limit 1").fetchone()
    if as_json:
        show(columns, rows, as_json)
    else:
        _show_claims([row for row in (dict(zip(columns, row, strict=True)) for row in rows) if row["is_used"]])
    if source and source[0] == "sample":
        click.echo("(sample world: invented figures)", err=True)


def _show_claims(lines: Sequence[dict[str, Any]]) -> None:
    """A table of claims as wide as the terminal (160 characters where there is none), and how many there are of each verdict."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("claim", "statement", "claimed", "measured", "verdict", "why", box=None, pad_edge=False)
    for line in lines:
        table.add_row(
            line["claim_id"],
            escape(textwrap.shorten(line["statement"], 60, placeholder="...")),
            _change(line["claimed_from"], line["claimed_to"]),
            _change(line["measured_from"], line["measured_to"]),
            line["verdict"],
            escape(line["why"]),
        )
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    counts = Counter(line["verdict"] for line in lines)
    console.print(f"{len(lines)} claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))


def _change(start: float | None, end: float | None) -> str:
    """A figure, or two with the way between them, as short as they can be told."""
    return " to ".join(_short(value) for value in (start, end) if value is not None)


def _short(value: float) -> str:
    for size, suffix in ((1e12, "tn"), (1e9, "bn"), (1e6, "mn")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _safe_cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is kept as text."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ")[:1] in tuple("=+-@\t\r\n") else value


@main.command(short_help="Check a stage; exit code 1 when a critical check fails.")
@click.argument("stage", type=click.Choice(["raw", "staging", "marts"]))
@JSON_OPTION
@checked
def gate(stage: Literal["raw", "staging", "marts"], as_json: bool) -> None:
    """Run the gate of a stage on the warehouse as it stands; exit code 1 when a critical check fails.

    The marts gate checks the published build. Each check that was not met is shown with its table, what was found and some of the rows.

    \b
    Examples:
      ebbtide gate marts
      ebbtide gate raw --json
    """
    from dataclasses import asdict

    from warehouse.connection import connect, warehouse_of, writer_lock
    from warehouse.progress import working

    settings = load_settings()
    with connect(settings, read_only=True):
        pass  # says so clearly when there is no warehouse yet
    with working(f"Checking {stage}"), writer_lock(settings, f"gate {stage}"):
        from expectations.gate import run_gate

        result = run_gate(
            stage,
            warehouse=warehouse_of(settings),
            mart=settings.current_path.resolve() if stage == "marts" else None,
            quality_dir=settings.quality_dir,
        )
    if as_json:
        facts = ("stage", "build_id", "success", "critical_failed", "warnings")
        checks = sum(not each.is_skipped for each in result.results)
        found = {name: getattr(result, name) for name in facts} | {"checks": checks, "failures": [asdict(failure) for failure in result.failures]}
        click.echo(json.dumps(found, default=str, ensure_ascii=False, indent=1))
    else:
        word = "passed" if result.success else "FAILED"
        click.echo(printable(result.message).replace(word, coloured(word), 1))
    if not result.success:
        sys.exit(FAILED)


@main.command(short_help="What was published, what failed and why.")
@JSON_OPTION
@checked
def builds(as_json: bool) -> None:
    """Builds of this home: what was published, what failed and why, and which one readers see.

    \b
    Examples:
      ebbtide builds
      ebbtide builds --json
    """
    from warehouse.connection import connect
    from warehouse.publish import published_builds

    settings = load_settings()
    kept = {build.build_id: build for build in published_builds(settings)}
    with connect(settings, read_only=True) as connection:
        recorded = connection.execute(
            'select build_id, status, as_of, started_at, finished_at, "rows", code_version, message from meta.build order by build_id'
        ).fetchall()
    columns = ("build_id", "status", "current", "kept", "as_of", "started_at", "seconds", "rows", "code_version", "message")
    rows = []
    for build_id, status, as_of, started, finished, count, code, message in recorded:
        seconds = round((finished - started).total_seconds(), 1) if finished else None
        current = "*" if build_id in kept and kept[build_id].current else ""
        rows.append((build_id, status, current, "yes" if build_id in kept else "no", as_of, started, seconds, count, code, message))
    show(columns, rows, as_json)


@main.command()
@click.argument("build_id", metavar="BUILD", shell_complete=complete.builds)
@checked
def rollback(build_id: str) -> None:
    """Show readers a kept build again, in PostgreSQL too; `ebbtide builds` lists them.

    The next refresh shows its own build.

    \b
    Examples:
      ebbtide rollback 20261124T170316744Z
    """
    from warehouse.connection import writer_lock
    from warehouse.publish import rollback as roll_back
    from warehouse.refresh import write_report

    settings = load_settings()
    with writer_lock(settings, "rollback"):
        roll_back(settings, build_id)
    click.echo(f"current is {build_id}")
    if settings.report_path.exists():
        # the page must not go on about a build that readers no longer see
        write_report(settings)
        click.echo(f"{settings.report_path} is about it, too")
    if settings.bi_postgres_url:
        click.echo(_postgres_shows(_show_in_postgres(settings)))


@main.command(short_help="The morning report on the published build, one HTML page.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the page to this file instead of the home's report/index.html.")
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@checked
def report(output: Path | None, open_it: bool) -> None:
    """Write the morning report on the published build: one HTML page in English and Chinese that holds all it needs.

    Every refresh writes it, too. The page needs no network and can be sent by mail as it is.

    \b
    Examples:
      ebbtide report --open
      ebbtide report --output /srv/reports/2023-12-29.html
    """
    from warehouse.progress import working
    from warehouse.refresh import write_report

    with working("Writing the report"):
        path = write_report(load_settings(), output.expanduser().resolve() if output else None)
    click.echo(path)
    if open_it and click.launch(str(path)) != 0:
        click.echo("no browser could be started: open the file in one", err=True)


@main.command()
@JSON_OPTION
@checked
def publish(as_json: bool) -> None:
    """Show the current build in PostgreSQL (EBBTIDE_BI_POSTGRES_URL), in place of the one shown there.

    A refresh does so by itself; this does it again, after a failure or for a new database. Readers see the build before until the new
    one is whole.

    \b
    Examples:
      EBBTIDE_BI_POSTGRES_URL=postgresql://ebbtide@db.example:5432/bi ebbtide publish
      ebbtide publish --json
    """
    done = _show_in_postgres(load_settings())
    click.echo(json.dumps(done) if as_json else _postgres_shows(done))


def _postgres_shows(done: dict[str, Any]) -> str:
    return f"PostgreSQL shows build {done['build_id']}: {done['tables']} tables, {done['rows']:,} rows, {done['seconds']} s"


def _show_in_postgres(settings: Settings) -> dict[str, Any]:
    """Publish the current build to PostgreSQL, or end with exit code 1 and the reason."""
    from dataclasses import asdict

    from warehouse.postgres import PublishFailed, publish_to_postgres

    try:
        return asdict(publish_to_postgres(settings))
    except PublishFailed as error:
        click.echo(f"ebbtide: {printable(str(error))}", err=True)
        sys.exit(FAILED)


@main.group()
def quarantine() -> None:
    """Files and rows that could not be taken, with the reason.

    \b
    Examples:
      ebbtide quarantine list
      ebbtide quarantine release totals_2026.csv --why "new header declared"
      ebbtide quarantine drop 2b7f0c --why "error page, the file came the day after"
    """


@quarantine.command("list")
@click.option("--feed", help="Only this feed.", shell_complete=complete.feeds)
@click.option("--limit", default=50, show_default=True, help="Rows shown at most.")
@click.option("--decided", is_flag=True, help="What was released and dropped, by whom, when and why.")
@JSON_OPTION
@checked
def quarantine_list(feed: str | None, limit: int, decided: bool, as_json: bool) -> None:
    """Quarantined files (whole) and rows about which nothing was decided, newest first.

    \b
    Examples:
      ebbtide quarantine list --feed cboe_put_call
      ebbtide quarantine list --decided --json
    """
    from warehouse import quarantine as held

    _known_feed(feed)
    if decided:
        rows = held.decided(load_settings(), feed, limit)
        columns: tuple[str, ...] = ("file_id", "feed", "file", "row", "decision", "by", "at", "why", "content")
    else:
        rows = held.undecided(load_settings(), feed, limit)
        columns = ("file_id", "feed", "file", "row", "reason", "can_be_released", "content")
    if not rows and not as_json:
        click.echo("nothing was decided" if decided else "nothing is quarantined")
        return
    show(columns, rows, as_json)


def _known_feed(feed: str | None) -> None:
    from ingest.feeds import FEEDS

    if feed and feed not in FEEDS:
        raise unknown("feed", feed, FEEDS)


def _decision_options(command: Callable[P, R]) -> Callable[P, R]:
    """The arguments of `quarantine release` and `quarantine drop`."""
    for option in reversed(
        (
            click.argument("file"),
            click.option("--row", "rows", type=int, multiple=True, help="Number of a row in quarantine; may be given several times."),
            click.option("--every-row", is_flag=True, help="Every row of the file about which nothing was decided."),
            click.option("--feed", help="Feed of the file, where a name or hash stands in several.", shell_complete=complete.feeds),
            click.option("--why", required=True, help="Reason, kept with the decision."),
        )
    ):
        command = option(command)
    return command


@quarantine.command("release")
@_decision_options
@checked
def quarantine_release(file: str, rows: tuple[int, ...], every_row: bool, feed: str | None, why: str) -> None:
    """Take a quarantined row as it stands, or read a file again.

    FILE is the id of a file, the first characters of its hash, or its name. With --row the row is taken although it breaks a bound, or as the one
    that holds of several with the same key. Without, the file is read again, after its feed was corrected: what can be read is loaded.
    A row whose values cannot be read cannot be released. To take a release back, drop the row.

    \b
    Examples:
      ebbtide quarantine release 1234567890123456 --row 17 --why "the exchange confirms the negative price"
      ebbtide quarantine release totals_2026.csv --feed cboe_put_call --why "new header declared"
    """
    _decide(file, "released", rows, every_row, feed, why)


@quarantine.command("drop")
@_decision_options
@click.option("--loaded", is_flag=True, help="Drop the whole file although it was loaded: its rows are taken out.")
@checked
def quarantine_drop(file: str, rows: tuple[int, ...], every_row: bool, feed: str | None, why: str, loaded: bool) -> None:
    """Leave a quarantined file or row out for good: it is no longer listed or warned about.

    FILE as in `ebbtide quarantine release`. Nothing is deleted: the file stays landed, the row stays in meta.quarantine. With --loaded a file that
    was loaded and turned out to be wrong is taken out again, as if it had not come. To take a drop back, release the file or row.

    \b
    Examples:
      ebbtide quarantine drop 1234567890123456 --row 17 --row 18 --why "test rows of the provider"
      ebbtide quarantine drop 2b7f0c --why "error page, the file came the day after"
      ebbtide quarantine drop 2023-12-28_daily_options.json --loaded --why "totals do not add up, the exchange was told"
    """
    _decide(file, "dropped", rows, every_row, feed, why, although_loaded=loaded)


def _decide(
    file: str, verb: Literal["released", "dropped"], rows: tuple[int, ...], every_row: bool, feed: str | None, why: str, *, although_loaded: bool = False
) -> None:
    from warehouse.progress import working
    from warehouse.quarantine import decide

    _known_feed(feed)
    if rows and every_row:
        raise wrong_use("give --row or --every-row, not both")
    if although_loaded and (rows or every_row):
        raise wrong_use("--loaded is about the whole file: give no row with it")
    with working("Deciding, and loading the feed again"):
        outcome = decide(load_settings(), file, verb, why, feed=feed, rows=rows, every_row=every_row, although_loaded=although_loaded)
    for line in outcome.lines():
        click.echo(as_text(line))
    if verb == "released" and outcome.file.status == "quarantined":
        click.echo("It was read again and still cannot be taken.", err=True)
        sys.exit(FAILED)
    click.echo("Next: make refresh shows readers what changed")


@main.group()
def lake() -> None:
    """The lake of several machines, where EBBTIDE_LAKE_URL names one: what it keeps, and its upkeep.

    \b
    Examples:
      ebbtide lake builds
      ebbtide lake maintain
    """


def _lake_settings() -> Settings:
    """Settings that name a lake. Raises WrongUse when they do not."""
    settings = load_settings()
    if not settings.uses_lake:
        raise wrong_use("EBBTIDE_LAKE_URL is not set: the warehouse of this home is a file; see docs/lake.md")
    return settings


@lake.command("builds")
@JSON_OPTION
@checked
def lake_builds(as_json: bool) -> None:
    """Builds whose state of the whole lake (raw, staging, marts) can still be read, with the number of its snapshot.

    \b
    Examples:
      ebbtide lake builds
      ebbtide lake builds --json
    """
    from warehouse.connection import connect
    from warehouse.lake import published_snapshots

    with connect(_lake_settings(), read_only=True) as connection:
        rows = [(each.build_id, each.snapshot, each.committed_at) for each in published_snapshots(connection)]
    show(("build_id", "snapshot", "committed_at"), rows, as_json)


@lake.command("maintain")
@JSON_OPTION
@checked
def lake_maintain(as_json: bool) -> None:
    """Expire states older than EBBTIDE_LAKE_KEEP_DAYS but those of kept builds, merge small files, delete files that nothing needs.

    \b
    Examples:
      ebbtide lake maintain
      ebbtide lake maintain --json
    """
    from warehouse.progress import working
    from warehouse.refresh import maintain_lake

    _lake_settings()
    with working("Maintaining the lake"):
        done = maintain_lake()
    show(("what", "count"), [(name.replace("_", " "), count) for name, count in done.items()], as_json)


@main.command(short_help="Settings, keys, disk, lock, last build, health of the feeds.")
@JSON_OPTION
@checked
def doctor(as_json: bool) -> None:
    """Settings, keys present or missing, disk, lock, last build, and the health of the feeds; exit code 1 when something is bad.

    \b
    Examples:
      ebbtide doctor
      EBBTIDE_SOURCE=live ebbtide doctor --json
    """
    findings = list(_examine(load_settings()))
    if as_json:
        show(("what", "state", "detail"), findings, True)
    else:
        show(("what", "state", "detail"), findings, False)
    if any(state == "bad" for _, state, _ in findings):
        sys.exit(FAILED)


def _examine(settings: Settings) -> Sequence[tuple[str, str, str]]:
    from filelock import FileLock, Timeout

    from warehouse.build import code_version, feed_status
    from warehouse.connection import connect, describe_holder, warehouse_of
    from warehouse.publish import published_builds
    from warehouse.refresh import failed_fetches

    found: list[tuple[str, str, str]] = [
        ("version", "good", f"Ebbtide {code_version()}, Python {sys.version.split()[0]}"),
        ("home", "good" if settings.home.exists() else "missing", f"{settings.home}" + ("" if settings.home.exists() else " (made by the first refresh)")),
        ("source", "good", settings.source + (f", as of {settings.as_of:%Y-%m-%d %H:%M} UTC" if settings.as_of else "")),
    ]
    found.extend(_keys(settings))
    found.extend(
        (f"fetch of {failed.provider}", "bad", f"fails since {failed.since:%Y-%m-%d %H:%M} UTC: {'; '.join(failed.message.splitlines())}")
        for failed in failed_fetches(settings)
    )
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    found.append(("disk", "good" if free > 2 else "bad", f"{free:.1f} GB free in {folder}"))
    if settings.uses_lake:
        found.append(("lake", "good", f"{warehouse_of(settings)}") if warehouse_of(settings).exists() else ("lake", "missing", "run `make refresh`"))
    elif settings.lock_path.exists():
        try:
            with FileLock(settings.lock_path, timeout=0):
                found.append(("writer's lock", "good", "free"))
        except Timeout:
            found.append(("writer's lock", "held", describe_holder(settings.lock_path.with_suffix(".json"))))
            return found
    current = [build for build in published_builds(settings) if build.current] if settings.published_dir.exists() else []
    found.append(("published build", "good" if current else "missing", current[0].build_id if current else "run `make refresh`"))
    if settings.bi_postgres_url:
        found.append(("build in PostgreSQL", *_in_postgres(settings, current[0].build_id if current else None)))
    if warehouse_of(settings).exists():
        with connect(settings, read_only=True) as connection:
            last = connection.execute("select build_id, status, message from meta.build order by build_id desc limit 1").fetchone()
            moment = connection.execute("select as_of from meta.build_in_progress").fetchone()
            if last:
                found.append(("last build", "good" if last[1] == "published" else "bad", f"{last[0]} {last[1]}" + (f": {last[2]}" if last[2] else "")))
            if moment:
                at = moment[0] if settings.source_kind != "live" else datetime.now(UTC).replace(tzinfo=None)
                for row in feed_status(connection, at):
                    found.append((f"feed {row['feed']}", str(row["status"]), f"last observation {row['last_observation'] or 'none'}, {row['files']} files"))
    return found


def _in_postgres(settings: Settings, current: str | None) -> tuple[str, str]:
    """Whether PostgreSQL shows the current build, and which one it shows."""
    from warehouse.postgres import PublishFailed, build_in_postgres

    try:
        shown = build_in_postgres(settings)
    except PublishFailed as error:
        return "bad", str(error)
    return ("good", shown or "none") if shown == current else ("bad", f"{shown or 'none'}, and readers of files see {current}: type `ebbtide publish`")


def _keys(settings: Settings) -> list[tuple[str, str, str]]:
    """The settings each provider asks for, present or missing."""
    from ingest.feeds import PROVIDERS, provider_of

    rows = []
    for provider in PROVIDERS:
        for key in provider_of(provider).keys:
            present = bool(getattr(settings, key.setting))
            lost = key.without or f"{provider} is not asked"
            rows.append((f"{provider}: {key.variable}", "set" if present else "not set", "" if present else f"without it {lost}; {key.page}"))
    return rows


@main.command("completion", short_help="Completion of commands and names for your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script with which a shell completes commands, options, feeds, providers, builds, tables and their columns.

    \b
    Examples:
      source <(.venv/bin/ebbtide completion bash)       # in this shell; in ~/.bashrc with the whole path for all
      .venv/bin/ebbtide completion zsh > ~/.zfunc/_ebbtide
      .venv/bin/ebbtide completion fish > ~/.config/fish/completions/ebbtide.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    script = found(main, {}, "ebbtide", "_EBBTIDE_COMPLETE").source()
    # after `COLUMN=` a value follows, not a space
    click.echo(script.replace("COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace"))


if __name__ == "__main__":
    main()
