"""What a feed may ask of the live client beside a plain file: posts, pages, links, large and unchanging files, keys, days already answered."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from provider import WEB_PAGE, Answer, Provider, numbered, posted

import ingest.client
import ingest.feed
import ingest.source
from ingest.client import Partial, open_session
from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, Key, PublicationLag, Request
from ingest.feeds import FEEDS
from ingest.feeds.fred import API_KEY
from ingest.landing import Landing
from ingest.reader import delimited
from ingest.source import FetchFailed, KeyMissing, LiveSource, Step
from warehouse.settings import Settings

AS_OF = datetime(2026, 10, 9, 22, tzinfo=UTC)
HOST = "https://office.example"
CSV = b"Day,Value\n2026-10-05,1\n"
PAGE = "https://office.example/register"


def readings(requests: Callable[[FetchWindow], Iterable[Request]], chunk_days: int | None = None) -> Feed:
    """An invented feed that asks for these."""
    header = re.compile(r"^Day,Value")
    return Feed(
        name="readings",
        provider="office",
        title="Readings",
        description="Readings of an office.",
        url=HOST,
        licence="none",
        cadence=Cadence.DAILY,
        lag=PublicationLag(1, "08:00"),
        key=("day",),
        columns=(Column("day", "DATE", "Day"), Column("value", "DOUBLE", "Value", "1")),
        formats=(Format("csv", Access.LIVE, header, delimited(r"^Day,Value"), "invented", requests=requests, chunk_days=chunk_days),),
        observation_column="day",
    )


class Office:
    """A home whose only feed is `readings`."""

    def __init__(self, folder: Path, server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.server = server
        self.patch = monkeypatch
        self.steps: list[Step] = []
        self.settings = Settings(source="live", home_setting=folder, as_of=AS_OF, history_years=1)
        self.known(ingest.feed.Provider(1e6))

    def known(self, provider: ingest.feed.Provider) -> None:
        self.patch.setattr(ingest.source, "provider_of", lambda name: provider)

    def asks(self, *requests: Request, by: Callable[[FetchWindow], Iterable[Request]] | None = None, chunk_days: int | None = None) -> None:
        feed = readings(by or (lambda window: requests), chunk_days)
        self.patch.setitem(FEEDS, "readings", feed)
        self.patch.setattr(ingest.source, "feeds_of", lambda provider: [feed])

    def fetch(self, start: date | None = None, end: date | None = None, **how: bool) -> tuple[int, int]:
        self.server.asked.clear()
        source = LiveSource(self.settings, self.server.session, self.steps.append)
        return self.landing.land(source.fetch("readings", start, end, **how), "live")

    @property
    def landing(self) -> Landing:
        return Landing(self.settings.landing_dir)

    def names(self) -> list[str]:
        return [landed.name for landed in self.landing.manifest("readings")]

    def content(self) -> list[bytes]:
        return [self.landing.path(landed).read_bytes() for landed in self.landing.manifest("readings")]

    def partial(self) -> list[str]:
        return sorted(path.suffix for path in self.landing.downloads.glob("*") if path.suffix != ".lock")


@pytest.fixture
def server() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path / "home", server, monkeypatch)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that retries make, noted instead of slept, at a time that stands still."""
    noted: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=noted.append, time=lambda: AS_OF.timestamp()))
    return noted


# --- posts and pages ------------------------------------------------------------------------------------------------------


def test_a_post_sends_its_body_and_its_address_names_it(office: Office, server: Provider) -> None:
    def asked(name: str) -> Request:
        return Request(f"{HOST}/data", f"{name}.csv", {"a": "1"}, headers={"Accept": "text/csv"}, body={"name": name})

    server.answer("/data", lambda request: Answer(body=CSV + str(request.body).encode(), etag='"one"'))
    office.asks(asked("b"), asked("c"))
    assert office.fetch() == (2, 2)
    assert [(each.method, each.body, each.query, each.headers["Accept"]) for each in server.asked] == [
        ("POST", {"name": "b"}, {"a": "1"}, "text/csv"),
        ("POST", {"name": "c"}, {"a": "1"}, "text/csv"),
    ]
    urls = [landed.url for landed in office.landing.manifest("readings")]
    assert len(set(urls)) == 2 and all(re.fullmatch(r"https://office.example/data\?a=1#[0-9a-f]{16}", str(url)) for url in urls)
    # the same answer is told by its bytes: a POST has no condition that would make it a 304
    assert office.fetch() == (2, 0)
    assert not any("If-None-Match" in each.headers for each in server.asked)


