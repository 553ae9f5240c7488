"""Damaged files without end: changes at random of well-formed files of every format, each loaded, and what must hold of every one of them.

`python tests/fuzz.py --seconds 600` goes on for so long and writes each file that breaks a rule to a folder; `test_fuzz.py` tries a few of
every format. A load must raise nothing and end; rows read are loaded, quarantined or unchanged; no record goes without being counted;
what was loaded before stays; a file that is refused says why and what to do.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from bad_input import Subject, store_of, subject_of
from good_files import FIRST_EDITION, FORMATS, Text, Zip, good_files

from ingest.feed import UnreadableFile
from ingest.landing import Landed
from ingest.source import claims_of

ODD_TEXTS = (
    *("", " ", ".", "-", "NA", "N/A", "null", "NaN", "inf", "-1", "0", "1e999", "1,5", "1.234,5", "1,234,567.8", "12/31/2023", "31/12/2023", "2023-02-30"),
    *("9999-12-31", "0000-00-00", "20231301", "'", '"', "';--", "\\", "\t", "\n", "\x00", "\u00a0", "\ufeff", "\u202e", "{}", "[]", "&a;", "%", "$", "=1+1"),
    *("9" * 400, "x" * 5000, "é", "日本", "🜚"),
)
TOGETHER = 20  # files a load
MEMORY = 8 << 30  # bytes; a load of so few kilobytes that wants more would take the machine with it
SECONDS_A_LOAD = 300  # a load of so few kilobytes that takes longer hangs
WHAT_TO_DO = r"fetch it again|provider may have changed|provider answered|save it|unpack|quarantine list|name it|call it|land the whole|check "


def damaged(subject: Subject, chance: random.Random) -> tuple[bytes, str]:
    """The file with one to three changes, and what they are."""
    content, said = subject.good.content, []
    if chance.random() < 0.4:
        content, what = _with_odd_cell(subject, chance)
        said.append(what)
        if chance.random() < 0.7:
            return content, what
    for _ in range(chance.randint(1, 3)):
        change = chance.choice((_flipped, _cut, _without_stretch, _with_stretch_twice, _with_noise, _with_lines_changed))
        content, what = change(content, chance)
        said.append(what)
    return content, "; ".join(said)


def _with_odd_cell(subject: Subject, chance: random.Random) -> tuple[bytes, str]:
    places = [place for place, _ in subject.document.cells()]
    place, text = chance.choice(places), chance.choice(ODD_TEXTS)
    try:
        return subject.document.with_cell(place, text), f"cell {place} is {text[:20]!r}"
    except (UnicodeError, ValueError, TypeError):  # not to be written in this layout
        return subject.good.content, "nothing"


def _flipped(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 20)) if data else 0):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data), "bytes changed"


def _cut(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    end = chance.randint(0, len(content))
    return content[:end], f"cut at {end}"


def _stretch(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(content))
    return start, min(len(content), start + chance.choice((1, 10, 100, 1000)))


def _without_stretch(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    start, end = _stretch(content, chance)
    return content[:start] + content[end:], f"without {start} to {end}"


def _with_stretch_twice(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    start, end = _stretch(content, chance)
    return content[:end] + content[start:end] + content[end:], f"{start} to {end} twice"


def _with_noise(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    start = chance.randint(0, len(content))
    noise = chance.choice((chance.randbytes(8), b"\r", b"\n", b'"', b"\x00", b"\xff\xfe", "\u00a0".encode("latin-1"), b"<", b"{", b"]", b","))
    return content[:start] + noise + content[start:], f"{noise!r} at {start}"


def _with_lines_changed(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return content, "nothing"
    first, other = sorted((chance.randrange(len(lines)), chance.randrange(len(lines))))
    what = chance.choice(("left out", "twice", "changed places", "at the end"))
    if what == "left out":
        del lines[first]
    elif what == "twice":
        lines.insert(other, lines[first])
    elif what == "changed places":
        lines[first], lines[other] = lines[other], lines[first]
    else:
        lines.append(lines.pop(first))
    return b"".join(lines), f"line {first} {what}"


# --- what must hold -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    """A damaged file broke a rule."""


class Bench:
    """A store with the good file of a format in it, in which damaged editions of it are loaded one after another."""

    def __init__(self, feed: str, format: str, folder: Path) -> None:
        self.good = good_files()[feed, format]
        self.store = store_of(self.good, folder)
        self.subject = subject_of(self.good, self.store)
        self.hours = itertools.count(1)
        self.loaded = self._rows_of_good()

    def _rows_of_good(self) -> list[tuple[object, ...]]:
        """Count and hash of the good file's rows in each raw table."""
        return [
            self.store.rows(
                f'select count(*), bit_xor(hash(raw)) from raw."{feed.name}" as raw '
                f"where _file_id in (select file_id from meta.file where edition_at <= '{FIRST_EDITION:%Y-%m-%d %H:%M:%S}')"
            )[0]
            for feed in self.store.feeds
        ]

    def try_(self, contents: Sequence[bytes]) -> None:
        """Load damaged editions together. Raises Broken, or whatever the load raises."""
        good, landed = self.good, []
        for content in contents:
            self._claim(content)
            edition = FIRST_EDITION + timedelta(hours=next(self.hours))
            landed.append(self.store.land_as(good.landed_with, good.format, good.name, content, edition, self.subject.parameters))
        self.store.load()
        if self._rows_of_good() != self.loaded:
            raise Broken("rows that were loaded before have changed")
        for content, file in zip(contents, landed, strict=True):
            self._check(content, file)

    def _check(self, content: bytes, landed: Landed | None) -> None:
        for feed in self.store.feeds:
            file = self.store.file_of(feed.name, landed)  # checks the sum
            message = file["message"]
            if file["status"] == "quarantined" and (not message or len(message.splitlines()) != 1 or not re.search(WHAT_TO_DO, message)):
                raise Broken(f"feed {feed.name}: the message does not say what to do: {message!r}")
            kept = self.store.rows(f'select count(*) from raw."{feed.name}" where _file_id = {file["file_id"]}')[0][0]
            if kept != file["rows_loaded"]:
                raise Broken(f"feed {feed.name}: {kept} rows are in the table, {file['rows_loaded']} are said to be loaded")
            refused = self.store.rows(f"select count(*), count(nullif(reason, '')) from meta.quarantine where file_id = {file['file_id']}")[0]
            if refused != (file["rows_quarantined"],) * 2:
                raise Broken(f"feed {feed.name}: {refused[0]} rows are in quarantine, {file['rows_quarantined']} are said to be, {refused[1]} with a reason")
        self._count_lines(content, self.store.file_of(self.good.feed, landed))

    def _claim(self, content: bytes) -> None:
        """A file that is damaged is claimed or not: anything but UnreadableFile would stop the survey of a folder."""
        path = self.store.folder / "claimed"
        path.write_bytes(content)
        with suppress(UnreadableFile):
            claims_of(path, self.good.name)

    def _count_lines(self, content: bytes, file: dict[str, object]) -> None:
        """Whole lines that stand before the damage are read, where a line is a record."""
        document = self.subject.document
        if not isinstance(document, Text) or isinstance(document, Zip) or file["status"] != "loaded":
            return
        lines = self.good.content.decode(document.encoding).count(document.end)
        if lines != self.subject.rows + self.subject.skipped or document.encoding != "utf-8":
            return
        same = next(
            (at for at, (one, other) in enumerate(zip(content, self.good.content, strict=False)) if one != other), min(len(content), len(self.good.content))
        )
        whole = content[:same].count(b"\n")
        if int(str(file["rows_read"])) + int(str(file["rows_skipped"])) < whole:
            raise Broken(f"{whole} whole lines stand before the damage, {file['rows_read']} were read and {file['rows_skipped']} counted")


