"""When the sample world's managers and companies file with the SEC, and under which accession number.

Writers that show one filing from several sides (a manager's list of filings, the holdings in them) take both from here.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
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


@cache
def _business_day(day: date) -> date:
    """The day itself or the next business day."""
    found = np.busday_offset(np.datetime64(day, "D"), 0, roll="forward", holidays=dates.federal_holidays())
    return date.fromisoformat(str(found))


def filed_on(cik: str, quarter_end: date | np.datetime64, amendment: int = 0) -> date:
    """Day on which a manager files its holdings of a quarter, or an amendment to them (1 for the first).

    35 to 45 days after the quarter's end, as is the manager's habit (up to two days earlier in some quarters), on a business day. An
    amendment follows 30 to 59 days after the filing before it.
    """
    end = date.fromisoformat(str(quarter_end))
    if amendment:
        return _business_day(filed_on(cik, end, amendment - 1) + timedelta(days=_AMENDED_AFTER_DAYS + _draw(cik, end, amendment) % 30))
    habit = _EARLIEST_DAYS + 2 + _draw(cik) % (DEADLINE_DAYS - _EARLIEST_DAYS - 1)
    return _business_day(end + timedelta(days=habit - _draw(cik, end) % 3))


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


def report_filed_on(cik: str, period_end: date | np.datetime64, annual: bool, amendment: int = 0) -> date:
    """Day on which a company files its report on a period: a quarterly one after 22 to 38 days, an annual one after 40 to 58.

    Due dates of large accelerated filers: 40 and 60 days (Forms 10-Q and 10-K). An amendment follows 45 to 104 days after the report before it.
    """
    end = date.fromisoformat(str(period_end))
    if amendment:
        return _business_day(report_filed_on(cik, end, annual, amendment - 1) + timedelta(days=45 + _draw(cik, "report", end, amendment) % 60))
    first, spread = (40, 16) if annual else (22, 14)
    return _business_day(end + timedelta(days=first + _draw(cik, "report") % spread + _draw(cik, "report", end) % 3))


# Amendments that the sample world's managers file: manager, quarter, what the amendment does to the filing before it.
AMENDMENTS: tuple[tuple[str, date, str], ...] = (
    ("0001350694", date(2022, 9, 30), "RESTATEMENT"),
    ("0001423053", date(2023, 3, 31), "NEW HOLDINGS"),
    ("0000919079", date(2021, 6, 30), "RESTATEMENT"),
)

FIRST_QUARTER = date(2009, 3, 31)


def quarters(cik: str) -> list[date]:
    """Quarter ends for which a manager reports holdings in the sample world: all since 2009, less those in which another filer of its house does.

    See the seed `filer_group`.
    """
    from ingest.feeds.sec import seed

    ends = np.arange(np.datetime64(FIRST_QUARTER, "M"), dates.LAST_DAY.astype("datetime64[M]") + 1, 3)
    every = [date.fromisoformat(str((end + 1).astype("datetime64[D]") - 1)) for end in ends]
    spans = [(row["valid_from"], row["valid_to"] or "9999-12-31") for row in seed.rows("filer_group") if row["cik"] == cik]
    return [end for end in every if not spans or any(start <= end.isoformat() <= stop for start, stop in spans)]
