"""Reading the providers' files: containers, encodings, and one reader for each kind of file.

A reader turns landed files into records: SQL that yields one row a record with the feed's columns as text. Types, bounds
and keys are checked afterwards, the same way for every feed (`load.py`).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from ingest.feed import Feed, LandedFile, Reader, Records, UnreadableFile, normalise_header
from ingest.workbook import MAX_CELLS, UnreadableWorkbook, read_sheets
from warehouse.disk import is_full

if TYPE_CHECKING:
    import duckdb

HEAD_BYTES = 8192
HEADER_LINES = 60  # a header further down than this is not looked for

# A zip that expands further than this is refused before anything is unpacked.
MAX_EXPANDED_BYTES = 8 * 1024**3
MAX_EXPANSION_RATIO = 250
LOCAL_HEADER_BYTES = 30  # before the name of a member, APPNOTE.TXT 4.3.7
MAX_MEMBERS = 100_000  # the facts of all companies are 19,000

_SPREADSHEET_SUFFIXES = (".xls", ".xlsx")
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")


# --- containers -------------------------------------------------------------------------------------------------------


def check_zip(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse an archive that would expand beyond the limits, reaches outside its folder or uses bytes twice. Raises UnreadableFile."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise UnreadableFile(f"{name} holds {len(members):,} members, more than {MAX_MEMBERS:,}: refused")
    expanded = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    in_place = sorted(members, key=lambda member: member.header_offset)
    for member, following in pairwise(in_place):
        if member.header_offset + LOCAL_HEADER_BYTES + member.compress_size > following.header_offset:
            raise UnreadableFile(f"{name} holds members that overlap, {member.filename!r} and {following.filename!r}: refused as a zip bomb")
    if expanded > MAX_EXPANDED_BYTES or (expanded > 10 * 1024**2 and expanded / packed > MAX_EXPANSION_RATIO):
        raise UnreadableFile(f"{name} would expand from {packed:,} to {expanded:,} bytes: refused as a zip bomb; look at what was landed, and fetch it again")
    for member in members:
        if member.filename.startswith(("/", "\\")) or ".." in Path(member.filename.replace("\\", "/")).parts:
            raise UnreadableFile(
                f"{name} holds a member with the unsafe path {member.filename!r}: refused; look at where the file comes from, and fetch it again"
            )


class _File:
    """A landed file that is no archive, as its own only member."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    def path(self) -> Path:
        """Where its bytes are."""
        return self._path

    def head(self) -> str:
        """Its start as text, see `head_of`."""
        return head_of(self._path)


class _Packed:
    """A member of a zip: unpacked into `folder` when it is asked for, and only once, since archives of 700 MB hold more than is read."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
        self.name = Path(entry.filename).name
        self._archive, self._entry, self._target = archive, entry, target

    def path(self) -> Path:
        """Where its bytes are, unpacked. Raises UnreadableFile when they are damaged."""
        if not self._target.exists():
            with _damage(f"{self.name} in {Path(str(self._archive.filename)).name}", "zip"):
                if self._entry.compress_type == zipfile.ZIP_DEFLATED and not self._entry.flag_bits & 1:
                    _inflate(Path(str(self._archive.filename)), self._entry, self._target)
                else:
                    with self._archive.open(self._entry) as packed:
                        _unpack(packed, self._target)
        return self._target

    def head(self) -> str:
        """Its start as text, see `head_of`; a spreadsheet is unpacked for it."""
        with _damage(self.name, "zip"), self._archive.open(self._entry) as packed:
            data = packed.read(HEAD_BYTES)
        return head_of(self.path()) if _is_workbook(data) else decode(data)


def _inflate(archive: Path, entry: zipfile.ZipInfo, target: Path) -> None:
    """Unpack a deflated member with ISA-L, which takes half the time of zlib: for a quarter of 13F that is a fifth of the whole load.

    The file appears only when it is whole. Raises BadZipFile when it is damaged.
    """
    from isal import isal_zlib

    part = target.with_name(f"{target.name}.part")
    checksum, size, left = 0, 0, entry.compress_size
    inflater = isal_zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        with archive.open("rb") as packed, part.open("wb") as unpacked:
            # the local header repeats the name and has an extra field of its own length (APPNOTE.TXT 4.3.7)
            packed.seek(entry.header_offset + 26)
            packed.seek(sum(struct.unpack("<HH", packed.read(4))), io.SEEK_CUR)
            while left and (block := packed.read(min(1 << 18, left))):
                left -= len(block)
                data = inflater.decompress(block)
                checksum, size = isal_zlib.crc32(data, checksum), size + len(data)
                if size > entry.file_size:
                    break
                unpacked.write(data)
    except (isal_zlib.error, struct.error) as error:  # type: ignore[misc]
        raise zipfile.BadZipFile(str(error)) from error
    if left or size != entry.file_size or checksum != entry.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 or length for file {entry.filename!r}")
    part.replace(target)


def _unpack(packed: IO[bytes] | gzip.GzipFile, target: Path, limit: int | None = None) -> None:
    """Copy a stream to a file that appears only when it is whole. Raises UnreadableFile beyond `limit` bytes."""
    part = target.with_name(f"{target.name}.part")
    size = 0
    with part.open("wb") as unpacked:
        while block := packed.read(1 << 20):
            size += len(block)
            if limit is not None and size > limit:
                raise UnreadableFile(f"it expands beyond {size:,} bytes: refused as a gzip bomb; look at what was landed, and fetch it again")
            unpacked.write(block)
    part.replace(target)


@contextmanager
def _damage(name: str, kind: str) -> Iterator[None]:
    """What a damaged archive raises, as UnreadableFile."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if is_full(error):
            raise  # there is no room to unpack it: the archive is good
        raise UnreadableFile(f"{name} is a damaged {kind} ({error}); fetch it again") from error


