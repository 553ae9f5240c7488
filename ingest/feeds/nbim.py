"""Norges Bank Investment Management: what the Government Pension Fund Global holds, issuer by issuer.

Format: https://www.nbim.no/en/investments/all-investments/ ("Download report"), UTF-16 text with semicolons, one file an asset class and date.
Nothing in the file says of which class and date it is: both come from its name. The same report as JSON or workbook is not read, as it
is not documented whether their percentages are fractions.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request
from ingest.reader import all_blank, blank_lines, header_line, match_columns, one_by_one, plain_headers, selection, split_kinds, text_table

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(requests_a_second=0.5, limit_source="none is published; a report is about 1 MB")

REPORT = "https://www.nbim.no/api/investments/v2/report/"
ASSET_TYPES = ("eq", "fi", "re", "ri")  # shares, bonds, unlisted real estate, renewable energy infrastructure

# The first half-yearly list is that of June 2024: https://www.nbim.no/en/news-and-insights/the-press/press-releases/2024/
FIRST_HALF_YEAR = 2024
PUBLISHED_AFTER_AT_LEAST = timedelta(days=25)

_HEADER = re.compile(r"Market Value\s*\(NOK\)", re.IGNORECASE)

# Thousands may be grouped; a comma before one or two last digits, or more than three, is a decimal comma.
_NUMBER = r"case when regexp_matches(trim({0}), ',(\d{{1,2}}|\d{{4,}})$') then replace({0}, ',', '.') else {0} end"
# Percentages with point or comma, with or without their sign.
_PERCENT = "case when regexp_matches({0}, '[0-9]') then rtrim(replace(trim({0}), ',', '.'), '% \u00a0') || '%' end"


def _of_name(file: LandedFile, title: str) -> Mapping[str, str]:
    """Asset class and date from the file's name; a year alone stands for its end."""
    year, month, day = (file.parameters.get(part) for part in ("year", "month", "day"))
    return {"asset_type": file.parameters["asset_type"][:2].lower(), "observation_date": f"{year}-{month or '12'}-{day or '31'}"}


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record a line. A name can stand several times in a country (two industries, two countries of incorporation): they are numbered."""
    number, line, title = header_line(file.path, _HEADER)
    names = next(csv.reader([line.lstrip("\ufeff")], delimiter=";"))
    constant = _of_name(file, title)
    found = match_columns(feed, plain_headers(names), also=("asset_type", "observation_date", "occurrence"))
    table = text_table(connection, file, skip=number + 1, width=len(names), delimiter=";")
    expressions = {
        "country": "coalesce(nullif(trim({0}), ''), 'not stated')",
        "market_value_nok": _NUMBER,
        "market_value_usd": _NUMBER,
        "voting": _PERCENT,
        "ownership": _PERCENT,
    }
    selected = selection(feed, found, constant, expressions)
    order = [f"c{found[name]}" for name in ("industry", "incorporation_country") if name in found]
    amount = f"try_cast(translate({selected['market_value_nok']}, ' ,\u00a0', '') as double) desc nulls last"
    selected["occurrence"] = (
        f"(row_number() over (partition by {selected['country']}, trim(c{found['issuer']}) order by {', '.join([*order, amount, '_row_number'])}))::varchar"
    )
    kinds = {"blank": all_blank(range(len(names))), "total": f"trim(c{found['issuer']}) ilike 'total%' and {all_blank([found['country']])}"}
    above = {"title": number, "header": 1, "blank": blank_lines(file.path, number + 1)}
    return split_kinds(connection, table, file, kinds, selected, above)


def _requests(window: FetchWindow) -> Iterable[Request]:
    for year in range(window.start.year - 1, window.end.year + 1):
        for day in (date(year, 6, 30), date(year, 12, 31)):
            if (day.month == 6 and year < FIRST_HALF_YEAR) or day < window.start or day + PUBLISHED_AFTER_AT_LEAST > window.end:
                continue
            for asset_type in ASSET_TYPES:
                yield Request(
                    REPORT,
                    f"nbim_{asset_type}_{day}.csv",
                    {"assetType": asset_type, "date": str(day), "fileType": "csv"},
                    # the server answers 500 for a date that is not published
                    absent=(404, 500),
                    immutable=True,
                )


FEEDS = (
    Feed(
        name="nbim_holding",
        provider="nbim",
        title="Holdings of Norway's Government Pension Fund Global",
        description=(
            "Every issuer the fund holds shares or bonds of, and its real estate and infrastructure, with value and share of the issuer. "
            "About 9,000 lines at each year end, since 2024 at mid-year too. Shares and bonds in all markets, not only those of form 13F."
        ),
        url="https://www.nbim.no/en/investments/all-investments/",
        licence="Norges Bank Investment Management: use with attribution",
        cadence=Cadence.HALF_YEARLY,
        lag=PublicationLag(
            75,
            "24:00",
            "Europe/Oslo",
            source="with the half-year report in mid-August (14 August 2024); at year end between the result of late January and the report of mid-March",
        ),
        key=("asset_type", "observation_date", "country", "issuer", "occurrence"),
        columns=(
            Column("asset_type", "TEXT", "eq shares, fi bonds, re unlisted real estate, ri renewable energy infrastructure"),
            Column("observation_date", "DATE", "Day of the list: 31 December or 30 June"),
            Column("region", "TEXT", "Region as the fund names it", required=False),
            Column("country", "TEXT", "Country, 'not stated' where the list has none"),
            Column("issuer", "TEXT", "Company, issuer or property", names=("name", "company", "property", "address")),
            Column(
                "occurrence", "BIGINT", "Which of the lines with this name in this country, by industry, country of incorporation and value", "number from 1"
            ),
            Column("industry", "TEXT", "Industry of shares, sector of bonds", names=("sector",), required=False),
            Column("market_value_nok", "DOUBLE", "Market value", "NOK"),
            Column("market_value_usd", "DOUBLE", "Market value", "USD"),
            Column("voting", "DOUBLE", "Share of votes", "fraction", minimum=0, maximum=1, required=False),
            Column("ownership", "DOUBLE", "Share of the issuer or property", "fraction", minimum=0, maximum=1, required=False),
            Column("incorporation_country", "TEXT", "Country of incorporation, often empty in this format", required=False),
        ),
        formats=(
            Format(
                "csv",
                Access.LIVE,
                re.compile(r"(?i);\s*\"?Market Value\s*\(NOK\)"),
                one_by_one(_read),
                "UTF-16 text with semicolons, one file an asset class and date, named <eq|fi|re|ri>_<date or year>",
                file_name=re.compile(
                    r"(?i)(?<![a-z])(?P<asset_type>eq(uit(y|ies))?|fi|re|ri)[-_ .]*(?P<year>(19|20)\d{2})([-_]?(?P<month>06|12)[-_]?(?P<day>30|31))?"
                ),
                requests=_requests,
            ),
        ),
    ),
)
