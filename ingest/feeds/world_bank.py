"""World Bank: World Development Indicators by country and year.

Format: https://datahelpdesk.worldbank.org/knowledgebase/articles/889392 (version 2 of the API, JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import json_documents, json_records, one_by_one, period_end
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(1.0, busy=(400,))  # it answers 400 now and then, and the same request well a moment later

# Value of listed domestic companies, shares traded, and gross domestic product, all in current USD.
INDICATORS = ("CM.MKT.LCAP.CD", "CM.MKT.TRAD.CD", "NY.GDP.MKTP.CD")

PAGE_ROWS = 20_000


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """One record an indicator, country or group, and period.

    The document is a list of two: what the page is, and its rows. An error comes with status 200 as a list of one, a message.
    """
    found = connection.execute(
        f"""
        select document ->> '$[0].message[0].value', document ->> '$[0].message[0].key', json_type(document, '$[1]'), json_type(document, '$[0].message')
        from {json_documents([file])} as documents
        """
    ).fetchone()
    assert found is not None
    said, key, rows, message = found
    if message:
        raise UnreadableFile(f"the provider answered with an error ({said or key or 'no text'}); fetch it again")
    if rows not in ("ARRAY", "NULL", None):
        raise UnreadableFile("the second part of the document is no list of rows; the provider may have changed the format")
    part = '{"id": "VARCHAR", "value": "VARCHAR"}'
    row = f'[{{"indicator": {part}, "country": {part}, "countryiso3code": "VARCHAR", "date": "VARCHAR", "value": "VARCHAR"}}]'
    (records,) = json_records(
        feed,
        [file],
        f"select _file_id, unnest(from_json(document -> '$[1]', {literal(row)})) as line from documents",
        {
            "indicator_id": "line.indicator.id",
            "country_code": "line.country.id",
            "country": "line.country.value",
            "country_code_iso3": "line.countryiso3code",
            "observation_date": period_end("line.date"),
            "value": "line.value",
        },
        edition="document ->> '$[0].lastupdated'",
        connection=connection,
    )
    return records


def _page(indicator: str, page: int) -> Request:
    def following(answer: bytes) -> Iterable[Request]:
        try:
            pages = int(json.loads(answer.decode("utf-8-sig"))[0]["pages"])
        except (ValueError, KeyError, TypeError, IndexError):
            return []  # not an answer with pages: loading says so
        return [_page(indicator, page + 1)] if page < pages else []

    parameters = {"format": "json", "per_page": str(PAGE_ROWS), "page": str(page)}
    return Request(f"https://api.worldbank.org/v2/country/all/indicator/{indicator}", f"{indicator}_{page}.json", parameters, following=following)


def _requests(window: FetchWindow) -> Iterable[Request]:
    # any year may be revised, so the whole history is asked for
    for indicator in INDICATORS:
        yield _page(indicator, 1)


FEEDS = (
    Feed(
        name="world_bank_indicator",
        provider="world_bank",
        title="World Development Indicators",
        description=(
            "Stock-market value and turnover of domestic companies, and gross domestic product, by country and year. Countries and groups of countries "
            "stand side by side. Market figures come from the World Federation of Exchanges, and those of some countries end years ago "
            "(United Kingdom, Italy). Any year may be revised."
        ),
        url="https://data.worldbank.org/indicator/CM.MKT.LCAP.CD",
        licence="CC BY 4.0",
        cadence=Cadence.YEARLY,
        lag=PublicationLag(274, "24:00", "UTC", source="a year appears in an update of the database six to nine months after it; the longest is taken"),
        key=("indicator_id", "country_code", "observation_date"),
        columns=(
            Column("indicator_id", "TEXT", "Indicator: CM.MKT.LCAP.CD (market value), CM.MKT.TRAD.CD (value of shares traded), NY.GDP.MKTP.CD (GDP)"),
            Column("country_code", "TEXT", "World Bank code of the country or group, two characters"),
            Column("country", "TEXT", "Name of the country or group"),
            Column("country_code_iso3", "TEXT", "Code of three characters, empty for some groups", required=False),
            Column("observation_date", "DATE", "Last day of the year"),
            Column("value", "DOUBLE", "Value; null where none is published", "as the indicator says: USD", required=False),
        ),
        formats=(
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'^[\s\ufeff]*\[\s*\{[^\[\]]*?"(lastupdated|per_page|message)"\s*:'),
                one_by_one(_read),
                "Answer of the API, a file an indicator and page",
                requests=_requests,
            ),
        ),
    ),
)