@contextmanager
def expanded(path: Path, name: str) -> Iterator[Sequence[_File | _Packed]]:
    """The files inside a landed file: the members of a zip, the content of a gzip, else the file itself. Unpacked files go with the context.

    Spreadsheets are zips too, but are read as they are. Raises UnreadableFile for a damaged or dangerous archive.
    """
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(b"PK\x03\x04") or magic.startswith(b"PK\x05\x06"):
        with ExitStack() as stack:
            with _damage(name, "zip"):
                archive = stack.enter_context(zipfile.ZipFile(path))
                check_zip(archive, name)
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if any(entry.filename == "[Content_Types].xml" for entry in entries):
                yield [_File(name, path)]
                return
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            yield [_Packed(archive, entry, folder / str(number)) for number, entry in enumerate(entries)]
    elif magic.startswith(b"\x1f\x8b"):
        with tempfile.TemporaryDirectory() as temporary:
            target = Path(temporary) / "0"
            limit = min(MAX_EXPANDED_BYTES, 10 * 1024**2 + MAX_EXPANSION_RATIO * path.stat().st_size)
            with _damage(name, "gzip"), gzip.open(path) as packed:
                _unpack(packed, target, limit)
            yield [_File(name.removesuffix(".gz"), target)]
    else:
        yield [_File(name, path)]


def encoding_of(data: bytes) -> str:
    """utf-16 when it starts with that byte-order mark, utf-8 when it decodes as such, else latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # a multi-byte character cut at the end of what was read is not a sign of another encoding
        if error.start < len(data) - 3:
            return "latin-1"
    return "utf-8"


def text_encoding(path: Path) -> str:
    """Encoding of delimited text, by its start. Raises UnreadableFile for one that DuckDB would read as no lines at all."""
    with path.open("rb") as stream:
        start = stream.read(1 << 20)
    if start.startswith(b"\xfe\xff"):
        raise UnreadableFile("the text is UTF-16 with the big end first, which is not read here; save it as UTF-8")
    return encoding_of(start)


def refuse_utf16(start: bytes, name: str) -> None:
    """Raise UnreadableFile when the start of a JSON or XML document is UTF-16, which JSON may not be and XML must say that it is."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(f"{name} is UTF-16, which is not read here; save it as UTF-8")


def decode(data: bytes) -> str:
    """Text of the bytes, without byte-order mark."""
    encoding = encoding_of(data)
    return data.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")


def _is_workbook(data: bytes) -> bool:
    return data.startswith((_OLE_MAGIC, b"PK\x03\x04"))


def head_of(path: Path) -> str:
    """The start of a file as text: its first 8 kB, or for a spreadsheet the first rows of each sheet, tab-separated."""
    with path.open("rb") as stream:
        data = stream.read(HEAD_BYTES)
    if _is_workbook(data):
        lines = []
        for sheet, rows in sheets_of(path).items():
            lines.append(f"[sheet {sheet}]")
            lines.extend("\t".join(_cell(cell) for cell in row).rstrip("\t") for row in rows[:15])
        return "\n".join(lines)
    return decode(data)


def looks_like_html(head: str) -> bool:
    """Whether the text is a web page: providers serve error pages with status 200."""
    return bool(re.match(r"\s*(<!doctype html|<html|<head|<body|<script)", head, re.IGNORECASE))


# --- delimited text ---------------------------------------------------------------------------------------------------


# The file being read, as text columns. One table serves all: files are read one after the other, and a table of many columns
# takes 256 kB a column however few rows it has.
LINES = "file_lines"


def text_table(
    connection: duckdb.DuckDBPyConnection,
    file: LandedFile,
    *,
    skip: int,
    width: int,
    delimiter: str,
    ragged: bool = False,
    quoted: bool = True,
) -> str:
    """Load the lines after the first `skip` as text columns c0.. into a temporary table with `_row_number`; returns its name.

    Lines with another number of columns are rejected, unless `ragged`, where missing ones are null. Raises UnreadableFile when a
    quote is not closed: the lines below it can no longer be told apart, and one rejected record would hide all of them.
    """
    from warehouse.connection import literal

    encoding = text_encoding(file.path)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    quote = "'\"'" if quoted else "''"

    def take(path: Path) -> None:
        connection.execute(
            f"""
        create or replace temp table {LINES} as
        select row_number() over () as _row_number, *
        from read_csv({literal(path)}, delim = {literal(delimiter)}, quote = {quote}, escape = {quote}, header = false,
                      skip = {skip}, auto_detect = false, columns = {{{columns}}}, encoding = {literal(encoding)},
                      null_padding = {str(ragged).lower()}, store_rejects = true, rejects_scan = 'reject_scan', rejects_table = 'reject_line')
            """
        )

    if has_two_line_ends(file.path):
        # DuckDB wants one kind of line end in a file; whoever edits a provider's file leaves two
        with _with_one_line_end(file.path) as same:
            take(same)
            connection.execute("update reject_scan set file_path = ? where file_path = ?", [str(file.path), str(same)])
    else:
        take(file.path)
    if quoted:
        refuse_open_quotes(connection, [file])
    return LINES


def has_two_line_ends(path: Path) -> bool:
    """Whether some lines of a file end in CR LF and others in LF alone: DuckDB fails on some such files, and reads no lines of others."""
    ends = both = 0
    last = b""
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            ends += block.count(b"\n")
            both += block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
            last = block[-1:]
    return 0 < both < ends


