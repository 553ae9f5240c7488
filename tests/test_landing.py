"""Landing: bytes land once, a crash leaves nothing half visible, and no secret is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.landing import Answered, Arrival, Completed, Landing
from ingest.source import ReplaySource

MOMENT = datetime(2026, 1, 10, tzinfo=UTC)


def arrival(content: bytes = b"Date,Value\n", *, edition_at: datetime | None = MOMENT, url: str | None = None, name: str = "a.csv") -> Arrival:
    return Arrival("readings", "full", name, content, edition_at, url=url)


def visible(folder: Path) -> list[str]:
    """Names of the landed bytes of `readings`."""
    return sorted(path.name for path in (folder / "readings").glob("*/*"))


def test_bytes_are_kept_as_received_under_their_hash(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    content = b"\xef\xbb\xbfDate,Value\r\n\xa0\x00"
    assert landing.land([arrival(content)], "replay") == (1, 1)
    (landed,) = landing.manifest("readings")
    assert landing.path(landed).read_bytes() == content
    assert landed.sha256 == hashlib.sha256(content).hexdigest() == landing.path(landed).stem
    assert (landed.size, landed.source, landed.edition_at) == (len(content), "replay", MOMENT.isoformat())


def test_the_same_edition_lands_once(tmp_path: Path) -> None:
    assert Landing(tmp_path).land([arrival(), arrival()], "replay") == (2, 1)
    assert Landing(tmp_path).land([arrival()], "replay") == (1, 0)
    assert len(visible(tmp_path)) == len(Landing(tmp_path).manifest("readings")) == 1


def test_the_same_bytes_of_another_edition_are_an_edition_in_one_file(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.land([arrival(), arrival(edition_at=MOMENT.replace(day=11))], "replay")
    assert len(landing.manifest("readings")) == 2
    assert len(visible(tmp_path)) == 1


def test_content_that_returns_at_an_address_is_a_third_edition(tmp_path: Path) -> None:
    url = "https://provider.example/data.csv"
    for day, content, kept in ((10, b"A", 1), (11, b"A", 0), (12, b"B", 1), (13, b"A", 1), (14, b"A", 0)):
        arrived = arrival(content, edition_at=MOMENT.replace(day=day), url=url)
        assert Landing(tmp_path).land([arrived], "live") == (1, kept)
    editions = Landing(tmp_path).manifest("readings")
    assert [(landed.edition_at or "")[8:10] for landed in editions] == ["10", "12", "13"]
    assert [(landed.seen_until or "")[8:10] for landed in editions] == ["11", "", "14"]
    assert len({landed.file_id for landed in editions}) == 3


def test_a_torn_manifest_line_is_passed_over_and_its_file_lands_again(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.land([arrival(b"one", name="one.csv"), arrival(b"two", name="two.csv")], "replay")
    manifest = tmp_path / "readings" / "manifest.jsonl"
    whole = manifest.read_bytes()
    for torn in (whole[:-1], whole[:-40], whole[: whole.rindex(b'{"file_id"') + 1]):
        manifest.write_bytes(torn)
        kept = 1 if torn != whole[:-1] else 0
        assert Landing(tmp_path).land([arrival(b"one", name="one.csv"), arrival(b"two", name="two.csv")], "replay") == (2, kept)
        assert Landing(tmp_path).land([arrival(b"three", name="three.csv")], "replay") == (1, 1)
        names = [landed.name for landed in Landing(tmp_path).manifest("readings")]
        assert names == ["one.csv", "two.csv", "three.csv"]


def test_a_line_cut_inside_a_character_is_torn_too(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.land([arrival(name="\u00fcber\u2028sicht.csv")], "replay")
    assert [landed.name for landed in Landing(tmp_path).manifest("readings")] == ["\u00fcber\u2028sicht.csv"]
    manifest = tmp_path / "readings" / "manifest.jsonl"
    data = manifest.read_bytes()
    manifest.write_bytes(data[: data.index("\u00fc".encode()) + 1])
    assert Landing(tmp_path).manifest("readings") == []


def test_leftovers_of_a_crash_are_invisible(tmp_path: Path) -> None:
    folder = tmp_path / "readings" / "2026-01-10"
    folder.mkdir(parents=True)
    (folder / ".abc.csv.4711.tmp").write_bytes(b"half of a fi")
    (folder / "0123.csv").write_bytes(b"bytes whose manifest line was never written")
    landing = Landing(tmp_path)
    assert list(landing.editions()) == []
    assert landing.land([arrival()], "replay") == (1, 1)
    assert len(list(Landing(tmp_path).editions())) == 1


def test_bytes_without_a_manifest_line_land_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Landing, "_append", crash)
        Landing(tmp_path).land([arrival()], "replay")
    assert Landing(tmp_path).manifest("readings") == []
    assert Landing(tmp_path).land([arrival()], "replay") == (1, 1)
    assert len(visible(tmp_path)) == 1


def test_a_full_disk_leaves_nothing_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr("ingest.landing.os.fsync", full)
        Landing(tmp_path).land([arrival()], "replay")
    assert visible(tmp_path) == []
    assert Landing(tmp_path).land([arrival()], "replay") == (1, 1)


def test_what_arrived_before_a_failure_has_landed(tmp_path: Path) -> None:
    def source() -> Iterator[Arrival]:
        yield arrival(b"one", name="one.csv")
        yield arrival(b"two", name="two.csv")
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        Landing(tmp_path).land(source(), "live")
    assert [landed.name for landed in Landing(tmp_path).manifest("readings")] == ["one.csv", "two.csv"]


# --- files that are too large for memory ----------------------------------------------------------------------------------


def test_a_file_is_copied_and_stays_where_it_was(tmp_path: Path) -> None:
    given = tmp_path / "given" / "a.csv"
    given.parent.mkdir()
    given.write_bytes(b"Date,Value\r\n\xa0" * 300_000)  # several blocks
    landing = Landing(tmp_path / "landing")
    assert landing.land([Arrival("readings", "full", "a.csv", given, MOMENT)], "replay") == (1, 1)
    (landed,) = landing.manifest("readings")
    assert landing.path(landed).read_bytes() == given.read_bytes()
    assert (landed.sha256, landed.size) == (hashlib.sha256(given.read_bytes()).hexdigest(), given.stat().st_size)
    # as bytes it is the same edition
    assert Landing(tmp_path / "landing").land([arrival(given.read_bytes())], "replay") == (1, 0)


def test_a_download_is_moved(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.downloads.mkdir(parents=True)
    for day, kept in ((10, 1), (11, 0)):
        part = landing.downloads / "abc.part"
        part.write_bytes(b"Date,Value\n")
        url = "https://provider.example/all.zip"
        moved = Arrival("readings", "full", "a.zip", part, MOMENT.replace(day=day), url=url, sha256=hashlib.sha256(b"Date,Value\n").hexdigest())
        assert landing.land([moved], "live") == (1, kept)
        assert not part.exists()
    (landed,) = landing.manifest("readings")
    assert landing.path(landed).read_bytes() == b"Date,Value\n"
    assert landed.path.endswith(".zip")


def test_a_file_that_changes_while_it_is_copied_does_not_land(tmp_path: Path) -> None:
    given = tmp_path / "a.csv"
    given.write_bytes(b"Date,Value\n")
    changed = Arrival("readings", "full", "a.csv", given, MOMENT, sha256=hashlib.sha256(b"as it was").hexdigest())
    with pytest.raises(OSError, match=r"a\.csv changed while it was copied"):
        Landing(tmp_path / "landing").land([changed], "replay")
    assert visible(tmp_path / "landing") == []
    assert Landing(tmp_path / "landing").manifest("readings") == []


def test_a_replay_gives_files_not_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fsi.csv").write_text(
        "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets\n"
        "2026-10-05,1,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8\n",
        encoding="utf-8",
    )
    (replayed,) = ReplaySource(tmp_path).fetch("ofr")
    assert replayed.content == tmp_path / "fsi.csv"


def test_what_came_over_the_network_has_its_line_at_once(tmp_path: Path) -> None:
    """A killed process asks for nothing again that it has landed; files of a folder are cheap to land again."""

    def source(lines: int) -> Iterator[Arrival]:
        yield arrival(b"one", name="one.csv")
        assert len(Landing(tmp_path).manifest("readings")) == lines
        yield arrival(b"two", name="two.csv")

    Landing(tmp_path).land(source(0), "replay")
    (tmp_path / "readings" / "manifest.jsonl").unlink()
    Landing(tmp_path).land(source(1), "live")


# --- days that were answered ----------------------------------------------------------------------------------------------

TODAY = date(2026, 10, 9)


def answer(landing: Landing, first: str, last: str, on: date = TODAY) -> None:
    landing.land([Answered("readings", "full", date.fromisoformat(first), date.fromisoformat(last), on)], "live")


def missing(landing: Landing, first: str, last: str, today: date = TODAY, format: str = "full") -> list[str]:
    return [f"{begin} {end}" for begin, end in landing.missing("readings", format, date.fromisoformat(first), date.fromisoformat(last), today)]


def test_days_that_were_not_answered(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert missing(landing, "2026-01-01", "2026-01-31") == ["2026-01-01 2026-01-31"]
    answer(landing, "2026-01-10", "2026-01-12")
    answer(landing, "2026-01-20", "2026-02-05")
    assert missing(landing, "2026-01-01", "2026-01-31") == ["2026-01-01 2026-01-09", "2026-01-13 2026-01-19"]
    assert missing(landing, "2026-01-11", "2026-01-11") == missing(landing, "2026-01-20", "2026-02-05") == []
    assert missing(landing, "2026-02-05", "2026-02-07") == ["2026-02-06 2026-02-07"]
    assert missing(landing, "2025-12-01", "2025-12-31") == ["2025-12-01 2025-12-31"]
    assert missing(landing, "2026-01-10", "2026-01-12", format="narrow") == ["2026-01-10 2026-01-12"]


def test_intervals_that_touch_or_overlap_are_one(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    for first, last in (("2026-01-11", "2026-01-20"), ("2026-01-01", "2026-01-10"), ("2026-01-05", "2026-01-25"), ("2026-01-06", "2026-01-07")):
        answer(landing, first, last)
    settled = json.loads((tmp_path / "readings" / "answered.json").read_text(encoding="utf-8"))["full"]["settled"]
    assert settled == [["2026-01-01", "2026-01-25"]]


def test_the_last_week_is_answered_for_its_day_only(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    answer(landing, "2026-09-25", "2026-10-05")
    answer(landing, "2026-10-06", "2026-10-09")
    assert missing(landing, "2026-09-20", "2026-10-09") == ["2026-09-20 2026-09-24"]
    tomorrow = TODAY + timedelta(days=1)
    assert missing(landing, "2026-09-25", "2026-10-10", tomorrow) == ["2026-10-03 2026-10-10"]
    answer(landing, "2026-10-10", "2026-10-10", tomorrow)
    assert missing(landing, "2026-09-25", "2026-10-10", tomorrow) == ["2026-10-03 2026-10-09"]


def test_days_are_answered_after_the_files_they_are_about(tmp_path: Path) -> None:
    def source() -> Iterator[Arrival | Answered]:
        yield arrival(b"one", name="one.csv")
        assert missing(Landing(tmp_path), "2026-01-01", "2026-01-01") != []
        yield Answered("readings", "full", date(2026, 1, 1), date(2026, 1, 1), TODAY)
        assert [landed.name for landed in Landing(tmp_path).manifest("readings")] == ["one.csv"]
        assert missing(Landing(tmp_path), "2026-01-01", "2026-01-01") == []

    Landing(tmp_path).land(source(), "replay")


def test_completion_is_noted_after_the_files_it_is_about(tmp_path: Path) -> None:
    done = Completed("readings", "full", date(2026, 1, 9))

    def source() -> Iterator[Arrival | Completed]:
        yield arrival(b"one", name="one.csv")
        yield done
        assert [landed.name for landed in Landing(tmp_path).manifest("readings")] == ["one.csv"]
        assert Landing(tmp_path).completed("readings") == {"full": date(2026, 1, 9)}
        yield Completed("readings", "narrow", date(2026, 1, 8))

    assert Landing(tmp_path).land(source(), "live") == (1, 1)
    assert Landing(tmp_path).completed("readings") == {"full": date(2026, 1, 9), "narrow": date(2026, 1, 8)}
    assert Landing(tmp_path).completed("other") == {}


def test_the_manifest_has_one_object_a_line_and_no_secret(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.land([arrival(url="https://provider.example/data.csv?id=1")], "live")
    (line,) = (tmp_path / "readings" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["url"] == "https://provider.example/data.csv?id=1"
    assert not {key for key in json.loads(line) if "secret" in key or "header" in key or "key" in key}
