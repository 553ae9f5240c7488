"""What a feed is: one typed declaration from which loading, gates, docs and `ebbtide feeds` are derived.

A *feed* is one kind of record a provider publishes (for example "Cboe put/call volumes by product and day"). It lands in
one table, `raw.<feed name>`, whose grain is `key`. A feed may be published in several *formats*; each says how its files
are recognised and read, and whether the provider still serves it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import duckdb


class Access(StrEnum):
    """How bytes of a format reach us."""

    LIVE = "live"  # the provider serves it; `ebbtide` fetches it
    REPLAY = "replay"  # not fetched: the provider no longer serves it, or is asked for another form; files that were saved are read
    BRING_YOUR_OWN = "bring-your-own"  # licence or log-in keeps it from being fetched; the user supplies the file


class Cadence(StrEnum):
    """How often a feed has a new observation, with the days between two of them."""

    DAILY = "daily"
    WEEKLY = "weekly"
    TWICE_A_MONTH = "twice a month"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half-yearly"
    YEARLY = "yearly"

    @property
    def days(self) -> int:
        """Calendar days within which the next observation date follows, holidays included."""
        return {"daily": 5, "weekly": 8, "twice a month": 18, "monthly": 31, "quarterly": 92, "half-yearly": 184, "yearly": 366}[self.value]


@dataclass(frozen=True)
class Delay:
    """Observations that were published later than the rule of their feed says, and where that was announced.

    `published` pairs the date of each with the day on which it came, at the time of day of the rule unless `at` names another ("HH:MM").
    """

    published: tuple[tuple[date, date], ...]
    source: str
    at: str | None = None


@dataclass(frozen=True)
class PublicationLag:
    """When an observation becomes known: a day after its observation date, at a local time of the provider.

    Parameters
    ----------
    days
        Days after the observation date.
    at
        Local time of publication, "HH:MM"; "24:00" when only the day is known.
    zone
        IANA time zone of the provider.
    business_days
        Count `days` on business days instead of every day.
    source
        Where the rule is documented.
    next_business_day
        A day that is no business day moves to the next one, as a deadline does.
    exchange
        Market identifier (`XIDX`) of the exchange whose sessions are the business days; without one they are those of the US federal
        government (weekends and federal holidays are none).
    delays
        Observations for which the rule was not kept.
    """

    days: int
    at: str
    zone: str = "America/New_York"
    business_days: bool = False
    source: str = ""
    next_business_day: bool = False
    exchange: str = ""
    delays: tuple[Delay, ...] = ()

    def __str__(self) -> str:
        unit = (f"session of {self.exchange}" if self.exchange else "business day") if self.business_days else "day"
        moved = ", or the next business day" if self.next_business_day else ""
        return f"{self.days} {unit if self.days == 1 else unit.replace('day', 'days').replace('session', 'sessions')}{moved}, {self._local}"

    @property
    def _local(self) -> str:
        return f"{self.at} {self.zone.rsplit('/', 1)[-1].replace('_', ' ')}"


ColumnType: TypeAlias = Literal["TEXT", "DATE", "TIMESTAMP", "BIGINT", "DOUBLE"]


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    `names` are the headers providers use for it, compared after `normalise_header`; the column's own name always counts.
    `minimum` and `maximum` are physical bounds: a row outside them is quarantined, so use them only where the value
    would be impossible, not merely unusual. A `required` column may not be missing from a file.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    names: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True


@dataclass(frozen=True)
class Key:
    """A setting that a provider asks for: its name in `warehouse.settings`, and the page that tells how to get it.

    Where the provider is asked all the same when it is not set, `without` says what is lost then.
    """

    setting: str
    page: str
    without: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable that holds it."""
        return f"EBBTIDE_{self.setting.upper()}"


