"""Where bytes come from: the live providers, the sample world, or a folder of files to replay."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from ingest.client import Answer, Client, CutOff, Pace, Partial, Taken, address_of, kept_from_logs, open_session, retry_also
from ingest.feed import Access, Feed, FetchWindow, Format, Key, Provider, Request, UnreadableFile
from ingest.feeds import FEEDS, PROVIDERS, feeds_of, provider_of
from ingest.landing import SETTLED_AFTER, Answered, Arrival, Completed, Days, Landed, Landing, Unchanged
from ingest.reader import HEAD_BYTES, decode, expanded, looks_like_html
from ingest.secrets import holds_secret, masked

if TYPE_CHECKING:
    import requests

    from warehouse.settings import Settings


class FetchFailed(Exception):
    """A provider did not answer as expected; the message names feed, address and what to do."""


class KeyMissing(FetchFailed):
    """A provider was not asked, because a setting it asks for is not set; the message names it and the page that tells how to get it."""


class Source(Protocol):
    """Gives the files of a provider."""

    def fetch(self, provider: str, /, start: date | None = None, end: date | None = None) -> Iterator[Arrival | Unchanged | Completed | Answered]:
        """The provider's files with observations from `start` to `end` (both inclusive, defaults by source)."""
        ...


def open_source(settings: Settings) -> Source:
    """The source the settings name. Raises WrongUse when a replay folder does not exist."""
    if settings.source_kind == "sample":
        return SampleSource(settings)
    if settings.source_kind == "replay":
        return ReplaySource(settings.replay_folder)
    return LiveSource(settings)


# --- claiming files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A feed and format that recognise a file, with the named groups of the file-name pattern."""

    feed: Feed
    format: Format
    parameters: Mapping[str, str]


def claims_of(path: Path, name: str) -> list[Claim]:
    """The feeds that recognise a file by its head and name. Raises UnreadableFile for a damaged archive."""
    claims = []
    with expanded(path, name) as members:
        for member in members:
            head = member.head()
            for feed in FEEDS.values():
                for candidate in feed.formats:
                    if not candidate.header.search(head):
                        continue
                    if candidate.file_name and not candidate.file_name.search(member.name):
                        continue
                    claims.append(Claim(feed, candidate, candidate.parameters_of(member.name)))
    return claims


# --- replay -----------------------------------------------------------------------------------------------------------

