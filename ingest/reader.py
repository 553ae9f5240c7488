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
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ingest.feed import Feed, LandedFile, Reader, Records, UnreadableFile, normalise_header

if TYPE_CHECKING:
    import duckdb

HEAD_BYTES = 8192
HEADER_LINES = 60  # a header further down than this is not looked for

# A zip that expands further than this is refused before anything is unpacked.
MAX_EXPANDED_BYTES = 8 * 1024**3
MAX_EXPANSION_RATIO = 250

_SPREADSHEET_SUFFIXES = (".xls", ".xlsx")
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")


# --- containers -------------------------------------------------------------------------------------------------------


def check_zip(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse an archive that would expand beyond the limits or reach outside its folder. Raises UnreadableFile."""
    members = archive.infolist()
    expanded = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if expanded > MAX_EXPANDED_BYTES or (expanded > 10 * 1024**2 and expanded / packed > MAX_EXPANSION_RATIO):
        raise UnreadableFile(f"{name} would expand from {packed:,} to {expanded:,} bytes: refused as a zip bomb")
    for member in members:
        if member.filename.startswith(("/", "\\")) or ".." in Path(member.filename.replace("\\", "/")).parts:
            raise UnreadableFile(f"{name} holds a member with the unsafe path {member.filename!r}: refused")


@contextmanager
def expanded(path: Path, name: str) -> Iterator[list[tuple[str, Path]]]:
    """The files inside a landed file as (name, path): the members of a zip, the content of a gzip, else the file itself.

    Spreadsheets are zips too, but are read as they are. Raises UnreadableFile for a damaged or dangerous archive.
    """
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(b"PK\x03\x04") or magic.startswith(b"PK\x05\x06"):
        try:
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
                check_zip(archive, name)
                if "[Content_Types].xml" in archive.namelist():
                    yield [(name, path)]
                    return
                members = []
                for number, member in enumerate(m for m in archive.infolist() if not m.is_dir()):
                    target = Path(folder) / str(number)
                    with archive.open(member) as packed, target.open("wb") as unpacked:
                        while block := packed.read(1 << 20):
                            unpacked.write(block)
                    members.append((Path(member.filename).name, target))
                yield members
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise UnreadableFile(f"{name} is a damaged zip ({error}); fetch it again") from error
    elif magic.startswith(b"\x1f\x8b"):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "0"
            try:
                size = 0
                with gzip.open(path) as packed, target.open("wb") as unpacked:
                    while block := packed.read(1 << 20):
                        size += len(block)
                        if size > MAX_EXPANDED_BYTES or size > 10 * 1024**2 + MAX_EXPANSION_RATIO * path.stat().st_size:
                            raise UnreadableFile(f"{name} expands beyond {size:,} bytes: refused as a gzip bomb")
                        unpacked.write(block)
            except (zlib.error, EOFError, OSError) as error:
                raise UnreadableFile(f"{name} is a damaged gzip ({error}); fetch it again") from error
            yield [(name.removesuffix(".gz"), target)]
    else:
        yield [(name, path)]


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


def decode(data: bytes) -> str:
    """Text of the bytes, without byte-order mark."""
    encoding = encoding_of(data)
    return data.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")


def head_of(path: Path) -> str:
    """The start of a file as text: its first 8 kB, or for a spreadsheet the first rows of each sheet, tab-separated."""
    with path.open("rb") as stream:
        data = stream.read(HEAD_BYTES)
    if data.startswith(_OLE_MAGIC) or data.startswith(b"PK\x03\x04"):
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

    with file.path.open("rb") as stream:
        start = stream.read(1 << 20)
    if start.startswith(b"\xfe\xff"):
        raise UnreadableFile("the text is UTF-16 with the big end first, which is not read here; save it as UTF-8")
    encoding = encoding_of(start)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    quote = "'\"'" if quoted else "''"
    connection.execute(
        f"""
        create or replace temp table {LINES} as
        select row_number() over () as _row_number, *
        from read_csv({literal(file.path)}, delim = {literal(delimiter)}, quote = {quote}, escape = {quote}, header = false,
                      skip = {skip}, auto_detect = false, columns = {{{columns}}}, encoding = '{encoding}',
                      null_padding = {str(ragged).lower()}, store_rejects = true, rejects_scan = 'reject_scan', rejects_table = 'reject_line')
        """
    )
    swallowed = connection.execute(
        """
        select min(lines.line)
        from reject_line as lines join reject_scan as scans using (scan_id, file_id)
        where scans.file_path = ? and lines.error_type in ('UNQUOTED VALUE', 'INVALID STATE') and contains(rtrim(lines.csv_line, chr(13) || chr(10)), chr(10))
        """,
        [str(file.path)],
    ).fetchone()
    if swallowed and swallowed[0] is not None:
        raise UnreadableFile(f"line {swallowed[0]:,} opens a quote that is not closed, and the lines below it cannot be told apart; fetch it again")
    return LINES


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
        raise UnreadableFile(f"column {', '.join(missing)} is missing; the file has {', '.join(h for h in headers if h)}")
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


def delimited(
    header: str,
    *,
    delimiter: str = ",",
    headers: Headers = plain_headers,
    values: Values = no_values,
    expressions: Mapping[str, str] | None = None,
    skip: Mapping[str, str] | None = None,
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
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        number, line, title = header_line(file.path, pattern)
        names = next(csv.reader([line], delimiter=delimiter))
        constant = values(file, title)
        found = match_columns(feed, headers(names), also=tuple(constant))
        table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=delimiter)
        kinds = {"blank": all_blank(range(len(names))), **(skip or {})}
        above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
        return split_kinds(connection, table, file, kinds, selection(feed, found, constant, expressions or {}), above)

    return one_by_one(read)


def one_by_one(read: Callable[[duckdb.DuckDBPyConnection, Feed, LandedFile], Records]) -> Reader:
    """A reader of many files from a reader of one; each file's records are taken before the next file is read."""

    def read_each(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
        for file in files:
            yield replace(read(connection, feed, file), files=(file.file_id,))

    return read_each


# Texts that say that a cell of a wide table holds no value.
NOT_STATED = ("", ".", "-", "--", "*", "NA", "N.A.", "N/A")


def one_row_a_value(
    connection: duckdb.DuckDBPyConnection,
    file: LandedFile,
    table: str,
    *,
    width: int,
    kept: Mapping[str, str],
    cells: Mapping[int, Mapping[str, str]],
    value: str,
    kinds: Mapping[str, str],
    above: Mapping[str, int],
    missing: str,
) -> Records:
    """Records of a wide table of text columns, one column a series: a record a line and column that states a value.

    Parameters
    ----------
    table
        Table of text columns c0, c1, ... with `_row_number`, `width` of them.
    kept
        SQL over the text columns by the name of what the whole line is about.
    cells
        Column values that a position stands for, by position; the text of the cell is the column `value`.
    kinds
        SQL condition over the text columns by kind, for lines that are not records.
    above
        Lines above the table, by kind.
    missing
        Kind under which cells without a value are counted.
    """
    from warehouse.connection import literal, quote

    names = sorted({name for meaning in cells.values() for name in meaning})
    heads = ", ".join(f"('c{at}', {at}" + "".join(f", {literal(meaning[name])}" for name in names) + ")" for at, meaning in cells.items())
    columns = "".join(f", {quote(name)}" for name in names)
    is_other = " or ".join(f"({rule})" for rule in kinds.values()) or "false"
    lines = ", ".join(f"{expression} as {quote(name)}" for name, expression in kept.items())
    stated = f"upper(coalesce(trim({quote(value)}), '')) not in ({', '.join(literal(text) for text in NOT_STATED)})"
    body = f"""
        (
            select cells._row_number, heads.place, {", ".join(f"cells.{quote(name)}" for name in kept)}{columns}, cells.{quote(value)}
            from (
                from (select _row_number, {lines}, {", ".join(f"c{at}" for at in cells)} from {table} where not coalesce({is_other}, false))
                unpivot include nulls ({quote(value)} for column_name in ({", ".join(f"c{at}" for at in cells)}))
            ) as cells
            join (values {heads}) as heads(column_name, place{columns}) using (column_name)
        )
    """
    skipped = dict(above)
    marks = "case " + " ".join(f"when {rule} then {literal(kind)}" for kind, rule in kinds.items()) + " end" if kinds else "null"
    counts = connection.execute(f"select {marks} as kind, count(*) from {table} group by 1 having kind is not null").fetchall()
    counts += connection.execute(f"select {literal(missing)}, count(*) from {body} where not ({stated})").fetchall()
    for kind, count in counts:
        skipped[kind] = skipped.get(kind, 0) + count
    selected = ", ".join(quote(name) for name in (*kept, *names, value))
    return Records(
        sql=f"select {file.file_id} as _file_id, (_row_number - 1) * {width} + place as _row_number, {selected} from {body} where {stated}",
        columns=(*kept, *names, value),
        skipped={file.file_id: {kind: count for kind, count in skipped.items() if count}},
    )


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
    """SQL of a relation `(_file_id, document JSON, <parameters>...)` with one row a file, each file being one JSON document."""
    from warehouse.connection import literal, quote

    paths = ", ".join(literal(file.path) for file in files)
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
    connection: duckdb.DuckDBPyConnection | None = None,
) -> list[Records]:
    """Records from JSON documents.

    `rows` is SQL over `documents` (see `json_documents`) yielding `_file_id` and what the expressions in `columns` need;
    `edition` is an expression over a document for the date it was made.
    """
    from warehouse.connection import quote

    body = ", ".join(f"{expression} as {quote(name)}" for name, expression in columns.items())
    sql = f"""
        with documents as {json_documents(files)}, records as ({rows})
        select _file_id, row_number() over (partition by _file_id) as _row_number, {body} from records
    """
    dates = {}
    if edition and connection:
        found = connection.execute(f"select _file_id, try_cast({edition} as date) from {json_documents(files)} as documents").fetchall()
        dates = {file_id: day for file_id, day in found if day}
    return [Records(sql=sql, columns=tuple(columns), edition_dates=dates)]


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


@lru_cache(maxsize=2)
def _sheets(path: str, changed: float) -> dict[str, list[list[Any]]]:
    import python_calamine

    source = Path(path)
    with source.open("rb") as stream:
        is_zip = stream.read(4) == b"PK\x03\x04"
    try:
        if is_zip:
            with zipfile.ZipFile(source) as archive:
                check_zip(archive, source.name)
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.read_bytes()))
        return {name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in workbook.sheet_names}
    except (python_calamine.CalamineError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"not a readable spreadsheet ({error}); fetch it again") from error
    except BaseException as error:
        # a panic of the Rust library, which pyo3 keeps out of `Exception`
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile("not a readable spreadsheet (its structure is damaged); fetch it again") from None


