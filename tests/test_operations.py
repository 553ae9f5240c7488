"""docs/operations.md: each of its situations is brought about, shows what the page says, and ends with what the page says to type.

`ebbtide refresh` is typed as the stages that matter to the situation, without Airflow and without the models; the whole refresh
has tests of its own.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

import ingest.source
from ingest.feeds import FEEDS
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from tests.conftest import FIRST_YEAR, ROOT
from tests.provider import Answer, Provider
from tests.published_readers import publish_one
from warehouse import refresh
from warehouse.cli import main
from warehouse.connection import Damaged, connect
from warehouse.disk import DiskFull
from warehouse.publish import published_builds
from warehouse.settings import load_settings

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))

FSI = "/financial-stress-index/data/fsi.csv"
FSI_HEADER = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"


@dataclass
class Entry:
    """A situation of the page: what it says one sees, and the commands it says to type."""

    text: str

    def seen_in(self, output: str) -> None:
        """What the page says one sees stands in `output`: one of the texts in backticks that are no commands."""
        seen = re.search(r"\*\*You see\*\*(.*?)\n\n", self.text, re.DOTALL)
        assert seen
        shown = [re.sub(r"\s+", " ", text) for text in re.findall(r"`([^`]+)`", seen[1]) if not text.startswith("ebbtide ")]
        flat = re.sub(r"\s+", " ", output)
        assert any(text in flat for text in shown), f"none of {shown} in\n{output[-3000:]}"

    def typed(self, refreshed: Callable[[], object] = lambda: None, **values: str) -> list[str]:
        """Type the commands of the entry, with capital words as `values` say; returns what each printed. A refresh is `refreshed`."""
        block = re.search(r"```bash\n(.*?)```", self.text, re.DOTALL)
        assert block
        printed = []
        for line in block[1].strip().splitlines():
            words = [values.get(word, word) for word in shlex.split(line, comments=True)]
            settings = dict(word.split("=", 1) for word in words if re.match(r"EBBTIDE_\w+=", word))
            words = [re.sub(r"^\$EBBTIDE_HOME", os.environ["EBBTIDE_HOME"], word) for word in words[len(settings) :]]
            if words[0] in ("mkdir", "mv"):
                subprocess.run(words, check=True)
                continue
            assert words[0] == "ebbtide"
            if words[1:] == ["refresh"]:
                with pytest.MonkeyPatch.context() as patch:
                    for name, value in settings.items():
                        patch.setenv(name, value)
                    printed.append(str(refreshed()))
            else:
                printed.append(ebbtide(*words[1:]))
        return printed


def entry(title: str) -> Entry:
    """The entry of the page with this heading."""
    return Entry(ENTRIES[title])


def ebbtide(*arguments: str) -> str:
    """What `ebbtide` prints, with the code it ended with on a line of its own."""
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    return f"{done.output}\nexit code {done.exit_code}"


@pytest.fixture
def home(sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the refreshed sample home, which the commands of this test work in."""
    folder = tmp_path / "sample"
    shutil.copytree(sample_home, folder, symlinks=True, ignore=shutil.ignore_patterns("airflow"))
    monkeypatch.setenv("EBBTIDE_HOME", str(folder))
    monkeypatch.setenv("EBBTIDE_SAMPLE_FIRST_YEAR", FIRST_YEAR)
    return folder