@contextmanager
def _limit() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise Broken(f"a load took more than {SECONDS_A_LOAD} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_A_LOAD)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _rule_broken(bench: Bench, contents: Sequence[bytes]) -> str | None:
    """The rule that these files break, or where the load failed; None when all is well."""
    try:
        with _limit():
            bench.try_(contents)
    except Broken as error:
        return str(error)
    except Exception:
        return traceback.format_exc(limit=-3)
    finally:
        bench.store.connection.close()
    return None


def _keep_while_tried(folder: Path, feed: str, format: str, contents: Sequence[bytes]) -> None:
    """Write what is tried next, for a load that ends the process."""
    folder.mkdir(parents=True, exist_ok=True)
    for before in folder.iterdir():
        before.unlink()
    for number, content in enumerate(contents):
        (folder / f"{feed}.{format}.{number}").write_bytes(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Damage and load for so many seconds; returns 1 when a rule was broken, each time with the file kept in `--keep`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", action="append", help="feed.format; all when none is named", default=[])
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fuzz")
    asked = parser.parse_args(arguments)
    formats = [(feed, format) for feed, format in FORMATS if not asked.format or f"{feed}.{format}" in asked.format]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    chance = random.Random(asked.seed)
    end = time.monotonic() + asked.seconds
    tried = broken = 0
    chance.shuffle(formats)
    for feed, format in itertools.cycle(formats):
        if time.monotonic() >= end:
            break
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(feed, format, Path(folder) / "together")
            files = [damaged(bench.subject, chance) for _ in range(TOGETHER)]
            tried += len(files)
            _keep_while_tried(asked.keep / "tried", feed, format, [content for content, _ in files])
            if _rule_broken(bench, [content for content, _ in files]) is None:
                continue
            # which of them it was
            for number, (content, said) in enumerate(files):
                if error := _rule_broken(Bench(feed, format, Path(folder) / str(number)), [content]):
                    broken += 1
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    kept = asked.keep / f"{feed}.{format}.{tried}.{number}"
                    kept.write_bytes(content)
                    print(f"{feed}.{format}: {said}\n  {kept}\n  {error}", flush=True)
    print(f"{tried:,} damaged files of {len(formats)} formats (seed {asked.seed}): {broken} broke a rule")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