@contextmanager
def _with_one_line_end(path: Path) -> Iterator[Path]:
    """A copy whose lines all end in a line feed; it goes with the context."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as lines, copy.open("wb") as written:
            written.writelines(line.rstrip(b"\r\n") + b"\n" for line in lines)
        yield copy


def refuse_open_quotes(connection: duckdb.DuckDBPyConnection, files: Sequence[LandedFile]) -> None:
    """Raise UnreadableFile when the reading of one of these files rejected a line that holds others, as after a quote that is not closed."""
    swallowed = connection.execute(
        """
        select scans.file_path, min(lines.line)
        from reject_line as lines join reject_scan as scans using (scan_id, file_id)
        where
            list_contains(?::varchar[], scans.file_path) and lines.error_type in ('UNQUOTED VALUE', 'INVALID STATE')
            and contains(rtrim(lines.csv_line, chr(13) || chr(10)), chr(10))
        group by 1
        """,
        [[str(file.path) for file in files]],
    ).fetchone()
    if swallowed:
        raise UnreadableFile(f"line {swallowed[1]:,} opens a quote that is not closed, and the lines below it cannot be told apart; fetch it again")


def blank_lines(path: Path, after: int) -> int:
    """Empty lines below line `after`, which DuckDB passes over."""
    with path.open("rb") as stream:
        return sum(1 for number, line in enumerate(stream) if number >= after and not line.strip())


def header_line(path: Path, pattern: re.Pattern[str]) -> tuple[int, str, str]:
    """Number (from 0) of the first line that matches `pattern`, that line, and the text above it.

    Raises UnreadableFile when there is none.
    """
    with path.open("rb") as stream:
        raw = b"".join(line for line, _ in zip(stream, range(HEADER_LINES), strict=False))
    if not raw.strip():
        raise UnreadableFile("the file is empty; fetch it again")
    text = decode(raw)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if pattern.search(line):
            return number, line.rstrip("\r"), "\n".join(lines[:number])
    if looks_like_html(text):
        raise UnreadableFile("the file is a web page, not data: the provider answered with an error page; fetch it again later")
    raise UnreadableFile(f"no header line like {pattern.pattern!r} in the first {HEADER_LINES} lines; the provider may have changed the format")


def match_columns(feed: Feed, headers: Sequence[str], also: Sequence[str] = ()) -> dict[str, int]:
    """Position of each declared column among normalised headers; the first match counts.

    Columns in `also` come from elsewhere (the file name, the lines above). Raises UnreadableFile naming the missing ones.
    """
    found: dict[str, int] = {}
    for column in feed.columns:
        for name in (*column.names, column.name):
            if normalise_header(name) in headers:
                found[column.name] = list(headers).index(normalise_header(name))
                break
    missing = [c.name for c in feed.columns if c.required and c.name not in found and c.name not in also]
    if missing:
        raise UnreadableFile(
            f"column {', '.join(missing)} is missing; the file has {', '.join(h for h in headers if h)}; the provider may have changed the format"
        )
    return found


Headers: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
Values: TypeAlias = Callable[[LandedFile, str], Mapping[str, str]]


def plain_headers(names: Sequence[str]) -> list[str]:
    """Each header normalised, nothing else."""
    return [normalise_header(name) for name in names]


def values_from_name(file: LandedFile, title: str) -> Mapping[str, str]:
    """Column values from the named groups of the file-name pattern."""
    return {name: value for name, value in file.parameters.items() if value}


def no_values(file: LandedFile, title: str) -> Mapping[str, str]:
    """Every column stands in the file."""
    return {}


def selection(feed: Feed, found: Mapping[str, int], values: Mapping[str, str], expressions: Mapping[str, str]) -> dict[str, str]:
    """SQL expression of each column: a text column c0, c1, ... (through `expressions`), or a value of the whole file."""
    from warehouse.connection import literal

    named = {column.name for column in feed.columns}
    selected = {name: expressions.get(name, "{0}").format(f"c{at}") for name, at in found.items()}
    return selected | {name: literal(value) for name, value in values.items() if name in named}


def all_blank(positions: Sequence[int]) -> str:
    """SQL condition: the text columns at these positions are all empty."""
    return "coalesce(" + ", ".join(f"nullif(trim(c{i}), '')" for i in positions) + ", null) is null"


def split_kinds(
    connection: duckdb.DuckDBPyConnection, table: str, file: LandedFile, kinds: Mapping[str, str], selected: Mapping[str, str], above: Mapping[str, int]
) -> Records:
    """Records of a table of text columns, less the rows that are of one of `kinds` (SQL conditions), which are counted."""
    from warehouse.connection import quote

    marks = "case " + " ".join(f"when {rule} then '{kind}'" for kind, rule in kinds.items()) + " end"
    counts = dict(connection.execute(f"select {marks} as kind, count(*) from {table} group by 1 having kind is not null").fetchall())
    body = ", ".join(f"{expression} as {quote(name)}" for name, expression in selected.items())
    sql = f"select {file.file_id} as _file_id, _row_number, {body} from {table} where {marks} is null"
    skipped = dict(above)
    for kind, count in counts.items():
        skipped[kind] = skipped.get(kind, 0) + count
    return Records(sql=sql, columns=tuple(selected), skipped={file.file_id: {kind: count for kind, count in skipped.items() if count}})


# What stands in a cell of a wide table that states no value.
NOT_STATED = ("", ".", "-", "--", "*", "NA", "N.A.", "N/A")


def unpivoted(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    file: LandedFile,
    series: Mapping[int, Mapping[str, str]],
    *,
    row: Mapping[str, str],
    value: str,
    kinds: Mapping[str, str],
    above: Mapping[str, int],
    absent: str | None,
    expression: str = "{0}",
) -> Records:
    """Records of a table with one column a series: one record a row and column that states a value.

    Parameters
    ----------
    table
        Table of text columns c0, c1, ... with `_row_number`.
    series
        Position of each column that holds values, with the feed's columns (and their text) that its values have in common.
    row
        SQL of the feed's columns that a row's records have in common, over the text columns.
    value
        The feed's column for what stands in the cells; `expression` is SQL of it where the text needs a change, `{0}` is the text.
    kinds
        SQL condition by kind, for rows that hold no records. `above` counts by kind the lines above the table.
    absent
        Kind under which cells without a value are counted; None when they are records too, whose value is missing.
    """
    from warehouse.connection import literal, quote

    names = sorted({name for meaning in series.values() for name in meaning})
    columns = "".join(f", {quote(name)}" for name in names)
    heads = ", ".join(f"('c{at}', {at}" + "".join(f", {literal(meaning[name])}" for name in names) + ")" for at, meaning in series.items())
    marks = "case " + " ".join(f"when {rule} then {literal(kind)}" for kind, rule in kinds.items()) + " end" if kinds else "null::varchar"
    shared = ", ".join(f"{text} as {quote(name)}" for name, text in row.items())
    values = ", ".join(f"{expression.format(f'c{at}')} as c{at}" for at in series)
    is_stated = f"upper(coalesce(trim({quote(value)}), '')) not in ({', '.join(literal(text) for text in NOT_STATED)})"
    selected = ", ".join(quote(name) for name in (*row, *names, value))
    cells = f"""
        (
            select (cells._row_number - 1) * {max(series) + 1} + heads.place as _row_number, {selected}
            from (
                from (select _row_number, {shared}, {values} from {table} where ({marks}) is null)
                unpivot include nulls ({quote(value)} for column_name in ({", ".join(f"c{at}" for at in series)}))
            ) as cells
            join (values {heads}) as heads(column_name, place{columns}) using (column_name)
        )
    """
    counts = connection.execute(f"select {marks} as kind, count(*) from {table} group by 1 having kind is not null").fetchall()
    if absent:
        counts += connection.execute(f"select {literal(absent)}, count(*) from {cells} as cells where not ({is_stated})").fetchall()
    skipped = dict(above)
    for kind, count in counts:
        skipped[kind] = skipped.get(kind, 0) + count
    return Records(
        sql=f"select {file.file_id} as _file_id, _row_number, {selected} from {cells} as cells" + (f" where {is_stated}" if absent else ""),
        columns=(*row, *names, value),
        skipped={file.file_id: {kind: count for kind, count in skipped.items() if count}},
    )


def stated_in(connection: duckdb.DuckDBPyConnection, table: str, positions: Sequence[int]) -> int:
    """Cells with a value in columns of a wide table that are not read: a series that was renamed must not vanish without a trace."""
    if not positions:
        return 0
    tokens = ", ".join(f"'{text}'" for text in NOT_STATED)
    stated = " + ".join(f"count(*) filter (upper(coalesce(trim(c{at}), '')) not in ({tokens}))" for at in positions)
    found = connection.execute(f"select {stated} from {table}").fetchone()
    assert found is not None
    return int(found[0])


def refuse(connection: duckdb.DuckDBPyConnection, table: str, file: LandedFile, condition: str, reason: str, names: Sequence[str]) -> None:
    """Move the rows of a table of text columns that meet `condition` to quarantine, with `reason` (both SQL) and the row by `names`."""
    from warehouse.connection import quote

    row = ", ".join(f"{quote(normalise_header(name) or f'column_{at + 1}')} := c{at}" for at, name in enumerate(names))
    connection.execute(
        f"""
        insert into rejected
        select {file.file_id} as _file_id, _row_number, to_json(struct_pack({row}))::varchar as line, {reason} as reason
        from {table} where {condition}
        -- a file is read again when another of its group cannot be read
        except select * from rejected
        """
    )
    connection.execute(f"delete from {table} where {condition}")


def delimited(
    header: str,
    *,
    delimiter: str = ",",
    headers: Headers = plain_headers,
    values: Values = no_values,
    expressions: Mapping[str, str] | None = None,
    skip: Mapping[str, str] | None = None,
    quoted: bool = True,
) -> Reader:
    """Reader of a delimited file with one header line and one record a line.

    Parameters
    ----------
    header
        Regular expression of the header line; what stands above it is skipped as title.
    headers
        Normalised names of the headers, where they need more than `plain_headers`.
    values
        Columns with one value for the whole file, from its name or the lines above the header.
    expressions
        SQL of a column where its text needs a change before it is typed; `{0}` is the text.
    skip
        SQL condition over the text columns c0, c1, ... by kind, for lines that are not records.
    quoted
        Whether quotes enclose values; where they do not, a quote in a name is a character like any other.
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        number, line, title = header_line(file.path, pattern)
        names = next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE))
        constant = values(file, title)
        found = match_columns(feed, headers(names), also=tuple(constant))
        table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=delimiter, quoted=quoted)
        kinds = {"blank": all_blank(range(len(names))), **(skip or {})}
        above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
        return split_kinds(connection, table, file, kinds, selection(feed, found, constant, expressions or {}), above)

    return one_by_one(read)


