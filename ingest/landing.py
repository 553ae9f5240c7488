"""Landed files: bytes exactly as received, named by their hash, never changed; and the manifest that says what they are.

`landing/<feed>/<date>/<sha256><suffix>` holds the bytes, `landing/<feed>/manifest.jsonl` one line a landed edition. Both are
written so that a crash leaves either all of a file or nothing of it that is visible. Beside the manifest, `seen.json` says until when
an address was seen with the bytes of its newest edition, `completed.json` and `answered.json` which days a live provider has answered for, by format, and
`decisions.jsonl` what was released from quarantine or dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from filelock import FileLock

MANIFEST_BATCH = 256  # manifest lines written and synced together
SETTLED_AFTER = timedelta(days=7)  # observations younger than this may still be published or corrected, and are asked for again
BLOCK = 1 << 20


@dataclass(frozen=True)
class Arrival:
    """One file as a source gives it; `url` holds no secrets, `edition_at` is null when only reading the file can tell.

    `content` is its bytes, or the path of a file that is too large for memory: it is moved when it lies in the landing's own folder of
    downloads, and copied otherwise. `sha256` is its hash where the source has computed it.
    """

    feed: str
    format: str
    name: str
    content: bytes | Path
    edition_at: datetime | None = None
    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None


@dataclass(frozen=True)
class Unchanged:
    """Said by a source that asked an address whether its file has changed: it has not, at this moment (UTC)."""

    feed: str
    url: str
    at: datetime


@dataclass(frozen=True)
class Completed:
    """Said by a source after the last file of a format: everything asked for up to `last_day` has arrived."""

    feed: str
    format: str
    last_day: date


@dataclass(frozen=True)
class Answered:
    """Said by a source after a piece of a format's history: all that was asked for from `first_day` to `last_day` has arrived, on the day `on`."""

    feed: str
    format: str
    first_day: date
    last_day: date
    on: date


Days: TypeAlias = "list[tuple[date, date]]"


@dataclass(frozen=True)
class Landed:
    """One line of the manifest: an edition of a file.

    `file_id` depends only on the content, the name and the edition, so that the same landed files give the same warehouse in
    whatever order they arrived. `edition_at` is null when only reading the file can tell; `url` holds no secrets. `seen_until` is the last
    moment at which the provider's file was seen again with these bytes, null when it never was; it stands in `seen.json`, not in the line.
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
    seen_until: str | None = None


@dataclass(frozen=True)
class Decision:
    """One line of `decisions.jsonl`: what somebody decided about a quarantined file, or about one of its rows.

    `row_number` and `line` are those of `meta.quarantine`, both null for the whole file. A row is known by both: when its file is read otherwise
    one day, a decision about the row as it was does not fall on another one. `decided_at` is UTC.
    """

    file_id: int
    row_number: int | None
    line: str | None
    decision: Literal["released", "dropped"]
    why: str
    decided_by: str
    decided_at: str


def identify(feed: str, name: str, sha256: str, edition_at: str | None) -> int:
    """A file's id: 52 bits of a hash, so that it is exact in every reader, JavaScript included."""
    digest = hashlib.sha256("\0".join((feed, name, sha256, edition_at or "")).encode()).hexdigest()
    return int(digest[:13], 16)


def hash_of(content: bytes | Path) -> str:
    """SHA-256 of bytes, or of a file read in blocks."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(target: Path, content: bytes | Path, sha256: str) -> None:
    """Write a file whole or not at all. Raises OSError when the disk is full, or a file changed while it was copied."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            if isinstance(content, Path):
                copied = hashlib.sha256()
                with content.open("rb") as original:
                    while block := original.read(BLOCK):
                        copied.update(block)
                        stream.write(block)
                if copied.hexdigest() != sha256:
                    raise OSError(f"{content} changed while it was copied; try again when it is complete")
            else:
                stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _merged(days: Days) -> Days:
    """Intervals in order, those that touch joined."""
    joined: Days = []
    for begin, end in sorted(days):
        if joined and begin <= joined[-1][1] + timedelta(days=1):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


T = TypeVar("T", Landed, Decision)


