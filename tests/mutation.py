"""How much the gates catch, and how often they cry wolf: defects planted in every suite's table, and sample worlds that are sound.

    python -m tests.mutation [--defects 1/10] [--worlds 50]

The catalogue of defects is fixed: each kind is one statement made from what is known of a table (its key, its date, its columns of numbers), and
is planted wherever the table has what it needs, whether a check for it is known or not. Raw feeds get them as a provider's file would bring
them, the rows of the newest dates first of all, with `meta.file` in accord; a model gets them as a wrong statement would, in every row. A
defect is caught when a check of the table's suite fails that passes on the clean tables. Keys of models are dbt's to test, so that there the
statement of its macro `check_grain` is run on the table. docs/quality.md explains and gives the result.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import click
import duckdb
from jinja2 import Environment
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from expectations.check import STAGES, BuildUnderCheck, Stage, Suite
from expectations.gate import held_before, prepare, read_build, stage_suites
from expectations.history import LINEAGE, date_column, hold, is_number
from expectations.project import PROJECT, read_models
from ingest.feeds import FEEDS
from tests.conftest import environment
from tests.worlds import build_world
from warehouse.settings import load_settings
from warehouse.sql import literal, quote

# Years of the sample world in which defects are planted: enough for every model to have rows.
FIRST_YEAR = 2016
# Years of the sound worlds: a mart of the cross-border monitor needs three.
WORLD_FIRST_YEAR = 2021
WORLDS = 50
GROUPS = ("raw feeds", "raw files", "staging", "intermediate", "marts")

# The test of dbt that a model's key is whole, as a check that found a defect.
DBT_TEST = "check_grain (dbt)"


# -- tables ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """The table of a suite, and what is known of it.

    Parameters
    ----------
    group
        Part of the result it counts in, one of GROUPS.
    key
        Columns that identify a row; `date` is the one among them that a row is about, if any.
    filled
        Columns with a value in most rows.
    measures
        Columns of numbers that are neither key nor lineage and have a value other than 0 in most rows.
    one_sign
        Those of them that are never below 0, or never above.
    pair
        The first two neighbours among them of one type that differ in most rows.
    dates, step_days
        Number of different dates, and the median of the days between them.
    """

    suite: str
    stage: Stage
    group: str
    schema: str
    name: str
    key: tuple[str, ...]
    date: str | None
    types: Mapping[str, str]
    filled: tuple[str, ...]
    measures: tuple[str, ...]
    one_sign: tuple[str, ...]
    pair: tuple[str, str] | None
    rows: int
    dates: int
    step_days: float
    grain_test: str | None = None

    @property
    def table(self) -> str:
        """The table as SQL names it."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def newest(self) -> str:
        """SQL condition: the row is about one of the newest five dates."""
        date = quote(str(self.date))
        return f"{date} in (select distinct {date} from {self.table} order by {date} desc nulls last limit 5)"

    @property
    def wrong_rows(self) -> str:
        """SQL condition: the rows that have the defect, those of the newest dates where a file brings it, all where a statement is wrong."""
        return self.newest if self.stage == "raw" and self.date else "true"


def _target(
    connection: duckdb.DuckDBPyConnection, suite: Suite, stage: Stage, group: str, key: Sequence[str], dated_by: Sequence[str], grain_test: str | None = None
) -> Target:
    """What is known of the table of a suite; a row is about the first date among the columns `dated_by`."""
    described = connection.execute(f"describe {quote(suite.schema)}.{quote(suite.table)}").fetchall()
    types = {column: sql_type for column, sql_type, *_ in described}
    table = f"{quote(suite.schema)}.{quote(suite.table)}"
    numbers = [c for c, t in types.items() if is_number(t) and c not in key and c not in LINEAGE and not c.endswith("_id")]
    present = connection.execute(f"select {', '.join(f'count({quote(c)})' for c in types)} from {table}").fetchall()[0]
    figures = ", ".join(f"count(*) filter ({quote(c)} {sign} 0)" for c in numbers for sign in ("<>", "<", ">"))
    rows, *counts = connection.execute(f"select count(*){', ' + figures if figures else ''} from {table}").fetchall()[0]
    by_column = {c: counts[3 * n : 3 * n + 3] for n, c in enumerate(numbers)}
    measures = tuple(c for c, (other, _, _) in by_column.items() if rows and other > rows / 2)
    one_sign = tuple(c for c in measures if 0 in by_column[c][1:])
    filled = tuple(c for c, number in zip(types, present, strict=True) if number > rows / 2)
    pair = None
    for left, right in pairwise(measures):
        differ = connection.execute(f"select count(*) from {table} where {quote(left)} is distinct from {quote(right)}").fetchall()[0][0]
        if types[left] == types[right] and differ > rows / 2:
            pair = (left, right)
            break
    date = date_column(types, dated_by)
    dates, step = 0, 0.0
    if date:
        distinct = f"select distinct cast({quote(date)} as date) as day from {table} where {quote(date)} is not null"
        dates, step = connection.execute(
            f"select count(*), coalesce(median(days), 0) from (select day - lag(day) over (order by day) as days from ({distinct}))"
        ).fetchall()[0]
    return Target(suite.name, stage, group, suite.schema, suite.table, tuple(key), date, types, filled, measures, one_sign, pair, rows, dates, step, grain_test)


