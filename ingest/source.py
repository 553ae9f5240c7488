"""Where bytes come from: the live providers, the sample world, or a folder of files to replay."""

from __future__ import annotations

import csv
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote as url_quote
from urllib.parse import urlsplit

from ingest.feed import Access, Feed, FetchWindow, Format, Request, UnreadableFile
from ingest.feeds import FEEDS, feeds_of, provider_of
from ingest.landing import Arrival, Completed, Landing
from ingest.reader import expanded

if TYPE_CHECKING:
    import requests

    from warehouse.settings import Settings

USER_AGENT = "Mozilla/5.0 (compatible; Ebbtide/0.1)"  # some providers refuse clients without a browser-like name
TIMEOUT = (10, 120)  # seconds to connect, and between two parts of an answer
MAX_BYTES = 2 * 1024**3  # an answer longer than this is refused
MAX_RETRY_AFTER = 120  # seconds; a provider that asks for a longer pause is asked again by the next refresh
BODY_ATTEMPTS = 3  # requests for an answer that is cut off in the middle

_WHAT_TO_DO = {403: "the provider refuses this client", 429: "the provider limits requests; try again later"}


class FetchFailed(Exception):
    """A provider did not answer as expected; the message names feed, address and what to do."""


class Source(Protocol):
    """Gives the files of a provider."""

    def fetch(self, provider: str, start: date | None = None, end: date | None = None) -> Iterator[Arrival | Completed]:
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
                    matched = candidate.file_name.search(member.name) if candidate.file_name else None
                    if candidate.file_name and not matched:
                        continue
                    parameters = {k: v for k, v in (matched.groupdict() if matched else {}).items() if v}
                    claims.append(Claim(feed, candidate, parameters))
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
            yield Arrival(landed_under, claim.format.name, path.name, path.read_bytes(), edition, url=None, parameters=claim.parameters)


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
        for file in sample.render(self.settings.build_as_of(), seed=seed, first_year=self.settings.sample_first_year, feeds=names):
            declared = FEEDS[file.feed].format(file.format)
            matched = declared.file_name.search(file.name) if declared.file_name else None
            parameters = {k: v for k, v in (matched.groupdict() if matched else {}).items() if v}
            yield Arrival(file.feed, file.format, file.name, file.content, file.edition_at, parameters=parameters)


# --- live -------------------------------------------------------------------------------------------------------------


class _Pace:
    """At most so many requests a second to one provider, over all threads of the process."""

    def __init__(self, a_second: float) -> None:
        self.interval = 1 / a_second
        self.next = 0.0
        self.lock = threading.Lock()

    def wait(self) -> None:
        with self.lock:
            now = time.monotonic()
            delay = max(0.0, self.next - now)
            self.next = max(now, self.next) + self.interval
        if delay:
            time.sleep(delay)