def _lines(path: Path, kind: type[T]) -> list[T]:
    """What the lines of a file say; one torn by a crash is passed over."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(kind(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def _append_lines(path: Path, lines: Sequence[Landed | Decision]) -> None:
    """Add lines to a file and sync it; a line that a crash has torn is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
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


class Landing:
    """The landed files of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._indices: dict[str, ManifestIndex] = {}

    def manifest(self, feed: str) -> list[Landed]:
        """Landed editions of a feed in the order they were landed. A line torn by a crash is passed over: its file lands again."""
        seen = _read_json(self.folder / feed / "seen.json")
        lines = _lines(self.folder / feed / "manifest.jsonl", Landed)
        return [replace(line, seen_until=seen[str(line.file_id)]) if str(line.file_id) in seen else line for line in lines]

    def decisions(self, feed: str) -> list[Decision]:
        """What was decided about quarantined files and rows of a feed, in order. A line torn by a crash is passed over: the command had not ended."""
        return _lines(self.folder / feed / "decisions.jsonl", Decision)

    def decide(self, feed: str, decisions: list[Decision]) -> None:
        """Add decisions about quarantined files and rows of a feed; the next load applies them. Raises OSError when the disk is full."""
        _append_lines(self.folder / feed / "decisions.jsonl", decisions)

    def editions(self) -> Iterator[Landed]:
        """Every landed edition, by feed."""
        for path in sorted(self.folder.glob("*/manifest.jsonl")):
            yield from self.manifest(path.parent.name)

    def path(self, landed: Landed) -> Path:
        """Where the bytes of an edition are."""
        return self.folder / landed.path

    def completed(self, feed: str) -> dict[str, date]:
        """Last day up to which a format has been fetched without a gap, by format."""
        return {name: date.fromisoformat(day) for name, day in _read_json(self.folder / feed / "completed.json").items()}

    @property
    def downloads(self) -> Path:
        """Where large answers lie until they are whole."""
        return self.folder / ".partial"

    def missing(self, feed: str, format: str, first_day: date, last_day: date, today: date) -> Days:
        """The days from `first_day` to `last_day` that have not been answered, as intervals with both ends in them.

        Days within a week of the request are answered for the day of that request only: later they may have been published or corrected.
        """
        found: Days = []
        start = first_day
        for begin, end in _merged(self._answered(feed, format, today)):
            if begin > start:
                found.append((start, min(begin - timedelta(days=1), last_day)))
            start = max(start, end + timedelta(days=1))
            if start > last_day:
                break
        if start <= last_day:
            found.append((start, last_day))
        return [(begin, end) for begin, end in found if begin <= end]

    def _answered(self, feed: str, format: str, today: date) -> Days:
        known = _read_json(self.folder / feed / "answered.json").get(format, {})
        recent = known.get("recent", {})
        intervals = known.get("settled", []) + (recent["days"] if recent.get("on") == today.isoformat() else [])
        return [(date.fromisoformat(begin), date.fromisoformat(end)) for begin, end in intervals]

    def land(self, files: Iterable[Arrival | Unchanged | Completed | Answered], source: str) -> tuple[int, int]:
        """Keep the bytes of arriving files; returns how many arrived and how many were not there already.

        What an address still serves is no edition of its own: it is noted until when the one before stood.

        Bytes are written to a temporary name, synced and renamed; manifest lines follow, a batch at a time (each at once when it came over
        the network), so a file without a line is an unfinished landing and is simply landed again.
        Raises OSError when the disk is full, with nothing torn visible.
        """
        seen = kept = 0
        batch = 1 if source == "live" else MANIFEST_BATCH
        waiting: dict[str, list[Landed]] = {}
        still_served: dict[str, dict[str, str]] = {}
        try:
            for arrival in files:
                if isinstance(arrival, Unchanged):
                    if unchanged := self.manifest_index(arrival.feed).by_url.get(arrival.url):
                        still_served.setdefault(arrival.feed, {})[str(unchanged.file_id)] = arrival.at.astimezone(UTC).isoformat()
                    continue
                if isinstance(arrival, Completed | Answered):
                    # only once the manifest holds what arrived: a crash before this line asks for all of it again
                    self._append(arrival.feed, waiting.pop(arrival.feed, []))
                    if isinstance(arrival, Completed):
                        self._note_completed(arrival)
                    else:
                        self._note_answered(arrival)
                    continue
                seen += 1
                landed = self._keep(arrival, source, still_served.setdefault(arrival.feed, {}))
                if landed:
                    kept += 1
                    waiting.setdefault(landed.feed, []).append(landed)
                    if len(waiting[landed.feed]) >= batch:
                        self._append(landed.feed, waiting.pop(landed.feed))
        finally:
            # what arrived before a failure has landed and is not asked for again
            for feed, lines in waiting.items():
                self._append(feed, lines)
            for feed, moments in still_served.items():
                self._note_seen(feed, moments)
        return seen, kept

    def _keep(self, arrival: Arrival, source: str, still_served: dict[str, str]) -> Landed | None:
        """Write the bytes of one file; None when this edition is there already, or is `still_served`."""
        fetched = datetime.now(UTC)
        content = arrival.content
        download = content if isinstance(content, Path) and content.parent == self.downloads else None
        sha256 = arrival.sha256 or hash_of(content)
        edition = arrival.edition_at.astimezone(UTC).isoformat() if arrival.edition_at else None
        known = self.manifest_index(arrival.feed)
        previous = known.by_url.get(arrival.url) if arrival.url else None
        file_id = identify(arrival.feed, arrival.name, sha256, edition)
        is_there = file_id in known.by_id
        if previous and previous.sha256 == sha256:
            still_served[str(previous.file_id)] = edition or fetched.isoformat()
            is_there = True
        if is_there:
            if download:
                download.unlink()
            return None
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        suffix = Path(arrival.name).suffix if len(Path(arrival.name).suffix) <= 6 else ""
        relative = Path(arrival.feed) / fetched.date().isoformat() / f"{sha256}{suffix}"
        target = self.folder / relative
        if download:
            target.parent.mkdir(parents=True, exist_ok=True)
            download.replace(target)  # it was synced when the download ended
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, content, sha256)
        landed = Landed(
            file_id=file_id,
            feed=arrival.feed,
            format=arrival.format,
            name=arrival.name,
            path=relative.as_posix(),
            sha256=sha256,
            size=size,
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

    def _note_seen(self, feed: str, moments: Mapping[str, str]) -> None:
        """Note until when editions stood, by id."""
        if moments:
            self._note(feed, "seen.json", lambda said: said.update(moments))

    def _note_completed(self, completed: Completed) -> None:
        self._note(completed.feed, "completed.json", lambda said: said.update({completed.format: completed.last_day.isoformat()}))

    def _note_answered(self, answered: Answered) -> None:
        """Days older than a week are settled; the younger ones count on the day they were asked for."""

        def more(known: dict[str, Any] | None) -> dict[str, Any]:
            kept = known or {"settled": [], "recent": {}}
            settled = [(date.fromisoformat(begin), date.fromisoformat(end)) for begin, end in kept["settled"]]
            limit = answered.on - SETTLED_AFTER
            if answered.first_day <= limit:
                settled.append((answered.first_day, min(answered.last_day, limit)))
            recent = kept["recent"]
            if answered.last_day > limit:
                days = recent["days"] if recent.get("on") == answered.on.isoformat() else []
                recent = {
                    "on": answered.on.isoformat(),
                    "days": [*days, (max(answered.first_day, limit + timedelta(days=1)).isoformat(), answered.last_day.isoformat())],
                }
            return {"settled": [(begin.isoformat(), end.isoformat()) for begin, end in _merged(settled)], "recent": recent}

        self._note(answered.feed, "answered.json", lambda said: said.update({answered.format: more(said.get(answered.format))}))

    def _note(self, feed: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what a record of a feed says, in one rename."""
        path = self.folder / feed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            said = _read_json(path)
            change(said)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            with temporary.open("w", encoding="utf-8") as stream:
                json.dump(dict(sorted(said.items())), stream)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)

    def _append(self, feed: str, lines: list[Landed]) -> None:
        if lines:
            _append_lines(self.folder / feed / "manifest.jsonl", lines)

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