def sheets_of(path: Path) -> dict[str, list[list[Any]]]:
    """Cells of each sheet of an .xls or .xlsx file. Raises UnreadableFile when it is damaged."""
    return _sheets(str(path), path.stat().st_mtime)


def sheet_table(connection: duckdb.DuckDBPyConnection, file: LandedFile, rows: Sequence[Sequence[Any]], width: int) -> str:
    """The rows as text columns c0.. in a temporary table with `_row_number`; returns its name."""
    import pyarrow

    columns = {f"c{i}": pyarrow.array([_cell(row[i]) if i < len(row) else "" for row in rows], pyarrow.string()) for i in range(width)}
    arrow = pyarrow.table({"_row_number": pyarrow.array(range(1, len(rows) + 1), pyarrow.int64()), **columns})
    connection.register("sheet_rows", arrow)
    connection.execute(f"create or replace temp table {LINES} as select * from sheet_rows")
    connection.unregister("sheet_rows")
    return LINES


def find_header(sheets: Mapping[str, list[list[Any]]], pattern: re.Pattern[str]) -> tuple[list[list[Any]], int]:
    """Rows of the first sheet with a header row that matches `pattern` (cells joined by tabs), and that row's number.

    Raises UnreadableFile when no sheet has one.
    """
    for rows in sheets.values():
        for number, row in enumerate(rows[:HEADER_LINES]):
            if pattern.search("\t".join(_cell(cell) for cell in row)):
                return rows, number
    raise UnreadableFile(f"no sheet has a header row like {pattern.pattern!r}; sheets: {', '.join(sheets)}")


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

    Arguments as for `delimited`. A row without a digit in its date cell, or with nothing beside it, is a footer
    (disclaimers follow the data).
    """
    pattern = re.compile(header, re.IGNORECASE)

    def read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
        rows, number = find_header(sheets(file.path), pattern)
        names = [_cell(cell) for cell in rows[number]]
        title = "\n".join("\t".join(_cell(cell) for cell in row) for row in rows[:number])
        constant = values(file, title)
        found = match_columns(feed, headers(names), also=tuple(constant))
        table = sheet_table(connection, file, rows[number + 1 :], len(names))
        used = sorted(set(found.values()))
        date_at = found[feed.observation_column]
        beside = [at for at in used if at != date_at]
        kinds = {
            "blank": all_blank(used),
            **(skip or {}),
            "footer": f"not regexp_matches(c{date_at}, '[0-9]') or {all_blank(beside)}",
        }
        return split_kinds(connection, table, file, kinds, selection(feed, found, constant, expressions or {}), {"title": number, "header": 1})

    return one_by_one(read)
