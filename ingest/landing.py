"""Landed files: bytes exactly as received, named by their hash, never changed; and the manifest that says what they are.

`landing/<feed>/<date>/<sha256><suffix>` holds the bytes, `landing/<feed>/manifest.jsonl` one line a landed edition. Both are
written so that a crash leaves either all of a file or nothing of it that is visible.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock


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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Landing:
    """The landed files of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self, feed: str) -> list[Landed]:
        """Landed editions of a feed in the order they were landed. A line torn by a crash is passed over: its file lands again."""
        path = self.folder / feed / "manifest.jsonl"
        if not path.exists():
            return []
        landed = []
        for line in path.read_text(encoding="utf-8").splitlines():
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

    def land(
        self,
        *,
        feed: str,
        format: str,
        name: str,
        content: bytes,
        source: str,
        edition_at: datetime | None,
        url: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        parameters: Mapping[str, str] | None = None,
        fetched_at: datetime | None = None,
    ) -> Landed | None:
        """Keep the bytes of an edition; returns its manifest line, or None when it is there already.

        Bytes are written to a temporary name, synced and renamed; the manifest line follows, so a file without a line is
        an unfinished landing and is simply landed again. Raises OSError when the disk is full, with nothing left visible.
        """
        fetched = fetched_at or datetime.now(UTC)
        sha256 = hashlib.sha256(content).hexdigest()
        edition = edition_at.astimezone(UTC).isoformat() if edition_at else None
        known = self.manifest_index(feed)
        previous = known.by_url.get(url) if url else None
        if previous is not None and previous.sha256 == sha256:
            return None
        file_id = identify(feed, name, sha256, edition)
        if file_id in known.by_id:
            return None
        suffix = Path(name).suffix if len(Path(name).suffix) <= 6 else ""
        relative = Path(feed) / fetched.date().isoformat() / f"{sha256}{suffix}"
        target = self.folder / relative
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            try:
                with temporary.open("wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        landed = Landed(
            file_id=file_id,
            feed=feed,
            format=format,
            name=name,
            path=relative.as_posix(),
            sha256=sha256,
            size=len(content),
            source=source,
            fetched_at=fetched.isoformat(),
            edition_at=edition,
            url=url,
            etag=etag,
            last_modified=last_modified,
            parameters=dict(parameters or {}),
        )
        self._append(feed, landed)
        known.add(landed)
        return landed

    def _append(self, feed: str, landed: Landed) -> None:
        path = self.folder / feed / "manifest.jsonl"
        with FileLock(path.with_suffix(".lock")), path.open("ab+") as stream:
            stream.seek(0, os.SEEK_END)
            torn = False
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                torn = stream.read(1) != b"\n"
            stream.write((b"\n" if torn else b"") + json.dumps(asdict(landed), ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def manifest_index(self, feed: str) -> ManifestIndex:
        """The manifest of a feed by id and URL, read once a process and kept true by `land`."""
        cached = _indices.get((self.folder, feed))
        path = self.folder / feed / "manifest.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if cached is None or cached.size != size:
            cached = ManifestIndex(path, self.manifest(feed))
            _indices[self.folder, feed] = cached
        return cached


class ManifestIndex:
    """Landed editions of a feed by id, and the newest by URL."""

    def __init__(self, path: Path, landed: list[Landed]) -> None:
        self.path = path
        self.by_id = {line.file_id: line for line in landed}
        self.by_url = {line.url: line for line in landed if line.url}
        self.size = path.stat().st_size if path.exists() else 0

    def add(self, landed: Landed) -> None:
        """Note one more line, just written."""
        self.by_id[landed.file_id] = landed
        if landed.url:
            self.by_url[landed.url] = landed
        self.size = self.path.stat().st_size


_indices: dict[tuple[Path, str], ManifestIndex] = {}
