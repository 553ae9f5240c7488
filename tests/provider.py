"""A web server on this machine that answers as the providers do, and a session that sends every request to it.

Give it answers by the path of the provider's address; the last answer of a path repeats::

    with Provider() as provider:
        provider.answer("/data.csv", Answer(500), Answer(body=b"Date,Value\\n"))
        source = LiveSource(settings, provider.session)

`Simulated` makes it a live format of a feed, with the files of the sample world.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

import ingest.client
from ingest.feed import Feed, FetchWindow, Format, Request
from ingest.sample import END, SampleFile

WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sorry</title></head><body>We are down for maintenance.</body></html>"


@dataclass(frozen=True)
class Answer:
    """What the server says to one request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None  # with it, a request that names it is answered 304
    last_modified: str | None = None  # the same
    ranges: bool = False  # a request for the rest of the body is answered with it, if its If-Range is the etag or last_modified
    compressed: bool = False
    chunked: bool = False  # no length is said before
    cut_after: int | None = None  # bytes of what is sent before the connection is closed
    slow: bool = False  # sent in small pieces with pauses between
    hangs: bool = False  # nothing is sent until the server is closed


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str = "GET"
    body: Any = None


Respond = Callable[[Asked], Answer]


def socrata(rows: list[dict[str, Any]], most: int = 50_000) -> Respond:
    """A Socrata endpoint: 1000 rows unless `$limit` asks for more, never more than `most`, from `$offset` on."""

    def respond(asked: Asked) -> Answer:
        start = int(asked.query.get("$offset", 0))
        limit = min(int(asked.query.get("$limit", 1000)), most)
        return Answer(body=json.dumps(rows[start : start + limit]).encode(), headers={"Content-Type": "application/json"})

    return respond


def posted(rows: list[dict[str, Any]], most: int = 5000) -> Respond:
    """An endpoint that is asked by POST, with `limit` and `offset` in the body."""

    def respond(asked: Asked) -> Answer:
        if asked.method != "POST":
            return Answer(405)
        start = int(asked.body.get("offset", 0))
        return Answer(body=json.dumps(rows[start : start + min(int(asked.body["limit"]), most)]).encode())

    return respond


def numbered(pages: Sequence[bytes], parameter: str = "page") -> Respond:
    """An endpoint whose pages have numbers from 1; a number beyond the last is answered 404."""

    def respond(asked: Asked) -> Answer:
        number = int(asked.query.get(parameter, 1))
        return Answer(body=pages[number - 1]) if 1 <= number <= len(pages) else Answer(404)

    return respond


