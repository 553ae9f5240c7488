"""What a user sees of a live fetch: bars on a terminal, lines in a file, the log in a worker; and providers that are passed over."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import pytest
from provider import Answer, Provider

import ingest.feed
import ingest.source
from ingest.landing import Landing
from ingest.source import KeyMissing, Step
from warehouse import refresh
from warehouse.progress import fetching, shown_on

STEPS = [
    Step("cboe_put_call", 0, 2, "first.json"),
    Step("cboe_put_call", 1, 2, "second.json"),
    Step("cboe_put_call", 2, 2),
    Step("sec_archive", 0, 1, "all.zip"),
    *(Step("sec_archive", 0, 1, "all.zip", received=megabytes * 1_000_000, length=701_000_000) for megabytes in (1, 99, 100, 101, 350, 701)),
    Step("sec_archive", 1, 1),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO | None) -> str:
    with shown_on(stream) if stream is not None else nullcontext(), fetching() as tell:
        for step in STEPS:
            tell.step(step)
        tell.say("provider nobody is not asked")
    return stream.getvalue() if stream else ""


def test_a_terminal_gets_a_bar_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    shown = told(Terminal())
    assert "\x1b[" in shown
    last = shown[shown.rindex("cboe_put_call") :]
    assert "2/2" in last and "sec_archive" in last and "1/1" in last
    assert "provider nobody is not asked" in shown


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO(), "xterm"), (Terminal(), "dumb")])
def test_anything_else_gets_lines(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    assert told(stream).splitlines() == [
        "  cboe_put_call: 2 requests",
        "  sec_archive: all.zip 100.0 of 701.0 MB",
        "  sec_archive: all.zip 350.0 of 701.0 MB",
        "  sec_archive: all.zip 701.0 of 701.0 MB",
        "  provider nobody is not asked",
        "  sec_archive: 1 requests",
    ]


def test_a_worker_logs_without_control_characters(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    told(None)
    assert "cboe_put_call: 2 requests" in caplog.messages
    assert "\x1b" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_fetch_that_fails_says_how_far_it_came() -> None:
    stream = io.StringIO()
    with pytest.raises(ConnectionError), shown_on(stream), fetching() as tell:
        tell.step(STEPS[1])
        raise ConnectionError
    assert stream.getvalue() == "  cboe_put_call: 1 of 2 requests\n"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Provider]:
    """`warehouse.refresh` in a live home, its requests led to a server on this machine."""
    monkeypatch.setenv("EBBTIDE_SOURCE", "live")
    monkeypatch.setenv("EBBTIDE_AS_OF", "2026-10-09T22:00:00Z")
    with Provider() as provider:
        session = provider.session
        monkeypatch.setattr(ingest.source.LiveSource.__init__, "__defaults__", (session, None))
        known = ingest.source.provider_of
        monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=known(name).keys, user_agent=known(name).user_agent))
        yield provider


def needs_key(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "https://office.example/register"
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=(ingest.feed.Key("sec_user_agent", page),)))


def test_a_refresh_passes_over_a_provider_without_its_key_and_says_so(live: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_key(monkeypatch)
    stream = io.StringIO()
    with shown_on(stream):
        done = refresh.fetch("ofr")
    said = "provider ofr is not asked: EBBTIDE_SEC_USER_AGENT is not set, see https://office.example/register"
    assert done == {"seen": 0, "landed": 0, "requests": 0, "not_asked": said}
    assert stream.getvalue() == f"  {said}\n"
    assert live.asked == []
    assert f"Not asked: ofr ({said.partition(': ')[2]})" in refresh._not_asked(refresh.build_settings())


def test_a_backfill_of_a_provider_without_its_key_is_refused(live: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_key(monkeypatch)
    with pytest.raises(KeyMissing):
        refresh.fetch("ofr", date(2026, 1, 1), date(2026, 1, 2))


def test_a_backfill_asks_once(live: Provider) -> None:
    live.otherwise = lambda asked: Answer(body=b"Date,OFR FSI\n2026-01-01,1\n")
    window = date(2026, 1, 1), date(2026, 2, 1)
    assert refresh.fetch("ofr_fsi", *window) == {"seen": 1, "landed": 1, "requests": 1}
    assert refresh.fetch("ofr_fsi", *window) == {"seen": 0, "landed": 0, "requests": 0}
    assert refresh.fetch("ofr_fsi", *window, again=True) == {"seen": 1, "landed": 0, "requests": 1}
    assert len(live.asked) == 2


def test_a_live_refresh_takes_files_of_ones_own_and_names_those_it_cannot_read(live: Provider) -> None:
    folder = refresh.build_settings().own_dir
    (folder / "copper").mkdir(parents=True)
    (folder / "copper" / "lme.csv").write_text("series_id,observation_date,value\nlme_copper_open_interest,2026-10-02,260000\n", encoding="utf-8")
    (folder / "notes.txt").write_text("to be bought\n", encoding="utf-8")
    stream = io.StringIO()
    with shown_on(stream):
        assert refresh.fetch("own") == {"seen": 1, "landed": 1, "requests": 0}
    assert f"{folder / 'notes.txt'} is not taken: no feed recognises its header and name" in stream.getvalue()
    # it lands once, and a file is taken by the provider it is of
    assert refresh.fetch("own")["landed"] == 0
    (folder / "VOO.csv").write_text("ticker,date,nav,shares_outstanding\nVOO,2026-10-02,500,1000\n", encoding="utf-8")
    assert refresh.fetch("own", start=None)["landed"] == 0
    assert refresh.fetch("spdr")["landed"] == 0
    assert [landed.name for landed in Landing(refresh.build_settings().landing_dir).manifest("own_series")] == ["lme.csv"]


def test_files_of_ones_own_come_although_a_key_is_missing(live: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_key(monkeypatch)
    folder = refresh.build_settings().own_dir
    folder.mkdir(parents=True)
    (folder / "fsi.csv").write_text(
        "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets\n"
        "2026-10-05,1,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8\n",
        encoding="utf-8",
    )
    done = refresh.fetch("ofr")
    assert (done["seen"], done["landed"]) == (1, 1)
    assert live.asked == []