def columns_as_rows(header: str, *, name: str, value: str, name_of: Callable[[str], str | None], absent: str | None = None) -> Reader:
    """Reader of a delimited file with one line a day and one column a series: one record a day and series.

    The first column is the date.

    Parameters
    ----------
    header
        Regular expression of the header line; what stands above it is skipped as title.
    name, value
        Columns of the feed that take the series and its value.
    name_of
        The series a heading names; None for a column that is none. A file without a series cannot be read.
    absent
        Kind under which cells without a value are counted; None when they are records too, whose value is missing.
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        number, line, _ = header_line(file.path, pattern)
        headings = next(csv.reader([line.lstrip("\ufeff")]))
        series = {at: {name: named} for at, heading in enumerate(headings) if at and (named := name_of(heading)) is not None}
        if not series:
            raise UnreadableFile(f"no column of the file is a series; it has {', '.join(headings)}; the provider may have changed the format")
        table = text_table(connection, file, skip=number + 1, width=len(headings), delimiter=",")
        return unpivoted(
            connection,
            table,
            file,
            series,
            row={feed.observation_column: "c0"},
            value=value,
            kinds={"blank": all_blank(range(len(headings)))},
            above={
                "title": number,
                "header": 1,
                "blank": blank_lines(file.path, number + 1),
                "other column": stated_in(connection, table, [at for at in range(1, len(headings)) if at not in series]),
            },
            absent=absent,
        )

    return one_by_one(read)


def typed_lines(header: str, *, delimiter: str) -> Reader:
    """Reader of a delimited file without quotes whose values are read with the feed's types, for feeds of millions of lines.

    `header` is a regular expression of the first line. A line that does not fit the types is rejected by the CSV reader with its reason.
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        from warehouse.connection import literal, quote

        number, line, _ = header_line(file.path, pattern)
        names = [normalise_header(name) for name in line.split(delimiter)]
        found = match_columns(feed, names)
        named = {at: name for name, at in found.items()}
        types = {named.get(at, f"c{at}"): feed.column(named[at]).type.replace("TEXT", "VARCHAR") if at in named else "VARCHAR" for at in range(len(names))}
        encoding = literal(text_encoding(file.path))
        columns = ", ".join(f"{literal(name)}: {literal(type_)}" for name, type_ in types.items())
        sql = f"""
            select {file.file_id} as _file_id, {", ".join(map(quote, found))}
            from read_csv({literal(file.path)}, delim = {literal(delimiter)}, quote = '', escape = '', header = false, skip = {number + 1}, auto_detect = false,
                          columns = {{{columns}}}, encoding = {encoding}, store_rejects = true, rejects_scan = 'reject_scan', rejects_table = 'reject_line')
        """
        return Records(sql=sql, columns=tuple(found), skipped={file.file_id: {"header": number + 1}})

    return one_by_one(read)


