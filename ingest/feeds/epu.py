"""Economic Policy Uncertainty: daily index of newspaper articles. Format: https://www.policyuncertainty.com/us_monthly.html

The date stands in three columns, `day,month,year,daily_policy_index`. The newest month is preliminary: as more newspapers come in, its
values are put on another scale.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import all_blank, blank_lines, header_line, match_columns, one_by_one, plain_headers, selection, split_kinds, text_table

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(0.5, "none stated; one file a fetch")

# In any order: the provider's other daily file begins with the year.
_HEADER = re.compile(r"^(?=.*\bday\b)(?=.*\bmonth\b)(?=.*\byear\b)(?=.*\bdaily_policy_index\b)", re.IGNORECASE)


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a day; a line without a number in the year column is a note."""
    number, line, _ = header_line(file.path, _HEADER)
    headers = plain_headers(next(csv.reader([line.lstrip("\ufeff")])))
    parts = {name: headers.index(name) for name in ("year", "month", "day") if name in headers}
    if len(parts) < 3:
        raise UnreadableFile(f"the date needs the columns day, month and year; the file has {', '.join(headers)}; the provider may have changed the format")
    table = text_table(connection, file, skip=number + 1, width=len(headers), delimiter=",", ragged=True)
    found = match_columns(feed, headers, also=("observation_date",))
    day = " || '-' || ".join(
        f"lpad(regexp_replace(trim(c{parts[name]}), '[.]0+$', ''), {4 if name == 'year' else 2}, '0')" for name in ("year", "month", "day")
    )
    kinds = {"blank": all_blank(range(len(headers))), "footer": f"not regexp_matches(coalesce(trim(c{parts['year']}), ''), '^[0-9.]+$')"}
    above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
    return split_kinds(connection, table, file, kinds, {"observation_date": day, **selection(feed, found, {}, {})}, above)


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.policyuncertainty.com/media/All_Daily_Policy_Data.csv", "All_Daily_Policy_Data.csv")


FEEDS = (
    Feed(
        name="epu_daily",
        provider="epu",
        title="Economic Policy Uncertainty Index, daily",
        description="Share of articles in US newspapers that are about uncertainty of economic policy, by day since 1985. The newest month is preliminary.",
        url="https://www.policyuncertainty.com/us_monthly.html",
        licence="Free with citation: Baker, Bloom & Davis, Quarterly Journal of Economics 2016",
        cadence=Cadence.DAILY,
        lag=PublicationLag(2, "24:00", source="updated every day with the newspapers of the day before; a day more is allowed for"),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Day"),
            Column("policy_uncertainty", "DOUBLE", "Daily index", "index, 1985-2010 = 100", names=("daily_policy_index",), minimum=0),
        ),
        formats=(
            Format(
                "csv",
                Access.LIVE,
                re.compile(_HEADER.pattern, re.IGNORECASE | re.MULTILINE),
                one_by_one(_read),
                "Whole history, one file",
                requests=_requests,
            ),
        ),
    ),
)
