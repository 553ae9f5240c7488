"""When the sample world's managers and companies file with the SEC, and under which accession number.

Writers that show one filing from several sides (a manager's list of filings, the holdings in them) take both from here.
"""

from __future__ import annotations

from datetime import date
from zlib import crc32

import numpy as np

from ingest.sample import dates

# A manager reports its holdings within 45 days of the quarter's end, the next business day when that is none:
# Rule 13f-1 and Rule 0-3 of the Exchange Act.
DEADLINE_DAYS = 45
_EARLIEST_DAYS = 35
_AMENDED_AFTER_DAYS = 30  # by each amendment, at least


def _draw(*parts: object) -> int:
    """A number that depends on the parts alone."""
    return crc32("/".join(str(part) for part in parts).encode())


def _business_day(day: date) -> date:
    """The day itself or the next business day."""
    found = np.busday_offset(np.datetime64(day, "D"), 0, roll="forward", holidays=dates.federal_holidays())
    return date.fromisoformat(str(found))


def filed_on(cik: str, quarter_end: date | np.datetime64, amendment: int = 0) -> date:
    """Day on which a manager files its holdings of a quarter, or an amendment to them (1 for the first).

    35 to 45 days after the quarter's end, as is the manager's habit (up to two days earlier in some quarters), on a business day. An
    amendment follows 30 to 59 days after the filing before it.
    """
    end = np.datetime64(str(quarter_end), "D")
    habit = _EARLIEST_DAYS + 2 + _draw(cik) % (DEADLINE_DAYS - _EARLIEST_DAYS - 1)
    days = habit - _draw(cik, end) % 3
    days += sum(_AMENDED_AFTER_DAYS + _draw(cik, end, number) % 30 for number in range(1, amendment + 1))
    return _business_day(date.fromisoformat(str(end + days)))


def accession(cik: str, quarter_end: date | np.datetime64, amendment: int = 0) -> str:
    """Accession number of a manager's holdings of a quarter, or of an amendment to them: filer, year of filing, number."""
    quarter = int(np.datetime64(str(quarter_end), "M").astype(np.int64)) // 3  # quarters since 1970
    return _number(cik, filed_on(cik, quarter_end, amendment), (quarter * 10 + amendment) % 10_000)


def report_accession(cik: str, period_end: date | np.datetime64, filed: date, amendment: int = 0) -> str:
    """Accession number of a company's annual or quarterly report on a period, or of an amendment to it."""
    month = int(np.datetime64(str(period_end), "M").astype(np.int64))
    return _number(cik, filed, 100_000 + (month * 10 + amendment) % 100_000)


def _number(cik: str, filed: date, sequence: int) -> str:
    return f"{cik}-{filed:%y}-{sequence:06d}"