# -- kinds of defects --------------------------------------------------------------------------------------------------------

Plan = Callable[[Target], str | None]


@dataclass(frozen=True)
class Kind:
    """One kind of defect: the statement that plants it in a table, None where the table lacks what it needs.

    Where a file would bring it, `meta.file` counts the rows that are there (`from_file`); otherwise rows were lost or doubled on the way. `of_key`
    marks what breaks the key, which dbt tests for models.
    """

    name: str
    plan: Plan
    from_file: bool = True
    of_key: bool = False


def _emptied(t: Target) -> str | None:
    return f"delete from {t.table}"


def _cut_history(t: Target) -> str | None:
    if t.dates < 10:
        return None
    date = quote(str(t.date))
    return f"delete from {t.table} where {date} < (select quantile_disc(day, 0.5) from (select distinct {date} as day from {t.table}))"


def _dropped_day(t: Target) -> str | None:
    if t.dates < 20:
        return None
    date = quote(str(t.date))
    return f"delete from {t.table} where {date} = (select quantile_disc(day, 0.6) from (select distinct {date} as day from {t.table}))"


def _stale(t: Target) -> str | None:
    if t.dates < 20:
        return None
    date = quote(str(t.date))
    return f"delete from {t.table} where {date} > (select max({date}) - interval {round(4 * t.step_days) + 10} day from {t.table})"


def _shifted_date(t: Target) -> str | None:
    if t.dates < 10:
        return None
    return f"update {t.table} set {quote(str(t.date))} = {quote(str(t.date))} + interval 1 day"


def _date_ahead(t: Target) -> str | None:
    if t.dates < 10:
        return None
    date = quote(str(t.date))
    return f"update {t.table} set {date} = {date} + interval 400 day where {date} = (select max({date}) from {t.table})"


def _scaled_unit(t: Target) -> str | None:
    return _set(t, f"{quote(t.measures[0])} = {quote(t.measures[0])} * 1000") if t.measures else None


def _sign_flip(t: Target) -> str | None:
    return _set(t, f"{quote(t.one_sign[0])} = -{quote(t.one_sign[0])}") if t.one_sign else None


def _null_burst(t: Target) -> str | None:
    if not t.measures:
        return None
    return _set(t, f"{quote(t.measures[0])} = null", "rowid % 5 = 0" if t.stage != "raw" else None)


def _swapped_columns(t: Target) -> str | None:
    if not t.pair:
        return None
    left, right = map(quote, t.pair)
    return f"update {t.table} set ({left}, {right}) = ({right}, {left})"


def _duplicated_key(t: Target) -> str | None:
    return f"insert into {t.table} select * from {t.table} where {t.newest if t.dates else 'true'}"


def _rows_twice(t: Target) -> str | None:
    return f"insert into {t.table} select * from {t.table}"


def _lost_column(t: Target) -> str | None:
    column = next((c for c in t.types if c not in t.key and c not in LINEAGE and not c.startswith("_") and c in t.filled), None)
    return f"update {t.table} set {quote(column)} = null" if column else None


def _lost_key(t: Target) -> str | None:
    return _set(t, f"{quote(t.key[0])} = null", "rowid % 5 = 0")


def _lost_rows(t: Target) -> str | None:
    return f"delete from {t.table} where rowid % 5 = 0" if t.rows >= 5 else None


def _known_ahead(t: Target) -> str | None:
    column = next((c for c in ("_available_at", "available_at") if c in t.types), None)
    if column is None or t.stage == "raw":
        return None
    return f"update {t.table} set {column} = {column} + interval 400 day where {t.newest if t.dates else 'true'}"