def test_a_post_is_asked_again_after_an_error_and_a_cut(office: Office, server: Provider) -> None:
    server.answer("/data", Answer(503), Answer(body=CSV, cut_after=5), Answer(body=CSV))
    office.asks(Request(f"{HOST}/data", "data.csv", body={"limit": 5}))
    assert office.fetch() == (1, 1)
    assert [each.body for each in server.asked] == [{"limit": 5}] * 3
    assert office.content() == [CSV]


def test_pages_of_a_post_are_put_together(office: Office, server: Provider) -> None:
    rows = [{"day": f"2026-01-{day:02}"} for day in range(1, 12)]
    server.answer("/data", posted(rows, most=4))
    office.asks(Request(f"{HOST}/data", "data.json", body={"fields": ["day"]}, page_size=5))
    assert office.fetch() == (1, 1)
    assert json.loads(office.content()[0]) == rows
    assert [each.body for each in server.asked] == [{"fields": ["day"], "limit": 5, "offset": offset} for offset in (0, 4, 8, 11)]


def page(number: int) -> Request:
    return Request(f"{HOST}/pages", f"page_{number}.csv", {"page": str(number)}, following=lambda answer: [page(number + 1)])


def test_each_page_lands_until_there_is_none(office: Office, server: Provider) -> None:
    server.answer("/pages", numbered([CSV, CSV.replace(b"05", b"06"), CSV.replace(b"05", b"07")]))
    office.asks(page(1))
    assert office.fetch() == (3, 3)
    assert office.names() == ["page_1.csv", "page_2.csv", "page_3.csv"]
    assert [(each.done, each.known, each.name) for each in office.steps][-2:] == [(3, 4, "page_4.csv"), (4, 4, "")]


def test_pages_beyond_an_unchanged_first_one_are_asked_for(office: Office, server: Provider) -> None:
    second = [CSV.replace(b"05", b"06")]
    pages = {"1": Answer(body=CSV, etag='"one"'), "2": None, "3": Answer(404)}
    server.answer("/pages", lambda asked: pages[asked.query["page"]] or Answer(body=second[-1]))
    office.asks(page(1))
    office.fetch()
    second.append(CSV.replace(b"05", b"07"))
    assert office.fetch() == (1, 1)
    assert server.asked[0].headers["If-None-Match"] == '"one"'
    assert office.names() == ["page_1.csv", "page_2.csv", "page_2.csv"]


def test_a_provider_that_gives_the_same_page_for_ever_is_noticed(office: Office, server: Provider) -> None:
    server.answer("/pages", Answer(body=CSV))
    office.asks(page(1))
    with pytest.raises(FetchFailed, match=r"feed readings: https://office.example/pages\?page=2 repeats the page before"):
        office.fetch()
    assert len(server.asked) == 2


# --- links ----------------------------------------------------------------------------------------------------------------


def linked(answer: bytes) -> list[Request]:
    return [Request(HOST + link, link.rpartition("/")[2], immutable=True) for link in re.findall(r'href="([^"]+\.csv)"', answer.decode())]


INDEX = Request(f"{HOST}/index.html", "index.html", following=linked, lands=False)


def test_a_page_that_leads_to_files_does_not_land_itself(office: Office, server: Provider) -> None:
    server.answer("/index.html", Answer(body=b'<html><a href="/moved/a.csv">a</a> <a href="/b.csv">b</a></html>'))
    server.answer("/moved/a.csv", Answer(body=CSV))
    server.answer("/b.csv", Answer(body=CSV.replace(b"05", b"06")))
    office.asks(INDEX)
    assert office.fetch() == (2, 2)
    assert office.names() == ["a.csv", "b.csv"]