@dataclass(frozen=True)
class Provider:
    """Who publishes: how often it may be asked, and where it says so. A module of `ingest/feeds` may set `PROVIDER`.

    Without the settings of `keys` the provider is not asked, unless they say what is lost `without`; `user_agent` names the setting that is sent
    as User-Agent. `busy` are statuses that pass with this provider when it is asked again, beside those that do with all (429 and 5xx).
    """

    requests_a_second: float = 1.0
    limit_source: str = ""
    keys: tuple[Key, ...] = ()
    user_agent: str | None = None
    busy: tuple[int, ...] = ()


@dataclass(frozen=True)
class Request:
    """One thing to fetch.

    `secrets` are query parameters that are sent but never stored or logged. `absent` are statuses that mean "not
    published" with this provider. With a `page_size` the provider is asked for pages (`$limit`, `$offset`) until one is short.
    `body` is sent as JSON with a POST (a page is then `limit`, `offset` in it); without one the request is a GET. `following` looks at
    the answer and gives the requests it leads to: the next page, the files a page links to; each lands as a file of its own. An answer
    that only leads to others does not land itself (`lands=False`). A `large` answer is written to disk as it comes, and goes on from
    there when it is cut off. A file that never changes once it is there (`immutable`) is not asked for again.
    """

    url: str
    file_name: str
    params: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[int, ...] = (404,)
    page_size: int | None = None
    body: Mapping[str, object] | None = None
    following: Callable[[bytes], Iterable[Request]] | None = None
    lands: bool = True
    large: bool = False
    immutable: bool = False


class Member(Protocol):
    """A file inside a landed archive, unpacked when it is asked for."""

    name: str

    def path(self) -> Path:
        """Where its bytes are."""
        ...


@dataclass(frozen=True)
class LandedFile:
    """A landed file as a reader sees it.

    `name` is the provider's file name (a zip member's name for a member), `parameters` the named groups of the pattern
    that claimed it, `edition_at` the UTC time at which this edition was current, where that is known before reading.
    `members` are all files of the archive it lies in, for tables that are read together.
    """

    file_id: int
    path: Path
    name: str
    format: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    edition_at: datetime | None = None
    members: tuple[Member, ...] = ()

    def beside(self, pattern: str) -> Path | None:
        """The first other file of the same archive whose name matches, ignoring case; None when there is none."""
        found = next((member for member in self.members if re.search(pattern, member.name, re.IGNORECASE)), None)
        return found.path() if found else None


class UnreadableFile(Exception):
    """The whole file cannot be read as its format; it is quarantined with this message, which says what to do."""


@dataclass(frozen=True)
class Records:
    """What a reader returns.

    `sql` selects one row a record: `_file_id`, `_row_number` (from 1 in its file) and the feed's columns named in
    `columns`, as VARCHAR. `skipped` counts by file the lines that are not records, by kind (title, header, footer, blank,
    holiday). `edition_dates` holds the date a file says it was made, where it says so, `remarks` what should be known of a file that is read
    all the same. `files` are the ids of the files the
    records come from, all that were asked for when empty.
    """

    sql: str
    columns: tuple[str, ...]
    files: tuple[int, ...] = ()
    skipped: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    edition_dates: Mapping[int, date] = field(default_factory=dict)
    remarks: Mapping[int, str] = field(default_factory=dict)


Reader: TypeAlias = "Callable[[duckdb.DuckDBPyConnection, Feed, Sequence[LandedFile]], Iterable[Records]]"
Requests: TypeAlias = "Callable[[FetchWindow], Iterable[Request]]"


@dataclass(frozen=True)
class FetchWindow:
    """What a live fetch asks for: observations from `start` to `end`, with the keys the settings hold."""

    start: date
    end: date
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def weekdays(self, since: date | None = None) -> Iterator[date]:
        """Mondays to Fridays of the window, not before `since`."""
        day = max(self.start, since or self.start)
        while day <= self.end:
            if day.weekday() < 5:
                yield day
            day += timedelta(days=1)