def _set(t: Target, assignment: str, condition: str | None = None) -> str:
    return f"update {t.table} set {assignment} where {condition or t.wrong_rows}"


KINDS = (
    Kind("emptied table", _emptied, from_file=False),
    Kind("cut history", _cut_history, from_file=False),
    Kind("dropped day", _dropped_day),
    Kind("stale table", _stale),
    Kind("shifted date", _shifted_date),
    Kind("date ahead", _date_ahead),
    Kind("scaled unit", _scaled_unit),
    Kind("sign flip", _sign_flip),
    Kind("null burst", _null_burst),
    Kind("swapped columns", _swapped_columns),
    Kind("duplicated key", _duplicated_key, of_key=True),
    Kind("rows twice", _rows_twice, from_file=False, of_key=True),
    Kind("lost column", _lost_column),
    Kind("lost key", _lost_key, of_key=True),
    Kind("lost rows", _lost_rows, from_file=False),
    Kind("known ahead", _known_ahead),
)

# Defects of the record of files, which has one row a file.
FILE_DEFECTS: Mapping[str, str] = {
    "emptied table": "delete from meta.file",
    "rows not accounted for": "update meta.file set rows_read = rows_read + 1 where rowid % 10 = 0",
    "rows not stored": "update meta.file set (rows_read, rows_loaded) = (rows_read + 1, rows_loaded + 1) where rowid % 10 = 0",
    "file in quarantine": "update meta.file set status = 'quarantined' where rowid % 10 = 0",
    "rows in quarantine": (
        "insert into meta.quarantine (file_id, feed, row_number, reason) select file_id, feed, 1, 'not a number' from meta.file where rows_read > 0;"
        "update meta.file set (rows_read, rows_quarantined) = (rows_read + 1, rows_quarantined + 1) where rows_read > 0"
    ),
    "shorter file": (
        "insert into meta.file select * replace (file_id + 1 as file_id, edition_at + interval 1 minute as edition_at, 0 as rows_loaded,"
        " rows_read // 2 as rows_read, rows_read // 2 as rows_unchanged, 0 as rows_quarantined) from meta.file where rows_read > 100 limit 20"
    ),
}


@dataclass(frozen=True)
class Defect:
    """A kind of defect in a table, and the statements that plant it."""

    target: Target
    kind: str
    sql: str
    of_key: bool = False

    def __str__(self) -> str:
        return f"{self.kind} in {self.target.suite}"


@dataclass(frozen=True)
class Outcome:
    """What became of a planted defect: the checks that failed because of it, none when it was missed."""

    defect: Defect
    found_by: tuple[str, ...]

    @property
    def is_caught(self) -> bool:
        """Whether any check failed."""
        return bool(self.found_by)


# -- planting ----------------------------------------------------------------------------------------------------------------