def test_a_file_that_never_changes_is_asked_for_once(office: Office, server: Provider) -> None:
    index = [b'<a href="/a.csv">', b'<a href="/a.csv"><a href="/b.csv">']
    server.answer("/index.html", *[Answer(body=body) for body in index])
    server.answer("/a.csv", Answer(body=CSV))
    server.answer("/b.csv", Answer(body=CSV.replace(b"05", b"06")))
    office.asks(INDEX)
    assert [office.fetch(), office.fetch(), office.fetch()] == [(1, 1), (1, 1), (0, 0)]
    assert [each.path for each in server.asked] == ["/index.html"]


@pytest.mark.parametrize("bad", [WEB_PAGE, b""])
def test_a_web_page_or_nothing_in_its_place_is_asked_for_again(office: Office, server: Provider, bad: bytes) -> None:
    server.answer("/a.csv", Answer(body=bad), Answer(body=CSV))
    office.asks(Request(f"{HOST}/a.csv", "a.csv", immutable=True))
    assert [office.fetch(), office.fetch(), office.fetch()] == [(1, 1), (1, 1), (0, 0)]
    assert office.content() == [bad, CSV]


def test_bytes_that_were_deleted_are_asked_for_without_condition(office: Office, server: Provider) -> None:
    server.answer("/a.csv", Answer(body=CSV, etag='"one"'))
    office.asks(Request(f"{HOST}/a.csv", "a.csv", immutable=True))
    office.fetch()
    office.landing.path(office.landing.manifest("readings")[0]).unlink()
    assert office.fetch()[0] == 1
    assert "If-None-Match" not in server.asked[0].headers


@pytest.mark.parametrize("following", [lambda answer: [json.loads(answer)["next"]], lambda answer: answer.nothing])
def test_an_answer_that_does_not_lead_on_is_a_failure_that_says_so(office: Office, server: Provider, following: Any) -> None:
    server.answer("/a.csv", Answer(body=CSV))
    office.asks(Request(f"{HOST}/a.csv", "a.csv", following=following))
    with pytest.raises(FetchFailed, match=r"feed readings: the answer of https://office\S+ does not say where to go on \((JSONDecode|Attribute)Error"):
        office.fetch()
    assert office.names() == ["a.csv"]


# --- large files ----------------------------------------------------------------------------------------------------------


def archive(seed: int = 1) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("a.csv", random.Random(seed).randbytes(3000))
    return packed.getvalue()


ZIP = archive()
LARGE = Request(f"{HOST}/all.zip", "all.zip", large=True)
WHOLE = Answer(body=ZIP, etag='"one"', ranges=True)


def cut(at: int, answer: Answer = WHOLE) -> Answer:
    return replace(answer, cut_after=at)


def ranges(server: Provider) -> list[str | None]:
    return [each.headers.get("Range") for each in server.asked]


def test_a_large_file_lands_as_it_is(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.client, "BLOCK", 1000)
    server.answer("/all.zip", replace(WHOLE, slow=True))
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    (landed,) = office.landing.manifest("readings")
    assert office.content() == [ZIP]
    assert (landed.sha256, landed.size, landed.etag) == (hashlib.sha256(ZIP).hexdigest(), len(ZIP), '"one"')
    assert office.partial() == []
    assert len({step.received for step in office.steps}) == 4 and {step.length for step in office.steps if step.received} == {len(ZIP)}
    # the next time it costs a 304
    assert office.fetch() == (0, 0)
    assert server.asked[0].headers["If-None-Match"] == '"one"'


