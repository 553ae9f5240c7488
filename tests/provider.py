"""A web server on this machine that answers as the providers do, and a session that sends every request to it.

Give it answers by the path of the provider's address; the last answer of a path repeats::

    with Provider() as provider:
        provider.answer("/data.csv", Answer(500), Answer(body=b"Date,Value\\n"))
        source = LiveSource(settings, provider.session)
"""

from __future__ import annotations

import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter

import ingest.client


@dataclass(frozen=True)
class Answer:
    """What the server says to one request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None  # with it, a request that names it is answered 304
    compressed: bool = False
    cut_after: int | None = None  # bytes of the body that are sent before the connection is closed
    hangs: bool = False  # nothing is sent until the server is closed


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


Respond = Callable[[Asked], Answer]


def socrata(rows: list[dict[str, Any]], most: int = 50_000) -> Respond:
    """A Socrata endpoint: 1000 rows unless `$limit` asks for more, never more than `most`, from `$offset` on."""

    def respond(asked: Asked) -> Answer:
        start = int(asked.query.get("$offset", 0))
        limit = min(int(asked.query.get("$limit", 1000)), most)
        return Answer(body=json.dumps(rows[start : start + limit]).encode(), headers={"Content-Type": "application/json"})

    return respond


class Provider:
    """The server, on a free port of 127.0.0.1, in a thread."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer | Respond]] = {}
        self._served: dict[str, int] = defaultdict(int)
        self._closing = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider._respond(self)

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

    def answer(self, path: str, *answers: Answer | Respond) -> None:
        """Give these answers to the requests of a path, one after another, the last one for ever. Other paths are answered 404."""
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
        asked = Asked(handler.headers.get("Host", ""), parts.path, query, dict(handler.headers))
        self.asked.append(asked)
        answers = self._answers.get(parts.path, [Answer(404)])
        chosen = answers[min(self._served[parts.path], len(answers) - 1)]
        self._served[parts.path] += 1
        answer = chosen if isinstance(chosen, Answer) else chosen(asked)
        if answer.hangs:
            self._closing.wait()
            handler.close_connection = True
            return
        if answer.etag and asked.headers.get("If-None-Match") == answer.etag:
            answer = Answer(304, etag=answer.etag)
        body = gzip.compress(answer.body) if answer.compressed else answer.body
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.etag:
            handler.send_header("ETag", answer.etag)
        if answer.compressed:
            handler.send_header("Content-Encoding", "gzip")
        if answer.status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if answer.cut_after is not None:
            handler.wfile.write(body[: answer.cut_after])
            handler.close_connection = True
        elif answer.status != 304:
            handler.wfile.write(body)


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