class Plantation:
    """Clean copies of a refreshed home's tables, in which defects are planted round by round.

    `home` must have been refreshed by this version of the project, and its build published: the gates compare with it. The copies see the
    world of the same moment, as the next build would.
    """

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self._copy()
        found = {stage: suites_of(stage, *_files(folder / "clean", stage)) for stage in STAGES}
        self.build = {stage: build for stage, (build, _) in found.items()}
        self.suites = {stage: [suite for suite in suites if suite.skipped is None] for stage, (_, suites) in found.items()}
        self.targets = list(self._targets())
        self.reads = self._tables_read()
        self.clean = {stage: self.failed(stage, folder / "clean") for stage in STAGES}

    def _copy(self) -> None:
        """Clean copies: of raw tables, and of models with the raw tables they are counted against, views made tables."""
        for part in ("raw", "models"):
            place = self.folder / "clean" / part
            place.mkdir(parents=True)
            shutil.copy(self.home / "warehouse.duckdb", place / "warehouse.duckdb")
            with duckdb.connect(str(place / "warehouse.duckdb")) as connection:
                connection.execute("update meta.build_in_progress set build_id = 'mutation'")
                # lines of filings are looked at in the build that loads them
                connection.execute("update meta.file set build_id = 'mutation'")
                if part == "raw":
                    connection.execute("drop schema staging cascade; drop schema intermediate cascade")
                    continue
                views = connection.execute("select schema_name, view_name from duckdb_views() where not internal").fetchall()
                for schema, view in views:
                    connection.execute(f"create table {schema}.copied as from {schema}.{quote(view)}")
                    connection.execute(f"drop view {schema}.{quote(view)}; alter table {schema}.copied rename to {quote(view)}")
        mart = self.folder / "clean" / "models" / "mart.duckdb"
        shutil.copy((self.home / "published" / "current.duckdb").resolve(), mart)
        mart.chmod(0o644)

    def _targets(self) -> Iterator[Target]:
        models = read_models()
        check_grain = Environment(extensions=["jinja2.ext.do"]).from_string((PROJECT / "macros" / "check_grain.sql").read_text(encoding="utf-8")).module
        for stage in STAGES:
            _, checked = _files(self.folder / "clean", stage)
            with duckdb.connect(str(checked), read_only=True) as connection:
                for suite in self.suites[stage]:
                    if suite.name == "raw.file":
                        target = _target(connection, suite, stage, "raw files", ("file_id",), ())
                    elif stage == "raw":
                        feed = FEEDS[suite.table]
                        target = _target(connection, suite, stage, "raw feeds", feed.identity, () if feed.filing_of else (feed.observation_column,))
                    else:
                        model = models[suite.table]
                        test = check_grain.broken_grain(f"{model.schema}.{model.name}", model.grain) if model.grain_tested_by_dbt else None
                        target = _target(connection, suite, stage, model.layer, model.grain, model.grain, test)
                    if target.rows:
                        yield target

    def _tables_read(self) -> dict[str, set[str]]:
        """Suites whose tables each suite reads beside its own: defects in both at once could not be told apart."""
        names = {(target.schema, target.name): target.suite for target in self.targets}
        read: dict[str, set[str]] = defaultdict(set)
        for stage in STAGES:
            for suite in self.suites[stage]:
                text = "\n".join(check.unexpected_rows or "" for check in suite.checks)
                found = {names.get((schema, table)) for schema, table in re.findall(r'\b(raw|meta|staging|intermediate)\."?(\w+)', text)}
                # models are counted against clean raw tables
                read[suite.name] = {other for other in found if other and other != suite.name and (stage == "raw") == other.startswith("raw.")}
        return read

    def defects(self) -> list[Defect]:
        """The whole catalogue, ordered so that every n-th of it is spread over tables and kinds."""
        found: dict[str, list[Defect]] = defaultdict(list)
        for number, target in enumerate(self.targets):
            if target.suite == "raw.file":
                found[target.suite] = [Defect(target, kind, sql) for kind, sql in FILE_DEFECTS.items()]
                continue
            planned = [(kind, kind.plan(target)) for kind in KINDS]
            defects = [Defect(target, kind.name, self._statement(target, kind, sql), kind.of_key) for kind, sql in planned if sql]
            turn = number % len(defects)
            found[target.suite] = defects[turn:] + defects[:turn]
        return [defects[turn] for turn in range(max(map(len, found.values()))) for defects in found.values() if turn < len(defects)]

    def _statement(self, target: Target, kind: Kind, sql: str) -> str:
        if target.stage != "raw" or not kind.from_file:
            return sql
        counted = f"(select count(*) from {target.table} where _file_id = file_id)"
        return (
            f"{sql};\nupdate meta.file set (rows_read, rows_loaded) = ({counted} + rows_quarantined + rows_unchanged, {counted})"
            f" where feed = {literal(target.name)} and status = 'loaded'"
        )

    def rounds(self, defects: Sequence[Defect]) -> list[list[Defect]]:
        """The defects in as few rounds as need be: one a table in each, none in a table that the suite of another reads."""
        made: list[list[Defect]] = []
        for defect in defects:
            suite = defect.target.suite
            for planted in made:
                others = {other.target.suite for other in planted}
                if suite not in others and not others & self.reads[suite] and not any(suite in self.reads[other] for other in others):
                    planted.append(defect)
                    break
            else:
                made.append([defect])
        return made

    def plant(self, defects: Sequence[Defect]) -> list[Outcome]:
        """Plant defects of one round, run the gates, and tell what each of them led to."""
        place = self.folder / "planted"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder / "clean", place)
        outcomes: list[Outcome] = []
        for stage in STAGES:
            of_stage = [defect for defect in defects if defect.target.stage == stage]
            if not of_stage:
                continue
            with _writing(place, stage) as connection:
                for defect in of_stage:
                    connection.execute(defect.sql)
            failed = self.failed(stage, place, {defect.target.suite for defect in of_stage})
            about = self._file_checks(place, failed) if stage == "raw" else {}
            with _writing(place, stage) as connection:
                for defect in of_stage:
                    suite = defect.target.suite
                    found = {check for owner, check in failed - self.clean[stage] if owner == suite} | about.get(defect.target.name, set())
                    if defect.of_key and defect.target.grain_test and connection.execute(defect.target.grain_test).fetchall():
                        found.add(DBT_TEST)
                    outcomes.append(Outcome(defect, tuple(sorted(found))))
        return outcomes

    def failed(self, stage: Stage, place: Path, names: Collection[str] | None = None) -> set[tuple[str, str]]:
        """Suite and check of what fails in a place, in all suites or those of these names and that of the files."""
        wanted = [suite for suite in self.suites[stage] if names is None or suite.name in names or suite.name == "raw.file"]
        return {(suite, check) for suite, check, _ in failing_checks(stage, *_files(place, stage), self.build[stage], wanted)}

    def _file_checks(self, place: Path, failed: Collection[tuple[str, str]]) -> dict[str, set[str]]:
        """Failed checks of the record of files, by the feeds of the files they name: a result holds a sample of those alone."""
        found: dict[str, set[str]] = defaultdict(set)
        suite = next(suite for suite in self.suites["raw"] if suite.name == "raw.file")
        with _writing(place, "raw") as connection:
            for check in suite.checks:
                if check.unexpected_rows and (suite.name, check.name) in failed:
                    for (feed,) in connection.execute(f"select distinct feed from ({check.unexpected_rows.format(batch='meta.file')})").fetchall():
                        found[feed].add(f"{check.name} (raw.file)")
        return found