@dataclass(frozen=True)
class Format:
    """One form in which a feed is published.

    A file belongs to the format when its head (first 4 kB as text, or the column titles of a sheet) matches `header`
    and, where `file_name` is given, its name matches that too. Named groups of `file_name` reach the reader. A file of a format
    that `may_be_empty` can hold no record at all (a notice, a day without a trade); any other without records is quarantined.
    The reader of a `typed` format gives columns of the feed's types, not text: so are millions of lines of filings read (`filing_of`).
    A longer history than `chunk_days` is asked for in pieces of so many days, each of which is done once it is answered: declare it where
    a provider limits an answer, or where a year is hundreds of requests. Without it the whole range is one piece.
    """

    name: str
    access: Access
    header: re.Pattern[str]
    reader: Reader
    description: str
    file_name: re.Pattern[str] | None = None
    requests: Requests | None = None
    may_be_empty: bool = False
    typed: bool = False
    chunk_days: int | None = None

    def parameters_of(self, name: str) -> dict[str, str]:
        """What a file's name says by the named groups of `file_name`; nothing where it does not match."""
        matched = self.file_name.search(name) if self.file_name else None
        return {group: value for group, value in matched.groupdict().items() if value} if matched else {}


@dataclass(frozen=True)
class Feed:
    """A feed: everything the rest of the project needs to know about it, in one place.

    Parameters
    ----------
    name
        Table name in schema `raw`, and the name used on the command line.
    provider
        Module of `ingest/feeds`, one fetch task each.
    key
        Columns that identify an observation. Together with `vintage_column`, if any, they identify a row's versions.
    observation_column
        The date an observation is about.
    vintage_column
        Column with the provider's own vintage date, where one file carries several versions of an observation.
    published_column
        Column with the provider's own publication time of a row's first version (UTC), where it has one.
    bulk_after_days
        A publication time this much later than the documented lag is that of a bulk load, and the lag is used instead.
    lag_by
        Publication lag by value of the first key column, where one feed holds series with different lags.
    lag_by_cadence
        Publication lag for series not in `lag_by`, by the cadence that the spacing of their dates shows.
    dated
        On which days observations fall: the raw gate checks it.
    immutable
        Whether a row never changes, as a filing does not: what a later file says of the same key is the same record again.
    read_by_edition
        Whether what a file says depends on when it was current (a list of the present state, a month that is over by then): the same bytes, landed for a
        later moment, are read again. Files of other feeds that repeat the bytes of the edition before are not.
    landed_with
        Feed whose landed files hold the records of this one too (tables of one archive); this feed then fetches nothing itself.
    filing_of
        Feed with one row a filing, for a feed whose rows are the lines of filings: they have no date of their own and became known
        with their filing. Filings are immutable and told apart by the first key column: a filing that is loaded is not read again.
    """

    name: str
    provider: str
    title: str
    description: str
    url: str
    licence: str
    cadence: Cadence
    lag: PublicationLag
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    formats: tuple[Format, ...]
    observation_column: str = "observation_date"
    vintage_column: str | None = None
    published_column: str | None = None
    bulk_after_days: int = 90
    lag_by: Mapping[str, PublicationLag] = field(default_factory=dict)
    lag_by_cadence: Mapping[Cadence, PublicationLag] = field(default_factory=dict)
    dated: Literal["any day", "trading day", "federal business day", "month end"] = "any day"
    immutable: bool = False
    read_by_edition: bool = False
    landed_with: str | None = None
    filing_of: str | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that identify a row whose changes over time are its versions."""
        return self.key + ((self.vintage_column,) if self.vintage_column else ())

    @property
    def measures(self) -> tuple[Column, ...]:
        """Columns compared to tell whether a row changed."""
        return tuple(c for c in self.columns if c.name not in self.identity and c.name != self.published_column)

    def column(self, name: str) -> Column:
        """The column called `name`; raises KeyError when the feed has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"feed {self.name} has no column {name}")

    def format(self, name: str) -> Format:
        """The format called `name`; raises KeyError when the feed has none."""
        for candidate in self.formats:
            if candidate.name == name:
                return candidate
        raise KeyError(f"feed {self.name} has no format {name}")


def normalise_header(text: str) -> str:
    """Lower case, punctuation and runs of it to one underscore, so that small drifts of a header do not matter."""
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