def one_by_one(read: Callable[[duckdb.DuckDBPyConnection, Feed, LandedFile], Records]) -> Reader:
    """A reader of many files from a reader of one; each file's records are taken before the next file is read."""

    def read_each(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
        for file in files:
            yield replace(read(connection, feed, file), files=(file.file_id,))

    return read_each


# Small files that are read in one go.
_TOGETHER = 200


def delimited_files(
    header: str,
    *,
    delimiter: str = ",",
    quoted: bool = True,
    counted: bool = False,
    expressions: Mapping[str, str] | None = None,
) -> Reader:
    """Reader of many delimited files of the same columns, such as a file a day; they are read together.

    The named groups of the file-name pattern are columns with one value for the whole file. Other arguments as for `delimited`.

    Parameters
    ----------
    counted
        The last line is a number: that of the records. A file with another number of them, or with a record that ends before its last
        declared column, was cut off and is not read.
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
        alike: dict[tuple[int, str, str], list[LandedFile]] = {}
        for file in files:
            number, line, _ = header_line(file.path, pattern)
            if has_two_line_ends(file.path):
                raise UnreadableFile(f"{file.name}: some lines end in CR LF and others in LF; save it with one kind of line end, or fetch it again")
            alike.setdefault((number, line.lstrip("\ufeff"), text_encoding(file.path)), []).append(file)
        # members of one archive share a file: their records are numbered on
        so_far: dict[int, int] = {}
        for (number, line, encoding), group in alike.items():
            names = next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE))
            for start in range(0, len(group), _TOGETHER):
                yield _read_together(connection, feed, group[start : start + _TOGETHER], number, names, encoding, so_far)

    def _read_together(
        connection: duckdb.DuckDBPyConnection,
        feed: Feed,
        files: Sequence[LandedFile],
        number: int,
        names: Sequence[str],
        encoding: str,
        so_far: dict[int, int],
    ) -> Records:
        from warehouse.connection import literal, quote

        columns = {column.name for column in feed.columns}
        named = sorted(columns & {name for file in files for name in file.parameters})
        found = match_columns(feed, plain_headers(names), also=[name for name in named if all(name in file.parameters for file in files)])
        width = len(names)
        shape = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
        mark = "'\"'" if quoted else "''"
        # files of the same content share their landed bytes
        paths = ", ".join(literal(path) for path in dict.fromkeys(file.path for file in files))
        connection.execute(
            f"""
            create or replace temp table {LINES} as
            select row_number() over () as _line, *
            from read_csv([{paths}], delim = {literal(delimiter)}, quote = {mark}, escape = {mark}, header = false, skip = {number + 1},
                          auto_detect = false, columns = {{{shape}}}, encoding = {literal(encoding)}, filename = '_path', null_padding = {str(counted).lower()},
                          store_rejects = true, rejects_scan = 'reject_scan', rejects_table = 'reject_line')
            """
        )
        if quoted:
            refuse_open_quotes(connection, files)
        blank = all_blank(range(width))
        trailer = f"(regexp_matches(trim(c0), '^[0-9]+$') and {all_blank(range(1, width))})" if counted and width > 1 else "false"
        cut = " or ".join(f"nullif(trim(c{at}), '') is null" for at in found.values()) if counted else "false"
        kinds = {
            row[0]: row[1:]
            for row in connection.execute(
                f"""
                select _path, count(*) filter (where kind = 'record'), count(*) filter (where kind = 'blank'), count(*) filter (where kind = 'trailer'),
                       max(try_cast(trim(c0) as bigint)) filter (where kind = 'trailer'), count(*) filter (where kind = 'record' and ({cut}))
                from (select *, case when {blank} then 'blank' when {trailer} then 'trailer' else 'record' end as kind from {LINES}) as kinds
                group by _path
                """
            ).fetchall()
        }
        rejected = dict(
            connection.execute(
                """
                select scans.file_path, count(distinct lines.line)
                from reject_line as lines join reject_scan as scans using (scan_id, file_id) group by 1
                """
            ).fetchall()
        )
        placed = []
        skipped: dict[int, dict[str, int]] = {}
        for file in files:
            records, blanks, trailers, stated, short = kinds.get(str(file.path), (0, 0, 0, None, 0))
            lines = records + rejected.get(str(file.path), 0)
            if short:
                raise UnreadableFile(f"{file.name}: {short:,} records end before their last column: the file was cut off; fetch it again")
            if stated is not None and stated != lines:
                raise UnreadableFile(f"{file.name}: its last line counts {stated:,} records, but it has {lines:,}: the file was cut off; fetch it again")
            values = [literal(file.parameters.get(name, "")) for name in named]
            placed.append(f"({', '.join([literal(file.path), str(file.file_id), str(so_far.get(file.file_id, 0)), *values])})")
            so_far[file.file_id] = so_far.get(file.file_id, 0) + records
            counts = skipped.setdefault(file.file_id, {})
            for kind, count in {
                "title": number,
                "header": 1,
                "blank": blanks + blank_lines(file.path, number + 1),
                "trailer": trailers,
            }.items():
                if count:
                    counts[kind] = counts.get(kind, 0) + count
        selected = selection(feed, found, {}, expressions or {}) | {name: f"landed.{quote(name)}" for name in named}
        body = ", ".join(f"{expression} as {quote(name)}" for name, expression in selected.items())
        sql = f"""
            select landed._file_id, row_number() over (partition by landed._file_id, landed._path order by lines._line) + landed._before as _row_number, {body}
            from {LINES} as lines
            join (values {", ".join(placed)}) as landed(_path, _file_id, _before{"".join(f", {quote(name)}" for name in named)}) using (_path)
            where not ({blank}) and not ({trailer})
        """
        return Records(sql=sql, columns=tuple(selected), files=tuple(dict.fromkeys(file.file_id for file in files)), skipped=skipped)

    return read


# --- periods ----------------------------------------------------------------------------------------------------------


def period_end(text: str) -> str:
    """SQL of the last day of a period that a text names: `2026`, `2026-S1`, `2026-Q1`, `2026-M03`, `2026-03`, with or without the hyphen.

    A text that names none stays as it is.
    """
    value = f"upper(trim({text}))"
    year, within = f"cast(left({value}, 4) as integer)", f"cast(regexp_extract({value}, '(\\d\\d?)$', 1) as integer)"
    # no braces, so that the text may stand in a template
    kinds = {
        r"\d\d\d\d": f"make_date({year}, 12, 31)",
        r"\d\d\d\d-?S[12]": f"last_day(make_date({year}, 6 * {within}, 1))",
        r"\d\d\d\d-?Q[1-4]": f"last_day(make_date({year}, 3 * {within}, 1))",
        r"\d\d\d\d(-?M|-)(0?[1-9]|1[0-2])": f"last_day(make_date({year}, {within}, 1))",
    }
    return "case " + " ".join(f"when regexp_full_match({value}, '{kind}') then {day}::varchar" for kind, day in kinds.items()) + f" else trim({text}) end"


# --- JSON -------------------------------------------------------------------------------------------------------------


@contextmanager
def array_lines(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """The elements of one array of a large JSON document, a line each in a file of their own, and the text around the array.

    A document of a hundred megabytes as one value takes many times that in memory; its elements, one by one, do not. The file is there
    until the block ends. Raises UnreadableFile when the document has no such array or is cut off.
    """
    decoder = json.JSONDecoder()
    opening = re.compile(rf'"{name}"\s*:\s*\[')
    with path.open("rb") as start:
        encoding = encoding_of(start.read(1 << 20))
    with tempfile.TemporaryDirectory() as folder, path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        target = Path(folder) / "lines.json"
        text, found = "", None
        while found is None:
            block = stream.read(1 << 20)
            text += block
            found = opening.search(text)
            if found is None and not block:
                raise UnreadableFile(f"no array {name!r} in the document; the provider may have changed the format")
        outside, at = text[: found.start()], found.end()
        with target.open("w", encoding="utf-8", newline="") as lines:
            while True:
                at = _PASSED_OVER.match(text, at).end()  # type: ignore[union-attr]
                if text[at : at + 1] == "]":
                    break
                try:
                    _, end = decoder.raw_decode(text, at)
                except json.JSONDecodeError:
                    end = len(text)
                if end == len(text):  # the element, or what ends it, lies beyond the text read so far
                    block = stream.read(1 << 20)
                    if not block:
                        raise UnreadableFile(f"the document ends inside the array {name!r}; fetch it again")
                    text, at = text[at:] + block, 0
                    continue
                lines.write(text[at:end].replace("\n", " ").replace("\r", " ") + "\n")
                at = end
        outside += text[at + 1 :]
        while block := stream.read(1 << 20):
            outside += block
        yield target, outside


_PASSED_OVER = re.compile(r"[\s,]*")


def json_documents(files: Sequence[LandedFile]) -> str:
    """SQL of a relation `(_file_id, document JSON, <parameters>...)` with one row a file, each file being one JSON document.

    Raises UnreadableFile for a file in UTF-16.
    """
    from warehouse.connection import literal, quote

    for file in files:
        with file.path.open("rb") as stream:
            refuse_utf16(stream.read(2), file.name)
    # editions of the same content share their landed bytes
    paths = ", ".join(literal(path) for path in dict.fromkeys(file.path for file in files))
    names = sorted({name for file in files for name in file.parameters})
    rows = ", ".join(f"({literal(file.path)}, {file.file_id}" + "".join(f", {literal(file.parameters.get(n, ''))}" for n in names) + ")" for file in files)
    columns = "".join(f", {quote(n)}" for n in names)
    return f"""(
        select landed._file_id, ltrim(texts.content, chr(65279))::json as document{columns}
        from read_text([{paths}]) as texts
        join (values {rows}) as landed(path, _file_id{columns}) on landed.path = texts.filename
    )"""


def json_records(
    feed: Feed,
    files: Sequence[LandedFile],
    rows: str,
    columns: Mapping[str, str],
    *,
    edition: str | None = None,
    skip: Mapping[str, str] | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> list[Records]:
    """Records from JSON documents.

    `rows` is SQL over `documents` (see `json_documents`) yielding `_file_id` and what the expressions in `columns` need;
    `edition` is an expression over a document for the date it was made, `skip` a condition by kind for rows that are no records.
    Both need the connection.
    """
    from warehouse.connection import literal, quote

    body = ", ".join(f"{expression} as {quote(name)}" for name, expression in columns.items())
    mark = "case " + " ".join(f"when {rule} then {literal(kind)}" for kind, rule in skip.items()) + " end" if skip else "null::varchar"
    # numbered as they stand before they are parted by file, which keeps no order
    read = f"with documents as {json_documents(files)}, records as (select *, row_number() over () as _place from ({rows}))"
    sql = f"{read} select _file_id, row_number() over (partition by _file_id order by _place) as _row_number, {body} from records where {mark} is null"
    skipped: dict[int, dict[str, int]] = {}
    if skip and connection:
        counts = connection.execute(f"{read} select _file_id, {mark} as kind, count(*) from records group by all having kind is not null").fetchall()
        for file_id, kind, count in counts:
            skipped.setdefault(file_id, {})[kind] = count
    dates = {}
    if edition and connection:
        found = connection.execute(f"select _file_id, try_cast({edition} as date) from {json_documents(files)} as documents").fetchall()
        dates = {file_id: day for file_id, day in found if day}
    return [Records(sql=sql, columns=tuple(columns), skipped=skipped, edition_dates=dates)]


# --- spreadsheets -----------------------------------------------------------------------------------------------------


def _cell(value: Any) -> str:
    """A cell as text: dates as ISO, whole floats without fraction, the rest as Python prints it."""
    if value is None or value == "":
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00").replace("T", " ")
    return str(value)


def row_texts(row: Sequence[Any]) -> list[str]:
    """The cells of a row of a sheet as text."""
    return [_cell(cell) for cell in row]


def _check_workbook(archive: zipfile.ZipFile) -> None:
    """Refuse an .xlsx whose sheets span more cells than `MAX_CELLS`, before anything is laid out in memory. Raises UnreadableFile."""
    names = set(archive.namelist())
    if "xl/workbook.xml" not in names or names & {"mimetype", "xl/workbook.bin"}:
        raise UnreadableFile("not an .xlsx workbook but another kind, which is not read here; save it as .xlsx")
    for entry in archive.infolist():
        if entry.filename.lower().endswith((".xml", ".rels")):
            rows, columns = _extent(archive, entry)
            if rows * columns > MAX_CELLS:
                raise UnreadableFile(f"{entry.filename} spans {rows:,} rows and {columns:,} columns, more than {MAX_CELLS:,} cells: refused")


def _extent(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    """The last row and the last column of a sheet that hold anything; none for what is no sheet. Raises UnreadableFile for XML that is not plain."""
    from xml.parsers import expat

    last_row = last_column = row = column = 0
    in_cell = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal last_row, last_column, row, column, in_cell
        name = name.rpartition(":")[2]
        if name == "row":
            row, column = int(attributes.get("r") or row + 1), 0
        elif name == "c":
            place = re.fullmatch(r"([A-Za-z]{1,3})(\d{1,7})", attributes.get("r", ""))
            row, column = (int(place[2]), _column_number(place[1])) if place else (row, column + 1)
            in_cell = True
        elif in_cell:  # an empty cell takes no room
            last_row, last_column, in_cell = max(last_row, row), max(last_column, column), False
        elif name == "Relationship" and attributes.get("Type", "").endswith("/worksheet") and not attributes.get("Target", "").lower().endswith(".xml"):
            raise UnreadableFile(f"the sheet {attributes.get('Target')!r} is no .xml: refused")

    def end(name: str) -> None:
        nonlocal in_cell
        in_cell = in_cell and name.rpartition(":")[2] != "c"

    def doctype(*_: Any) -> None:
        raise UnreadableFile(f"{entry.filename} declares a document type or entities: refused")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    try:
        with archive.open(entry) as stream:
            parser.ParseFile(stream)
    except (expat.ExpatError, ValueError) as error:
        raise UnreadableFile(f"not a readable spreadsheet ({entry.filename}: {error}); fetch it again") from error
    return last_row, last_column


def _column_number(letters: str) -> int:
    """The number of a column of a sheet: 1 for A, 28 for AB."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - 64
    return number


@lru_cache(maxsize=2)
def _sheets(path: str, changed: float) -> dict[str, list[list[Any]]]:
    source = Path(path)
    with source.open("rb") as stream:
        is_zip = stream.read(4) == b"PK\x03\x04"
    try:
        if is_zip:
            # its directory may be damaged in any way
            with _damage(source.name, "workbook"), zipfile.ZipFile(source) as archive:
                check_zip(archive, source.name)
                if "[Content_Types].xml" not in archive.namelist():
                    raise UnreadableFile("it is an archive inside an archive, which is not opened; unpack the outer one and land what is in it")
                _check_workbook(archive)
        return read_sheets(source)
    except UnreadableWorkbook as error:
        raise UnreadableFile(f"not a readable spreadsheet ({error}); fetch it again") from error


def sheets_of(path: Path) -> dict[str, list[list[Any]]]:
    """Cells of each sheet of an .xls or .xlsx file. Raises UnreadableFile when it is damaged."""
    return _sheets(str(path), path.stat().st_mtime)


def sheet_table(connection: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]], width: int) -> str:
    """The rows as text columns c0.. in a temporary table with `_row_number`; returns its name."""
    import pyarrow

    columns = {f"c{i}": pyarrow.array([_cell(row[i]) if i < len(row) else "" for row in rows], pyarrow.string()) for i in range(width)}
    arrow = pyarrow.table({"_row_number": pyarrow.array(range(1, len(rows) + 1), pyarrow.int64()), **columns})
    connection.register("sheet_rows", arrow)
    connection.execute(f"create or replace temp table {LINES} as select * from sheet_rows")
    connection.unregister("sheet_rows")
    return LINES


