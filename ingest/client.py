"""Asking one provider: paced, retried, within time limits, whole or not at all. A large answer goes to disk and goes on after a cut."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import re
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ingest.feed import Request, UnreadableFile
from ingest.secrets import masked

if TYPE_CHECKING:
    import requests

USER_AGENT = "Mozilla/5.0 (compatible; Ebbtide/0.1)"  # some providers refuse clients without a browser-like name
TIMEOUT = (10, 120)  # seconds to connect, and between two parts of an answer
MAX_BYTES = 1024**3  # an answer longer than this is refused, unless its request is declared `large`
MAX_LARGE_BYTES = 16 * 1024**3
MAX_RETRY_AFTER = 120  # seconds; a provider that asks for a longer pause is asked again by the next refresh
BODY_ATTEMPTS = 3  # requests for an answer that is cut off in the middle; for a large one, in a row without a new byte
PAUSE = 1.5  # seconds before an answer that was cut off is asked for again, twice as long each time, and up to as much again by chance
BLOCK = 1 << 20

Tell = Callable[[int, int | None], None]  # bytes received so far, and how many there are


class Pace:
    """At most so many requests a second to one provider, over all threads of the process."""

    def __init__(self, a_second: float) -> None:
        self.interval = 1 / a_second
        self.next = 0.0
        self.lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until the next request may be sent."""
        with self.lock:
            now = time.monotonic()
            delay = max(0.0, self.next - now)
            self.next = max(now, self.next) + self.interval
        if delay:
            time.sleep(delay)


BUSY = (429, 500, 502, 503, 504)


def open_session() -> requests.Session:
    """A session that asks again, after a pause, when a provider is busy or cannot be reached. Proxies are those of the environment."""
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
        status_forcelist=BUSY,
        # a POST here is a question that is too long for an address: asking twice changes nothing
        allowed_methods=("GET", "POST"),
        raise_on_status=False,
        retry_after_max=MAX_RETRY_AFTER,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = USER_AGENT
    return session


def retry_also(session: requests.Session, statuses: tuple[int, ...]) -> None:
    """Ask again for these statuses too."""
    for adapter in session.adapters.values():
        retries = adapter.max_retries  # type: ignore[attr-defined]
        adapter.max_retries = retries.new(status_forcelist=(*BUSY, *statuses))  # type: ignore[attr-defined]


def address_of(request: Request) -> str:
    """What tells this request from others: its address without secrets, and for a POST a digest of the body as fragment."""
    import requests

    url = requests.Request("GET", request.url, params=dict(request.params)).prepare().url or request.url
    if request.body is None:
        return url
    body = json.dumps(request.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{url}#{hashlib.sha256(body.encode()).hexdigest()[:16]}"


def _said(body: bytes, secrets: Mapping[str, str]) -> str:
    """What a refusal says in words, without secrets; nothing when it is no JSON object that says anything."""
    try:
        document = json.loads(body)
        text = " ".join(str(document.get("error_message") or document.get("message") or "").split())[:300]
    except (ValueError, AttributeError, RecursionError):
        return ""
    return masked(text, secrets.values())


@contextmanager
def kept_from_logs(secrets: Mapping[str, str]) -> Iterator[None]:
    """Keep secrets out of what urllib3 logs: it writes whole addresses, on a retry as a warning."""

    def redact(record: logging.LogRecord) -> bool:
        record.msg, record.args = masked(record.getMessage(), secrets.values()), ()
        return True

    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")] if any(secrets.values()) else []
    for logger in loggers:
        logger.addFilter(redact)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redact)


@dataclass(frozen=True)
class Answer:
    """A provider's answer: the body, or for a large one the file it was written to with its hash; no body unless the status is 200.

    `said` is what a service says in words of a request it refuses (`error_message` or `message` of a JSON answer).
    """

    status: int
    etag: str | None = None
    last_modified: str | None = None
    content: bytes | Path = b""
    sha256: str | None = None
    said: str = ""


class CutOff(Exception):
    """An answer was cut off in the middle, several times."""


class Taken(Exception):
    """Another process is downloading the same answer."""


