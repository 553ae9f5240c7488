"""Every live format of every feed, from its requests to its rows, against a provider that behaves and misbehaves.

Formats are found in the declarations, so a feed that is added is tested without a line here. The provider serves the sample world's
files; only the first requests of a format are made (`Simulated`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import pytest
from provider import WEB_PAGE, Answer, Provider, Simulated

import ingest.feed
import ingest.source
from ingest.feed import Access
from ingest.feeds import FEEDS, PROVIDERS, provider_of
from ingest.landing import Landing
from ingest.load import load_landed
from ingest.sample import END, SampleFile, render
from ingest.source import FetchFailed, LiveSource
from warehouse.settings import Settings

KEYS = {key.setting: "Tester tester@example.org" for provider in PROVIDERS for key in provider_of(provider).keys} | {"fred_api_key": "0123456789abcdef"}
LIVE = [(feed.name, declared.name) for feed in FEEDS.values() for declared in feed.formats if declared.access is Access.LIVE and declared.requests]
each_live_format = pytest.mark.parametrize(("feed", "format"), LIVE, ids=[f"{feed}-{format}" for feed, format in LIVE])


@cache
def sample() -> dict[tuple[str, str], list[SampleFile]]:
    """The last two years of the sample world, by feed and format."""
    return _grouped(list(render(END, first_year=2022)))


def files_of(feed: str, format: str) -> list[SampleFile]:
    """Sample files of a format; those of the whole sample world where the last two years have none."""
    return sample().get((feed, format)) or _grouped(list(render(END, feeds={feed}))).get((feed, format), [])


def _grouped(files: list[SampleFile]) -> dict[tuple[str, str], list[SampleFile]]:
    found: dict[tuple[str, str], list[SampleFile]] = {}
    for file in files:
        found.setdefault((file.feed, file.format), []).append(file)
    return found


@cache
def simulated(feed: str, format: str) -> Simulated:
    return Simulated(FEEDS[feed], FEEDS[feed].format(format), files_of(feed, format), KEYS | {"cboe_host": "cdn.cboe.com"})


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


class Connector:
    """A home that is fed by one live format."""

    def __init__(self, folder: Path, provider: Provider, served: Simulated) -> None:
        served.reset()
        self.served = served
        self.feed = served.feed
        self.provider = provider
        provider.otherwise = served
        self.settings = Settings(source="live", home_setting=folder, as_of=END, **KEYS)  # type: ignore[arg-type]
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")
        # tables of one archive are loaded together, lines of filings with their filings
        self.feeds_a_file = sum(self.feed.name in (feed.name, feed.landed_with) for feed in FEEDS.values())
        self.loaded = [feed for feed in FEEDS.values() if self.feed.name in (feed.name, feed.landed_with) or feed.name == self.feed.filing_of]

    def fetch(self) -> tuple[int, int]:
        source = LiveSource(self.settings, self.provider.session)
        return Landing(self.settings.landing_dir).land(source.fetch(self.feed.name, self.served.start, self.served.end), "live")

    def load(self) -> None:
        load_landed(self.connection, self.loaded, Landing(self.settings.landing_dir), "build")

    def files(self) -> list[tuple[str, str, str | None]]:
        return self.connection.execute("select name, status, message from meta.file order by fetched_at, name").fetchall()

    def rows(self) -> dict[str, int]:
        counts = {feed.name: self.connection.execute(f'select count(*) from raw."{feed.name}"').fetchone() for feed in self.loaded}
        return {name: count[0] for name, count in counts.items() if count}

    def hashes(self) -> set[str]:
        return {landed.sha256 for landed in Landing(self.settings.landing_dir).manifest(self.feed.name)}


Connect = Callable[..., Connector]


@pytest.fixture
def connect(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """A new home for a feed and format, asked at full speed."""

    def made(feed: str, format: str, home: str = "home") -> Connector:
        served = simulated(feed, format)
        known = provider_of(FEEDS[feed].provider)
        monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=known.keys, user_agent=known.user_agent))
        monkeypatch.setitem(FEEDS, feed, replace(FEEDS[feed], formats=tuple(served.declared if f.name == format else f for f in FEEDS[feed].formats)))
        monkeypatch.setattr(ingest.source, "_is_live", lambda declared: declared is served.declared)
        return Connector(tmp_path / home, provider, served)

    return made


def test_there_are_live_formats() -> None:
    assert len(LIVE) >= 20
    assert {feed.name for feed in FEEDS.values() if any(f.access is Access.LIVE for f in feed.formats)} == {
        *(feed for feed, _ in LIVE),
        *(feed.name for feed in FEEDS.values() if feed.landed_with and any(f.access is Access.LIVE for f in feed.formats)),
    }


def test_every_key_of_a_provider_is_a_setting_with_a_page() -> None:
    for provider in PROVIDERS:
        declared = provider_of(provider)
        for key in declared.keys:
            assert key.setting in Settings.model_fields, f"{provider} asks for {key.setting}, which warehouse/settings.py does not have"
            assert key.page.startswith("https://"), provider
        assert declared.user_agent is None or declared.user_agent in Settings.model_fields, provider


@each_live_format
def test_requests_become_rows_and_a_second_fetch_brings_nothing(connect: Connect, feed: str, format: str) -> None:
    live = connect(feed, format)
    seen, landed = live.fetch()
    assert seen == landed > 0
    live.load()
    assert [status for _, status, _ in live.files()] == ["loaded"] * landed * live.feeds_a_file, live.files()
    assert all(live.rows().values()), live.rows()
    quarantined = live.connection.execute("select reason, line from meta.quarantine limit 5").fetchall()
    assert quarantined == []
    assert live.fetch()[1] == 0


@each_live_format
@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503, headers={"Retry-After": "0"}), Answer(body=b"x" * 50, cut_after=20)], ids=["failing", "busy", "cut"]
)
def test_a_fault_that_passes_costs_nothing(connect: Connect, feed: str, format: str, fault: Answer) -> None:
    live = connect(feed, format)
    live.served.before = fault
    seen, landed = live.fetch()
    assert seen >= landed > 0
    whole = connect(feed, format, "whole")
    whole.fetch()
    assert live.hashes() == whole.hashes()


@each_live_format
def test_a_web_page_is_quarantined_and_rows_stay(connect: Connect, feed: str, format: str) -> None:
    live = connect(feed, format)
    live.served.instead = Answer(body=WEB_PAGE)
    # pages are put together and links are followed while fetching, so there it is noticed at once
    noticed_early = any(request.page_size or (request.following and request.lands) for request, _ in live.served.served.values())

    def fetch_web_page() -> int:
        try:
            return live.fetch()[1]
        except FetchFailed as failure:
            assert noticed_early and str(failure).startswith(f"feed {feed}: https://"), failure
            return 0

    landed = fetch_web_page()
    live.load()
    assert [(status, "web page, not data" in str(message)) for _, status, message in live.files()] == [("quarantined", True)] * landed * live.feeds_a_file
    assert not any(live.rows().values())
    live.served.instead = None
    # a page is no answer: even a file that never changes is asked for again
    assert live.fetch()[1] > 0
    live.load()
    rows = live.rows()
    assert all(rows.values())
    live.served.instead = Answer(body=WEB_PAGE)
    again = fetch_web_page()
    live.load()
    assert live.rows() == rows
    immutable = all(request.immutable for request, _ in live.served.served.values() if request.lands)
    assert again == (0 if immutable else landed)
    assert [status for _, status, _ in live.files()].count("quarantined") == (landed + again) * live.feeds_a_file


@each_live_format
def test_what_is_not_published_is_no_error(connect: Connect, feed: str, format: str) -> None:
    live = connect(feed, format)
    for status in {status for request, _ in live.served.served.values() if request.lands for status in request.absent}:
        live.served.instead = Answer(status)
        assert live.fetch() == (0, 0)
    assert live.hashes() == set()


@each_live_format
def test_a_refusal_that_means_no_absence_is_an_error(connect: Connect, feed: str, format: str) -> None:
    live = connect(feed, format)
    refusals = {401, 403, 404, 410} - {status for request, _ in live.served.served.values() if request.lands for status in request.absent}
    live.served.instead = Answer(min(refusals))
    with pytest.raises(FetchFailed, match=f"feed {feed}: status {min(refusals)} for https://"):
        live.fetch()
    assert live.hashes() == set()