@pytest.fixture
def two_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate of two feeds instead of 53: each of the others would be read and checked again by every command."""
    for name in [name for name in FEEDS if name not in ("cboe_put_call", "ofr_fsi")]:
        monkeypatch.delitem(FEEDS, name)


@pytest.fixture
def live_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that asks the live providers."""
    monkeypatch.setenv("EBBTIDE_HOME", str(tmp_path / "live"))
    monkeypatch.setenv("EBBTIDE_SOURCE", "live")
    monkeypatch.setenv("EBBTIDE_AS_OF", "2026-10-07T00:00:00Z")
    return tmp_path / "live"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A simulated provider that answers in place of all live ones, without their pace and without pauses between attempts."""
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *arguments: None)
    monkeypatch.setattr("ingest.client.Pace.wait", lambda pace: None)
    with Provider() as running:
        monkeypatch.setattr(ingest.source, "LiveSource", functools.partial(ingest.source.LiveSource, session_of=running.session))
        yield running


def checked() -> str:
    """A refresh as far as the raw gate."""
    build_id = refresh.open_build()
    refresh.load(build_id=build_id)
    return str(refresh.gate("raw", build_id=build_id))


def test_every_entry_is_tried_here() -> None:
    tried = set(re.findall(r'entry\("([^"]+)"\)', Path(__file__).read_text(encoding="utf-8")))
    assert tried == set(ENTRIES)
    for title, text in ENTRIES.items():
        assert all(part in text for part in ("**You see**", "**It means**", "**Type**", "```bash")), title


# --- providers ----------------------------------------------------------------------------------------------------------


def test_a_provider_does_not_answer(live_home: Path, provider: Provider) -> None:
    told = entry("A provider does not answer")
    refresh.open_build()
    provider.answer(FSI, Answer(502))
    with pytest.raises(ingest.source.FetchFailed, match="502"):
        refresh.fetch("ofr")
    # what the report adds to the published build's lines
    lines = refresh.failure_lines(load_settings())
    told.seen_in("\n".join(lines))
    assert "https://www.financialresearch.gov" in ebbtide("doctor")

    provider.answer(FSI, Answer(body=f"{FSI_HEADER}\n2026-10-05,1.5,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8\n".encode()))

    def refreshed() -> object:
        refresh.fetch("ofr")
        return refresh.load()

    backfilled, loaded = told.typed(refreshed, FIRST_DAY="2026-10-01")
    assert "new" in backfilled and "exit code 0" in backfilled, backfilled
    assert "'rows_loaded': 1" in loaded
    assert refresh.failure_lines(load_settings()) == []
    assert "fails since" not in ebbtide("doctor")


def test_a_key_is_missing(live_home: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    told = entry("A key is missing or refused")
    refresh.open_build()
    done = refresh.fetch("sec")
    told.seen_in(str(done["not_asked"]))
    assert not provider.asked, "a provider without its key was asked"
    assert re.search(r"EBBTIDE_SEC_USER_AGENT +not set", ebbtide("doctor"))
    monkeypatch.setenv("EBBTIDE_SEC_USER_AGENT", "Jane Doe jane@example.org")
    provider.otherwise = lambda asked: Answer(404)

    def refreshed() -> object:
        return refresh.fetch("sec")

    shown, fetched = told.typed(refreshed)
    assert "sec: EBBTIDE_SEC_USER_AGENT" in shown and "jane" not in shown
    assert "not_asked" not in fetched and provider.asked
    assert provider.asked[0].headers["User-Agent"] == "Jane Doe jane@example.org"


def test_a_feed_is_late(home: Path, two_feeds: None) -> None:
    told = entry("A feed is late")
    # the provider has gone silent: its newest edition is not there, and what is there ends in November
    with connect(load_settings()) as connection:
        connection.execute("delete from raw.ofr_fsi where observation_date > date '2023-11-15'")
    shown = ebbtide("gate", "raw")
    told.seen_in(shown)
    assert "raw.ofr_fsi" in shown and shown.endswith("exit code 1")

    def refreshed() -> object:
        # the file comes after all
        content = [FSI_HEADER] + [f"2023-12-{day:02},1.5,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8" for day in (20, 21, 22, 26, 27)]
        arrived = Arrival("ofr_fsi", "fsi_csv", "fsi.csv", "\n".join(content).encode(), datetime(2023, 12, 29, 23, tzinfo=UTC))
        Landing(home / "landing").land([arrived], "sample")
        return refresh.load()

    listed, loaded = told.typed(refreshed)
    assert re.search(r"ofr_fsi .*2023-11-15", listed) and "stale" in listed
    assert "'rows_quarantined': 0" in loaded
    assert re.search(r"ofr_fsi .*2023-12-27", ebbtide("feeds", "--provider", "ofr"))


# --- files --------------------------------------------------------------------------------------------------------------


def land(home: Path, feed: str, format: str, name: str, content: str, day: int = 29, **parameters: str) -> None:
    """A file of a feed arrives on a day of December 2023."""
    arrived = Arrival(feed, format, name, content.encode(), datetime(2023, 12, day, 23, 59, 59, tzinfo=UTC), parameters=parameters)
    Landing(home / "landing").land([arrived], "sample")


def stored(sql: str) -> list[tuple[Any, ...]]:
    """Rows of the warehouse."""
    with connect(load_settings(), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_gate_stopped_the_build(home: Path, two_feeds: None) -> None:
    told = entry("A gate stopped the build")
    day = "select total_contracts, _file_id from raw.cboe_put_call where observation_date = '2023-12-28' and product = 'total' order by _available_at"
    before = stored(day)
    wrong = '{"ratios": [{"name": "TOTAL PUT/CALL RATIO", "value": "0.90"}], "SUM OF ALL PRODUCTS": [{"name": "VOLUME", "call": 100, "put": 90, "total": 500}]}'
    land(home, "cboe_put_call", "daily_json", "2023-12-28_daily_options.json", wrong, observation_date="2023-12-28")
    with pytest.raises(refresh.GateFailed) as failed:
        checked()
    told.seen_in(str(failed.value))
    assert "failed" in ebbtide("builds").splitlines()[-3]
    file_id = stored(day)[-1][1]
    assert str(file_id) in str(failed.value), "the message does not name the file"
    shown, dropped, passed, refreshed = told.typed(lambda: refresh.load(build_id=refresh.open_build()), FILE=str(file_id))
    assert "puts_and_calls_add_up" in shown and shown.endswith("exit code 1")
    assert "0 loaded" in dropped and dropped.endswith("exit code 0")
    assert "raw gate passed" in passed and passed.endswith("exit code 0")
    assert "'files': 0" in refreshed
    assert stored(day) == before


MARGIN = "Year-Month,Debit Balances in Customers' Securities Margin Accounts,Free Credit Balances in Customers' Cash Accounts,"
MARGIN += "Free Credit Balances in Customers' Securities Margin Accounts"


def test_rows_are_in_quarantine(home: Path, two_feeds: None) -> None:
    told = entry("Rows are in quarantine")
    # one level below the bound of its column, one that is no number, and one to keep
    lines = [FSI_HEADER, "2023-12-26,1.5,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8", "2023-12-27,n/d,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8"]
    lines += ["2023-12-28,1.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8", "2023-12-28,1.1,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8"]
    land(home, "ofr_fsi", "fsi_csv", "fsi.csv", "\n".join(lines), day=30)
    refresh.load(build_id=refresh.open_build())
    told.seen_in(ebbtide("gate", "raw"))
    ((file_id,),) = stored("select distinct file_id from meta.quarantine where feed = 'ofr_fsi'")
    listed, released, dropped, passed = told.typed(FILE=str(file_id), ROW="3", OTHER="2")
    assert "the key stands more than once" in listed and "is not a number" in listed
    assert "3 loaded" in released or "2 loaded" in released, released
    assert dropped.endswith("exit code 0")
    assert "quarantine_small" in passed, "row 4 is still undecided"
    ebbtide("quarantine", "drop", str(file_id), "--row", "4", "--why", "the other one holds")
    assert "ofr_fsi" not in "".join(line for line in ebbtide("gate", "raw").splitlines() if "quarantine_small" in line)


def test_a_provider_changed_its_format(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = entry("A provider changed its format")
    renamed = FSI_HEADER.replace("Safe assets", "Havens")
    land(home, "ofr_fsi", "fsi_csv", "fsi.csv", f"{renamed}\n2023-12-28,1.5,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8\n", day=30)
    refresh.load(build_id=refresh.open_build())
    told.seen_in(ebbtide("quarantine", "list"))
    ((file_id,),) = stored("select file_id from meta.file where status = 'quarantined'")
    # the declaration is corrected
    feed = FEEDS["ofr_fsi"]
    columns = tuple(dataclasses.replace(column, names=(*column.names, "Havens")) if column.name == "safe_assets" else column for column in feed.columns)
    monkeypatch.setitem(FEEDS, "ofr_fsi", dataclasses.replace(feed, columns=columns))
    _, released, _ = told.typed(lambda: refresh.load(build_id=refresh.open_build()), FILE=str(file_id))
    assert "1 rows read = 1 loaded" in released and released.endswith("exit code 0"), released
    assert ebbtide("quarantine", "list").startswith("nothing is quarantined")


# --- refreshes ----------------------------------------------------------------------------------------------------------


def test_another_refresh_is_running(home: Path) -> None:
    told = entry("Another refresh is running")
    script = (
        "import sys, time; from pathlib import Path; from warehouse.connection import held\n"
        "with held(Path(sys.argv[1]) / 'refresh.lock', 'refresh'):\n    print('held', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        shown = ebbtide("refresh")
        told.seen_in(shown)
        assert f"process {other.pid}" in shown and shown.endswith("exit code 2")
    finally:
        other.kill()
        other.wait()
    doctor, opened = told.typed(refresh.open_build)
    assert "writer's lock" in doctor
    assert re.fullmatch(r"\d{8}T\d+Z", opened)


def test_two_schedules_met(home: Path) -> None:
    told = entry("Two schedules met")
    first = refresh.open_build()
    second = refresh.open_build()
    with pytest.raises(refresh.Overtaken) as overtaken:
        refresh.load(build_id=first)
    told.seen_in(str(overtaken.value))
    (listed,) = told.typed()
    assert re.search(rf"{first} +failed", listed) and re.search(rf"{second} +running", listed)


def test_a_refresh_was_killed(home: Path) -> None:
    told = entry("A refresh was killed")
    script = "import os, signal\nfrom warehouse import refresh\nrefresh.open_build()\nos.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    assert re.search(r" running +", ebbtide("builds"))
    _, listed = told.typed(lambda: refresh.load(build_id=refresh.open_build()))
    told.seen_in(listed)


def test_memory_runs_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = entry("Memory runs out")
    monkeypatch.setenv("EBBTIDE_MEMORY_LIMIT", "8MB")
    refresh.open_build()
    with connect(load_settings()) as connection:
        # all is to be loaded again
        connection.execute("delete from raw.price_daily; delete from meta.file where feed = 'price_daily'")
    with pytest.raises(duckdb.OutOfMemoryException) as failed:
        refresh.load()
    told.seen_in(str(failed.value))
    (loaded,) = told.typed(refresh.load)
    assert "'rows_quarantined': 0" in loaded and "'files': 0" not in loaded


def test_the_disk_is_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk as DuckDB tells of it; `make faults` fills real ones."""
    told = entry("The disk is full")
    build_id = refresh.open_build()
    with monkeypatch.context() as full:
        full.setattr("ingest.load.load_landed", _no_space)
        with pytest.raises(DiskFull) as failed:
            refresh.load(build_id=build_id)
    told.seen_in(str(failed.value))
    assert str(home) in str(failed.value)
    doctor, loaded = told.typed(lambda: refresh.load(build_id=refresh.open_build()))
    assert "GB free in" in doctor
    assert "'files': 0" in loaded


