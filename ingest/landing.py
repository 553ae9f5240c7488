"""Landed files: bytes exactly as received, named by their hash, never changed; and the manifest that says what they are.

`landing/<feed>/<date>/<sha256><suffix>` holds the bytes, `landing/<feed>/manifest.jsonl` one line a landed edition. Both are
written so that a crash leaves either all of a file or nothing of it that is visible.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from filelock import FileLock

MANIFEST_BATCH = 256  # manifest lines written and synced together


@dataclass(frozen=True)
class Arrival:
    """Bytes of one file as a source gives them; `url` holds no secrets, `edition_at` is null when only reading the file can tell."""

    feed: str
    format: str
    name: str
    content: bytes
    edition_at: datetime | None = None
    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Completed:
    """Said by a source after the last file of a format: everything asked for up to `last_day` has arrived."""

    feed: str
    format: str
    last_day: date


@dataclass(frozen=True)
class Landed:
    """One line of the manifest: an edition of a file.

    `file_id` depends only on the content, the name and the edition, so that the same landed files give the same warehouse in
    whatever order they arrived. `edition_at` is null when only reading the file can tell; `url` holds no secrets.
    """

    file_id: int
    feed: str
    format: str
    name: str
    path: str
    sha256: str
    size: int
    source: str
    fetched_at: str
    edition_at: str | None = None
    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def identify(feed: str, name: str, sha256: str, edition_at: str | None) -> int:
    """A file's id: 52 bits of a hash, so that it is exact in every reader, JavaScript included."""
    digest = hashlib.sha256("\0".join((feed, name, sha256, edition_at or "")).encode()).hexdigest()
    return int(digest[:13], 16)


class Landing:
    """The landed files of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._indices: dict[str, ManifestIndex] = {}

    def manifest(self, feed: str) -> list[Landed]:
        """Landed editions of a feed in the order they were landed. A line torn by a crash is passed over: its file lands again."""
        path = self.folder / feed / "manifest.jsonl"
        if not path.exists():
            return []
        landed = []
        for line in path.read_bytes().split(b"\n"):
            try:
                landed.append(Landed(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return landed

    def editions(self) -> Iterator[Landed]:
        """Every landed edition, by feed."""
        for path in sorted(self.folder.glob("*/manifest.jsonl")):
            yield from self.manifest(path.parent.name)

    def path(self, landed: Landed) -> Path:
        """Where the bytes of an edition are."""
        return self.folder / landed.path

    def completed(self, feed: str) -> dict[str, date]:
        """Last day up to which a format has been fetched without a gap, by format."""
        path = self.folder / feed / "completed.json"
        if not path.exists():
            return {}
        return {name: date.fromisoformat(day) for name, day in json.loads(path.read_text(encoding="utf-8")).items()}

    def land(self, files: Iterable[Arrival | Completed], source: str) -> tuple[int, int]:
        """Keep the bytes of arriving files; returns how many arrived and how many were not there already.

        Bytes are written to a temporary name, synced and renamed; manifest lines follow, a batch at a time, so a file without
        a line is an unfinished landing and is simply landed again. Raises OSError when the disk is full, with nothing torn visible.
        """
        seen = kept = 0
        waiting: dict[str, list[Landed]] = {}
        try:
            for arrival in files:
                if isinstance(arrival, Completed):
                    # only once the manifest holds what arrived: a crash before this line asks for all of it again
                    self._append(arrival.feed, waiting.pop(arrival.feed, []))
                    self._note_completed(arrival)
                    continue
                seen += 1
                landed = self._keep(arrival, source)
                if landed:
                    kept += 1
                    waiting.setdefault(landed.feed, []).append(landed)
                    if len(waiting[landed.feed]) >= MANIFEST_BATCH:
                        self._append(landed.feed, waiting.pop(landed.feed))
        finally:
            # what arrived before a failure has landed and is not asked for again
            for feed, lines in waiting.items():
                self._append(feed, lines)
        return seen, kept

    def _keep(self, arrival: Arrival, source: str) -> Landed | None:
        """Write the bytes of one file; None when this edition is there already."""
        fetched = datetime.now(UTC)
        sha256 = hashlib.sha256(arrival.content).hexdigest()
        edition = arrival.edition_at.astimezone(UTC).isoformat() if arrival.edition_at else None
        known = self.manifest_index(arrival.feed)
        previous = known.by_url.get(arrival.url) if arrival.url else None
        if previous is not None and previous.sha256 == sha256:
            return None
        file_id = identify(arrival.feed, arrival.name, sha256, edition)
        if file_id in known.by_id:
            return None
        suffix = Path(arrival.name).suffix if len(Path(arrival.name).suffix) <= 6 else ""
        relative = Path(arrival.feed) / fetched.date().isoformat() / f"{sha256}{suffix}"
        target = self.folder / relative
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            try:
                with temporary.open("wb") as stream:
                    stream.write(arrival.content)
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        landed = Landed(
            file_id=file_id,
            feed=arrival.feed,
            format=arrival.format,
            name=arrival.name,
            path=relative.as_posix(),
            sha256=sha256,
            size=len(arrival.content),
            source=source,
            fetched_at=fetched.isoformat(),
            edition_at=edition,
            url=arrival.url,
            etag=arrival.etag,
            last_modified=arrival.last_modified,
            parameters=dict(arrival.parameters),
        )
        known.add(landed)
        return landed

    def _note_completed(self, completed: Completed) -> None:
        path = self.folder / completed.feed / "completed.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            days = {**self.completed(completed.feed), completed.format: completed.last_day}
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            with temporary.open("w", encoding="utf-8") as stream:
                json.dump({name: day.isoformat() for name, day in sorted(days.items())}, stream)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)

    def _append(self, feed: str, lines: list[Landed]) -> None:
        if not lines:
            return
        path = self.folder / feed / "manifest.jsonl"
        with FileLock(path.with_suffix(".lock")), path.open("ab+") as stream:
            stream.seek(0, os.SEEK_END)
            torn = False
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                torn = stream.read(1) != b"\n"
            text = "".join(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines)
            stream.write((b"\n" if torn else b"") + text.encode())
            stream.flush()
            os.fsync(stream.fileno())

    def manifest_index(self, feed: str) -> ManifestIndex:
        """The manifest of a feed by id and URL, read once and kept true while landing."""
        if feed not in self._indices:
            self._indices[feed] = ManifestIndex(self.manifest(feed))
        return self._indices[feed]


class ManifestIndex:
    """Landed editions of a feed by id, and the newest by URL."""

    def __init__(self, landed: list[Landed]) -> None:
        self.by_id = {line.file_id: line for line in landed}
        self.by_url = {line.url: line for line in landed if line.url}

    def add(self, landed: Landed) -> None:
        """Note one more."""
        self.by_id[landed.file_id] = landed
        if landed.url:
            self.by_url[landed.url] = landed
