"""What the sample world is rendered into: files in the providers' own formats, and the editions in which they were current."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import xlsxwriter
import xlwt

from ingest.sample import dates
from ingest.sample.dates import Days, Moments


@dataclass(frozen=True)
class SampleFile:
    """One edition of one provider file: the feed and format it belongs to, its name, the UTC time it was current, its bytes."""

    feed: str
    format: str
    name: str
    edition_at: datetime
    content: bytes


@dataclass(frozen=True)
class View:
    """What is rendered: rows published by `as_of` (UTC moment) about days from `since` on; `other_managers` file Form 13F beside those of interest."""

    as_of: np.datetime64
    since: np.datetime64
    other_managers: int = 0

    def shows(self, days: Days, published: Moments, when: np.datetime64 | None = None) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows a file made at `when` (the view's own time if not given) holds."""
        return np.asarray((published <= (self.as_of if when is None else when)) & (days >= self.since))

    def current(self, frozen: np.datetime64 | None = None) -> datetime:
        """The edition time of a file: the view's, or an earlier time at which the provider stopped changing it."""
        return dates.as_datetime(self.as_of if frozen is None else min(self.as_of, frozen))

    def editions(self, scheduled: Iterable[datetime]) -> Iterator[np.datetime64]:
        """Times at which a file changed in a way that counts (revisions, late publications), up to the view's own, which comes last."""
        moments = {dates.as_moment(each) for each in scheduled}
        yield from sorted(each for each in moments if each < self.as_of)
        yield self.as_of

    def around(self, changes: Iterable[datetime]) -> Iterator[np.datetime64]:
        """Editions on both sides of each change, a second before and at it: the first keeps what the change replaced."""
        yield from self.editions(moment for change in set(changes) for moment in (change - timedelta(seconds=1), change))


def text(lines: Iterable[str], end: str = "\n") -> bytes:
    """Lines of text as UTF-8 bytes, each ended."""
    return "".join(f"{line}{end}" for line in lines).encode()


def number(value: float) -> str:
    """Shortest text of a number, whole numbers without decimals."""
    return f"{value:.0f}" if value == int(value) else repr(float(value))


def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of files (name, content) whose bytes depend on them alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def workbook(sheets: Sequence[tuple[str, Sequence[Sequence[Any]]]], title: str, *, from_1904: bool = False) -> bytes:
    """An OOXML workbook whose bytes depend on its cells alone: strings, numbers and dates as they are, None left empty.

    Workbooks made on a Macintosh count days `from_1904`.
    """
    buffer = io.BytesIO()
    plain = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "date_1904": from_1904, **plain})
    book.set_properties({"title": title, "created": datetime(2020, 1, 1)})
    day_style = book.add_format({"num_format": "yyyy-mm-dd"}) if any(isinstance(value, date) for _, rows in sheets for row in rows for value in row) else None
    for name, rows in sheets:
        sheet = book.add_worksheet(name)
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(place, column, value)
                elif isinstance(value, date):
                    sheet.write_datetime(place, column, value, day_style)
                elif value is not None:
                    sheet.write_number(place, column, value)
    book.close()
    return buffer.getvalue()


def old_workbook(name: str, rows: Sequence[Sequence[Any]], date_columns: Sequence[int] = ()) -> bytes:
    """A BIFF workbook (.xls) of one sheet: strings, numbers and dates as they are, numbers in `date_columns` as dates, None left empty."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(name)
    day_style = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    plain = xlwt.easyxf()
    for place, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is not None:
                sheet.write(place, column, value, day_style if isinstance(value, date) or (place and column in date_columns) else plain)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
