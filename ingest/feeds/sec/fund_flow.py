"""Monthly flows that funds report on Form N-PORT.

Format: https://www.sec.gov/info/edgar/specifications/form-n-port-xml-tech-specs. The fallback for funds that publish no daily
share count (Vanguard): slower and monthly, but filed by everyone.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, Format, LandedFile, PublicationLag, Records, UnreadableFile
from ingest.reader import one_by_one, sheet_table

if TYPE_CHECKING:
    import duckdb

# Filings of a quarter's last month become public this many days after its end.
PUBLIC_AFTER_DAYS = 60

_COLUMNS = ("series_id", "series_name", "registrant_cik", "report_date", "months_before", "sales", "reinvestment", "redemption", "net_assets")


def _read_filing(connection: duckdb.DuckDBPyConnection, feed: Feed, file: LandedFile) -> Records:
    """Three records, one a month of the fund's fiscal quarter that ends on the report date.

    Most funds report redemptions as a positive number, some as a negative one: the amount is taken without its sign. Net
    assets are those of the report date, so the first two months have none.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        # saved filings often begin with a blank line, which XML does not allow before its declaration
        root = fromstring(file.path.read_bytes().lstrip())
    except (ParseError, DefusedXmlException) as error:
        raise UnreadableFile(f"{file.name} is not complete XML ({error}); fetch it again") from error

    def text(path: str) -> str:
        return (root.findtext(path, default="", namespaces={"": "http://www.sec.gov/edgar/nport"}) or "").strip()

    information = "formData/genInfo"
    reported = text(f"{information}/repPdDate")
    try:
        date.fromisoformat(reported)
    except ValueError:
        raise UnreadableFile(f"{file.name} has no report date (repPdDate): not a complete N-PORT filing") from None
    identity = [text(f"{information}/seriesId"), text(f"{information}/seriesName"), text(f"{information}/regCik"), reported]
    rows = []
    for month in (1, 2, 3):
        flow = root.find(f"formData/fundInfo/mon{month}Flow", namespaces={"": "http://www.sec.gov/edgar/nport"})
        amounts = [] if flow is None else [flow.get(name, "") for name in ("sales", "reinvestment", "redemption")]
        if any(amounts):
            rows.append([*identity, str(3 - month), *amounts, text("formData/fundInfo/netAssets") if month == 3 else ""])
    if not rows:
        raise UnreadableFile(f"{file.name} reports no monthly flows")
    table = sheet_table(connection, file, rows, len(_COLUMNS))
    named = ", ".join(f"c{at} as {name}" for at, name in enumerate(_COLUMNS))
    sql = f"""
        select {file.file_id} as _file_id, _row_number, series_id, series_name, registrant_cik, report_date, sales, reinvestment,
               ltrim(redemption, '-') as redemption, net_assets,
               last_day(report_date::date - to_months(months_before::int))::date::varchar as observation_date,
               timezone('UTC', timezone('America/New_York', (last_day(report_date::date) + {PUBLIC_AFTER_DAYS + 1})::timestamp))::varchar as published_at
        from (select _row_number, {named} from {table})
    """
    columns = (
        "series_id",
        "series_name",
        "registrant_cik",
        "report_date",
        "sales",
        "reinvestment",
        "redemption",
        "net_assets",
        "observation_date",
        "published_at",
    )
    return Records(sql=sql, columns=columns)


FEEDS = (
    Feed(
        name="sec_nport",
        provider="sec",
        title="N-PORT monthly fund flows",
        description="Sales, reinvested distributions and redemptions of a fund by month, from single filings; public 60 days after the fund's fiscal quarter.",
        url="https://www.sec.gov/data-research/sec-markets-data/form-n-port-data-sets",
        licence="US government, public domain",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(PUBLIC_AFTER_DAYS, "24:00", source="public 60 days after the end of the fund's fiscal quarter"),
        key=("series_id", "observation_date"),
        published_column="published_at",
        columns=(
            Column("series_id", "TEXT", "SEC series id of the fund, S000002839 for Vanguard's S&P 500 funds"),
            Column("observation_date", "DATE", "Last day of the month"),
            Column("series_name", "TEXT", "Name of the fund", required=False),
            Column("registrant_cik", "TEXT", "SEC id of the registrant, with leading zeros", required=False),
            Column("report_date", "DATE", "End of the fiscal quarter the filing reports on"),
            Column("sales", "DOUBLE", "Shares sold", "USD"),
            Column("reinvestment", "DOUBLE", "Distributions reinvested: no new money", "USD", required=False),
            Column("redemption", "DOUBLE", "Shares redeemed, without sign", "USD", minimum=0),
            Column("net_assets", "DOUBLE", "Net assets at the report date; null in the quarter's first two months", "USD", required=False),
            Column("published_at", "TIMESTAMP", "When the filing became public, UTC"),
        ),
        formats=(
            Format(
                "filing_xml",
                Access.BRING_YOUR_OWN,
                re.compile(r'xmlns(:\w+)?="http://www\.sec\.gov/edgar/nport"'),
                one_by_one(_read_filing),
                "Primary document of one filing (primary_doc.xml)",
            ),
        ),
    ),
)