def test_a_large_file_is_never_whole_in_memory(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few bytes are all the client holds, and bytes are never read back whole."""
    monkeypatch.setattr(ingest.client, "BLOCK", 64)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read whole"))
    held: list[int] = []
    receive = Partial.receive

    def noted(partial: Partial, blocks: Iterator[bytes | None], tell: Any) -> None:
        def sizes() -> Iterator[bytes | None]:
            for block in blocks:
                held.append(len(block or b""))
                yield block

        receive(partial, sizes(), tell)

    monkeypatch.setattr(Partial, "receive", noted)
    server.answer("/all.zip", WHOLE)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert max(held) <= 64 and sum(held) == len(ZIP)


def test_after_a_cut_the_rest_is_asked_for(office: Office, server: Provider) -> None:
    server.answer("/all.zip", cut(1000), cut(500), WHOLE)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert office.content() == [ZIP]
    assert ranges(server) == [None, "bytes=1000-", "bytes=1500-"]
    assert [each.headers.get("If-Range") for each in server.asked] == [None, '"one"', '"one"']


def test_what_one_fetch_has_received_the_next_goes_on_from(office: Office, server: Provider) -> None:
    server.answer("/all.zip", cut(1000), cut(0))
    office.asks(LARGE)
    with pytest.raises(FetchFailed, match=r"feed readings: https://office.example/all.zip was cut off .*1,000 bytes are kept and the next fetch goes on"):
        office.fetch()
    assert office.names() == [] and office.partial() == [".json", ".part"]
    server.answer("/all.zip", WHOLE)
    assert office.fetch() == (1, 1)
    assert ranges(server) == ["bytes=1000-"]
    assert office.content() == [ZIP] and office.partial() == []


def test_a_process_that_is_killed_in_the_middle_leaves_a_part_that_is_gone_on_from(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer("/all.zip", WHOLE)
    office.asks(LARGE)

    def killed(step: Step) -> None:
        if step.received >= 1024:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ingest.client, "BLOCK", 512)
        office.landing.land(LiveSource(office.settings, server.session, killed).fetch("readings"), "live")
    assert office.fetch() == (1, 1)
    assert ranges(server) == ["bytes=1024-"]
    assert office.content() == [ZIP]


def test_a_whole_part_that_had_not_landed_lands_without_a_request(office: Office, server: Provider) -> None:
    server.answer("/all.zip", WHOLE)
    office.asks(LARGE)
    for _ in LiveSource(office.settings, server.session).fetch("readings"):
        break  # the process ends between the download and its landing
    assert office.names() == []
    assert office.fetch() == (1, 1)
    assert server.asked == []
    assert office.content() == [ZIP]


def test_a_new_edition_is_not_joined_to_a_part_of_the_old_one(office: Office, server: Provider) -> None:
    new = archive(seed=2)
    server.answer("/all.zip", cut(1000), Answer(body=new, etag='"two"', ranges=True))
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert office.content() == [new]
    assert office.landing.manifest("readings")[0].etag == '"two"'


@pytest.mark.parametrize("answer", [replace(WHOLE, etag=None), replace(WHOLE, etag='W/"weak"'), replace(WHOLE, compressed=True)], ids=["none", "weak", "gzip"])
def test_without_a_validator_it_begins_anew(office: Office, server: Provider, answer: Answer) -> None:
    server.answer("/all.zip", cut(1000, answer), answer)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert ranges(server) == [None, None]
    assert office.content() == [ZIP]


def test_the_time_of_the_last_change_is_a_validator_too(office: Office, server: Provider) -> None:
    dated = Answer(body=ZIP, last_modified="Mon, 05 Oct 2026 17:00:00 GMT", ranges=True)
    server.answer("/all.zip", cut(1000, dated), dated)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert ranges(server) == [None, "bytes=1000-"]


@pytest.mark.parametrize("liar", [Answer(206, b"xyz", {"Content-Range": "bytes 5-7/3000"}), Answer(416)], ids=["another part", "not satisfiable"])
def test_a_part_that_does_not_fit_is_dropped(office: Office, server: Provider, liar: Answer) -> None:
    server.answer("/all.zip", cut(1000), liar, WHOLE)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert office.content() == [ZIP]
    assert ranges(server) == [None, "bytes=1000-", None]


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_without_length_ends_with_its_last_chunk(office: Office, server: Provider, whole: bool) -> None:
    chunked = replace(WHOLE, chunked=True)
    server.answer("/all.zip", chunked if whole else cut(1000, chunked), WHOLE)
    office.asks(LARGE)
    assert office.fetch() == (1, 1)
    assert office.content() == [ZIP]
    assert ranges(server) == ([None] if whole else [None, "bytes=1000-"])


def test_a_provider_that_always_cuts_is_given_up(office: Office, server: Provider) -> None:
    server.answer("/all.zip", *[replace(WHOLE, ranges=False, cut_after=1000 + number) for number in range(50)])
    office.asks(LARGE)
    with pytest.raises(FetchFailed, match="was cut off in the middle of the answer, 3 times"):
        office.fetch()
    assert len(server.asked) == ingest.client.BODY_ATTEMPTS


def test_a_zip_without_an_end_does_not_land(office: Office, server: Provider) -> None:
    server.answer("/all.zip", Answer(body=ZIP[:-30], etag='"one"', ranges=True), WHOLE)
    office.asks(LARGE)
    with pytest.raises(FetchFailed, match="the zip has no end"):
        office.fetch()
    assert office.names() == office.partial() == []
    assert office.fetch() == (1, 1)


def test_a_large_answer_that_is_too_long_or_finds_no_room(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer("/all.zip", WHOLE)
    office.asks(LARGE)
    with monkeypatch.context() as patched, pytest.raises(OSError, match=f"needs {len(ZIP):,} bytes, 10 are free"):
        patched.setattr(ingest.client.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
        office.fetch()
    for answer in (WHOLE, replace(WHOLE, chunked=True)):
        server.answer("/all.zip", answer)
        with monkeypatch.context() as patched, pytest.raises(FetchFailed, match="longer than 100 bytes"):
            patched.setattr(ingest.client, "MAX_LARGE_BYTES", 100)
            office.fetch()
    assert office.names() == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_large_file_that_is_not_there(office: Office, server: Provider, status: int) -> None:
    server.answer("/all.zip", Answer(status))
    office.asks(LARGE)
    if status == 404:
        assert office.fetch() == (0, 0)
    else:
        with pytest.raises(FetchFailed, match="status 500"):
            office.fetch()
    assert office.partial() == []


def test_one_process_at_a_time_downloads_a_file(office: Office, server: Provider) -> None:
    server.answer("/all.zip", WHOLE)
    office.asks(LARGE)
    with Partial.of(office.landing.downloads, LARGE.url).held(), pytest.raises(FetchFailed, match=r"all\.zip is being downloaded by another process"):
        office.fetch()
    assert office.fetch() == (1, 1)


# --- who asks, and through what -----------------------------------------------------------------------------------------


def test_without_its_key_a_provider_is_not_asked(office: Office, server: Provider) -> None:
    office.known(ingest.feed.Provider(1e6, keys=(Key("sec_user_agent", PAGE),)))
    office.asks(Request(f"{HOST}/a.csv", "a.csv"))
    for value in (None, "", "  "):
        office.settings = office.settings.model_copy(update={"sec_user_agent": value})
        with pytest.raises(KeyMissing, match=rf"provider office is not asked: EBBTIDE_SEC_USER_AGENT is not set, see {PAGE}"):
            office.fetch()
    assert server.asked == []


@pytest.mark.parametrize("name", ["Ada Lovelace ada@example.org", "Zoë Žižek zoe@example.org", "two\r\nX-Lines: x@example.org"])
def test_the_user_is_named_to_a_provider_that_asks_for_it(office: Office, server: Provider, name: str) -> None:
    office.known(ingest.feed.Provider(1e6, keys=(Key("sec_user_agent", PAGE),), user_agent="sec_user_agent"))
    office.settings = office.settings.model_copy(update={"sec_user_agent": name})
    server.answer("/a.csv", Answer(body=CSV))
    office.asks(Request(f"{HOST}/a.csv", "a.csv"))
    assert office.fetch() == (1, 1)
    assert server.asked[0].headers["User-Agent"].encode("latin-1").decode() == " ".join(name.split())
    server.answer("/a.csv", Answer(403))
    with pytest.raises(FetchFailed, match=r"status 403 .*EBBTIDE_SEC_USER_AGENT must be a name and e-mail address"):
        office.fetch()


def test_a_window_carries_the_keys_of_the_providers(office: Office) -> None:
    office.known(ingest.feed.Provider(1e6, keys=(Key("sec_user_agent", PAGE), API_KEY)))
    office.settings = office.settings.model_copy(update={"sec_user_agent": " Ada ada@example.org "})
    window = LiveSource(office.settings).window(readings(lambda window: ()), readings(lambda window: ()).formats[0], None, None)
    assert window.keys == {"sec_user_agent": "Ada ada@example.org", "fred_api_key": "", "cboe_host": "cdn.cboe.com"}


def test_a_proxy_of_the_environment_is_used(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", server.address)
    office.asks(Request(f"{HOST}/a.csv", "a.csv"))
    with pytest.raises(FetchFailed, match=r"office.example did not answer \(ProxyError\)"):
        list(LiveSource(office.settings, open_session).fetch("readings"))
    assert {(each.method, each.host) for each in server.asked} == {("CONNECT", "office.example:443")}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_may_be_a_date(office: Office, server: Provider, pauses: list[float], status: int) -> None:
    until = format_datetime(AS_OF + timedelta(seconds=30), usegmt=True)
    server.answer("/a.csv", Answer(status, headers={"Retry-After": until}), Answer(body=CSV))
    office.asks(Request(f"{HOST}/a.csv", "a.csv"))
    assert office.fetch() == (1, 1)
    assert pauses == [30]


def test_pauses_grow_and_differ_by_chance(office: Office, server: Provider, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    """Two clients that fail at the same time do not come back at the same time."""
    slept: list[float] = []
    server.answer("/a.csv", Answer(500))
    server.answer("/all.zip", Answer(body=CSV, cut_after=3))
    retry = open_session().get_adapter("https://").max_retries  # type: ignore[attr-defined]
    assert retry.backoff_factor > 0 and retry.backoff_jitter > 0
    monkeypatch.setattr(ingest.client, "PAUSE", 1.5)
    monkeypatch.setattr(ingest.client, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: 0.0))
    office.asks(Request(f"{HOST}/all.zip", "a.csv"))
    with pytest.raises(FetchFailed):
        office.fetch()
    first, second = [pause for pause in slept if pause > 1]
    assert 1.5 <= first <= 3 <= second <= 6
    assert first != 1.5


def test_requests_of_all_threads_keep_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(ingest.client, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: 100.0))
    pace = ingest.client.Pace(4)
    threads = [threading.Thread(target=pace.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [0.25, 0.5, 0.75]


# --- days already answered ----------------------------------------------------------------------------------------------


def daily(window: FetchWindow) -> Iterator[Request]:
    for number in range((window.end - window.start).days + 1):
        day = window.start + timedelta(days=number)
        yield Request(f"{HOST}/{day}.csv", f"{day}.csv")


def days(server: Provider) -> list[str]:
    return [each.path[1:11] for each in server.asked]


@pytest.fixture
def past(office: Office, server: Provider) -> Office:
    """An office with a file a day, asked for in pieces of five days."""
    server.otherwise = lambda asked: Answer(body=f"Day,Value\n{asked.path[1:11]},1\n".encode())
    office.asks(by=daily, chunk_days=5)
    return office


FIRST, LAST = date(2026, 1, 1), date(2026, 1, 18)


def test_a_backfill_that_is_interrupted_goes_on_where_it_stopped(past: Office, server: Provider) -> None:
    server.answer("/2026-01-12.csv", Answer(500))
    with pytest.raises(FetchFailed, match=r"status 500 for https://office.example/2026-01-12.csv"):
        past.fetch(FIRST, LAST, only_missing=True)
    assert len(past.names()) == 11
    server.answer("/2026-01-12.csv", Answer(body=CSV))
    assert past.fetch(FIRST, LAST, only_missing=True) == (8, 7)
    assert (min(days(server)), max(days(server)), len(days(server))) == ("2026-01-11", "2026-01-18", 8)
    assert len(past.names()) == 18


def test_a_backfill_that_is_killed_goes_on_where_it_stopped(past: Office, server: Provider) -> None:
    def killed(step: Step) -> None:
        if step.name == "2026-01-08.csv":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        past.landing.land(LiveSource(past.settings, server.session, killed).fetch("readings", FIRST, LAST, only_missing=True), "live")
    assert len(past.names()) == 7
    assert past.fetch(FIRST, LAST, only_missing=True) == (13, 11)
    assert days(server)[0] == "2026-01-06"


def test_the_same_days_are_asked_for_once_unless_again(past: Office, server: Provider) -> None:
    assert past.fetch(FIRST, LAST, only_missing=True) == (18, 18)
    assert past.fetch(FIRST, LAST, only_missing=True) == (0, 0)
    assert server.asked == []
    assert past.fetch(FIRST, LAST) == (18, 0)
    assert len(server.asked) == 18


def test_only_the_days_around_those_answered_are_asked_for(past: Office, server: Provider) -> None:
    past.fetch(date(2026, 1, 5), date(2026, 1, 9), only_missing=True)
    past.fetch(date(2026, 1, 12), date(2026, 1, 12), only_missing=True)
    past.fetch(date(2026, 1, 3), date(2026, 1, 14), only_missing=True)
    assert [day[8:] for day in days(server)] == ["03", "04", "10", "11", "13", "14"]


def test_young_days_are_asked_for_again_on_another_day(past: Office, server: Provider) -> None:
    """What is not published today may be published tomorrow."""
    window = date(2026, 9, 25), date(2026, 12, 31)
    assert past.fetch(*window, only_missing=True) == (15, 15)
    assert max(days(server)) == "2026-10-09"  # no day is asked for before it has come
    assert past.fetch(*window, only_missing=True) == (0, 0)
    past.settings = past.settings.model_copy(update={"as_of": AS_OF + timedelta(days=2)})
    past.fetch(*window, only_missing=True)
    assert (min(days(server)), max(days(server))) == ("2026-10-03", "2026-10-11")


def test_a_first_history_that_was_interrupted_goes_on_where_it_stopped(past: Office, server: Provider) -> None:
    """The start is a year of days in pieces; after it, a fetch asks for the last week."""
    server.answer("/2026-03-03.csv", Answer(500))
    with pytest.raises(FetchFailed):
        past.fetch()
    assert days(server)[0] == "2025-01-01"
    server.answer("/2026-03-03.csv", Answer(body=CSV))
    past.fetch()
    assert "2026-02-27" <= days(server)[0] <= "2026-03-03"
    past.fetch()
    assert (days(server)[0], days(server)[-1]) == ("2026-10-02", "2026-10-09")


def test_a_web_page_is_no_answer_for_its_days(past: Office, server: Provider) -> None:
    server.answer("/2026-01-07.csv", Answer(body=WEB_PAGE), Answer(body=CSV))
    assert past.fetch(FIRST, LAST, only_missing=True) == (18, 18)
    assert past.fetch(FIRST, LAST, only_missing=True) == (5, 1)
    assert [day[8:] for day in days(server)] == ["06", "07", "08", "09", "10"]
    assert past.fetch(FIRST, LAST, only_missing=True) == (0, 0)


def test_a_whole_history_is_asked_for_once_however_many_pieces(office: Office, server: Provider) -> None:
    server.answer("/all.csv", Answer(body=CSV))
    office.asks(Request(f"{HOST}/all.csv", "all.csv"), chunk_days=5)
    assert office.fetch(FIRST, LAST, only_missing=True) == (1, 1)
    assert len(server.asked) == 1
    assert office.fetch(FIRST, LAST, only_missing=True) == (0, 0)
    assert server.asked == []


def test_a_format_that_asks_for_nothing_has_answered_nothing(office: Office, server: Provider) -> None:
    """A key that is set later brings the whole history."""
    office.asks()
    assert office.fetch(FIRST, LAST, only_missing=True) == office.fetch() == (0, 0)
    server.answer("/all.csv", Answer(body=CSV))
    office.asks(Request(f"{HOST}/all.csv", "all.csv"))
    assert office.fetch(FIRST, LAST, only_missing=True) == (1, 1)
    assert office.landing.completed("readings") == {}
    office.fetch()
    assert office.landing.completed("readings") == {"csv": AS_OF.date()}