class Provider:
    """The server, on a free port of 127.0.0.1, in a thread."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.otherwise: Respond = lambda asked: Answer(404)
        self._answers: dict[str, list[Answer | Respond]] = {}
        self._served: dict[str, int] = defaultdict(int)
        self._closing = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are two writes: without this each answer waits for an acknowledgement

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that has seen enough
                    super().handle()

            def do_GET(self) -> None:
                provider._respond(self)

            def do_POST(self) -> None:
                provider._respond(self)

            def do_CONNECT(self) -> None:
                """What a proxy is asked for an https address; this one connects to nothing."""
                provider.asked.append(Asked(self.path, "", {}, dict(self.headers), "CONNECT"))
                self.send_response(502)
                self.send_header("Content-Length", "0")
                self.end_headers()
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Provider:
        self._pause, ingest.client.PAUSE = ingest.client.PAUSE, 0
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ingest.client.PAUSE = self._pause
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def encrypt(self, certificate: Path, key: Path) -> str:
        """Speak TLS with this certificate from now on; returns the address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        return f"https://localhost:{self._server.server_address[1]}"

    def answer(self, path: str, *answers: Answer | Respond) -> None:
        """Give these answers to the requests of a path, one after another, the last one for ever. Other paths are answered by `otherwise`, 404."""
        self._answers[path] = list(answers)
        self._served[path] = 0

    def requests_of(self, path: str) -> list[Asked]:
        """Requests of a path, in order."""
        return [asked for asked in self.asked if asked.path == path]

    def session(self) -> requests.Session:
        """The session of a live source, retries included but without pauses, whose connections all lead here."""
        session = ingest.client.open_session()
        configured = session.get_adapter("https://").max_retries  # type: ignore[attr-defined]
        session.mount("https://", _Diverted(self.address, configured.new(backoff_factor=0, backoff_jitter=0)))
        session.trust_env = False  # no proxy of the machine
        return session

    def _respond(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        sent = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.headers.get("Host", ""), parts.path, query, dict(handler.headers), handler.command, json.loads(sent) if sent else None)
        self.asked.append(asked)
        answers = self._answers.get(parts.path, [self.otherwise])
        chosen = answers[min(self._served[parts.path], len(answers) - 1)]
        self._served[parts.path] += 1
        answer = chosen if isinstance(chosen, Answer) else chosen(asked)
        if answer.hangs:
            self._closing.wait()
            handler.close_connection = True
            return
        self._send(handler, asked, answer)

    def _send(self, handler: BaseHTTPRequestHandler, asked: Asked, answer: Answer) -> None:
        status, body = answer.status, gzip.compress(answer.body) if answer.compressed else answer.body
        if status == 200 and any(value and asked.headers.get(header) == value for header, value in _conditions(answer)):
            status, body = 304, b""
        headers = dict(answer.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("Range", ""))
        if status == 200 and answer.ranges and wanted and asked.headers.get("If-Range") in (answer.etag, answer.last_modified):
            start, whole = int(wanted[1]), len(body)
            status, body = (206, body[start:]) if start < whole else (416, b"")
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}" if status == 206 else f"bytes */{whole}"
        handler.send_response(status)
        for name, value in (*headers.items(), ("ETag", answer.etag), ("Last-Modified", answer.last_modified)):
            if value:
                handler.send_header(name, value)
        if answer.compressed:
            handler.send_header("Content-Encoding", "gzip")
        if answer.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        elif status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        shown = body if answer.cut_after is None else body[: answer.cut_after]
        for piece in [shown[at : at + 16] for at in range(0, len(shown), 16)] if answer.slow else [shown] if shown else []:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
            if answer.slow:
                time.sleep(0.001)
        if answer.cut_after is not None:
            handler.close_connection = True
        elif answer.chunked:
            handler.wfile.write(b"0\r\n\r\n")


def _conditions(answer: Answer) -> tuple[tuple[str, str | None], ...]:
    return (("If-None-Match", answer.etag), ("If-Modified-Since", answer.last_modified))


class _Diverted(HTTPAdapter):
    """Sends a request for any https address to the local server; the answer still bears the provider's address."""

    def __init__(self, address: str, retries: Any) -> None:
        super().__init__(max_retries=retries)
        self._address = address

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        diverted = request.copy()
        diverted.url = f"{self._address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        diverted.headers["Host"] = parts.netloc
        answer = super().send(diverted, *args, **kwargs)
        answer.url, answer.request = str(request.url), request
        return answer


# --- a live format, with the files of the sample world ------------------------------------------------------------------------


# What a page says that only leads to others (`Request.lands` is false), by feed, made from the sample files it leads to. The test of
# the connectors says when one is missing.
def _links(files: Sequence[SampleFile]) -> bytes:
    """A page with a link to each file, wherever it lies."""
    return "\n".join(f'<a href="//files.example/moved/{file.name}">{file.name}</a>' for file in files).encode()


def _filings(files: Sequence[SampleFile]) -> bytes:
    """The SEC's list of a manager's filings, or its page of archives."""
    if files[0].format == "data_set":
        return _links(files)
    columns = ("accessionNumber", "form", "filingDate", "reportDate", "primaryDocument", "size")
    rows = [(_stem(file.name), "13F-HR", file.edition_at.date().isoformat(), "2023-09-30", "primary_doc.xml", 1) for file in files]
    return json.dumps({"filings": {"recent": dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))}}).encode()


PAGES: dict[str, Callable[[Sequence[SampleFile]], bytes]] = {
    "sec_13f_filing": _filings,
    "sec_fails_to_deliver": _links,
    "sec_nport": _links,
    "shiller_market": _links,
}

# Observations that are asked for: the newest of the sample world, more where a feed has none or none of that name.
_SPANS = (45, 400, 366 * 20)
MOST = 2  # requests of a format that are simulated, and requests an answer leads to