def _files(place: Path, stage: Stage) -> tuple[Path, Path]:
    """The warehouse of a place for a stage, and the file its gate checks."""
    folder = place / ("raw" if stage == "raw" else "models")
    return folder / "warehouse.duckdb", folder / ("mart.duckdb" if stage == "marts" else "warehouse.duckdb")


@contextmanager
def _writing(place: Path, stage: Stage) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file a stage's gate checks, for writing."""
    warehouse, checked = _files(place, stage)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if checked != warehouse:
            connection.execute(f"attach '{checked}' as mart; use mart")
        yield connection


# -- checks ----------------------------------------------------------------------------------------------------------------------


def suites_of(stage: Stage, warehouse: Path, checked: Path) -> tuple[BuildUnderCheck, list[Suite]]:
    """The build under check at a stage, and its suites."""
    build = read_build(warehouse, checked, FEEDS)
    return build, stage_suites(stage, build, FEEDS)


def failing_checks(stage: Stage, warehouse: Path, checked: Path, build: BuildUnderCheck, suites: Sequence[Suite]) -> set[tuple[str, str, str]]:
    """Suite, name and severity of every check that fails.

    The statements of the suites are run as they are: Great Expectations runs the same, and takes as long again around them. `tests/test_mutation.py`
    shows that the gate finds the same.
    """
    before = held_before(warehouse, stage, build.before)
    failed: set[tuple[str, str, str]] = set()
    with duckdb.connect(str(checked)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        prepare(connection, build.as_of, before)
        hold(connection, suites)
        for suite in suites:
            if suite.skipped is not None:
                failed.update({(suite.name, "suite_run", suite.skipped_severity)} if suite.skipped_severity else {})
                continue
            table = f"{quote(suite.schema)}.{quote(suite.table)}"
            for check in suite.checks:
                unexpected = check.unexpected_rows.format(batch=table) if check.unexpected_rows else f"select 1 where not exists (from {table})"
                try:
                    found = connection.execute(unexpected).fetchmany(1)
                except duckdb.Error:
                    # as the gate has it: what cannot be judged must not pass
                    failed.add((suite.name, check.name, "critical"))
                    continue
                if found:
                    failed.add((suite.name, check.name, check.severity))
    return failed


# -- sound worlds ----------------------------------------------------------------------------------------------------------------


def sound_world(compiled: Path, seed: int) -> list[str]:
    """Critical checks that fail in the sample world of `seed`, which has no defect."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-world-") as folder:
        settings = build_world(compiled, Path(folder) / "home", seed, WORLD_FIRST_YEAR)
        failed = set()
        for stage in STAGES:
            checked = settings.next_mart_path if stage == "marts" else settings.warehouse_path
            failed |= failing_checks(stage, settings.warehouse_path, checked, *suites_of(stage, settings.warehouse_path, checked))
    return sorted(f"{suite} / {check}" for suite, check, severity in failed if severity == "critical")


# -- result ----------------------------------------------------------------------------------------------------------------------


def summary(outcomes: Sequence[Outcome], worlds: Mapping[int, Sequence[str]]) -> dict[str, int]:
    """The figures that are kept: defects planted and caught, sound worlds and those of them in which a critical check failed."""
    return {
        "planted": len(outcomes),
        "caught": sum(outcome.is_caught for outcome in outcomes),
        "clean_worlds": len(worlds),
        "clean_failed": sum(bool(failed) for failed in worlds.values()),
    }


def keep(found: Mapping[str, int], folder: Path) -> Path:
    """Write the figures to `mutation.json` in a folder; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mutation.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return path


def tables(outcomes: Sequence[Outcome]) -> Iterator[Table]:
    """Planted and caught by part of the gates and by kind of defect, and what was missed."""
    for title, of in (("Part", lambda o: o.defect.target.group), ("Defect", lambda o: o.defect.kind)):
        planted, caught = Counter(map(of, outcomes)), Counter(of(outcome) for outcome in outcomes if outcome.is_caught)
        by_dbt = Counter(of(outcome) for outcome in outcomes if outcome.found_by == (DBT_TEST,))
        suites = defaultdict(set)
        for outcome in outcomes:
            suites[of(outcome)].add(outcome.defect.target.suite)
        table = Table(title=f"Planted defects by {title.lower()}")
        for column in (title, "tables", "planted", "caught", "of them by a dbt test", "caught %"):
            table.add_column(column, justify="left" if column == title else "right")
        lines = [(name, len(suites[name]), number, caught[name], by_dbt[name]) for name, number in planted.items()]
        lines.append(("all", len(set.union(*suites.values())), planted.total(), caught.total(), by_dbt.total()))
        for name, *counts in lines:
            table.add_row(name, *map(str, counts), f"{counts[2] / counts[1]:.1%}")
        yield table
    missed = [outcome.defect for outcome in outcomes if not outcome.is_caught]
    if missed:
        table = Table("Table", "missed", title="Missed")
        for suite in dict.fromkeys(defect.target.suite for defect in missed):
            table.add_row(suite, ", ".join(defect.kind for defect in missed if defect.target.suite == suite))
        yield table


def part(fraction: str, number: int) -> range:
    """Which of `number` things are the part of them that `n/m` names: every m-th, n of them."""
    wanted = Fraction(fraction)
    return range(0, number, max(1, round(1 / wanted)))


def refresh_home(home: Path) -> None:
    """Build and publish the sample world of FIRST_YEAR in `home`, by the command a user would give. Raises SystemExit with its output when it fails."""
    of_world = environment(home, SAMPLE_FIRST_YEAR=FIRST_YEAR)
    done = subprocess.run([sys.executable, "-m", "warehouse.cli", "refresh"], env=of_world, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


@click.command(help=__doc__.splitlines()[0])
@click.option("--defects", "fraction", default="1", show_default=True, help="Part of the defects: 1/10 plants every tenth.")
@click.option("--worlds", default=WORLDS, show_default=True, help="Sound sample worlds to build and check.")
@click.option("--home", type=click.Path(path_type=Path), help="A home refreshed from the sample world of this version, instead of refreshing one.")
def main(fraction: str, worlds: int, home: Path | None) -> None:
    """Run and report; `$EBBTIDE_HOME/quality/mutation.json` holds the figures."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ebbtide-mutation-") as scratch, Progress(console=console, transient=True) as progress:
        if home is None:
            home = Path(scratch) / "home"
            task = progress.add_task("refresh of the sample world", total=None)
            refresh_home(home)
            progress.remove_task(task)
        plantation = Plantation(home, Path(scratch) / "defects")
        catalogue = plantation.defects()
        rounds = plantation.rounds([catalogue[place] for place in part(fraction, len(catalogue))])
        outcomes = [outcome for planted in progress.track(rounds, description="rounds of defects") for outcome in plantation.plant(planted)]
        sound = {seed: sound_world(home, seed) for seed in progress.track(range(1, worlds + 1), description="sound worlds")}
    found = summary(outcomes, sound)
    for table in tables(outcomes):
        console.print(table)
    for seed, failed in sound.items():
        if failed:
            console.print(f"world {seed}: {', '.join(failed)}")
    console.print(
        f"{found['caught']} of {found['planted']} planted defects caught ({found['caught'] / found['planted']:.1%}); "
        f"a critical check failed in {found['clean_failed']} of {found['clean_worlds']} sound worlds"
    )
    path = keep(found, load_settings().quality_dir)
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