def _no_space(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "warehouse.duckdb")


# --- builds -------------------------------------------------------------------------------------------------------------


def test_a_wrong_build_was_published(home: Path) -> None:
    told = entry("A wrong build was published")
    good = published_builds(load_settings())[-1].build_id
    wrong = publish_one(load_settings())
    with duckdb.connect(str(home / "published" / "current.duckdb"), read_only=True) as connection:
        assert connection.execute("select distinct build_id from signals.fct_signal_daily").fetchall() == [(wrong,)]
    listed, rolled_back, traced = told.typed(BUILD=good)
    assert re.search(rf"{wrong} +published +\*", listed)
    assert f"current is {good}" in rolled_back
    assert "vix_log" in traced and "exit code 0" in traced


def test_the_warehouse_file_is_damaged(home: Path) -> None:
    told = entry("The warehouse file is damaged")
    rows = stored("select count(*), sum(total_contracts) from raw.cboe_put_call")
    warehouse = home / "warehouse.duckdb"
    with warehouse.open("r+b") as stream:
        stream.write(b"\0" * 8192)
    with pytest.raises(Damaged) as failed:
        refresh.open_build()
    told.seen_in(str(failed.value))

    def refreshed() -> object:
        # the one feed that is compared, of all that a refresh loads
        build_id = refresh.open_build()
        with connect(load_settings()) as connection:
            return load_landed(connection, [FEEDS["cboe_put_call"]], Landing(home / "landing"), build_id)

    told.typed(refreshed)
    assert stored("select count(*), sum(total_contracts) from raw.cboe_put_call") == rows
    assert (home / "damaged" / "warehouse.duckdb").exists()


def test_the_published_build_cannot_be_read(home: Path) -> None:
    told = entry("The published build cannot be read")
    good = published_builds(load_settings())[-1].build_id
    publish_one(load_settings())
    damaged = (home / "published" / "current.duckdb").resolve()
    damaged.chmod(0o644)
    damaged.write_bytes(b"\0" * 100_000)
    shown = ebbtide("query", "select 1")
    told.seen_in(shown)
    assert shown.endswith("exit code 1") and "rollback" in shown
    _, rolled_back, _ = told.typed(lambda: publish_one(load_settings()), BUILD=good)
    assert f"current is {good}" in rolled_back
    assert ebbtide("query", "select 1 as one").endswith("exit code 0")