class Client:
    """One provider, asked at its pace."""

    def __init__(self, session: requests.Session, pace: Pace) -> None:
        self.session = session
        self.pace = pace

    def ask(self, request: Request, headers: Mapping[str, str], paging: Mapping[str, int] | None = None) -> Answer:
        """One answer in memory; asked for again when it is cut off.

        Raises RequestException, CutOff, or UnreadableFile when it is too long.
        """
        for attempt in range(BODY_ATTEMPTS):
            if attempt:
                _pause(attempt)
            with self._sent(request, headers, paging) as answer:
                content = bytearray()
                for block in _blocks(answer):
                    if block is None:
                        break
                    content += block
                    if len(content) > MAX_BYTES:
                        raise UnreadableFile(f"the answer is longer than {MAX_BYTES:,} bytes")
                else:
                    if answer.status_code == 200:
                        return _answer(answer, bytes(content))
                    return replace(_answer(answer), said=_said(bytes(content), request.secrets))
        raise CutOff(f"was cut off in the middle of the answer, {BODY_ATTEMPTS} times")

    def pages(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """All pages as one JSON array, up to the first empty one: a provider may cut a page shorter than asked for, silently."""
        assert request.page_size
        limit, offset = ("$limit", "$offset") if request.body is None else ("limit", "offset")
        rows: list[object] = []
        before: object = None
        while True:
            answer = self.ask(request, headers, {limit: request.page_size, offset: len(rows)})
            if answer.status != 200:
                return answer
            assert isinstance(answer.content, bytes)
            try:
                page = json.loads(answer.content)
            except (ValueError, RecursionError):
                page = None
            if not isinstance(page, list):
                raise UnreadableFile(f"the page from row {len(rows):,} is not a list of rows")
            if not page:
                return Answer(200, answer.etag, answer.last_modified, json.dumps(rows, separators=(",", ":")).encode() if rows else b"")
            if page == before:
                raise UnreadableFile(f"the page from row {len(rows):,} repeats the one before: the provider does not page")
            rows.extend(page)
            before = page

    def download(self, request: Request, headers: Mapping[str, str], partial: Partial, tell: Tell) -> Answer:
        """One answer on disk, as long as the provider said. After a cut it goes on where it stopped, now or in the next fetch.

        Raises RequestException, CutOff, UnreadableFile when it is too long or a damaged zip, OSError when the disk has no room.
        """
        without_progress = 0
        first = True
        while not partial.complete:
            if not first:
                _pause(1 + without_progress)
            first, before = False, partial.size
            asked = {**headers, "Accept-Encoding": "identity"}
            if partial.size:
                # validators of the landed edition would answer 304 for the old one while the new one is half here
                asked = {name: value for name, value in asked.items() if name not in ("If-None-Match", "If-Modified-Since")}
                asked |= {"Range": f"bytes={partial.size}-", "If-Range": partial.validator}
            with self._sent(request, asked) as answer:
                if answer.status_code == 200:
                    partial.start(answer.headers)
                elif answer.status_code not in (206, 416):
                    return _answer(answer)
                elif not partial.fits(answer.headers.get("Content-Range", "")):
                    partial.discard()
                if partial.started:
                    partial.receive(_bytes_as_they_come(answer), tell)
            if not partial.complete:
                without_progress = without_progress + 1 if partial.size <= before else 0
                if BODY_ATTEMPTS in (without_progress, partial.restarts):
                    kept = f"; {partial.size:,} bytes are kept and the next fetch goes on from there" if partial.size else ""
                    raise CutOff(f"was cut off in the middle of the answer, {BODY_ATTEMPTS} times{kept}")
        partial.check()
        return Answer(200, partial.etag, partial.last_modified, partial.path, partial.sha256)

    @contextmanager
    def _sent(self, request: Request, headers: Mapping[str, str], paging: Mapping[str, int] | None = None) -> Iterator[requests.Response]:
        params = {**request.params, **request.secrets}
        body = None if request.body is None else {**request.body, **(paging or {})}
        if body is None:
            params |= {name: str(value) for name, value in (paging or {}).items()}
        self.pace.wait()
        method = "GET" if body is None else "POST"
        with self.session.request(method, request.url, params=params, json=body, headers=dict(headers), timeout=TIMEOUT, stream=True) as answer:
            yield answer


def _answer(answer: requests.Response, content: bytes = b"") -> Answer:
    return Answer(answer.status_code, answer.headers.get("ETag"), answer.headers.get("Last-Modified"), content)


def _blocks(answer: requests.Response) -> Iterator[bytes | None]:
    """The body in blocks; None last when it was cut off or stalled."""
    from requests.exceptions import ChunkedEncodingError, ConnectionError

    try:
        yield from answer.iter_content(BLOCK)
    except (ChunkedEncodingError, ConnectionError):
        yield None


def _bytes_as_they_come(answer: requests.Response) -> Iterator[bytes | None]:
    """The body in pieces of what has arrived; None last when it was cut off or stalled. A block that is filled first is lost with a cut."""
    from urllib3.exceptions import HTTPError

    try:
        while piece := answer.raw.read1(BLOCK, decode_content=True):
            yield piece
    except HTTPError:
        yield None


def _pause(attempt: int) -> None:
    wait = PAUSE * 2 ** (attempt - 1)
    time.sleep(random.uniform(wait, 2 * wait))


@dataclass
class Partial:
    """The part of a large answer that is here: `<name>.part`, and `<name>.json` with what the provider said of it.

    One process at a time works on it (`held`). What it has written survives the process.
    """

    path: Path
    address: str
    etag: str | None = None
    last_modified: str | None = None
    length: int | None = None
    encoded: bool = False
    size: int = 0
    started: bool = False
    ended: bool = False
    restarts: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    @classmethod
    def of(cls, folder: Path, address: str) -> Partial:
        """The part of the answer of an address."""
        return cls(folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.part", address)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from it, and take up what an earlier one left. Raises Taken when another process works on it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Taken("is being downloaded by another process") from None
        try:
            self._take_up()
            yield
        finally:
            lock.release()

    @property
    def validator(self) -> str:
        """What tells the provider which edition the part belongs to; empty when it gave nothing that could."""
        if self.encoded:
            return ""  # the byte a Range counts is not the byte that is written here
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified or ""

    @property
    def complete(self) -> bool:
        """Whether all of the answer is here."""
        return self.started and (self.size == self.length if self.length is not None else self.ended)

    @property
    def sha256(self) -> str:
        """Hash of what is here."""
        return str(self._hash.hexdigest())

    def fits(self, content_range: str) -> bool:
        """Whether an answer with this Content-Range goes on where the part ends."""
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range.strip()) if self.started else None
        if not found or int(found[1]) != self.size:
            return False
        if self.length is None and found[2] != "*":
            self.length = int(found[2])
        return found[2] in ("*", str(self.length))

    def start(self, headers: Mapping[str, str]) -> None:
        """Begin anew with the answer that has these headers. Raises UnreadableFile when it is too long, OSError when the disk has no room."""
        self.discard()
        self.encoded = headers.get("Content-Encoding", "identity") != "identity"
        length = headers.get("Content-Length", "")
        self.length = int(length) if length.isdigit() and not self.encoded else None
        self.etag, self.last_modified = headers.get("ETag"), headers.get("Last-Modified")
        if self.length and self.length > MAX_LARGE_BYTES:
            raise UnreadableFile(f"the answer is longer than {MAX_LARGE_BYTES:,} bytes")
        free = shutil.disk_usage(self.path.parent).free
        if self.length and self.length > free:
            raise OSError(28, f"{self.address} needs {self.length:,} bytes, {free:,} are free in {self.path.parent}")
        said = {"address": self.address, "etag": self.etag, "last_modified": self.last_modified, "length": self.length, "encoded": self.encoded}
        note = self.path.with_suffix(".json")
        temporary = note.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(said), encoding="utf-8")
        temporary.replace(note)
        self.started = True
        self.restarts += 1

    def receive(self, blocks: Iterator[bytes | None], tell: Tell) -> None:
        """Append what comes, and hash it. Raises UnreadableFile when it is too long."""
        self.ended = False
        told = self.size
        with self.path.open("ab") as stream:
            for block in blocks:
                if block is None:
                    break
                stream.write(block)
                self._hash.update(block)
                self.size += len(block)
                if self.size > MAX_LARGE_BYTES:
                    raise UnreadableFile(f"the answer is longer than {MAX_LARGE_BYTES:,} bytes")
                if self.size - told >= BLOCK:
                    told = self.size
                    tell(self.size, self.length)
            else:
                self.ended = True
            stream.flush()
            os.fsync(stream.fileno())
        if not self.complete and ((self.size and not self.validator) or (self.length is not None and self.size > self.length)):
            self.discard()

    def check(self) -> None:
        """Raise UnreadableFile, and drop the part, when it is a zip without an end."""
        with self.path.open("rb") as stream:
            zipped = stream.read(4) == b"PK\x03\x04"
        if zipped and not zipfile.is_zipfile(self.path):
            self.discard()
            raise UnreadableFile("the zip has no end: it is damaged")

    def discard(self) -> None:
        """Drop what is here."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".json").unlink(missing_ok=True)
        self.etag = self.last_modified = self.length = None
        self.size, self.started, self.ended, self.encoded, self._hash = 0, False, False, False, hashlib.sha256()

    def _take_up(self) -> None:
        try:
            said = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
            kept = said["address"] == self.address and self.path.exists()
        except (OSError, ValueError, KeyError, TypeError):
            kept = False
        if not kept:
            self.discard()
            return
        self.etag, self.last_modified, self.length, self.encoded = said["etag"], said["last_modified"], said["length"], said["encoded"]
        with self.path.open("rb") as stream:
            while block := stream.read(BLOCK):
                self._hash.update(block)
                self.size += len(block)
        self.started = True
        if not self.complete and (not self.validator or (self.length is not None and self.size > self.length)):
            self.discard()
