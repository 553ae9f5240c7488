"""A raw store in memory: land a file, load, look at what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from ingest.feed import Feed
from ingest.feeds import FEEDS
from ingest.landing import Arrival, Landed, Landing, identify
from ingest.load import LoadSummary, load_landed
from ingest.source import claims_of

FETCHED_AT = datetime(2026, 10, 1, 12, tzinfo=UTC)


class RawStore:
    """Landing folder and raw tables of some feeds; `fetched_at` is what the clock shows while landing."""

    def __init__(self, folder: Path, feeds: Sequence[Feed] = tuple(FEEDS.values()), fetched_at: datetime = FETCHED_AT) -> None:
        self.folder = folder
        self.feeds = feeds
        self.fetched_at = fetched_at
        self.landing = Landing(folder)
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")

    def land(self, feed: str, name: str, content: bytes | str, *, format: str | None = None, edition_at: datetime | None = None) -> Landed | None:
        """Land one file under the format its content and name show, the feed's first when they show none; None when it was there."""
        data = content.encode() if isinstance(content, str) else content
        declared = next(f for f in self.feeds if f.name == feed)
        if format is None:
            format = self._claimed(feed, name, data) or declared.formats[0].name
        return self.land_as(feed, declared.format(format).name, name, data, edition_at, declared.format(format).parameters_of(name))

    def land_as(
        self, feed: str, format: str, name: str, data: bytes, edition_at: datetime | None = None, parameters: dict[str, str] | None = None
    ) -> Landed | None:
        """Land one file under a format, whatever it holds; None when it was there."""
        arrival = Arrival(feed, format, name, data, edition_at, parameters=parameters or {})
        before = len(self.landing.manifest(feed))

        class Clock(datetime):
            now = classmethod(lambda cls, tz=None: self.fetched_at)

        with patch("ingest.landing.datetime", Clock):
            self.landing.land([arrival], "replay")
        landed = self.landing.manifest(feed)
        return landed[-1] if len(landed) > before else None

    def _claimed(self, feed: str, name: str, data: bytes) -> str | None:
        path = self.folder / "claimed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        try:
            return next((claim.format.name for claim in claims_of(path, name) if claim.feed.name == feed), None)
        except Exception:
            return None
        finally:
            path.unlink()

    def load(self, *feeds: str) -> LoadSummary:
        """Load what has landed, of all feeds or those named."""
        return load_landed(self.connection, [f for f in self.feeds if not feeds or f.name in feeds], self.landing, "build")

    def take(self, feed: str, name: str, content: bytes | str, *, edition_at: datetime | None = None, format: str | None = None) -> dict[str, Any]:
        """Land and load one file; returns its row of `meta.file`."""
        landed = self.land(feed, name, content, edition_at=edition_at, format=format)
        assert landed is not None
        self.load(feed)
        return self.file(landed.file_id)

    def file(self, file_id: int) -> dict[str, Any]:
        """A row of `meta.file`; checks that rows read = loaded + quarantined + unchanged."""
        found = self.connection.execute("select * from meta.file where file_id = ?", [file_id])
        names = [column[0] for column in found.description or []]
        row = found.fetchone()
        assert row is not None
        record = dict(zip(names, row, strict=True))
        assert record["rows_read"] == record["rows_loaded"] + record["rows_quarantined"] + record["rows_unchanged"], record
        return record

    def file_of(self, feed: str, landed: Landed | None) -> dict[str, Any]:
        """The row of `meta.file` that a landed file has for a feed, which may share it with others."""
        assert landed is not None
        return self.file(identify(feed, landed.name, landed.sha256, landed.edition_at))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(sql).fetchall()

    def reasons(self) -> list[str]:
        """Why rows are in quarantine, by file and row."""
        return [reason for (reason,) in self.rows("select reason from meta.quarantine order by file_id, row_number, reason")]