def stacked_headings(rows: Sequence[Sequence[Any]], number: int, above: int) -> list[str]:
    """Headings of row `number`; one that stands there more than once is told apart by up to `above` cells over it.

    Two columns both called `Price` become `Real Price` and `Real Total Return Price` when that is what stands over them.
    """
    labels = [_cell(cell).strip() for cell in rows[number]]
    normalised = [normalise_header(label) for label in labels]
    over = rows[max(0, number - above) : number]
    return [
        " ".join([*(_cell(row[at]).strip() for row in over if at < len(row) and row[at] not in (None, "")), label]) if normalised.count(name) > 1 else label
        for at, (label, name) in enumerate(zip(labels, normalised, strict=True))
    ]


def find_header(sheets: Mapping[str, list[list[Any]]], pattern: re.Pattern[str]) -> tuple[list[list[Any]], int]:
    """Rows of the first sheet with a header row that matches `pattern` (cells joined by tabs), and that row's number.

    Raises UnreadableFile when no sheet has one.
    """
    for rows in sheets.values():
        for number, row in enumerate(rows[:HEADER_LINES]):
            if pattern.search("\t".join(_cell(cell) for cell in row)):
                return rows, number
    raise UnreadableFile(f"no sheet has a header row like {pattern.pattern!r}; sheets: {', '.join(sheets)}; the provider may have changed the format")