class Simulated:
    """A live format as its provider serves it, less all but the first requests: bytes of the sample world under the provider's addresses.

    `declared` is the format with these requests only. `before` answers the first time an address is asked, `instead` every time an address
    is asked whose answer lands.
    """

    def __init__(self, feed: Feed, declared: Format, files: Sequence[SampleFile], keys: Mapping[str, str]) -> None:
        self.feed = feed
        self.before: Answer | None = None
        self.instead: Answer | None = None
        self.served: dict[str, tuple[Request, bytes]] = {}
        self.secrets: set[str] = set()
        self._seen: set[str] = set()
        self._newest = {_stem(file.name): file for file in sorted(files, key=lambda file: file.edition_at)}
        self.start, self.end, chosen = self._choose(declared, keys)
        self.declared = replace(declared, requests=lambda window: chosen, chunk_days=None)

    def reset(self) -> None:
        """Behave well, and forget who has asked."""
        self.before = self.instead = None
        self._seen.clear()

    def _choose(self, declared: Format, keys: Mapping[str, str]) -> tuple[date, date, list[Request]]:
        assert declared.requests
        end, found = END.date(), []
        # some formats stand in for those that need a key
        for held in (keys, {name: value for name, value in keys.items() if not name.endswith("_key")}):
            for span in _SPANS:
                start = end - timedelta(days=span)
                asked = list(islice(declared.requests(FetchWindow(start, end, held)), 5000))
                named = [request for request in asked if _stem(request.file_name) in self._newest or self._leads(request)]
                found = found or [(start, asked)] if asked else found
                if named:
                    return start, end, [self._serve(request) for request in named[:MOST]]
        if not found:
            pytest.fail(f"format {declared.name} of feed {self.feed.name} asks for nothing in the last 20 years of the sample world")
        start, asked = found[0]
        return start, end, [self._serve(request) for request in asked[:MOST]]

    def _leads(self, request: Request) -> bool:
        """Whether a request is of a page that leads to others, in what it is asked for."""
        if request.lands or request.following is None or self.feed.name not in PAGES:
            return False
        return any(True for _ in request.following(PAGES[self.feed.name](list(self._newest.values()))))

    def _serve(self, request: Request) -> Request:
        """Remember the answer to a request, and those to the requests it leads to; returns it, leading to these only."""
        if not request.lands:
            if self.feed.name not in PAGES:
                pytest.fail(f"feed {self.feed.name} asks {request.url}, whose answer leads to others: put such a page into PAGES of tests/provider.py")
            body = PAGES[self.feed.name](list(self._newest.values()))
        else:
            file = self._newest.get(_stem(request.file_name)) or next(iter(self._newest.values()), None)
            if file is None:
                pytest.fail(f"the sample world has no file of feed {self.feed.name} in the format of {request.url}")
            body = file.content
        self.secrets |= set(request.secrets)
        self.served[self._key(ingest.client.address_of(request), request.body)] = (request, body)
        if request.following is None:
            return request
        led_to = [self._serve(each) for each in islice(request.following(body), MOST)]
        if not request.lands and not led_to:
            pytest.fail(f"the page of PAGES for feed {self.feed.name} leads to no request")
        return replace(request, following=lambda answer: led_to)

    def _key(self, address: str, body: Any) -> str:
        parts = urlsplit(address)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in {*self.secrets, "$limit", "$offset"}]
        shown = {name: value for name, value in (body or {}).items() if name not in ("limit", "offset")}
        return json.dumps([parts.netloc, parts.path, sorted(query), shown], sort_keys=True)

    def __call__(self, asked: Asked) -> Answer:
        """The answer to a request that came in."""
        query = "&".join(f"{requests.utils.quote(name, safe='')}={requests.utils.quote(value, safe='')}" for name, value in asked.query.items())
        key = self._key(f"https://{asked.host}{asked.path}?{query}", asked.body)
        if key not in self.served:
            return Answer(404)
        request, body = self.served[key]
        if self.before and key not in self._seen:
            self._seen.add(key)
            return self.before
        if self.instead and request.lands:
            return self.instead
        if request.page_size:
            rows = json.loads(body)
            return posted(rows)(asked) if request.body is not None else socrata(rows)(asked)
        return Answer(body=body, etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"', ranges=request.large)


def _stem(name: str) -> str:
    """A file's name without a suffix: some providers' addresses have none."""
    return PurePath(name).stem.lower()