def _session() -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    session = requests.Session()
    retry = Retry(
        total=4,
        connect=3,
        read=3,
        backoff_factor=1.5,
        backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
        retry_after_max=MAX_RETRY_AFTER,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = USER_AGENT
    return session


@contextmanager
def _kept_from_logs(secrets: Mapping[str, str]) -> Iterator[None]:
    """Keep secrets out of what urllib3 logs: it writes whole addresses, on a retry as a warning."""

    def redact(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for secret in secrets.values():
            text = text.replace(secret, "***").replace(url_quote(secret, safe=""), "***")
        record.msg, record.args = text, ()
        return True

    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")] if any(secrets.values()) else []
    for logger in loggers:
        logger.addFilter(redact)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redact)


class LiveSource:
    """The providers themselves: paced, conditional requests with retries.

    "Not published" (a status in `Request.absent`) is not an error. A 304, or bytes equal to the newest landed ones, costs nothing more.
    """

    def __init__(self, settings: Settings, session_of: Callable[[], requests.Session] = _session) -> None:
        self.settings = settings
        self.landing = Landing(settings.landing_dir)
        self.session_of = session_of

    def window(self, feed: Feed, declared: Format, start: date | None, end: date | None) -> FetchWindow:
        """From a week before the last day fetched without a gap (for late corrections), or the start of history, to the as-of."""
        last = end or self.settings.build_as_of().date()
        complete = self.landing.completed(feed.name).get(declared.name)
        if start is None and complete:
            start = min(complete, last) - timedelta(days=7)
        first = start or date(last.year - self.settings.history_years, 1, 1)
        key = self.settings.fred_api_key
        return FetchWindow(first, last, {"fred_api_key": key.get_secret_value() if key else "", "cboe_host": self.settings.cboe_host})

    def fetch(self, provider: str, start: date | None = None, end: date | None = None) -> Iterator[Arrival | Completed]:
        """New bytes of the provider's feeds. Raises FetchFailed naming feed and address when one does not answer.

        A request that fails ends its format; the provider's other formats and feeds are asked all the same, and the failures are raised
        after them. A format whose requests were not all answered is asked for from the same day again by the next fetch.
        """
        self.landing = Landing(self.settings.landing_dir)
        pace = _Pace(provider_of(provider).requests_a_second)
        failures: list[str] = []
        with self.session_of() as session:
            for feed in feeds_of(provider):
                for declared in feed.formats:
                    if declared.access is Access.LIVE and declared.requests:
                        try:
                            yield from self._fetch_format(session, pace, feed, declared, start, end)
                        except FetchFailed as error:
                            failures.append(str(error))
        if failures:
            raise FetchFailed("\n".join(failures))

    def _fetch_format(
        self, session: requests.Session, pace: _Pace, feed: Feed, declared: Format, start: date | None, end: date | None
    ) -> Iterator[Arrival | Completed]:
        """New bytes of one format of a feed; `Completed` after the last, when no window was asked for. Raises FetchFailed."""
        assert declared.requests
        window = self.window(feed, declared, start, end)
        asked = False
        for first in declared.requests(window):
            asked = True
            waiting = [first]
            while waiting:
                request = waiting.pop(0)
                fetched = self._get(session, pace, feed, declared, request)
                if fetched and request.lands:
                    yield fetched
                if fetched and request.following:
                    waiting.extend(request.following(fetched.content))
        if asked and start is None and end is None:
            yield Completed(feed.name, declared.name, window.end)

    def _get(self, session: requests.Session, pace: _Pace, feed: Feed, declared: Format, request: Request) -> Arrival | None:
        import requests

        url = requests.Request("GET", request.url, params=dict(request.params)).prepare().url or request.url
        previous = self.landing.manifest_index(feed.name).by_url.get(url)
        headers = dict(request.headers)
        if previous and request.page_size is None:
            if previous.etag:
                headers["If-None-Match"] = previous.etag
            if previous.last_modified:
                headers["If-Modified-Since"] = previous.last_modified
        failure = None
        try:
            with _kept_from_logs(request.secrets):
                content, answer = self._pages(session, pace, request, headers) if request.page_size else self._ask(session, pace, request, headers)
        except requests.exceptions.ChunkedEncodingError:
            failure = f"{url} was cut off in the middle of the answer, {BODY_ATTEMPTS} times; try again later"
        except requests.RequestException as error:
            failure = f"{urlsplit(url).netloc} did not answer ({type(error).__name__}) for {url}; try again later"
        except UnreadableFile as error:
            failure = f"{url}: {error}; try again later"
        if failure:
            # raised outside the handler: the text of the first exception may hold the query, and with it a key
            raise FetchFailed(f"feed {feed.name}: {failure}")
        if answer.status_code == 304 or answer.status_code in request.absent:
            return None
        if answer.status_code != 200:
            what_to_do = _WHAT_TO_DO.get(answer.status_code, "try again later" if answer.status_code >= 500 else "the address may have changed")
            raise FetchFailed(f"feed {feed.name}: status {answer.status_code} for {url}; {what_to_do}; see {feed.url}")
        if request.page_size and content == b"[]":
            return None
        matched = declared.file_name.search(request.file_name) if declared.file_name else None
        return Arrival(
            feed.name,
            declared.name,
            request.file_name,
            content,
            edition_at=datetime.now(UTC),
            url=url,
            etag=answer.headers.get("ETag"),
            last_modified=answer.headers.get("Last-Modified"),
            parameters={k: v for k, v in (matched.groupdict() if matched else {}).items() if v},
        )

    def _ask(
        self, session: requests.Session, pace: _Pace, request: Request, headers: Mapping[str, str], paging: Mapping[str, str] | None = None
    ) -> tuple[bytes, requests.Response]:
        """The body of one answer; asked for again when it is cut off. Raises RequestException, or UnreadableFile when it is too long."""
        from requests.exceptions import ChunkedEncodingError

        params = {**request.params, **request.secrets, **(paging or {})}
        for attempt in range(1, BODY_ATTEMPTS + 1):
            pace.wait()
            try:
                with session.get(request.url, params=params, headers=dict(headers), timeout=TIMEOUT, stream=True) as answer:
                    content = bytearray()
                    for block in answer.iter_content(1 << 20):
                        content += block
                        if len(content) > MAX_BYTES:
                            raise UnreadableFile(f"the answer is longer than {MAX_BYTES:,} bytes")
                    return bytes(content), answer
            except ChunkedEncodingError:
                if attempt == BODY_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _pages(self, session: requests.Session, pace: _Pace, request: Request, headers: Mapping[str, str]) -> tuple[bytes, requests.Response]:
        """All pages as one JSON array, up to the first empty one: a provider may cut a page shorter than asked for, silently."""
        assert request.page_size
        rows: list[object] = []
        before: object = None
        while True:
            paging = {"$limit": str(request.page_size), "$offset": str(len(rows))}
            content, answer = self._ask(session, pace, request, headers, paging)
            if answer.status_code != 200:
                return content, answer
            try:
                page = json.loads(content)
            except ValueError:
                page = None
            if not isinstance(page, list):
                raise UnreadableFile(f"the page from row {len(rows):,} is not a list of rows")
            if not page:
                return json.dumps(rows, separators=(",", ":")).encode(), answer
            if page == before:
                raise UnreadableFile(f"the page from row {len(rows):,} repeats the one before: the provider does not page")
            rows.extend(page)
            before = page