def _at_columns(rule: str, found: Mapping[str, int]) -> str:
    """A condition whose columns in braces are named as they stand in the table of text columns."""
    return re.sub(r"\{([a-z]\w*)\}", lambda named: f"c{found[named.group(1)]}", rule)


def spreadsheet(
    header: str,
    *,
    headers: Headers = plain_headers,
    values: Values = no_values,
    expressions: Mapping[str, str] | None = None,
    skip: Mapping[str, str] | None = None,
    sheets: Callable[[Path], Mapping[str, list[list[Any]]]] = sheets_of,
) -> Reader:
    """Reader of a sheet with one header row and one record a row; the sheet is the first whose header row matches.

    Arguments as for `delimited`; a condition of `skip` may name a column of the feed in braces. A row without a digit in its date
    cell, or with nothing beside it, is a footer (disclaimers follow the data). Where the whole sheet has one date, the first key
    column stands for the date cell and may be text.
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        rows, number = find_header(sheets(file.path), pattern)
        names = [_cell(cell) for cell in rows[number]]
        title = "\n".join("\t".join(_cell(cell) for cell in row) for row in rows[:number])
        constant = values(file, title)
        found = match_columns(feed, headers(names), also=tuple(constant))
        table = sheet_table(connection, rows[number + 1 :], len(names))
        used = sorted(set(found.values()))
        date_at = found.get(feed.observation_column)
        leading = found[feed.key[0]] if date_at is None else date_at
        unlike_a_date = "false" if date_at is None else f"not regexp_matches(c{date_at}, '[0-9]')"
        kinds = {
            "blank": all_blank(used),
            **{kind: _at_columns(rule, found) for kind, rule in (skip or {}).items()},
            "footer": f"{unlike_a_date} or {all_blank([at for at in used if at != leading])}",
        }
        return split_kinds(connection, table, file, kinds, selection(feed, found, constant, expressions or {}), {"title": number, "header": 1})

    return one_by_one(read)
