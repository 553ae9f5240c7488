"""What the SEC's data sets share: pages of links to archives, and archives of tab-separated tables that are read together."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ingest.feed import LandedFile, Request, UnreadableFile, normalise_header
from ingest.reader import decode, header_line, text_table

if TYPE_CHECKING:
    import duckdb


def archives(page: str, name: str, pattern: re.Pattern[str], wanted: Callable[[re.Match[str]], bool]) -> Request:
    """The request of an index page, followed by one for each archive it links to whose file name matches and is wanted.

    The SEC moves its archives between folders and adds `_0` to names, so the addresses are read from the page, never built.
    """

    def following(answer: bytes) -> Iterator[Request]:
        seen = set()
        for link in re.findall(r"""href\s*=\s*["']([^"']+)["']""", decode(answer), re.IGNORECASE):
            address = urljoin(page, unescape(link).strip())
            file_name = urlsplit(address).path.rpartition("/")[2]
            found = pattern.fullmatch(file_name)
            if found and address not in seen and wanted(found):
                seen.add(address)
                yield Request(address, file_name, large=True, immutable=True)

    return Request(page, name, following=following, lands=False)


def table_of(
    connection: duckdb.DuckDBPyConnection, file: LandedFile, path: Path, name: str, columns: Sequence[str], *, required: Collection[str] = ("accession_number",)
) -> str:
    """A tab-separated table with one header line as temporary table `name` with `_row_number` and `columns` as text; returns its name.

    Columns are found by their title whatever its case and place; one that the file lacks is null, or when it is `required` the file cannot be
    read (UnreadableFile). Tabs are not allowed within
    fields, and quotes are text (fund names have single ones), so a field is only freed of quotes that enclose all of it.
    """
    number, line, _ = header_line(path, re.compile(r"\t"))
    headers = [normalise_header(title) for title in line.split("\t")]
    if missing := [title for title in columns if title in required and title not in headers]:
        raise UnreadableFile(f"column {', '.join(missing)} is missing; the table has {', '.join(headers)}; the provider may have changed the format")
    table = text_table(connection, replace(file, path=path), skip=number + 1, width=len(headers), delimiter="\t", quoted=False)
    bare = r"""case when {0} like '"%"' and length(trim({0})) > 1 then replace(substr(trim({0}), 2, length(trim({0})) - 2), '""', '"') else {0} end"""
    body = ", ".join(f"{bare.format(f'c{headers.index(title)}')} as {title}" if title in headers else f"null::varchar as {title}" for title in columns)
    connection.execute(f"create or replace temp table {name} as select _row_number, {body} from {table}")
    return name