_EDITION_IN_NAME = re.compile(r"_asof_(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


@dataclass(frozen=True)
class Unclaimed:
    """A file of a replay folder that no feed reads, with the reason."""

    path: str
    size: int
    reason: str


@lru_cache(maxsize=1)
def _survey(folder: Path, listing: tuple[tuple[str, int, int], ...]) -> tuple[dict[str, Claim], list[Unclaimed]]:
    claimed: dict[str, Claim] = {}
    unclaimed: list[Unclaimed] = []
    for relative, size, _ in listing:
        path = folder / relative
        try:
            claims = claims_of(path, path.name)
        except UnreadableFile as error:
            unclaimed.append(Unclaimed(relative, size, str(error)))
            continue
        # tables of one archive are several feeds that share what has landed
        feeds = {claim.feed.landed_with or claim.feed.name for claim in claims}
        if len(feeds) == 1:
            claimed[relative] = claims[0]
        elif feeds:
            unclaimed.append(Unclaimed(relative, size, f"several feeds recognise it: {', '.join(sorted(feeds))}"))
        else:
            unclaimed.append(Unclaimed(relative, size, "no feed recognises its header and name"))
    return claimed, unclaimed


class ReplaySource:
    """A folder of provider files, in any tree; `manifest.csv` (`file,edition`) may state when each edition was current."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def survey(self) -> tuple[dict[str, Claim], list[Unclaimed]]:
        """Files by relative path with the feed that claims them, and those that no feed claims."""
        files = sorted(p for p in self.folder.rglob("*") if p.is_file() and not any(part.startswith(".") for part in p.relative_to(self.folder).parts))
        listing = tuple((p.relative_to(self.folder).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.name != "manifest.csv")
        return _survey(self.folder, listing)

    def editions(self) -> dict[str, datetime]:
        """Edition times stated by `manifest.csv`; a date alone is known at 24:00 UTC of that date."""
        stated: dict[str, datetime] = {}
        manifest = self.folder / "manifest.csv"
        if manifest.is_file():
            with manifest.open(encoding="utf-8-sig", newline="") as stream:
                for number, row in enumerate(csv.DictReader(stream), start=2):
                    try:
                        stated[row["file"]] = edition_from_text(row["edition"])
                    except (KeyError, ValueError, AttributeError):
                        raise FetchFailed(f"{manifest}, line {number}: needs a file and an edition (ISO date or time), has {row}") from None
        return stated

    def fetch(self, provider: str, start: date | None = None, end: date | None = None) -> Iterator[Arrival]:
        """Every claimed file of the provider; a window does not narrow it, since files are replayed whole."""
        claimed, _ = self.survey()
        stated = self.editions()
        for relative, claim in claimed.items():
            if claim.feed.provider != provider:
                continue
            path = self.folder / relative
            in_name = _EDITION_IN_NAME.search(path.name)
            try:
                edition = stated.get(relative) or (edition_from_text("-".join(in_name.groups())) if in_name else None)
            except ValueError:
                raise FetchFailed(f"feed {claim.feed.name}: {relative} has no date after _asof_; rename it") from None
            landed_under = claim.feed.landed_with or claim.feed.name
            yield Arrival(landed_under, claim.format.name, path.name, path, edition, parameters=claim.parameters)


def edition_from_text(text: str) -> datetime:
    """An ISO time (UTC unless it says otherwise), or a date, which is known at its end. Raises ValueError."""
    value = text.strip()
    if len(value) == 10:
        return datetime.fromisoformat(value).replace(tzinfo=UTC) + timedelta(days=1)
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# --- sample -----------------------------------------------------------------------------------------------------------


class SampleSource:
    """The built-in sample world, in the providers' own formats, as seen at the build's as-of."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def fetch(self, provider: str, start: date | None = None, end: date | None = None) -> Iterator[Arrival]:
        """The provider's files as they stood at the as-of, with every earlier edition that held a revision."""
        from ingest import sample

        seed = self.settings.sample_seed if self.settings.sample_seed is not None else sample.SEED
        names = {feed.name for feed in feeds_of(provider)}
        for file in sample.render(
            self.settings.build_as_of(),
            seed=seed,
            first_year=self.settings.sample_first_year,
            feeds=names,
            other_managers=self.settings.sample_other_managers,
        ):
            parameters = FEEDS[file.feed].format(file.format).parameters_of(file.name)
            yield Arrival(file.feed, file.format, file.name, file.content, file.edition_at, parameters=parameters)


# --- live -------------------------------------------------------------------------------------------------------------


# What every window carries beside the keys of the providers.
_WINDOW_SETTINGS = ("cboe_host",)


@dataclass(frozen=True)
class Step:
    """How far the fetch of a feed is: requests answered of those known so far, and for a large file the bytes received of all."""

    feed: str
    done: int
    known: int
    name: str = ""
    received: int = 0
    length: int | None = None


def missing_keys(settings: Settings, provider: str) -> list[Key]:
    """Settings without which a provider is not asked, and that are not set; none for a provider that is not asked for anything."""
    if not any(_is_live(declared) for feed in feeds_of(provider) for declared in feed.formats):
        return []
    return [key for key in provider_of(provider).keys if not key.without and not _value(settings, key.setting)]


def _is_live(declared: Format) -> bool:
    return declared.access is Access.LIVE and declared.requests is not None


def _value(settings: Settings, name: str) -> str:
    """A setting as text, empty when it is not set."""
    value = getattr(settings, name)
    return (value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")).strip()


class LiveSource:
    """The providers themselves: paced, conditional requests with retries.

    "Not published" (a status in `Request.absent`) is not an error. A 304, or bytes equal to the newest landed ones, lands nothing: it is noted
    that the file stood unchanged.
    `tell` hears of every step.
    """

    def __init__(self, settings: Settings, session_of: Callable[[], requests.Session] = open_session, tell: Callable[[Step], None] | None = None) -> None:
        self.settings = settings
        self.landing = Landing(settings.landing_dir)
        self.session_of = session_of
        self.tell = tell or (lambda step: None)
        self.requests_sent = 0
        self._done: dict[str, int] = {}

    def window(self, feed: Feed, declared: Format, start: date | None, end: date | None) -> FetchWindow:
        """From a week before the last day fetched without a gap (for late corrections), or the start of history, to the as-of."""
        last = min(end, self._today()) if end else self._today()
        complete = self.landing.completed(feed.name).get(declared.name)
        if start is None and complete:
            start = min(complete, last) - SETTLED_AFTER
        return FetchWindow(start or date(last.year - self.settings.history_years, 1, 1), last, self._keys())

    def fetch(
        self, name: str, start: date | None = None, end: date | None = None, *, only_missing: bool = False
    ) -> Iterator[Arrival | Unchanged | Completed | Answered]:
        """New bytes of a provider's feeds, or of one feed. Raises FetchFailed naming feed and address when one does not answer.

        A request that fails ends its format; the other formats and feeds are asked all the same, and the failures are raised after them.
        A format whose requests were not all answered is asked for from the same day again by the next fetch, less the pieces that were
        answered whole. With `only_missing`, days that were answered by an earlier fetch are not asked for. Raises KeyMissing, having
        asked nothing, when a setting of the provider is not set; KeyError when there is no such provider or feed.
        """
        feeds = [FEEDS[name]] if name in FEEDS else feeds_of(name)
        # tables of one archive land with one of them
        feeds = list({lead: FEEDS.get(lead, feed) for feed in feeds for lead in [feed.landed_with or feed.name]}.values())
        self.landing = Landing(self.settings.landing_dir)
        self.requests_sent, self._done = 0, {}
        failures: list[str] = []
        for provider in dict.fromkeys(feed.provider for feed in feeds):
            known = provider_of(provider)
            if missing := missing_keys(self.settings, provider):
                said = "; ".join(f"{key.variable} is not set, see {key.page}" for key in missing)
                raise KeyMissing(f"provider {provider} is not asked: {said}")
            with self.session_of() as session:
                self._name_user(session, known)
                retry_also(session, known.busy)
                client = Client(session, Pace(known.requests_a_second))
                for feed in feeds:
                    for declared in feed.formats:
                        if feed.provider == provider and _is_live(declared):
                            try:
                                yield from self._fetch_format(client, known, feed, declared, start, end, only_missing)
                            except FetchFailed as error:
                                failures.append(str(error))
        if failures:
            raise FetchFailed("\n".join(failures))

    def _today(self) -> date:
        return self.settings.build_as_of().date()

    def _keys(self) -> dict[str, str]:
        names = {key.setting for provider in PROVIDERS for key in provider_of(provider).keys}
        return {name: _value(self.settings, name) for name in sorted(names | set(_WINDOW_SETTINGS))}

    def _name_user(self, session: requests.Session, provider: Provider) -> None:
        if provider.user_agent and (user := _value(self.settings, provider.user_agent)):
            # bytes, since a name need not be Latin-1; a line end in it would begin another header
            session.headers["User-Agent"] = " ".join(user.split()).encode()

    def _pieces(self, declared: Format, feed: Feed, window: FetchWindow, *, only_missing: bool) -> Days:
        """The days to ask for, in pieces the provider can take, oldest first."""
        days = [(window.start, window.end)] if window.start <= window.end else []
        if only_missing:
            days = self.landing.missing(feed.name, declared.name, window.start, window.end, self._today())
        if declared.chunk_days is None:
            return days
        step = timedelta(days=declared.chunk_days)
        pieces: Days = []
        for first, last in days:
            while first <= last:
                pieces.append((first, min(first + step - timedelta(days=1), last)))
                first += step
        return pieces

    def _fetch_format(
        self, client: Client, provider: Provider, feed: Feed, declared: Format, start: date | None, end: date | None, only_missing: bool
    ) -> Iterator[Arrival | Unchanged | Completed | Answered]:
        """New bytes of one format, piece by piece: `Answered` after each, `Completed` after the last when no window was asked for.

        A piece in which the provider sent nothing, or a web page instead of data, is not answered. Raises FetchFailed.
        """
        assert declared.requests
        window = self.window(feed, declared, start, end)
        everything = start is None and end is None
        # a first history that was interrupted goes on where it stopped; after it, the last week is asked for again each time
        first_time = everything and declared.name not in self.landing.completed(feed.name)
        pieces = self._pieces(declared, feed, window, only_missing=only_missing or first_time)
        planned = [(FetchWindow(first, last, window.keys), first, last) for first, last in pieces]
        met: dict[str, bool] = {}
        whole, asked = True, not pieces
        for narrow, first, last in planned:
            requests_of_piece = list(declared.requests(narrow))
            if not requests_of_piece:
                continue
            asked = True
            good = yield from self._fetch_piece(client, provider, feed, declared, requests_of_piece, met)
            whole = whole and good
            if good:
                yield Answered(feed.name, declared.name, first, last, self._today())
        if asked and whole and everything:
            yield Completed(feed.name, declared.name, window.end)

    def _fetch_piece(
        self, client: Client, provider: Provider, feed: Feed, declared: Format, first: list[Request], met: dict[str, bool]
    ) -> Generator[Arrival | Unchanged, None, bool]:
        """Files of these requests and of those they lead to. Returns whether all of them were data. Raises FetchFailed."""
        good = True
        # each with the hash of the answer that led to it: a page equal to the one before would lead on for ever
        waiting = deque((request, "") for request in first)
        while waiting:
            request, before = waiting.popleft()
            address = address_of(request)
            if address in met:
                good = good and all(met.values())
                continue  # a whole history that an earlier piece has brought, or a page that leads back to itself
            met[address] = True
            previous = self._previous(feed, address)
            done = self._done.get(feed.name, 0)
            step = Step(feed.name, done, done + 1 + len(waiting), request.file_name)
            self.tell(step)
            content: bytes | None = None
            if request.immutable and previous and _is_data(self.landing.path(previous), declared):
                content = self.landing.path(previous).read_bytes() if request.following else None
            else:
                partial = Partial.of(self.landing.downloads, address) if request.large else None
                try:
                    with partial.held() if partial else nullcontext():
                        answer = self._ask(client, provider, feed, request, address, previous, partial, step)
                        if answer.status == 304 and previous:
                            yield Unchanged(feed.name, address, datetime.now(UTC))
                            content = self.landing.path(previous).read_bytes() if request.following else None
                        # pages or a list without a row are an answer, and no file
                        if answer.status == 200 and not (request.page_size and answer.content == b"") and answer.content != b"[]":
                            met[address] = not request.lands or _is_data(answer.content, declared)
                            good = good and met[address]
                            content = answer.content if isinstance(answer.content, bytes) else None
                            if request.lands:
                                yield _arrival(feed, declared, request, address, answer)
                            if partial:
                                partial.discard()
                except Taken as error:
                    raise FetchFailed(f"feed {feed.name}: {address} {error}; try again when it has finished") from None
            self._done[feed.name] = done + 1
            if request.following and content is not None:
                digest = hashlib.sha256(content).hexdigest()
                if digest == before:
                    raise FetchFailed(f"feed {feed.name}: {address} repeats the page before: the provider does not page")
                waiting.extend((led_to, digest) for led_to in _followed(feed, request, address, content))
        self.tell(Step(feed.name, self._done.get(feed.name, 0), self._done.get(feed.name, 0)))
        return good

    def _previous(self, feed: Feed, address: str) -> Landed | None:
        """The newest landed edition of an address, if its bytes are there."""
        previous = self.landing.manifest_index(feed.name).by_url.get(address)
        return previous if previous and self.landing.path(previous).exists() else None

    def _ask(
        self, client: Client, provider: Provider, feed: Feed, request: Request, address: str, previous: Landed | None, partial: Partial | None, step: Step
    ) -> Answer:
        """The answer: 200, 304 or a status that means "not published". Raises FetchFailed for anything else."""
        import requests

        headers = dict(request.headers)
        # a POST is not cached, and of pages the first says nothing about the others
        if previous and request.page_size is None and request.body is None:
            if previous.etag:
                headers["If-None-Match"] = previous.etag
            if previous.last_modified:
                headers["If-Modified-Since"] = previous.last_modified
        failure = None
        self.requests_sent += 1
        try:
            with kept_from_logs(request.secrets):
                if partial:
                    answer = client.download(request, headers, partial, lambda received, length: self.tell(replace(step, received=received, length=length)))
                elif request.page_size:
                    answer = client.pages(request, headers)
                else:
                    answer = client.ask(request, headers)
        except CutOff as error:
            failure = f"{address} {error}; try again later"
        except requests.RequestException as error:
            failure = f"{urlsplit(address).netloc} did not answer ({type(error).__name__}) for {address}; try again later"
        except UnreadableFile as error:
            failure = f"{address}: {error}; try again later"
        else:
            if isinstance(answer.content, bytes) and holds_secret(answer.content, request.secrets.values()):
                failure = f"the answer of {address} repeats the key it was asked with, and is not kept; try again later"
        if failure:
            # raised outside the handler: the text of the first exception may hold the query, and with it a key
            raise FetchFailed(f"feed {feed.name}: {failure}")
        if answer.status not in (200, 304, *request.absent):
            said = f' ("{answer.said}")' if answer.said else ""
            raise FetchFailed(
                f"feed {feed.name}: status {answer.status}{said} for {address}; {_what_to_do(answer, request, feed.provider, provider)}; see {feed.url}"
            )
        return answer


def _what_to_do(answer: Answer, request: Request, name: str, provider: Provider) -> str:
    status = answer.status
    if refused := [secret for secret in request.secrets if secret in answer.said]:
        return f"the key in {', '.join(Key(f'{name}_{secret}', '').variable for secret in refused)} is not accepted"
    if status == 403 and provider.user_agent:
        variable = Key(provider.user_agent, "").variable
        return f"the provider refuses this client: {variable} must be a name and e-mail address, or it was asked too often and answers again in some minutes"
    if status == 403:
        return "the provider refuses this client"
    if status == 429:
        return "the provider limits requests; try again later"
    return "try again later" if status >= 500 else "the address may have changed"


def _is_data(content: bytes | Path, declared: Format) -> bool:
    """Whether an answer may be a file of the format: neither empty nor a web page. Providers serve error pages with status 200."""
    if isinstance(content, Path):
        with content.open("rb") as stream:
            content = stream.read(HEAD_BYTES)
    head = decode(content[:HEAD_BYTES])
    return bool(head.strip()) and (not looks_like_html(head) or bool(declared.header.search(head)))


def _followed(feed: Feed, request: Request, address: str, content: bytes) -> list[Request]:
    """The requests an answer leads to. Raises FetchFailed when it is not the page that was expected."""
    assert request.following
    try:
        return list(request.following(content))
    except Exception as error:  # an answer may be anything, and so may what a feed's own code stumbles over in it
        said = masked(str(error) if isinstance(error, UnreadableFile) else f"{type(error).__name__}: {error}", request.secrets.values())
        raise FetchFailed(f"feed {feed.name}: the answer of {address} does not say where to go on ({said}); see {feed.url}") from error


def _arrival(feed: Feed, declared: Format, request: Request, address: str, answer: Answer) -> Arrival:
    return Arrival(
        feed.name,
        declared.name,
        request.file_name,
        answer.content,
        edition_at=datetime.now(UTC),
        url=address,
        etag=answer.etag,
        last_modified=answer.last_modified,
        parameters=declared.parameters_of(request.file_name),
        sha256=answer.sha256,
    )
