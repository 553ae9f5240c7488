"""What a check, a suite and a build under check are: plain values, from which the gate makes Great Expectations objects.

A check is one SQL query that returns the rows that should not exist. `{batch}` in it stands for the table under check, so
that the same text runs in Great Expectations, in a test and by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from textwrap import dedent
from typing import Literal, TypeAlias

from warehouse import sql

Stage: TypeAlias = Literal["raw", "staging", "marts"]
Severity: TypeAlias = Literal["critical", "warning"]
FeedStatus: TypeAlias = Literal["landed", "quarantined", "absent"]

STAGES: tuple[Stage, ...] = ("raw", "staging", "marts")

# Rows kept as a sample of what a check found.
SAMPLE_ROWS = 20


@dataclass(frozen=True)
class Check:
    """One condition on a table.

    Parameters
    ----------
    name
        The condition in a few words joined by underscores; unique in its suite.
    description
        What holds when the check passes, in one sentence.
    severity
        `critical` stops the publish, `warning` is reported beside it.
    unexpected_rows
        SQL query returning the rows that break the condition, key columns first; None for the check that the table has rows.
    """

    name: str
    description: str
    severity: Severity
    unexpected_rows: str | None


@dataclass(frozen=True)
class Suite:
    """The checks of one table, or the reason why they are not run.

    `name` is `<stage>.<table>`. When `skipped` says why the suite is not run, that reason is reported in its place, and
    `skipped_severity` says whether the gate may pass all the same. `history` is the SQL query on `{batch}` whose result a gate
    that passes keeps for the next build to be compared with (expectations/history.py).
    """

    name: str
    schema: str
    table: str
    checks: tuple[Check, ...] = ()
    skipped: str | None = None
    skipped_severity: Severity | None = None
    history: str | None = None

    def __post_init__(self) -> None:
        names = [check.name for check in self.checks]
        if len(set(names)) != len(names):
            raise ValueError(f"suite {self.name} names a check twice: {sorted(names)}")

    def check(self, name: str) -> Check:
        """The check called `name`; raises KeyError when the suite has none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"suite {self.name} has no check {name}")


@dataclass(frozen=True)
class BuildBefore:
    """The newest published build whose figures were kept, and the moment it saw the world from (UTC without time zone)."""

    build_id: str
    as_of: datetime


@dataclass(frozen=True)
class BuildUnderCheck:
    """What the suites need to know about the build.

    Parameters
    ----------
    build_id, source
        As in `meta.build_in_progress`.
    as_of
        The moment the build sees the world from, UTC without time zone, as the tables hold it.
    feeds
        Status of each declared feed: `landed` (a file was loaded), `quarantined` (files came, none could be read), `absent`.
    columns
        Column names of each table that exists, by (schema, table).
    types
        SQL type of each column of these tables, by (schema, table).
    before
        The build to compare with; None when there is none yet.
    """

    build_id: str
    source: str
    as_of: datetime
    feeds: Mapping[str, FeedStatus]
    columns: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    before: BuildBefore | None = None

    @property
    def is_replay(self) -> bool:
        """Whether saved files are replayed, which may be of any age."""
        return self.source.partition(":")[0] == "replay"

    @property
    def known(self) -> str:
        """SQL condition: the row was known when the build looks at the world."""
        return f"_available_at <= {timestamp(self.as_of)}"


def identifier(name: str) -> str:
    """An SQL identifier in double quotes, safe inside a query that Great Expectations formats."""
    return _in_template(sql.quote(name))


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """SQL identifiers, comma-separated."""
    return ", ".join(prefix + identifier(name) for name in names)


def literal(text: str) -> str:
    """An SQL string literal, safe inside a query that Great Expectations formats."""
    return _in_template(sql.literal(text))


def _in_template(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def timestamp(moment: datetime) -> str:
    """An SQL timestamp literal."""
    return f"timestamp '{moment.isoformat(sep=' ', timespec='microseconds')}'"


def day(value: date) -> str:
    """An SQL date literal."""
    return f"date '{value.isoformat()}'"


def query(text: str) -> str:
    """An SQL text without the indentation of the code it stands in."""
    return dedent(text).strip()


def has_rows(description: str = "The table has rows.", severity: Severity = "critical") -> Check:
    """The table is not empty."""
    return Check("has_rows", description, severity, None)


def key_unique(key: Iterable[str]) -> Check:
    """No two rows share `key`."""
    columns = tuple(key)
    return Check(
        "key_unique",
        f"No two rows have the same {', '.join(columns)}.",
        "critical",
        f"select {identifiers(columns)}, count(*) as rows_with_this_key\nfrom {{batch}}\ngroup by all\nhaving count(*) > 1",
    )


def key_present(key: Iterable[str]) -> Check:
    """No column of `key` is null."""
    columns = tuple(key)
    missing = " or ".join(f"{identifier(column)} is null" for column in columns)
    return Check(
        "key_present",
        f"Every row has {', '.join(columns)}.",
        "critical",
        f"select {identifiers(columns)}\nfrom {{batch}}\nwhere {missing}",
    )
